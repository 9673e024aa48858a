"""What each API asks of a client, as `KafkaApis` and `ControllerApis` of Apache Kafka 4 do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from kafka_batches import build_batch
from kafka_wire import (
    ADD_OFFSETS_TO_TXN,
    ADD_PARTITIONS_TO_TXN,
    ALTER_CLIENT_QUOTAS,
    ALTER_CONFIGS,
    ALTER_PARTITION_REASSIGNMENTS,
    ALTER_REPLICA_LOG_DIRS,
    ALTER_USER_SCRAM_CREDENTIALS,
    API_VERSIONS,
    CONSUMER_GROUP_DESCRIBE,
    CONSUMER_GROUP_HEARTBEAT,
    CREATE_ACLS,
    CREATE_PARTITIONS,
    CREATE_TOPICS,
    DELETE_ACLS,
    DELETE_GROUPS,
    DELETE_RECORDS,
    DELETE_TOPICS,
    DESCRIBE_ACLS,
    DESCRIBE_CLIENT_QUOTAS,
    DESCRIBE_CLUSTER,
    DESCRIBE_CONFIGS,
    DESCRIBE_GROUPS,
    DESCRIBE_LOG_DIRS,
    DESCRIBE_PRODUCERS,
    DESCRIBE_QUORUM,
    DESCRIBE_TOPIC_PARTITIONS,
    DESCRIBE_TRANSACTIONS,
    DESCRIBE_USER_SCRAM_CREDENTIALS,
    ELECT_LEADERS,
    END_TXN,
    FETCH,
    FIND_COORDINATOR,
    HEARTBEAT,
    INCREMENTAL_ALTER_CONFIGS,
    INIT_PRODUCER_ID,
    JOIN_GROUP,
    LEAVE_GROUP,
    LIST_CONFIG_RESOURCES,
    LIST_GROUPS,
    LIST_OFFSETS,
    LIST_PARTITION_REASSIGNMENTS,
    LIST_TRANSACTIONS,
    METADATA,
    NAMES,
    OFFSET_COMMIT,
    OFFSET_DELETE,
    OFFSET_FETCH,
    OFFSET_FOR_LEADER_EPOCH,
    PRODUCE,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    SYNC_GROUP,
    TXN_OFFSET_COMMIT,
    WRITE_TXN_MARKERS,
    Make,
    Wire,
    fetch,
    produce,
    seconds,
)
from test_every_version import errors_in, requests

from simulator import AsyncSimulator, KafkaSecurity
from simulator.listeners.kafka.registry import registered
from simulator.log.acls import (
    CLUSTER_NAME,
    Acl,
    Acls,
    Operation,
    PatternType,
    Permission,
    ResourceType,
)
from simulator.log.groups import Commit
from simulator.simulator import Settings

TOPIC, GROUP, CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.CLUSTER
TRANSACTION = ResourceType.TRANSACTIONAL_ID
READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE = (
    Operation.READ,
    Operation.WRITE,
    Operation.CREATE,
    Operation.DELETE,
    Operation.ALTER,
    Operation.DESCRIBE,
)
DENIED_TOPIC = "topic_authorization_failed"
DENIED_GROUP = "group_authorization_failed"
DENIED_CLUSTER = "cluster_authorization_failed"
DENIED_TRANSACTION = "transactional_id_authorization_failed"
CLIENT = "User:ANONYMOUS"
BATCH = build_batch([(5, b"k", b"v", ())])
NOT_ASKED = -(1 << 31)

NEEDED: dict[int, tuple[str, list[tuple[ResourceType, Operation]]]] = {
    PRODUCE: (DENIED_TOPIC, [(TOPIC, WRITE)]),
    FETCH: (DENIED_TOPIC, [(TOPIC, READ)]),
    LIST_OFFSETS: (DENIED_TOPIC, [(TOPIC, DESCRIBE)]),
    METADATA: (DENIED_TOPIC, [(TOPIC, DESCRIBE)]),
    OFFSET_COMMIT: (DENIED_GROUP, [(GROUP, READ), (TOPIC, READ)]),
    OFFSET_FETCH: (DENIED_GROUP, [(GROUP, DESCRIBE), (TOPIC, DESCRIBE)]),
    FIND_COORDINATOR: (DENIED_GROUP, [(GROUP, DESCRIBE)]),
    JOIN_GROUP: (DENIED_GROUP, [(GROUP, READ)]),
    HEARTBEAT: (DENIED_GROUP, [(GROUP, READ)]),
    LEAVE_GROUP: (DENIED_GROUP, [(GROUP, READ)]),
    SYNC_GROUP: (DENIED_GROUP, [(GROUP, READ)]),
    DESCRIBE_GROUPS: (DENIED_GROUP, [(GROUP, DESCRIBE)]),
    DELETE_GROUPS: (DENIED_GROUP, [(GROUP, DELETE)]),
    OFFSET_DELETE: (DENIED_GROUP, [(GROUP, DELETE), (TOPIC, READ)]),
    CONSUMER_GROUP_HEARTBEAT: (DENIED_GROUP, [(GROUP, READ), (TOPIC, DESCRIBE)]),
    CONSUMER_GROUP_DESCRIBE: (DENIED_GROUP, [(GROUP, DESCRIBE)]),
    CREATE_TOPICS: (DENIED_TOPIC, [(CLUSTER, CREATE)]),
    DELETE_TOPICS: (DENIED_TOPIC, [(TOPIC, DELETE)]),
    INIT_PRODUCER_ID: (DENIED_CLUSTER, [(CLUSTER, Operation.IDEMPOTENT_WRITE)]),
    OFFSET_FOR_LEADER_EPOCH: (DENIED_TOPIC, [(TOPIC, DESCRIBE)]),
    DESCRIBE_ACLS: (DENIED_CLUSTER, [(CLUSTER, DESCRIBE)]),
    CREATE_ACLS: (DENIED_CLUSTER, [(CLUSTER, ALTER)]),
    DELETE_ACLS: (DENIED_CLUSTER, [(CLUSTER, ALTER)]),
    DESCRIBE_USER_SCRAM_CREDENTIALS: (DENIED_CLUSTER, [(CLUSTER, DESCRIBE)]),
    ELECT_LEADERS: (DENIED_CLUSTER, [(CLUSTER, ALTER)]),
    ALTER_PARTITION_REASSIGNMENTS: (DENIED_CLUSTER, [(CLUSTER, ALTER)]),
    LIST_PARTITION_REASSIGNMENTS: (DENIED_CLUSTER, [(CLUSTER, DESCRIBE)]),
    DESCRIBE_QUORUM: (DENIED_CLUSTER, [(CLUSTER, DESCRIBE)]),
    CREATE_PARTITIONS: (DENIED_TOPIC, [(TOPIC, ALTER)]),
    DELETE_RECORDS: (DENIED_TOPIC, [(TOPIC, DELETE)]),
    ALTER_REPLICA_LOG_DIRS: (DENIED_CLUSTER, [(CLUSTER, ALTER)]),
    DESCRIBE_LOG_DIRS: (DENIED_CLUSTER, [(CLUSTER, DESCRIBE)]),
    DESCRIBE_CLIENT_QUOTAS: (DENIED_CLUSTER, [(CLUSTER, Operation.DESCRIBE_CONFIGS)]),
    ALTER_CLIENT_QUOTAS: (DENIED_CLUSTER, [(CLUSTER, Operation.ALTER_CONFIGS)]),
    DESCRIBE_CONFIGS: (DENIED_TOPIC, [(TOPIC, Operation.DESCRIBE_CONFIGS)]),
    ALTER_CONFIGS: (DENIED_TOPIC, [(TOPIC, Operation.ALTER_CONFIGS)]),
    INCREMENTAL_ALTER_CONFIGS: (DENIED_TOPIC, [(TOPIC, Operation.ALTER_CONFIGS)]),
    LIST_CONFIG_RESOURCES: (DENIED_CLUSTER, [(CLUSTER, Operation.DESCRIBE_CONFIGS)]),
    ADD_PARTITIONS_TO_TXN: (DENIED_TRANSACTION, [(TRANSACTION, WRITE), (TOPIC, WRITE)]),
    ADD_OFFSETS_TO_TXN: (DENIED_TRANSACTION, [(TRANSACTION, WRITE), (GROUP, READ)]),
    END_TXN: (DENIED_TRANSACTION, [(TRANSACTION, WRITE)]),
    TXN_OFFSET_COMMIT: (DENIED_TRANSACTION, [(TRANSACTION, WRITE), (GROUP, READ), (TOPIC, READ)]),
    WRITE_TXN_MARKERS: (DENIED_CLUSTER, [(CLUSTER, ALTER)]),
    DESCRIBE_PRODUCERS: (DENIED_TOPIC, [(TOPIC, READ)]),
    DESCRIBE_TRANSACTIONS: (DENIED_TRANSACTION, [(TRANSACTION, DESCRIBE)]),
}
"""What is told without any ACL, and the ACLs with which the API does what it is asked."""

CHANGES = {
    ADD_PARTITIONS_TO_TXN: {4: DENIED_CLUSTER},  # from then on it is for brokers (KIP-890)
    DESCRIBE_LOG_DIRS: {0: "", 3: DENIED_CLUSTER},  # before, the answer is empty
}
"""What is told from a version on, where it is something else."""

FREE = (
    API_VERSIONS,
    ALTER_USER_SCRAM_CREDENTIALS,
    DESCRIBE_CLUSTER,
    DESCRIBE_TOPIC_PARTITIONS,
    LIST_GROUPS,
    LIST_TRANSACTIONS,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
)
"""APIs that answer everybody, some of them with less."""


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    security = KafkaSecurity(authorize=True)
    async with AsyncSimulator(Settings(grpc_port=None, security=security)) as sim:
        sim.create_topic("t")
        sim.create_topic("secret")
        yield sim


@pytest.fixture
async def wire(sim: AsyncSimulator) -> AsyncIterator[Wire]:
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        yield wire


@pytest.fixture
def acls(sim: AsyncSimulator) -> Acls:
    assert sim._kafka is not None
    found = sim._kafka.cluster.guard.acls
    assert found is not None
    return found


def let(acls: Acls, resource: ResourceType, operation: Operation, name: str | None = None) -> None:
    """Allow the test's client something with topic `t`, group `g`, or the cluster."""
    named = name or {TOPIC: "t", GROUP: "g", CLUSTER: CLUSTER_NAME, TRANSACTION: "x"}[resource]
    acls.add(
        Acl(resource, named, PatternType.LITERAL, CLIENT, "*", operation, Permission.ALLOW),
    )


@pytest.mark.parametrize("key", NEEDED, ids=[NAMES[key] for key in NEEDED])
async def test_is_refused_without_and_served_with_acls(
    sim: AsyncSimulator, wire: Wire, acls: Acls, key: int
) -> None:
    served = registered()[key]
    refused, needed = NEEDED[key]
    versions = range(served.min_version, served.max_version + 1)
    before = {info.name: info.partitions for info in sim.topics()}
    for version in versions:
        answer = await wire.ask(key, version, **requests(sim, key, version))
        expected = {refused}
        for since, code in CHANGES.get(key, {}).items():
            if version >= since:
                expected = {code} - {""}
        assert errors_in(answer) == expected, version
    assert {info.name: info.partitions for info in sim.topics()} == before
    for resource, operation in needed:
        let(acls, resource, operation)
    answer = await wire.ask(key, versions[0], **requests(sim, key, versions[0]))
    assert not any(error.endswith("authorization_failed") for error in errors_in(answer))


@pytest.mark.parametrize("key", FREE, ids=[NAMES[key] for key in FREE])
async def test_needs_nothing(sim: AsyncSimulator, wire: Wire, key: int) -> None:
    served = registered()[key]
    for version in range(served.min_version, served.max_version + 1):
        answer = await wire.ask(key, version, **requests(sim, key, version))
        assert not any(error.endswith("authorization_failed") for error in errors_in(answer))


def test_no_api_is_left_open() -> None:
    assert set(NAMES) == {*NEEDED, *FREE}


async def told_topics(wire: Wire, version: int = 9) -> dict[str, int]:
    answer = await wire.ask(
        METADATA,
        version,
        topics=None,
        allow_auto_topic_creation=False,
        include_cluster_authorized_operations=True,
        include_topic_authorized_operations=True,
    )
    return {topic.name: topic.topic_authorized_operations for topic in answer.topics}


async def test_metadata_hides_what_may_not_be_described(wire: Wire, acls: Acls) -> None:
    assert await told_topics(wire) == {}
    let(acls, TOPIC, READ)
    assert await told_topics(wire) == {"t": 1 << READ | 1 << DESCRIBE}


def named(name: str, *, create: bool) -> dict[str, Any]:
    return {
        "topics": lambda make: (make("MetadataRequestTopic", name=name, topic_id=None),),
        "allow_auto_topic_creation": create,
        "include_cluster_authorized_operations": False,
        "include_topic_authorized_operations": False,
    }


async def test_auto_creation_needs_permission(sim: AsyncSimulator, wire: Wire, acls: Acls) -> None:
    let(acls, TOPIC, WRITE, "new")
    (topic,) = (await wire.ask(METADATA, 9, **named("new", create=False))).topics
    assert topic.error_code.name == "unknown_topic_or_partition"
    (topic,) = (await wire.ask(METADATA, 9, **named("new", create=True))).topics
    assert topic.error_code.name == DENIED_TOPIC
    assert "new" not in {info.name for info in sim.topics()}
    let(acls, TOPIC, CREATE, "new")
    (topic,) = (await wire.ask(METADATA, 9, **named("new", create=True))).topics
    assert topic.error_code.name == "none"


async def test_the_id_of_a_hidden_topic_tells_no_name(sim: AsyncSimulator, wire: Wire) -> None:
    topic_id = sim.log.topic("secret").topic_id
    answer = await wire.ask(
        METADATA,
        12,
        topics=lambda make: (make("MetadataRequestTopic", name=None, topic_id=topic_id),),
        allow_auto_topic_creation=False,
        include_topic_authorized_operations=False,
    )
    (topic,) = answer.topics
    assert (topic.error_code.name, topic.name) == (DENIED_TOPIC, None)
    assert topic.topic_id == topic_id
    (topic,) = (await wire.ask(METADATA, 12, **named("secret", create=False))).topics
    assert (topic.error_code.name, topic.topic_id) == (DENIED_TOPIC, None)


async def test_partitions_are_told_of_what_may_be_described(wire: Wire, acls: Acls) -> None:
    def asked(*names: str) -> dict[str, Any]:
        return {
            "topics": lambda make: tuple(make("TopicRequest", name=name) for name in names),
            "response_partition_limit": 100,
            "cursor": None,
        }

    let(acls, TOPIC, READ)
    answer = await wire.ask(DESCRIBE_TOPIC_PARTITIONS, 0, **asked())
    assert [topic.name for topic in answer.topics] == ["t"]
    answer = await wire.ask(DESCRIBE_TOPIC_PARTITIONS, 0, **asked("secret", "t"))
    found = {topic.name: topic for topic in answer.topics}
    assert (found["secret"].error_code.name, found["secret"].topic_id) == (DENIED_TOPIC, None)
    assert found["t"].topic_authorized_operations == 1 << READ | 1 << DESCRIBE


async def test_cluster_operations_are_true(wire: Wire, acls: Acls) -> None:
    asked = {"include_cluster_authorized_operations": True, "include_fenced_brokers": False}
    answer = await wire.ask(DESCRIBE_CLUSTER, 1, **asked)
    assert answer.cluster_authorized_operations == 0
    let(acls, CLUSTER, ALTER)
    answer = await wire.ask(DESCRIBE_CLUSTER, 1, **asked)
    assert answer.cluster_authorized_operations == 1 << ALTER | 1 << DESCRIBE


async def test_each_topic_has_its_own_answer(wire: Wire, acls: Acls) -> None:
    let(acls, TOPIC, Operation.ALL)

    def topics(make: Make) -> tuple[Any, ...]:
        records = make("PartitionProduceData", index=0, records=BATCH)
        return tuple(
            make("TopicProduceData", name=name, partition_data=(records,))
            for name in ("t", "secret")
        )

    answer = await wire.ask(PRODUCE, 9, **(produce("t", BATCH) | {"topic_data": topics}))
    errors = {
        topic.name: topic.partition_responses[0].error_code.name for topic in answer.responses
    }
    assert errors == {"t": "none", "secret": DENIED_TOPIC}
    assert answer.responses[1].partition_responses[0].error_message is None
    answer = await wire.ask(FETCH, 11, **fetch(("t", 0, 0), ("secret", 0, 0)))
    found = {topic.topic: topic.partitions[0] for topic in answer.responses}
    assert found["t"].records
    assert not found["secret"].records
    assert found["secret"].error_code.name == DENIED_TOPIC


async def test_a_fetch_session_is_not_a_way_around(wire: Wire, acls: Acls) -> None:
    let(acls, TOPIC, READ)
    answer = await wire.ask(FETCH, 11, **fetch(("t", 0, 0), session=(0, 0)))
    assert answer.responses[0].partitions[0].error_code.name == "none"
    for acl in [*acls._entries]:
        acls.add(acl._replace(permission=Permission.DENY))
    answer = await wire.ask(FETCH, 11, **fetch(session=(answer.session_id, 1)))
    assert answer.responses[0].partitions[0].error_code.name == DENIED_TOPIC


async def test_offsets_of_hidden_topics(sim: AsyncSimulator, wire: Wire, acls: Acls) -> None:
    for topic in ("t", "secret"):
        sim.log.groups.store("g", topic, 0, Commit(0))
    let(acls, GROUP, DESCRIBE)
    let(acls, TOPIC, DESCRIBE)
    answer = await wire.ask(OFFSET_FETCH, 5, group_id="g", topics=None)
    assert [topic.name for topic in answer.topics] == ["t"]

    def asked(make: Make) -> tuple[Any, ...]:
        return (make("OffsetFetchRequestTopic", name="secret", partition_indexes=(0,)),)

    answer = await wire.ask(OFFSET_FETCH, 5, group_id="g", topics=asked)
    assert answer.error_code.name == "none"
    (partition,) = answer.topics[0].partitions
    assert (partition.error_code.name, partition.committed_offset) == (DENIED_TOPIC, -1)


async def test_hidden_groups_are_not_listed(sim: AsyncSimulator, wire: Wire, acls: Acls) -> None:
    for group in ("g", "h"):
        sim.log.groups.store(group, "t", 0, Commit(0))
    assert (await wire.ask(LIST_GROUPS, 4, states_filter=())).groups == ()
    let(acls, GROUP, READ)
    answer = await wire.ask(LIST_GROUPS, 4, states_filter=())
    assert [group.group_id for group in answer.groups] == ["g"]
    let(acls, CLUSTER, DESCRIBE)
    answer = await wire.ask(LIST_GROUPS, 4, states_filter=())
    assert [group.group_id for group in answer.groups] == ["g", "h"]


async def test_group_operations_are_true(sim: AsyncSimulator, wire: Wire, acls: Acls) -> None:
    sim.log.groups.store("g", "t", 0, Commit(0))
    let(acls, GROUP, READ)
    for asked, expected in ((True, 1 << READ | 1 << DESCRIBE), (False, NOT_ASKED)):
        answer = await wire.ask(
            DESCRIBE_GROUPS, 3, groups=("g",), include_authorized_operations=asked
        )
        assert answer.groups[0].authorized_operations == expected


async def test_a_creator_may_not_see_settings(wire: Wire, acls: Acls) -> None:
    """KIP-525: the error of the settings is of their own."""
    let(acls, TOPIC, CREATE, "new")

    def topics(make: Make) -> tuple[Any, ...]:
        wanted = {"num_partitions": 2, "replication_factor": 1, "assignments": (), "configs": ()}
        return (make("CreatableTopic", name="new", **wanted),)

    answer = await wire.ask(CREATE_TOPICS, 5, topics=topics, validate_only=True)
    (topic,) = answer.topics
    assert topic.error_code.name == "none"
    assert topic.topic_config_error_code == 29  # TOPIC_AUTHORIZATION_FAILED
    assert (topic.num_partitions, topic.replication_factor, topic.configs) == (-1, -1, None)


async def test_any_topic_to_write_to_is_enough_for_idempotence(wire: Wire, acls: Acls) -> None:
    """KIP-679."""
    let(acls, TOPIC, WRITE)
    producer = {"transactional_id": None, "transaction_timeout": seconds(1)}
    answer = await wire.ask(INIT_PRODUCER_ID, 2, **producer)
    assert answer.error_code.name == "none"


async def test_an_acks_0_producer_is_cut_off(wire: Wire) -> None:
    wire.send(PRODUCE, 9, **produce("t", BATCH, acks=0))
    assert await wire.closed()
