"""Groups as a test sees them: who is in them, what they read, how far they have come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.log import TopicLog

if TYPE_CHECKING:
    from simulator.listeners.kafka.coordinator import Coordinator

Place = tuple[str, int]
"""A topic and a partition."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member of a group; `assignment` are the topics and partitions that it reads.

    `client_id` is "grpc" for a subscriber of the gRPC door. `instance_id` is that of a static
    member of Kafka's.
    """

    member_id: str
    client_id: str
    instance_id: str | None
    assignment: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class GroupOffset:
    """What a group has committed on a partition; `lag` is how many offsets there are behind it."""

    topic: str
    partition: int
    offset: int
    lag: int
    metadata: str


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group as it is at the moment.

    `kind` is "classic" or "consumer" (KIP-848), `state` one of Kafka's: "Empty", "Stable",
    "PreparingRebalance", "CompletingRebalance", "Assigning" or "Reconciling".
    """

    name: str
    kind: str
    state: str
    members: tuple[GroupMember, ...]
    offsets: tuple[GroupOffset, ...]

    @property
    def lag(self) -> int:
        """Of all partitions on which something is committed."""
        return sum(offset.lag for offset in self.offsets)


def describe_groups(log: TopicLog, kafka: Coordinator | None) -> list[GroupInfo]:
    """All groups by name: those of Kafka's clients, if there is a Kafka door, and of gRPC's."""
    names = log.groups.names() if kafka is None else kafka.names()
    return [_described(log, kafka, name) for name in names]


def _described(log: TopicLog, kafka: Coordinator | None, name: str) -> GroupInfo:
    offsets = tuple(_offsets(log, name))
    subscribers = tuple(_subscribers(log, name))
    kind, state = "classic", "Stable" if subscribers else "Empty"
    members: tuple[GroupMember, ...] = ()
    if kafka is not None:
        from simulator.listeners.kafka.group_views import view

        found = view(kafka, log, name)
        if found is not None:
            kind, state = found.kind, found.state
        members = tuple(_kafka_members(log, kafka, name))
    return GroupInfo(name, kind, state, (*members, *subscribers), offsets)


def _offsets(log: TopicLog, name: str) -> Iterable[GroupOffset]:
    for (topic, partition), commit in sorted(log.groups.commits(name).items()):
        _, end = log.bounds(topic, partition)
        lag = max(end - commit.offset, 0)
        yield GroupOffset(topic, partition, commit.offset, lag, commit.metadata)


def _subscribers(log: TopicLog, name: str) -> Iterable[GroupMember]:
    for member in log.groups.members(name):
        yield GroupMember(member, "grpc", None, log.groups.share(name, member).partitions)


def _kafka_members(log: TopicLog, kafka: Coordinator, name: str) -> Iterable[GroupMember]:
    from simulator.listeners.kafka.subscription_codec import decode_assignment

    consumers = kafka.consumer_group(name)
    for consumer in consumers.members.values() if consumers is not None else ():
        places = ((log.topic_name(topic_id), number) for topic_id, number in consumer.assigned)
        assignment = tuple(sorted((topic, number) for topic, number in places if topic))
        yield GroupMember(consumer.member_id, consumer.client_id, consumer.instance_id, assignment)
    group = kafka.group(name)
    for member in group.members.values() if group is not None else ():
        decoded = decode_assignment(member.assignment) if member.assignment else None
        yield GroupMember(
            member.member_id,
            member.request.client_id,
            member.request.instance_id,
            tuple(sorted(decoded or ())),
        )
