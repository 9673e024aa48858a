"""Groups as a test sees them: who is in them, what they read, how far they have come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simulator.log.topic_log import TopicLog

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


def describe_groups(log: TopicLog) -> list[GroupInfo]:
    """The groups that the log knows: of subscribers, and those that have committed offsets."""
    return [describe_group(log, name) for name in log.groups.names()]


def describe_group(log: TopicLog, name: str) -> GroupInfo:
    """One group as far as the log knows it: with its subscribers and its offsets."""
    members = tuple(
        GroupMember(member, "grpc", None, log.groups.share(name, member).partitions)
        for member in log.groups.members(name)
    )
    state = "Stable" if members else "Empty"
    return GroupInfo(name, "classic", state, members, tuple(_offsets(log, name)))


def _offsets(log: TopicLog, name: str) -> Iterable[GroupOffset]:
    for (topic, partition), commit in sorted(log.groups.commits(name).items()):
        _, end = log.bounds(topic, partition)
        lag = max(end - commit.offset, 0)
        yield GroupOffset(topic, partition, commit.offset, lag, commit.metadata)
