"""What ACLs allow, as in Kafka's documentation of authorization and its StandardAuthorizer."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.log import acls as module
from simulator.log.acls import (
    Acl,
    AclFilter,
    Acls,
    InvalidAcl,
    Operation,
    PatternType,
    Permission,
    ResourceType,
)

TOPIC, GROUP, CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.CLUSTER
READ, WRITE, DESCRIBE, ALL = (
    Operation.READ,
    Operation.WRITE,
    Operation.DESCRIBE,
    Operation.ALL,
)
ALICE, BOB, HERE = "User:alice", "User:bob", "127.0.0.1"


def entry(
    operation: Operation,
    name: str = "t",
    *,
    resource: ResourceType = TOPIC,
    principal: str = ALICE,
    host: str = "*",
    prefixed: bool = False,
    deny: bool = False,
) -> Acl:
    return Acl(
        resource,
        name,
        PatternType.PREFIXED if prefixed else PatternType.LITERAL,
        principal,
        host,
        operation,
        Permission.DENY if deny else Permission.ALLOW,
    )


def kept(*entries: Acl, **settings: Any) -> Acls:
    acls = Acls(**settings)
    for each in entries:
        acls.add(each)
    return acls


def test_what_nobody_allows_is_refused() -> None:
    acls = kept(entry(READ))
    assert acls.allow(ALICE, HERE, READ, TOPIC, "t")
    assert not acls.allow(ALICE, HERE, WRITE, TOPIC, "t")
    assert not acls.allow(ALICE, HERE, READ, TOPIC, "other")
    assert not acls.allow(ALICE, HERE, READ, GROUP, "t")
    assert not acls.allow(BOB, HERE, READ, TOPIC, "t")


def test_a_denial_wins() -> None:
    acls = kept(entry(ALL), entry(WRITE, deny=True))
    assert acls.allow(ALICE, HERE, READ, TOPIC, "t")
    assert not acls.allow(ALICE, HERE, WRITE, TOPIC, "t")
    acls.add(entry(ALL, "*", principal="User:*", deny=True))
    assert not acls.allow(ALICE, HERE, READ, TOPIC, "t")


@pytest.mark.parametrize(
    "operation", [READ, WRITE, Operation.DELETE, Operation.ALTER, DESCRIBE, ALL]
)
def test_what_lets_describe(operation: Operation) -> None:
    assert kept(entry(operation)).allow(ALICE, HERE, DESCRIBE, TOPIC, "t")
    assert not kept(entry(Operation.CREATE)).allow(ALICE, HERE, DESCRIBE, TOPIC, "t")


def test_what_lets_describe_settings() -> None:
    wanted = Operation.DESCRIBE_CONFIGS
    assert kept(entry(Operation.ALTER_CONFIGS)).allow(ALICE, HERE, wanted, TOPIC, "t")
    assert not kept(entry(READ)).allow(ALICE, HERE, wanted, TOPIC, "t")


def test_denials_imply_nothing() -> None:
    acls = kept(entry(DESCRIBE), entry(READ, deny=True))
    assert acls.allow(ALICE, HERE, DESCRIBE, TOPIC, "t")


def test_patterns() -> None:
    acls = kept(
        entry(READ, "chat-", prefixed=True),
        entry(WRITE, "*"),
        entry(READ, "*", principal=BOB),
        entry(READ, "chat-secret", principal=BOB, deny=True),
    )
    assert acls.allow(ALICE, HERE, READ, TOPIC, "chat-1")
    assert acls.allow(ALICE, HERE, READ, TOPIC, "chat-")
    assert not acls.allow(ALICE, HERE, READ, TOPIC, "chat")
    assert acls.allow(ALICE, HERE, WRITE, TOPIC, "anything")
    assert acls.allow(BOB, HERE, READ, TOPIC, "chat-1")
    assert not acls.allow(BOB, HERE, READ, TOPIC, "chat-secret")


def test_hosts() -> None:
    acls = kept(entry(READ, host="127.0.0.1"), entry(WRITE, host="10.1.0.0/16"))
    assert acls.allow(ALICE, "127.0.0.1", READ, TOPIC, "t")
    assert not acls.allow(ALICE, "127.0.0.2", READ, TOPIC, "t")
    assert acls.allow(ALICE, "10.1.2.3", WRITE, TOPIC, "t")
    assert not acls.allow(ALICE, "10.2.0.1", WRITE, TOPIC, "t")
    assert not acls.allow(ALICE, "::1", WRITE, TOPIC, "t")


def test_super_users_may_do_everything() -> None:
    acls = kept(entry(ALL, "*", principal="User:*", deny=True), super_users=["User:admin"])
    assert acls.allow("User:admin", HERE, WRITE, TOPIC, "t")
    assert acls.allow_some("User:admin", HERE, WRITE, TOPIC)
    assert not acls.allow(ALICE, HERE, WRITE, TOPIC, "t")


def test_resources_without_acls() -> None:
    """`allow.everyone.if.no.acl.found`: a resource with any ACL is guarded by it."""
    acls = kept(entry(READ), allow_without_acls=True)
    assert acls.allow(BOB, HERE, WRITE, TOPIC, "other")
    assert not acls.allow(BOB, HERE, READ, TOPIC, "t")
    assert not acls.allow(ALICE, HERE, WRITE, TOPIC, "t")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], False),
        ([entry(READ)], False),
        ([entry(WRITE)], True),
        ([entry(ALL)], True),
        ([entry(WRITE, principal=BOB)], False),
        ([entry(WRITE), entry(WRITE, deny=True)], False),
        ([entry(WRITE, "a"), entry(WRITE, "b", deny=True)], True),
        ([entry(WRITE, "abc"), entry(WRITE, "ab", prefixed=True, deny=True)], False),
        ([entry(WRITE, "ab", prefixed=True), entry(WRITE, "a", prefixed=True, deny=True)], False),
        ([entry(WRITE, "a", prefixed=True), entry(WRITE, "ab", prefixed=True, deny=True)], True),
        ([entry(WRITE, "*"), entry(WRITE, "a", deny=True)], True),
        ([entry(WRITE, "*"), entry(ALL, "*", deny=True)], False),
        ([entry(WRITE, resource=GROUP)], False),
    ],
)
def test_some_resource_of_a_kind(entries: list[Acl], expected: bool) -> None:
    """KIP-679, whose examples these are."""
    assert kept(*entries).allow_some(ALICE, HERE, WRITE, TOPIC) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (AclFilter(), {0, 1, 2, 3}),
        (AclFilter(resource=GROUP), {3}),
        (AclFilter(name="chat"), {0}),
        (AclFilter(name="chat", pattern=PatternType.LITERAL), {0}),
        (AclFilter(name="chat", pattern=PatternType.MATCH), {0, 1, 2}),
        (AclFilter(name="chat", pattern=PatternType.PREFIXED), set()),
        (AclFilter(pattern=PatternType.PREFIXED), {1}),
        (AclFilter(principal=BOB), {2}),
        (AclFilter(host="10.0.0.1"), {3}),
        (AclFilter(operation=WRITE), {1}),
        (AclFilter(permission=Permission.DENY), {2}),
    ],
)
def test_filters(wanted: AclFilter, expected: set[int]) -> None:
    """KIP-290: MATCH finds every pattern that concerns a resource of that name."""
    entries = [
        entry(READ, "chat"),
        entry(WRITE, "ch", prefixed=True),
        entry(READ, "*", principal=BOB, deny=True),
        entry(READ, "g", resource=GROUP, host="10.0.0.1"),
    ]
    acls = kept(*entries)
    assert acls.find(wanted) == [entries[index] for index in sorted(expected)]
    assert acls.delete(wanted) == [entries[index] for index in sorted(expected)]
    assert len(acls) == 4 - len(expected)


def test_what_is_deleted_allows_nothing() -> None:
    acls = kept(entry(READ), entry(READ, "t", prefixed=True))
    acls.delete(AclFilter())
    assert not acls.allow(ALICE, HERE, READ, TOPIC, "t")


def test_the_same_entry_is_kept_once() -> None:
    assert len(kept(entry(READ), entry(READ))) == 1


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (
            entry(READ, "c", resource=CLUSTER),
            "The only valid name for the CLUSTER resource is kafka-cluster",
        ),
        (entry(READ, ""), "Invalid empty resource name"),
        (entry(Operation.ANY), "Invalid operation ANY"),
        (entry(READ, resource=ResourceType.ANY), "Invalid resourceType ANY"),
        (entry(READ)._replace(pattern=PatternType.MATCH), "Invalid patternType MATCH"),
        (entry(READ)._replace(permission=Permission.ANY), "Invalid permissionType ANY"),
        (
            entry(READ, principal="alice"),
            r"Could not parse principal from `alice` \(no colon is present separating the "
            r"principal type from the principal name\)",
        ),
        (entry(READ, host=""), "Host pattern cannot be null or empty"),
        (entry(READ, host="10.0.0.0/99"), "Invalid CIDR notation '10.0.0.0/99'"),
    ],
)
def test_what_cannot_be_kept(wrong: Acl, text: str) -> None:
    with pytest.raises(InvalidAcl, match=text):
        Acls().add(wrong)


def test_their_number_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ACLS", 2)
    acls = kept(entry(READ, "a"), entry(READ, "b"))
    with pytest.raises(InvalidAcl, match="2 ACLs already"):
        acls.add(entry(READ, "c"))


def test_places_without_entries_are_not_kept() -> None:
    """Whoever adds and deletes ACLs of ever new names would fill the memory."""
    acls = Acls()
    for number in range(100):
        acls.add(entry(READ, f"t{number}"))
        acls.add(entry(READ, f"t{number}", prefixed=True))
        assert acls.allow(ALICE, HERE, READ, TOPIC, f"t{number}")
        assert len(acls.delete(AclFilter())) == 2
    assert not acls._literal
    assert not any(acls._prefixed.values())
