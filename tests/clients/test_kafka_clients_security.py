"""Real client libraries that log in, over TLS and with certificates, and what ACLs let them do."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import KafkaSecurity, Simulator
from simulator.testing.certificates import Certificates, make_certificates

confluent_kafka = pytest.importorskip("confluent_kafka")
admin = pytest.importorskip("confluent_kafka.admin")
pytest.importorskip("trustme")

# The libraries do not close all of their sockets.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
USERS = {"alice": "sé,cr=t", "admin": "other"}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()  # what the libraries leave open is told here, where it is ignored


def login(
    sim: Simulator, mechanism: str, user: str = "alice", password: str = ""
) -> dict[str, Any]:
    return {
        "bootstrap.servers": sim.bootstrap_servers,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password or USERS[user],
    }


def there_and_back(settings: dict[str, Any]) -> bytes | None:
    """What a consumer in a group gets of what a producer has sent."""
    producer = confluent_kafka.Producer({**settings, "enable.idempotence": True})
    failed: list[Any] = []
    producer.produce("t", b"hello", on_delivery=lambda error, _: failed.append(error))
    assert producer.flush(60) == 0
    assert failed == [None]
    consumer = confluent_kafka.Consumer(
        {**settings, "group.id": "g", "auto.offset.reset": "earliest"}
    )
    consumer.subscribe(["t"])
    try:
        message = consumer.poll(60)
        assert message is not None
        assert message.error() is None
        value: bytes | None = message.value()
        return value
    finally:
        consumer.close()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_confluent_logs_in(mechanism: str) -> None:
    with Simulator(grpc_port=None, security=KafkaSecurity(users=USERS)) as sim:
        assert there_and_back(login(sim, mechanism)) == b"hello"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_confluent_is_told_of_a_wrong_password(mechanism: str) -> None:
    with Simulator(grpc_port=None, security=KafkaSecurity(users=USERS)) as sim:
        errors: list[Any] = []
        settings = login(sim, mechanism, password="wrong") | {"error_cb": errors.append}
        client = confluent_kafka.Producer(settings)
        for _ in range(100):
            client.poll(0.1)
            if errors:
                break
        assert errors[0].code() == confluent_kafka.KafkaError._AUTHENTICATION


@pytest.mark.parametrize("mechanism", [None, *MECHANISMS])
def test_confluent_over_tls_to_several_brokers(
    certificates: Certificates, mechanism: str | None
) -> None:
    users = USERS if mechanism else {}
    security = KafkaSecurity(users=users, tls=certificates.tls())
    with Simulator(grpc_port=None, brokers=3, security=security) as sim:
        settings = {"bootstrap.servers": sim.bootstrap_servers, "security.protocol": "ssl"}
        if mechanism:
            settings = login(sim, mechanism) | {"security.protocol": "sasl_ssl"}
        settings["ssl.ca.location"] = str(certificates.authority)
        assert there_and_back(settings) == b"hello"


def test_confluent_with_a_certificate_and_acls(certificates: Certificates) -> None:
    security = KafkaSecurity(
        tls=certificates.tls(mutual=True), authorize=True, super_users=(certificates.principal,)
    )
    with Simulator(grpc_port=None, security=security) as sim:
        settings = {
            "bootstrap.servers": sim.bootstrap_servers,
            "security.protocol": "ssl",
            "ssl.ca.location": str(certificates.authority),
            "ssl.certificate.location": str(certificates.client_cert),
            "ssl.key.location": str(certificates.client_key),
        }
        assert there_and_back(settings) == b"hello"


def entry(user: str, kind: Any, name: str, operation: Any) -> Any:
    return admin.AclBinding(
        kind,
        name,
        admin.ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        operation,
        admin.AclPermissionType.ALLOW,
    )


def test_confluent_gives_permissions() -> None:
    security = KafkaSecurity(users=USERS, authorize=True, super_users=("User:admin",))
    with Simulator(grpc_port=None, security=security) as sim:
        sim.create_topic("t")
        alice = login(sim, "SCRAM-SHA-512")
        producer = confluent_kafka.Producer(alice)
        errors: list[Any] = []
        producer.produce("t", b"no", on_delivery=lambda error, _: errors.append(error))
        producer.flush(60)
        assert errors[0].code() == confluent_kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED

        client = admin.AdminClient(login(sim, "PLAIN", "admin"))
        kinds, operations = admin.ResourceType, admin.AclOperation
        entries = [
            entry("alice", kinds.TOPIC, "t", operations.WRITE),
            entry("alice", kinds.TOPIC, "t", operations.READ),
            entry("alice", kinds.GROUP, "g", operations.READ),
        ]
        for done in client.create_acls(entries).values():
            assert done.result(60) is None
        everything = admin.AclBindingFilter(
            kinds.ANY,
            None,
            admin.ResourcePatternType.ANY,
            None,
            None,
            operations.ANY,
            admin.AclPermissionType.ANY,
        )
        assert set(client.describe_acls(everything).result(60)) == set(entries)
        assert there_and_back(alice) == b"hello"
        (done,) = client.delete_acls([everything]).values()
        assert set(done.result(60)) == set(entries)


def test_confluent_makes_users() -> None:
    security = KafkaSecurity(users=USERS)
    with Simulator(grpc_port=None, security=security) as sim:
        client = admin.AdminClient(login(sim, "PLAIN", "admin"))
        info = admin.ScramCredentialInfo(admin.ScramMechanism.SCRAM_SHA_512, 5000)
        change = admin.UserScramCredentialUpsertion("carol", info, b"new")
        (done,) = client.alter_user_scram_credentials([change]).values()
        assert done.result(60) is None
        found = client.describe_user_scram_credentials(["carol"])["carol"].result(60)
        assert [each.iterations for each in found.scram_credential_infos] == [5000]
        carol = login(sim, "SCRAM-SHA-512", "admin") | {
            "sasl.username": "carol",
            "sasl.password": "new",
        }
        assert there_and_back(carol) == b"hello"


@pytest.mark.parametrize("tls", [False, True], ids=["plain text", "TLS"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_aiokafka_logs_in(certificates: Certificates, mechanism: str, tls: bool) -> None:
    aiokafka = pytest.importorskip("aiokafka")
    security = KafkaSecurity(users=USERS, tls=certificates.tls() if tls else None)

    async def use(servers: str) -> Any:
        settings: dict[str, Any] = {
            "bootstrap_servers": servers,
            "security_protocol": security.protocol,
            "sasl_mechanism": mechanism,
            "sasl_plain_username": "admin",
            "sasl_plain_password": USERS["admin"],
        }
        if tls:
            settings["ssl_context"] = ssl.create_default_context(cafile=certificates.authority)
        async with aiokafka.AIOKafkaProducer(**settings) as producer:
            await producer.send_and_wait("t", b"hello")
        async with aiokafka.AIOKafkaConsumer(
            "t", group_id="g", auto_offset_reset="earliest", **settings
        ) as consumer:
            return await asyncio.wait_for(consumer.getone(), 60)

    with Simulator(grpc_port=None, security=security) as sim:
        assert asyncio.run(use(sim.bootstrap_servers)).value == b"hello"


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_kafka_python_logs_in(mechanism: str) -> None:
    kafka = pytest.importorskip("kafka")
    with Simulator(grpc_port=None, security=KafkaSecurity(users=USERS)) as sim:
        producer = kafka.KafkaProducer(
            bootstrap_servers=sim.bootstrap_servers,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism=mechanism,
            sasl_plain_username="admin",
            sasl_plain_password=USERS["admin"],
        )
        try:
            assert producer.send("t", b"hello").get(60).offset == 0
        finally:
            producer.close()
