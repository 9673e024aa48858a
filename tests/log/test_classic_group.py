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
    initial_delay: int = 0
    max_size: int = 1000
    joined: dict[str, list[JoinResult]] = field(default_factory=dict)
    synced: dict[str, list[SyncResult]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = count(1)
        self.it = ClassicGroup(
            "g",
            lambda prefix: f"{prefix}-{next(numbers)}",
            initial_delay=self.initial_delay,
            max_size=self.max_size,
        )

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

    def error(self, client: str) -> GroupError:
        return self.joined[client][-1].error

    def state(self) -> GroupState:
        return self.it.state

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


# --- as Kafka's GroupMetadataManager has it ------------------------------------------------


def test_a_first_rebalance_waits_for_the_initial_delay() -> None:
    group = Group(initial_delay=3000)
    group.join("a")
    group.pass_time(2999)
    group.join("b")
    assert group.joined == {"a": [], "b": []}
    group.pass_time(1)  # b has come meanwhile, so there may be more
    assert group.joined["a"] == []
    group.pass_time(3000)
    assert group.joined["a"][-1].generation == group.joined["b"][-1].generation == 1
    assert len(group.joined["a"][-1].members) == 2


def test_a_first_rebalance_is_not_prolonged_beyond_the_rebalance_timeout() -> None:
    group = Group(initial_delay=3000)
    for number in range(REBALANCE // 1000 + 1):
        group.join(f"member {number}")
        group.pass_time(1000)
    assert group.joined["member 0"][-1].generation == 1


def test_a_first_rebalance_does_not_wait_for_those_who_have_an_id_only() -> None:
    group = Group()
    group.join("late", known=True)
    group.join("a")
    assert group.joined["a"][-1].generation == 1
    group.join("late", group.id("late"), known=True)
    assert group.state() is GroupState.PREPARING


def test_a_later_rebalance_waits_for_those_who_have_an_id() -> None:
    group = stable("a")
    group.join("late", known=True)
    group.join("a", group.id("a"))
    assert len(group.joined["a"]) == 1
    group.join("late", group.id("late"), known=True)
    assert [len(group.joined[c][-1].members) for c in ("a", "late")] == [2, 0]


def test_an_id_outlives_the_rebalance_that_did_not_wait_for_it() -> None:
    group = stable("a", "b")
    group.join("c")
    group.pass_time(REBALANCE - SESSION // 2)
    group.join("late", known=True)
    group.pass_time(SESSION // 2)
    assert group.error("c") is GroupError.NONE
    group.join("late", group.id("late"), known=True)
    assert group.state() is GroupState.PREPARING
    assert len(group.it.members) == 2


def test_static_members_who_do_not_join_again_stay_until_their_session_ends() -> None:
    group = static_pair()
    group.join("c")
    group.pass_time(SESSION - 1)
    group.it.heartbeat(group.id("a"), "one", 2, group.now)
    group.it.heartbeat(group.id("b"), "two", 2, group.now)
    for _ in range(REBALANCE // 1000):
        group.pass_time(1000)
        if group.joined["c"]:
            break
        group.it.heartbeat(group.id("b"), "two", 2, group.now)
    assert group.joined["c"][-1].leader == group.id("c")
    assert {m.member_id for m in group.joined["c"][-1].members} == {group.id("b"), group.id("c")}


def test_who_does_not_fetch_its_assignment_in_time_is_out() -> None:
    group = stable("a", "b")
    group.join("c")
    for client in "ab":
        group.join(client, group.id(client))
    group.sync("a")
    group.sync("b")
    assert group.state() is GroupState.STABLE
    for _ in range(REBALANCE // 1000):
        assert group.state() is GroupState.STABLE
        for client in "abc":
            assert group.beat(client) is GroupError.NONE
        group.pass_time(1000)
    assert group.state() is GroupState.PREPARING
    assert set(group.it.members) == {group.id("a"), group.id("b")}


def test_a_new_member_that_waits_for_five_minutes_is_given_up() -> None:
    """It has no id to beat with, so that nobody else would notice that it is gone."""
    group = Group()
    request = JoinRequest("", None, "a", "h", "consumer", RANGE, SESSION, 3_600_000)
    answers: list[JoinResult] = []
    group.it.join(request, 0, answers.append)
    group.it.join(request, 0, answers.append)
    assert len(answers) == 1  # the second waits for the first to join again
    for seconds in range(0, 300, 5):
        assert len(answers) == 1
        group.it.heartbeat(answers[0].member_id, None, 1, seconds * 1000)
        group.it.expire(seconds * 1000)
    group.it.expire(300_000)
    assert answers[1].error is GroupError.UNKNOWN_MEMBER_ID
    assert len(group.it.members) == 1


def test_a_leader_that_leaves_while_others_join_is_succeeded() -> None:
    group = stable("a", "b", "c")
    group.join("b", group.id("b"), protocols=(("range", b"new"),))
    group.it.leave(group.id("a"), None, group.now)
    group.join("c", group.id("c"))
    assert {group.joined[client][-1].leader for client in "bc"} == {group.id("b")}
    assert len(group.joined["b"][-1].members) == 2


def test_a_lost_join_answer_is_repeated_while_assignments_are_made() -> None:
    group = Group()
    group.join("a")
    group.join("b")
    group.join("a", group.id("a"))
    group.join("a", group.id("a"))
    assert group.joined["a"][-1] == group.joined["a"][-2]
    assert len(group.joined["a"][-1].members) == 2
    assert group.state() is GroupState.COMPLETING


def test_a_member_that_comes_while_assignments_are_made_begins_anew() -> None:
    group = Group()
    group.join("a")
    group.join("b")
    assert group.state() is GroupState.PREPARING
    group.join("a", group.id("a"))
    group.sync("a", {group.id("a"): b"all"})
    assert group.synced["a"][-1].assignment == b"all"


def test_a_join_on_a_second_connection_ends_the_wait_of_the_first() -> None:
    group = stable("a", "b")
    group.join("a", group.id("a"))
    mine = group.id("a")
    group.join("a", mine)
    assert group.error("a") is GroupError.REBALANCE_IN_PROGRESS
    group.join("b", group.id("b"))
    assert group.error("a") is GroupError.NONE


def test_a_static_member_that_changes_its_metadata_only_disturbs_nobody() -> None:
    group = static_pair()
    group.join("b", instance_id="two", protocols=(("range", b"other topics"),))
    assert (group.it.state, group.it.generation) == (GroupState.STABLE, 2)


def test_a_static_member_that_comes_back_while_assignments_are_made_begins_anew() -> None:
    group = static_pair()
    group.join("c")
    group.join("a", group.id("a"), instance_id="one")
    group.join("b", group.id("b"), instance_id="two")
    assert group.state() is GroupState.COMPLETING
    group.join("b", instance_id="two")
    assert group.state() is GroupState.PREPARING


def test_a_group_takes_no_more_members_than_it_may() -> None:
    group = Group(max_size=2)
    for client in "ab":
        group.join(client)
    group.join("a", group.id("a"))
    group.join("c")
    assert group.error("c") is GroupError.GROUP_MAX_SIZE_REACHED
    assert len(group.it.members) == 2


def test_a_sole_member_cannot_change_its_protocol_altogether() -> None:
    """Kafka compares with what the group has, the member's own former offer included."""
    group = stable("a")
    group.join("a", group.id("a"), protocols=(("other", b""),))
    assert group.error("a") is GroupError.INCONSISTENT_GROUP_PROTOCOL


def test_a_group_that_is_cleared_lets_go_of_everybody_and_can_be_joined_again() -> None:
    group = stable("a", "b")
    group.join("a", group.id("a"))
    group.it.clear()
    assert group.error("a") is GroupError.UNKNOWN_MEMBER_ID
    assert group.beat("b") is GroupError.UNKNOWN_MEMBER_ID
    assert group.it.deadline is None
    group.join("a")
    assert group.error("a") is GroupError.NONE
    assert group.joined["a"][-1].generation > 2


def test_ids_that_nobody_comes_back_with_are_limited() -> None:
    """Each is kept until its session would be over (KIP-394)."""
    group = Group(max_size=2)
    for client in "abc":
        group.join(client, known=True)
    errors = [group.joined[client][0].error for client in "abc"]
    assert errors == [
        GroupError.MEMBER_ID_REQUIRED,
        GroupError.MEMBER_ID_REQUIRED,
        GroupError.GROUP_MAX_SIZE_REACHED,
    ]
