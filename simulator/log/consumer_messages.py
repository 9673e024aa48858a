"""What members of a consumer group say and hear (KIP-848): see `ConsumerGroup`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple
from uuid import UUID

from simulator.log.errors import LogError
from simulator.log.group_messages import GroupError

Place = tuple[UUID, int]
"""The id of a topic, and a partition."""

JOINING: Final = 0
"""The epoch of a member that joins, or joins again."""

LEAVING: Final = -1
"""The epoch of a member that leaves."""

LEAVING_FOR_NOW: Final = -2
"""The epoch of a static member that goes and means to come back."""


class TopicShape(NamedTuple):
    """What an assignor needs to know of a topic."""

    topic_id: UUID
    partitions: int


Topics = Mapping[str, TopicShape]
"""All topics by their names."""


class ConsumerGroupState(Enum):
    """The states, by the names that clients are told."""

    EMPTY = "Empty"
    ASSIGNING = "Assigning"
    RECONCILING = "Reconciling"
    STABLE = "Stable"


class ConsumerBeat(NamedTuple):
    """What a member says; None where nothing has changed since it said it last.

    `owned` are the partitions that it reads, `rebalance_timeout` is in milliseconds.
    """

    member_id: str
    member_epoch: int
    instance_id: str | None = None
    rack_id: str | None = None
    rebalance_timeout: int | None = None
    topic_names: Sequence[str] | None = None
    topic_regex: str | None = None
    assignor: str | None = None
    owned: frozenset[Place] | None = None
    client_id: str = ""
    client_host: str = ""

    @property
    def tells_all(self) -> bool:
        """Whether the member leaves nothing to what it said before."""
        subscribed = self.topic_names is not None or self.topic_regex is not None
        return self.rebalance_timeout is not None and subscribed and self.owned is not None


class BeatResult(NamedTuple):
    """The answer; `assignment` is None where the member knows it already."""

    member_id: str
    member_epoch: int
    assignment: frozenset[Place] | None = None


class GroupRefusal(LogError):
    """A request that a group refuses, with Kafka's error and the reason that the client is told."""

    def __init__(self, error: GroupError, text: str) -> None:
        self.error = error
        super().__init__(text)


def unknown_member(member_id: str, group: str) -> GroupRefusal:
    """The refusal of somebody who is no member."""
    return GroupRefusal(
        GroupError.UNKNOWN_MEMBER_ID, f"Member {member_id} is not a member of group {group}."
    )
