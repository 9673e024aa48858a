"""Consumer groups under any order of joins, heartbeats, farewells, losses and changes of topics."""

from __future__ import annotations

from itertools import count
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from simulator.log.consumer_group import ConsumerGroup
from simulator.log.consumer_messages import (
    ConsumerBeat,
    ConsumerGroupState,
    GroupRefusal,
    Place,
    TopicShape,
)
from simulator.log.group_messages import GroupError

NAMES = ("one", "two", "three")
members = st.sampled_from("abcd")
subscriptions = st.frozensets(st.sampled_from(NAMES))


class Member:
    """A client: it owns what it was assigned, as far as it has heard."""

    def __init__(self, topics: frozenset[str], instance_id: str | None) -> None:
        self.topics = topics
        self.instance_id = instance_id
        self.epoch = 0
        self.assigned: frozenset[Place] = frozenset()
        self.in_doubt = False  # an answer was lost: it tells everything again


class Groups(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.group = ConsumerGroup("g")
        self.now = 0
        self.ids = count(1)  # no two topics have the same, as in a cluster
        self.topics = {name: self.new_topic(n) for n, name in enumerate(NAMES, 1)}
        self.alive: dict[str, Member] = {}
        self.epochs = (0, 0)

    def new_topic(self, partitions: int) -> TopicShape:
        return TopicShape(UUID(int=next(self.ids)), partitions)

    def send(self, name: str, beat: ConsumerBeat, *, lost: bool = False) -> None:
        member = self.alive[name]
        try:
            result = self.group.heartbeat(beat, self.topics, self.now)
        except GroupRefusal as refusal:
            if refusal.error in (GroupError.UNKNOWN_MEMBER_ID, GroupError.FENCED_MEMBER_EPOCH):
                member.epoch = 0  # it gives up everything and joins again
                member.assigned = frozenset()
                return
            if refusal.error is GroupError.UNRELEASED_INSTANCE_ID:
                del self.alive[name]  # fatal for a client, and so it is with Kafka
                return
            raise
        member.in_doubt = lost
        if not lost:
            assert result.member_epoch >= member.epoch
            member.epoch = result.member_epoch
            if result.assignment is not None:
                member.assigned = result.assignment

    def beat(self, name: str, *, lost: bool = False) -> None:
        member = self.alive[name]
        if member.epoch == 0 or member.in_doubt:
            self.send(name, self.full(name, member), lost=lost)
        else:
            self.send(
                name,
                ConsumerBeat(name, member.epoch, member.instance_id, owned=member.assigned),
                lost=lost,
            )

    @staticmethod
    def full(name: str, member: Member) -> ConsumerBeat:
        return ConsumerBeat(
            name,
            member.epoch,
            member.instance_id,
            rebalance_timeout=30_000,
            topic_names=tuple(member.topics),
            owned=member.assigned,
        )

    @rule(name=members, topics=subscriptions, static=st.booleans())
    def join(self, name: str, topics: frozenset[str], static: bool) -> None:
        if name not in self.alive and name not in self.group.members:
            self.alive[name] = Member(topics, f"instance {name}" if static else None)
            self.beat(name)

    @rule(name=members)
    def heartbeat(self, name: str) -> None:
        if name in self.alive:
            self.beat(name)

    @rule(name=members)
    def lose_an_answer(self, name: str) -> None:
        if name in self.alive and self.alive[name].epoch:
            self.beat(name, lost=True)

    @rule(name=members)
    def keep_what_should_go(self, name: str) -> None:
        member = self.alive.get(name)
        if member is not None and member.epoch and not member.in_doubt:
            self.send(name, ConsumerBeat(name, member.epoch, member.instance_id))

    @rule(name=members, topics=subscriptions)
    def subscribe(self, name: str, topics: frozenset[str]) -> None:
        if name in self.alive and self.alive[name].epoch:
            self.alive[name].topics = topics
            self.send(name, self.full(name, self.alive[name]))

    @rule(name=members)
    def leave(self, name: str) -> None:
        if name in self.alive and name in self.group.members:
            member = self.alive.pop(name)
            self.group.heartbeat(ConsumerBeat(name, -1, member.instance_id), self.topics, self.now)

    @rule(name=members)
    def vanish(self, name: str) -> None:
        self.alive.pop(name, None)

    @rule(seconds=st.sampled_from([1, 20, 50]))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds * 1000
        self.group.expire(self.now)

    @rule(name=st.sampled_from(NAMES), partitions=st.integers(1, 5))
    def change_topic(self, name: str, partitions: int) -> None:
        shape = self.topics.get(name) or self.new_topic(0)
        if partitions > shape.partitions:
            self.topics = self.topics | {name: shape._replace(partitions=partitions)}

    @rule(name=st.sampled_from(NAMES))
    def delete_topic(self, name: str) -> None:
        self.topics = {n: shape for n, shape in self.topics.items() if n != name}

    @invariant()
    def nobody_holds_what_another_holds(self) -> None:
        held: set[Place] = set()
        for member in self.group.members.values():
            assert held.isdisjoint(member.holds)
            held |= member.holds
        assert held == self.group._holders.keys()

    @invariant()
    def epochs_never_go_back(self) -> None:
        epochs = (self.group.epoch, self.group.assignment_epoch)
        assert epochs >= self.epochs
        assert epochs[1] <= epochs[0]
        assert all(m.epoch <= self.group.epoch for m in self.group.members.values())
        self.epochs = epochs

    @invariant()
    def the_clock_is_told_of_every_session(self) -> None:
        assert (self.group.deadline is None) == (not self.group.members)

    def teardown(self) -> None:
        """Whatever happened: once nothing changes any more, everything read is assigned."""
        for _ in range(10):
            for name in list(self.group.members.keys() - self.alive.keys()):
                beat = ConsumerBeat(name, -1, self.group.members[name].instance_id)
                self.group.heartbeat(beat, self.topics, self.now)
            for name in list(self.alive):
                self.beat(name)
        if not self.alive:
            assert self.group.state is ConsumerGroupState.EMPTY
            return
        assert self.group.state is ConsumerGroupState.STABLE
        read = set().union(*(member.topics for member in self.alive.values())) & self.topics.keys()
        expected = {
            (shape.topic_id, number)
            for shape in (self.topics[name] for name in read)
            for number in range(shape.partitions)
        }
        assert {place for m in self.alive.values() for place in m.assigned} == expected
        assert sum(len(m.assigned) for m in self.alive.values()) == len(expected)


Groups.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestGroups = Groups.TestCase


def test_two_topics_created_again_at_one_moment_are_both_assigned_whole() -> None:
    groups = Groups()
    groups.delete_topic("one")
    groups.delete_topic("two")
    groups.change_topic("one", 1)
    groups.change_topic("two", 2)
    groups.join("a", frozenset(("one", "two")), static=False)
    groups.teardown()
