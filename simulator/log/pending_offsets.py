"""Offsets that groups commit in transactions, until those end."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Final, NamedTuple

from simulator.log.groups import Commit
from simulator.log.placement import coordinator_partition
from simulator.log.transaction import Place, Producer

OFFSETS_TOPIC: Final = "__consumer_offsets"


def offsets_place(group: str) -> Place:
    """The partition of the offsets topic that has what concerns a group."""
    return OFFSETS_TOPIC, coordinator_partition(group)


@dataclass(slots=True)
class PendingCommit:
    """An offset that waits; `before` is what the group had there when it came.

    If the group has something else by then, it was committed later, and stays: the newest commit
    counts (Kafka: `OffsetMetadataManager.replayEndTransactionMarker`).
    """

    group: str
    place: Place
    commit: Commit
    before: Commit | None
    number: int


class _Pending(NamedTuple):
    epoch: int
    groups: dict[str, dict[Place, PendingCommit]]


class PendingOffsets:
    """By the partition of the offsets topic that the group belongs to, and by producer id."""

    __slots__ = ("_numbers", "_pending")

    def __init__(self) -> None:
        self._pending: dict[tuple[int, int], _Pending] = {}
        self._numbers = count()

    def is_open(self, partition: int, producer: Producer) -> bool:
        """Whether the producer has offsets pending there in just this epoch."""
        found = self._pending.get((partition, producer.producer_id))
        return found is not None and found.epoch == producer.epoch

    def add(
        self, producer: Producer, group: str, place: Place, commit: Commit, before: Commit | None
    ) -> None:
        """Note an offset that becomes valid when the producer's transaction is committed.

        `before` is what the group has committed there now.
        """
        key = (coordinator_partition(group), producer.producer_id)
        found = self._pending.get(key)
        if found is None or found.epoch != producer.epoch:
            found = self._pending[key] = _Pending(producer.epoch, {})
        pending = PendingCommit(group, place, commit, before, next(self._numbers))
        found.groups.setdefault(group, {})[place] = pending

    def ended(self, partition: int, producer_id: int) -> list[PendingCommit]:
        """Let go of what a producer has pending; the caller stores it or does not."""
        found = self._pending.pop((partition, producer_id), None)
        if found is None:
            return []
        return [pending for offsets in found.groups.values() for pending in offsets.values()]

    def stored(self, ended: PendingCommit) -> None:
        """What was pending is the group's now: what others committed after it may follow it."""
        for found in self._pending.values():
            other = found.groups.get(ended.group, {}).get(ended.place)
            if other is not None and other.number > ended.number and other.before is ended.before:
                other.before = ended.commit

    def forget(self, group: str, place: Place | None = None) -> None:
        """The group's offset there is deleted, or all of them: what is pending goes, too."""
        for found in self._pending.values():
            if place is None:
                found.groups.pop(group, None)
            else:
                found.groups.get(group, {}).pop(place, None)

    def unstable(self, group: str, place: Place) -> bool:
        """Whether the group's offset there may change when some transaction ends."""
        return any(place in found.groups.get(group, ()) for found in self._pending.values())

    def has(self, group: str) -> bool:
        """Whether the group has something pending."""
        return any(group in found.groups for found in self._pending.values())

    def clear(self) -> None:
        """Forget everything."""
        self._pending.clear()
