"""ACLs and SCRAM credentials through their requests."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kafka_wire import (
    ALTER_USER_SCRAM_CREDENTIALS,
    ANY_ACL,
    CREATE_ACLS,
    DELETE_ACLS,
    DESCRIBE_ACLS,
    DESCRIBE_USER_SCRAM_CREDENTIALS,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    Make,
    Wire,
    acl,
)

from simulator import AsyncSimulator, KafkaSecurity
from simulator.simulator import Settings

TOPIC, GROUP, CLUSTER = 2, 3, 4
READ, WRITE, DESCRIBE, ALTER = 3, 4, 8, 7
LITERAL, PREFIXED, MATCH = 3, 4, 2
USERS = {"admin": "a", "alice": "b"}


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    security = KafkaSecurity(users=USERS, authorize=True, super_users=("User:admin",))
    async with AsyncSimulator(Settings(grpc_port=None, security=security)) as sim:
        yield sim


async def logged_in(sim: AsyncSimulator, name: str) -> Wire:
    wire = await Wire.connect(sim.bootstrap_servers)
    await wire.ask(SASL_HANDSHAKE, 1, mechanism="PLAIN")
    token = f"\0{name}\0{USERS[name]}".encode()
    answer = await wire.ask(SASL_AUTHENTICATE, 2, auth_bytes=token)
    assert answer.error_code.value == 0
    return wire


@pytest.fixture
async def admin(sim: AsyncSimulator) -> AsyncIterator[Wire]:
    async with await logged_in(sim, "admin") as wire:
        yield wire


@pytest.fixture
async def alice(sim: AsyncSimulator) -> AsyncIterator[Wire]:
    async with await logged_in(sim, "alice") as wire:
        yield wire


async def create(wire: Wire, *rest: Any, **more: Any) -> tuple[str, str | None]:
    (result,) = (await wire.ask(CREATE_ACLS, 2, **acl(*rest, **more))).results
    return result.error_code.name, result.error_message


async def described(wire: Wire, **wanted: Any) -> list[tuple[Any, ...]]:
    answer = await wire.ask(DESCRIBE_ACLS, 2, **(ANY_ACL | wanted))
    assert answer.error_code.name == "none"
    return [
        (
            found.resource_type,
            found.resource_name,
            found.pattern_type,
            each.principal,
            each.host,
            each.operation,
            each.permission_type,
        )
        for found in answer.resources
        for each in found.acls
    ]


def deletion(**wanted: Any) -> dict[str, Any]:
    return {"filters": lambda make: (make("DeleteAclsFilter", **(ANY_ACL | wanted)),)}


async def test_created_described_and_deleted(admin: Wire) -> None:
    assert await create(admin, "User:alice", READ, (TOPIC, "chat")) == ("none", None)
    assert await create(admin, "User:alice", READ, (TOPIC, "chat")) == ("none", None)
    assert await create(admin, "User:alice", WRITE, (TOPIC, "ch"), pattern=PREFIXED) == (
        "none",
        None,
    )
    assert await create(admin, "User:bob", READ, (GROUP, "*"), host="10.0.0.1", permission=2) == (
        "none",
        None,
    )
    chat = (TOPIC, "chat", LITERAL, "User:alice", "*", READ, 3)
    prefixed = (TOPIC, "ch", PREFIXED, "User:alice", "*", WRITE, 3)
    group = (GROUP, "*", LITERAL, "User:bob", "10.0.0.1", READ, 2)
    assert await described(admin) == [chat, prefixed, group]
    wanted = {"resource_name_filter": "chat", "pattern_type_filter": MATCH}
    assert await described(admin, **wanted, resource_type_filter=TOPIC) == [chat, prefixed]

    answer = await admin.ask(DELETE_ACLS, 2, **deletion(principal_filter="User:alice"))
    (result,) = answer.filter_results
    assert result.error_code.name == "none"
    assert [(each.resource_name, each.operation) for each in result.matching_acls] == [
        ("chat", READ),
        ("ch", WRITE),
    ]
    assert await described(admin) == [group]


async def test_what_is_no_acl_is_refused(admin: Wire) -> None:
    assert await create(admin, "User:a", READ, (CLUSTER, "other")) == (
        "invalid_request",
        "The only valid name for the CLUSTER resource is kafka-cluster",
    )
    assert (await create(admin, "User:a", 99, (TOPIC, "t")))[0] == "invalid_request"
    assert (await create(admin, "nobody", READ, (TOPIC, "t")))[0] == "invalid_request"
    answer = await admin.ask(DESCRIBE_ACLS, 2, **(ANY_ACL | {"operation": 99}))
    assert answer.error_code.name == "invalid_request"
    (result,) = (await admin.ask(DELETE_ACLS, 2, **deletion(operation=99))).filter_results
    assert result.error_code.name == "invalid_request"
    assert await described(admin) == []


async def test_who_may_see_and_change_acls(admin: Wire, alice: Wire) -> None:
    code = "cluster_authorization_failed"
    assert (await create(alice, "User:alice", READ, (TOPIC, "t")))[0] == code
    assert (await alice.ask(DESCRIBE_ACLS, 2, **ANY_ACL)).error_code.name == code
    (result,) = (await alice.ask(DELETE_ACLS, 2, **deletion())).filter_results
    assert result.error_code.name == code
    await create(admin, "User:alice", DESCRIBE, (CLUSTER, "kafka-cluster"))
    assert len(await described(alice)) == 1
    assert (await create(alice, "User:alice", READ, (TOPIC, "t")))[0] == code
    await create(admin, "User:alice", ALTER, (CLUSTER, "kafka-cluster"))
    assert (await create(alice, "User:alice", READ, (TOPIC, "t")))[0] == "none"


def upsertion(name: str, password: str, mechanism: int = 1, iterations: int = 4096) -> Any:
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", iterations)

    def made(make: Make) -> Any:
        return make(
            "ScramCredentialUpsertion",
            name=name,
            mechanism=mechanism,
            iterations=iterations,
            salt=b"salt",
            salted_password=salted,
        )

    return made


def removal(name: str, mechanism: int = 1) -> Any:
    return lambda make: make("ScramCredentialDeletion", name=name, mechanism=mechanism)


async def alter(wire: Wire, deletions: Any = (), upsertions: Any = ()) -> dict[str, Any]:
    answer = await wire.ask(
        ALTER_USER_SCRAM_CREDENTIALS,
        0,
        deletions=lambda make: tuple(each(make) for each in deletions),
        upsertions=lambda make: tuple(each(make) for each in upsertions),
    )
    return {each.user: (each.error_code.name, each.error_message) for each in answer.results}


async def users(wire: Wire, *names: str) -> dict[str, Any]:
    answer = await wire.ask(
        DESCRIBE_USER_SCRAM_CREDENTIALS,
        0,
        users=lambda make: tuple(make("UserName", name=name) for name in names) or None,
    )
    assert answer.error_code.name == "none"
    return {
        each.user: [(info.mechanism, info.iterations) for info in each.credential_infos]
        if each.error_code.name == "none"
        else (each.error_code.name, each.error_message)
        for each in answer.results
    }


async def test_credentials_are_described(admin: Wire) -> None:
    both = [(1, 4096), (2, 4096)]
    assert await users(admin) == {"admin": both, "alice": both}
    assert await users(admin, "alice", "bob") == {
        "alice": both,
        "bob": (
            "resource_not_found",
            "Attempt to describe a user credential that does not exist: bob",
        ),
    }
    assert await users(admin, "alice", "alice") == {
        "alice": (
            "duplicate_resource",
            "Cannot describe SCRAM credentials for the same user twice in a single request: alice",
        )
    }


async def test_a_new_user_can_log_in(sim: AsyncSimulator, admin: Wire) -> None:
    assert await alter(admin, upsertions=[upsertion("bob", "x", iterations=5000)]) == {
        "bob": ("none", None)
    }
    assert await users(admin, "bob") == {"bob": [(1, 5000)]}
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        await wire.ask(SASL_HANDSHAKE, 1, mechanism="SCRAM-SHA-256")
        answer = await wire.ask(SASL_AUTHENTICATE, 2, auth_bytes=b"n,,n=bob,r=abc")
        assert answer.auth_bytes.endswith(b",s=c2FsdA==,i=5000")


async def test_a_deleted_user_cannot(sim: AsyncSimulator, admin: Wire) -> None:
    assert await alter(admin, deletions=[removal("alice")]) == {"alice": ("none", None)}
    assert await users(admin, "alice") == {"alice": [(2, 4096)]}
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        await wire.ask(SASL_HANDSHAKE, 1, mechanism="SCRAM-SHA-256")
        answer = await wire.ask(SASL_AUTHENTICATE, 2, auth_bytes=b"n,,n=alice,r=abc")
        assert answer.error_code.name == "sasl_authentication_failed"
    async with await logged_in(sim, "alice"):
        pass  # PLAIN goes by the password


@pytest.mark.parametrize(
    ("deletions", "upsertions", "expected"),
    [
        ([], [upsertion("bob", "x", iterations=4095)], "unacceptable_credential"),
        ([], [upsertion("bob", "x", iterations=16385)], "unacceptable_credential"),
        ([], [upsertion("", "x")], "unacceptable_credential"),
        ([], [upsertion("bob", "x", mechanism=3)], "unsupported_sasl_mechanism"),
        ([removal("bob", 3)], [], "unsupported_sasl_mechanism"),
        ([removal("bob")], [], "resource_not_found"),
        ([], [upsertion("bob", "x"), upsertion("bob", "y")], "duplicate_resource"),
        ([removal("alice")], [upsertion("alice", "y")], "duplicate_resource"),
    ],
)
async def test_credentials_that_cannot_be(
    admin: Wire, deletions: Any, upsertions: Any, expected: str
) -> None:
    before = await users(admin)
    (result,) = (await alter(admin, deletions, upsertions)).values()
    assert result[0] == expected
    assert await users(admin) == before


async def test_who_may_see_and_change_credentials(admin: Wire, alice: Wire) -> None:
    answer = await alice.ask(DESCRIBE_USER_SCRAM_CREDENTIALS, 0, users=None)
    assert answer.error_code.name == "cluster_authorization_failed"
    (result,) = (await alter(alice, upsertions=[upsertion("bob", "x")])).values()
    assert result[0] == "cluster_authorization_failed"
    assert set(await users(admin)) == {"admin", "alice"}


async def test_a_reset_undoes_it(sim: AsyncSimulator, admin: Wire) -> None:
    await create(admin, "User:alice", READ, (TOPIC, "t"))
    await alter(admin, deletions=[removal("alice")], upsertions=[upsertion("bob", "x")])
    sim.reset()
    assert await described(admin) == []
    assert await users(admin) == {name: [(1, 4096), (2, 4096)] for name in USERS}
