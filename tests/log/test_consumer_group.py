"""The consumer group protocol (KIP-848) as a state machine: no socket, no clock."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

import pytest

from simulator.log.consumer_group import ConsumerGroup
from simulator.log.consumer_messages import (
    BeatResult,
    ConsumerBeat,
    ConsumerGroupState,
    GroupRefusal,
    Place,
    TopicShape,
)
from simulator.log.group_messages import GroupError

SESSION, REBALANCE = 45_000, 60_000
CHAT, NEWS = UUID(int=1), UUID(int=2)


def places(*numbers: int, topic: UUID = CHAT) -> frozenset[Place]:
    return frozenset((topic, number) for number in numbers)


@dataclass
class Client:
    """A member that does what it is told: it owns what it was assigned, and says so."""

    epoch: int = 0
    owned: frozenset[Place] = frozenset()


@dataclass
class Group:
    """A group, the time, the topics, and its members' side."""

    now: int = 0
    topics: dict[str, TopicShape] = field(
        default_factory=lambda: {"chat": TopicShape(CHAT, 4), "news": TopicShape(NEWS, 2)}
    )
    clients: dict[str, Client] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.it = ConsumerGroup("g")

    def join(
        self,
        member: str,
        *topics: str,
        instance_id: str | None = None,
        regex: str | None = None,
        assignor: str | None = None,
    ) -> BeatResult:
        self.clients[member] = Client()
        beat = ConsumerBeat(
            member,
            0,
            instance_id,
            rebalance_timeout=REBALANCE,
            topic_names=topics or (() if regex else ("chat",)),
            topic_regex=regex,
            assignor=assignor,
            owned=frozenset(),
        )
        return self.send(beat)

    def send(self, beat: ConsumerBeat) -> BeatResult:
        result = self.it.heartbeat(beat, self.topics, self.now)
        client = self.clients.setdefault(beat.member_id, Client())
        client.epoch = result.member_epoch
        if result.assignment is not None:
            client.owned = result.assignment
        return result

    def beat(self, member: str, **changes: object) -> BeatResult:
        client = self.clients[member]
        beat = ConsumerBeat(member, client.epoch, owned=client.owned)
        return self.send(beat._replace(**changes))

    def leave(self, member: str, epoch: int = -1, instance_id: str | None = None) -> None:
        self.it.heartbeat(ConsumerBeat(member, epoch, instance_id), self.topics, self.now)
        del self.clients[member]

    def refusal(self, beat: ConsumerBeat) -> GroupError:
        with pytest.raises(GroupRefusal) as caught:
            self.it.heartbeat(beat, self.topics, self.now)
        return caught.value.error

    def settle(self, rounds: int = 10) -> None:
        for _ in range(rounds):
            for member in self.clients:
                self.beat(member)
        assert self.state() is ConsumerGroupState.STABLE

    def state(self) -> ConsumerGroupState:
        return self.it.state

    def pass_time(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.it.expire(self.now)


def pair() -> Group:
    group = Group()
    group.join("a")
    group.join("b")
    group.settle()
    return group


def test_the_first_member_gets_everything_at_once() -> None:
    group = Group()
    result = group.join("a")
    assert result == BeatResult("a", 2, places(0, 1, 2, 3))
    assert (group.it.epoch, group.it.assignment_epoch) == (2, 2)
    assert group.state() is ConsumerGroupState.STABLE
    assert group.beat("a") == BeatResult("a", 2, None)


def test_a_partition_is_given_up_before_another_gets_it() -> None:
    group = Group()
    group.join("a")
    second = group.join("b")
    assert second == BeatResult("b", 3, frozenset())
    assert group.state() is ConsumerGroupState.RECONCILING
    still = frozenset(group.clients["a"].owned)
    told = group.it.heartbeat(ConsumerBeat("a", 2, owned=still), group.topics, 0)
    assert told.member_epoch == 2
    assert told.assignment is not None
    assert len(told.assignment) == 2
    assert group.beat("b").assignment is None  # a has not said that they are gone
    again = group.it.heartbeat(ConsumerBeat("a", 2, owned=still), group.topics, 0)
    assert (again.member_epoch, again.assignment) == (2, None)
    done = group.it.heartbeat(ConsumerBeat("a", 2, owned=told.assignment), group.topics, 0)
    assert done.member_epoch == 3
    got = group.beat("b").assignment
    assert got == places(0, 1, 2, 3) - told.assignment
    assert group.state() is ConsumerGroupState.STABLE


def test_what_a_member_leaves_goes_to_the_others() -> None:
    group = pair()
    group.leave("b")
    assert group.state() is ConsumerGroupState.ASSIGNING
    assert group.beat("a").assignment == places(0, 1, 2, 3)
    assert group.state() is ConsumerGroupState.STABLE
    group.leave("a")
    assert group.state() is ConsumerGroupState.EMPTY


def test_silence_ends_a_session() -> None:
    group = pair()
    group.pass_time(SESSION - 1)
    group.beat("a")
    assert set(group.it.members) == {"a", "b"}
    group.pass_time(1)
    assert set(group.it.members) == {"a"}
    assert group.refusal(ConsumerBeat("b", 3)) is GroupError.UNKNOWN_MEMBER_ID


def test_who_does_not_give_up_partitions_in_time_is_out() -> None:
    group = Group()
    group.join("a")
    group.join("b")
    keeps = ConsumerBeat("a", 2, owned=places(0, 1, 2, 3))
    group.it.heartbeat(keeps, group.topics, group.now)
    for _ in range(REBALANCE // 1000 - 1):
        group.pass_time(1000)
        group.it.heartbeat(keeps, group.topics, group.now)
        group.beat("b")
    assert set(group.it.members) == {"a", "b"}
    group.pass_time(1000)
    assert set(group.it.members) == {"b"}
    assert group.beat("b").assignment == places(0, 1, 2, 3)


def test_epochs_are_checked() -> None:
    group = pair()
    epoch = group.clients["a"].epoch
    assert group.refusal(ConsumerBeat("a", epoch + 1)) is GroupError.FENCED_MEMBER_EPOCH
    assert group.refusal(ConsumerBeat("a", epoch - 1)) is GroupError.FENCED_MEMBER_EPOCH
    assert group.refusal(ConsumerBeat("x", 1)) is GroupError.UNKNOWN_MEMBER_ID
    assert group.refusal(ConsumerBeat("x", -1)) is GroupError.UNKNOWN_MEMBER_ID


def test_a_member_whose_answer_was_lost_may_say_the_former_epoch() -> None:
    group = Group()
    group.join("a")
    group.join("b")
    told = group.beat("a").assignment
    assert told is not None
    lost = group.it.heartbeat(ConsumerBeat("a", 2, owned=told), group.topics, 0)
    assert lost.member_epoch == 3
    again = group.it.heartbeat(ConsumerBeat("a", 2, owned=told), group.topics, 0)
    assert again.member_epoch == 3
    too_much = ConsumerBeat("a", 2, owned=places(0, 1, 2, 3))
    assert group.refusal(too_much) is GroupError.FENCED_MEMBER_EPOCH


def test_a_fenced_member_joins_again_under_its_id() -> None:
    group = pair()
    before = group.clients["a"]
    result = group.join("a")
    assert (result.member_epoch, result.assignment) == (before.epoch, before.owned)
    assert group.it.epoch == 3


def test_new_partitions_and_deleted_topics_are_noticed() -> None:
    group = pair()
    group.topics = {"chat": TopicShape(CHAT, 6)}
    group.settle()
    assert sorted(len(client.owned) for client in group.clients.values()) == [3, 3]
    group.topics = {}
    group.settle()
    assert [client.owned for client in group.clients.values()] == [frozenset(), frozenset()]


def test_another_subscription_takes_effect_at_once() -> None:
    group = Group()
    group.join("a")
    result = group.beat("a", topic_names=("news",))
    assert result.assignment == frozenset()  # the old ones first
    group.settle()
    assert group.clients["a"].owned == places(0, 1, topic=NEWS)


def test_topics_may_be_described() -> None:
    group = Group()
    assert group.join("a", regex="cha.|other").assignment == places(0, 1, 2, 3)
    group.topics = {**group.topics, "chap": TopicShape(UUID(int=3), 1)}
    group.settle()
    assert len(group.clients["a"].owned) == 5
    bad = ConsumerBeat("a", group.clients["a"].epoch, topic_regex="a(")
    assert group.refusal(bad) is GroupError.INVALID_REGULAR_EXPRESSION
    group.beat("a", topic_regex="", topic_names=("news",))
    group.settle()
    assert group.clients["a"].owned == places(0, 1, topic=NEWS)


def test_the_assignor_that_most_ask_for() -> None:
    group = Group()
    group.join("a", assignor="range")
    assert group.it.assignor == "range"
    group.join("b", assignor="uniform")
    group.join("c", assignor="uniform")
    assert group.it.assignor == "uniform"


def test_a_full_group_takes_nobody_else() -> None:
    group = pair()
    group.it.max_size = 2
    full = ConsumerBeat("c", 0, rebalance_timeout=1, topic_names=("chat",), owned=frozenset())
    assert group.refusal(full) is GroupError.GROUP_MAX_SIZE_REACHED
    group.beat("a")


def test_assignments_are_made_no_more_often_than_the_interval_says() -> None:
    group = Group()
    group.it.assignment_interval = 1000
    group.join("a")
    assert group.join("b") == BeatResult("b", 2, frozenset())
    assert group.state() is ConsumerGroupState.ASSIGNING
    group.pass_time(1000)
    group.settle()
    assert sorted(len(client.owned) for client in group.clients.values()) == [2, 2]


def test_a_cleared_group_can_be_joined_again() -> None:
    group = pair()
    group.it.clear()
    assert group.refusal(ConsumerBeat("a", 3)) is GroupError.UNKNOWN_MEMBER_ID
    assert group.it.deadline is None
    group.clients.clear()
    assert group.join("a").assignment == places(0, 1, 2, 3)


# --- static members ------------------------------------------------------------------------


def test_a_static_member_comes_back_to_what_it_had() -> None:
    group = Group()
    group.join("a", instance_id="one")
    group.join("b")
    group.settle()
    had, epoch = group.clients["a"].owned, group.it.epoch
    group.leave("a", -2, "one")
    group.beat("b")
    assert len(group.clients["b"].owned) == 2
    result = group.join("a2", instance_id="one")
    assert (result.assignment, result.member_epoch) == (had, epoch)
    group.settle()
    assert group.clients["b"].owned.isdisjoint(had)


def test_a_static_member_that_does_not_come_back_is_out_when_its_session_ends() -> None:
    group = Group()
    group.join("a", instance_id="one")
    group.leave("a", -2, "one")
    group.pass_time(SESSION)
    assert not group.it.members
    assert group.join("new", instance_id="one").assignment == places(0, 1, 2, 3)


def test_an_instance_id_belongs_to_one_member() -> None:
    group = Group()
    group.join("a", instance_id="one")
    other = ConsumerBeat("b", 0, "one", rebalance_timeout=1, topic_names=(), owned=frozenset())
    assert group.refusal(other) is GroupError.UNRELEASED_INSTANCE_ID
    assert group.refusal(ConsumerBeat("b", 2, "one")) is GroupError.FENCED_INSTANCE_ID
    assert group.refusal(ConsumerBeat("b", -1, "one")) is GroupError.FENCED_INSTANCE_ID
    assert group.refusal(ConsumerBeat("a", 2, "two")) is GroupError.UNKNOWN_MEMBER_ID


# --- commits -------------------------------------------------------------------------------


def test_commits_of_an_older_epoch_count_for_what_the_member_has_had_since_then() -> None:
    """KIP-1251."""
    group = pair()
    (kept, *_), epoch = sorted(group.clients["a"].owned), group.clients["a"].epoch
    assert epoch == 3
    group.it.check_member("a", 2, older=True)
    assert not group.it.is_stale("a", 2, kept)
    assert group.it.is_stale("a", 1, kept)
    assert group.it.is_stale("a", 2, (CHAT, 99))
    for older in (True, False):
        with pytest.raises(GroupRefusal):
            group.it.check_member("a", 4, older=older)
    with pytest.raises(GroupRefusal):
        group.it.check_member("a", 2)
    with pytest.raises(GroupRefusal):
        group.it.check_member("x", 3)
