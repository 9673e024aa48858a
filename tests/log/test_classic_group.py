"""The classic group protocol as a state machine: no socket, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest

from simulator.log.classic_group import ClassicGroup
from simulator.log.group_messages import GroupError, GroupState, JoinRequest, JoinResult, SyncResult

SESSION, REBALANCE = 10_000, 60_000
RANGE = (("range", b"r"),)


@dataclass
class Group:
    """A group, the time, and every answer so far by who asked."""

    now: int = 0
    joined: dict[str, list[JoinResult]] = field(default_factory=dict)
    synced: dict[str, list[SyncResult]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = count(1)
        self.it = ClassicGroup("g", lambda prefix: f"{prefix}-{next(numbers)}")

    def join(
        self,
        client: str,
        member_id: str = "",
        *,
        instance_id: str | None = None,
        protocols: tuple[tuple[str, bytes], ...] = RANGE,
        kind: str = "consumer",
        known: bool = False,
        skip: bool = False,
    ) -> None:
        request = JoinRequest(
            member_id, instance_id, client, "h", kind, protocols, SESSION, REBALANCE, known, skip
        )
        self.it.join(request, self.now, self.joined.setdefault(client, []).append)

    def sync(self, client: str, assignments: dict[str, bytes] | None = None) -> None:
        result = self.joined[client][-1]
        self.it.sync(
            result.member_id,
            None,
            result.generation,
            ("consumer", result.protocol),
            assignments or {},
            self.now,
            self.synced.setdefault(client, []).append,
        )

    def id(self, client: str) -> str:
        return self.joined[client][-1].member_id

    def beat(self, client: str) -> GroupError:
        result = self.joined[client][-1]
        return self.it.heartbeat(result.member_id, None, result.generation, self.now)

    def pass_time(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.it.expire(self.now)


def stable(*clients: str) -> Group:
    """A group in which these are members, the first of them its leader."""
    group = Group()
    first, *others = clients
    group.join(first)
    if others:
        for client in others:
            group.join(client)
        group.join(first, group.id(first))
    group.sync(first, {group.id(client): client.encode() for client in clients})
    for client in others:
        group.sync(client)
    assert group.it.state is GroupState.STABLE
    return group


def test_the_first_member_need_not_wait() -> None:
    group = Group()
    group.join("a")
    (result,) = group.joined["a"]
    assert (result.error, result.generation, result.protocol) == (GroupError.NONE, 1, "range")
    assert result.leader == result.member_id
    assert [(m.member_id, m.metadata) for m in result.members] == [(result.member_id, b"r")]
    group.sync("a", {result.member_id: b"all"})
    assert group.synced["a"] == [SyncResult(GroupError.NONE, "consumer", "range", b"all")]


def test_members_share_what_the_leader_assigns() -> None:
    group = stable("a", "b", "c")
    assert group.it.generation == 2
    assert [group.synced[client][-1].assignment for client in "abc"] == [b"a", b"b", b"c"]
    assert len(group.joined["a"][-1].members) == 3
    assert group.joined["b"][-1].members == ()
    assert group.joined["b"][-1].leader == group.id("a")


def test_a_new_member_must_come_again_with_its_id() -> None:
    """KIP-394."""
    group = Group()
    group.join("a", known=True)
    (result,) = group.joined["a"]
    assert result.error is GroupError.MEMBER_ID_REQUIRED
    assert not group.it.members
    group.join("a", result.member_id, known=True)
    assert group.joined["a"][-1].error is GroupError.NONE


def test_an_id_that_is_not_used_is_forgotten() -> None:
    group = Group()
    group.join("a", known=True)
    assert group.it.deadline == SESSION
    group.pass_time(SESSION)
    assert group.it.deadline is None
    group.join("a", group.id("a"), known=True)
    assert group.joined["a"][-1].error is GroupError.UNKNOWN_MEMBER_ID


def test_a_member_that_leaves_makes_the_others_join_again() -> None:
    group = stable("a", "b")
    assert group.it.leave(group.id("b"), None, group.now) is GroupError.NONE
    assert group.beat("a") is GroupError.REBALANCE_IN_PROGRESS
    assert group.beat("b") is GroupError.UNKNOWN_MEMBER_ID
    group.join("a", group.id("a"))
    assert group.joined["a"][-1].generation == 3
    assert group.it.leave("nobody", None, group.now) is GroupError.UNKNOWN_MEMBER_ID


def test_the_last_one_leaves_an_empty_group() -> None:
    group = stable("a")
    group.it.leave(group.id("a"), None, group.now)
    assert (group.it.state, group.it.generation) == (GroupState.EMPTY, 2)
    group.join("b", kind="connect")
    assert group.joined["b"][-1].error is GroupError.NONE


def test_silence_ends_a_session() -> None:
    group = stable("a", "b")
    group.pass_time(SESSION - 1)
    assert group.beat("a") is GroupError.NONE
    group.pass_time(1)
    assert group.it.state is GroupState.PREPARING
    assert set(group.it.members) == {group.id("a")}


def test_those_who_do_not_join_again_in_time_are_out() -> None:
    group = stable("a", "b")
    group.join("c")
    assert group.joined["c"] == []
    for _ in range(REBALANCE // 1000):  # b lives, and does not join
        group.beat("b")
        group.beat("a")
        assert group.joined["c"] == []
        group.pass_time(1000)
    assert group.joined["c"][-1].error is GroupError.NONE
    assert set(group.it.members) == {group.id("c")}
    assert group.joined["c"][-1].leader == group.id("c")


def test_a_leader_that_does_not_sync_is_out() -> None:
    group = Group()
    group.join("a")
    group.join("b")
    group.join("a", group.id("a"))
    group.sync("b")
    while group.synced["b"] == [] and group.now < 2 * REBALANCE:
        assert group.beat("a") is GroupError.NONE
        group.pass_time(1000)
    assert group.synced["b"] == [SyncResult(GroupError.REBALANCE_IN_PROGRESS)]
    assert set(group.it.members) == {group.id("b")}


def test_a_rebalance_interrupts_those_who_wait_for_assignments() -> None:
    group = Group()
    group.join("a")
    group.join("b")
    group.join("a", group.id("a"))
    group.sync("b")
    group.join("c")
    assert group.synced["b"] == [SyncResult(GroupError.REBALANCE_IN_PROGRESS)]


def test_a_follower_that_joins_again_unchanged_disturbs_nobody() -> None:
    group = stable("a", "b")
    group.join("b", group.id("b"))
    assert group.joined["b"][-1].generation == 2
    assert group.it.state is GroupState.STABLE
    group.join("b", group.id("b"), protocols=(("range", b"other"),))
    assert group.it.state is GroupState.PREPARING


def test_a_leader_that_joins_again_begins_a_generation() -> None:
    group = stable("a", "b")
    group.join("a", group.id("a"))
    assert group.it.state is GroupState.PREPARING


def test_the_protocol_that_most_prefer_among_those_that_all_have() -> None:
    group = Group()
    group.join("a", protocols=(("x", b""), ("range", b""), ("sticky", b"")))
    group.join("b", protocols=(("sticky", b""), ("range", b"")))
    group.join("c", protocols=(("sticky", b""), ("range", b"")))
    group.join("a", group.id("a"), protocols=(("x", b""), ("range", b""), ("sticky", b"")))
    assert {group.joined[client][-1].protocol for client in "abc"} == {"sticky"}


@pytest.mark.parametrize(
    ("kind", "protocols"),
    [("connect", RANGE), ("consumer", (("other", b""),)), ("consumer", ()), ("", RANGE)],
)
def test_who_does_not_fit_is_refused(kind: str, protocols: tuple[tuple[str, bytes], ...]) -> None:
    group = stable("a")
    group.join("b", kind=kind, protocols=protocols)
    assert group.joined["b"][-1].error is GroupError.INCONSISTENT_GROUP_PROTOCOL
    assert group.it.state is GroupState.STABLE


def test_generations_and_members_are_checked() -> None:
    group = stable("a")
    it, member = group.it, group.id("a")
    assert it.heartbeat(member, None, 7, 0) is GroupError.ILLEGAL_GENERATION
    assert it.heartbeat("x", None, 1, 0) is GroupError.UNKNOWN_MEMBER_ID
    assert it.heartbeat(member, "i", 1, 0) is GroupError.UNKNOWN_MEMBER_ID
    results: list[SyncResult] = []
    it.sync(member, None, 1, ("consumer", "sticky"), {}, 0, results.append)
    it.sync(member, None, 9, (None, None), {}, 0, results.append)
    it.sync(member, None, 1, (None, None), {}, 0, results.append)
    assert [r.error for r in results] == [
        GroupError.INCONSISTENT_GROUP_PROTOCOL,
        GroupError.ILLEGAL_GENERATION,
        GroupError.NONE,
    ]
    assert results[-1].assignment == b"a"


# --- static members (KIP-345) --------------------------------------------------------------


def static_pair() -> Group:
    group = Group()
    group.join("a", instance_id="one")
    group.join("b", instance_id="two")
    group.join("a", group.id("a"), instance_id="one")
    leader = group.joined["a"][-1]
    group.it.sync(
        leader.member_id,
        "one",
        leader.generation,
        (None, None),
        {group.id("a"): b"a", group.id("b"): b"b"},
        0,
        group.synced.setdefault("a", []).append,
    )
    return group


def test_a_static_member_comes_back_to_its_assignment() -> None:
    group = static_pair()
    old = group.id("b")
    group.join("b", instance_id="two")
    assert group.id("b") != old
    assert (group.it.state, group.it.generation) == (GroupState.STABLE, 2)
    results: list[SyncResult] = []
    group.it.sync(group.id("b"), "two", 2, (None, None), {}, 0, results.append)
    assert results[0].assignment == b"b"
    assert group.it.heartbeat(old, "two", 2, 0) is GroupError.FENCED_INSTANCE_ID
    group.join("old", old, instance_id="two")
    assert group.joined["old"][-1].error is GroupError.FENCED_INSTANCE_ID


@pytest.mark.parametrize("skip", [True, False])
def test_a_static_leader_comes_back_and_need_not_assign(skip: bool) -> None:
    """KIP-814; an older client is told that its former self leads."""
    group = static_pair()
    former = group.id("a")
    group.join("a", instance_id="one", skip=skip)
    result = group.joined["a"][-1]
    assert (result.generation, result.skip_assignment) == (2, skip)
    assert result.leader == (result.member_id if skip else former)
    assert len(result.members) == (2 if skip else 0)


def test_a_static_member_leaves_by_its_instance_id() -> None:
    group = static_pair()
    assert group.it.leave("wrong", "two", 0) is GroupError.FENCED_INSTANCE_ID
    assert group.it.leave("", "three", 0) is GroupError.UNKNOWN_MEMBER_ID
    assert group.it.leave("", "two", 0) is GroupError.NONE
    assert set(group.it.members) == {group.id("a")}
