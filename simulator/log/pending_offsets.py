"""Offsets that groups commit in transactions, until those end."""

from __future__ import annotations

from typing import Final, NamedTuple

from simulator.log.groups import Commit
from simulator.log.placement import coordinator_partition
from simulator.log.transaction import Place, Producer

OFFSETS_TOPIC: Final = "__consumer_offsets"


def offsets_place(group: str) -> Place:
    """The partition of the offsets topic that has what concerns a group."""
    return OFFSETS_TOPIC, coordinator_partition(group)


class GroupCommit(NamedTuple):
    """An offset of a group that has become valid."""

    group: str
    place: Place
    commit: Commit


class _Pending(NamedTuple):
    epoch: int
    groups: dict[str, dict[Place, Commit]]


class PendingOffsets:
    """By the partition of the offsets topic that the group belongs to, and by producer id."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: dict[tuple[int, int], _Pending] = {}

    def is_open(self, partition: int, producer: Producer) -> bool:
        """Whether the producer has offsets pending there in just this epoch."""
        found = self._pending.get((partition, producer.producer_id))
        return found is not None and found.epoch == producer.epoch

    def add(self, producer: Producer, group: str, place: Place, commit: Commit) -> None:
        """Note an offset that becomes valid when the producer's transaction is committed."""
        key = (coordinator_partition(group), producer.producer_id)
        found = self._pending.get(key)
        if found is None or found.epoch != producer.epoch:
            found = self._pending[key] = _Pending(producer.epoch, {})
        found.groups.setdefault(group, {})[place] = commit

    def ended(self, partition: int, producer_id: int) -> list[GroupCommit]:
        """Let go of what a producer has pending; the caller stores it or does not."""
        found = self._pending.pop((partition, producer_id), None)
        return [
            GroupCommit(group, place, commit)
            for group, offsets in (found.groups if found is not None else {}).items()
            for place, commit in offsets.items()
        ]

    def unstable(self, group: str, place: Place) -> bool:
        """Whether the group's offset there may change when some transaction ends."""
        return any(place in found.groups.get(group, ()) for found in self._pending.values())

    def groups(self) -> set[str]:
        """The groups that have something pending."""
        return {group for found in self._pending.values() for group in found.groups}

    def clear(self) -> None:
        """Forget everything."""
        self._pending.clear()
