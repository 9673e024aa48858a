"""One member of a consumer group, and how it comes to its assignment step by step (KIP-848).

A member first gives up what it may not keep, and only then goes on to the group's epoch; what is to
be its own it gets once nobody else has it.

    state        meaning                                           left when
    STABLE       it has all that it should have in its epoch       the group's assignment changes
    UNREVOKED    it still has partitions that it must give up      it reports that they are gone
    UNRELEASED   it waits for partitions that others still have    the last of them is free
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from uuid import UUID

from simulator.log.consumer_messages import ConsumerBeat, Place


class MemberState(Enum):
    """Where a member stands on the way to its assignment."""

    STABLE = "stable"
    UNREVOKED = "unrevoked"
    UNRELEASED = "unreleased"


class ConsumerMember:
    """One member. Partitions are kept with the epoch in which they became its own."""

    __slots__ = (
        "assigned",
        "assignor",
        "client_host",
        "client_id",
        "deadline",
        "epoch",
        "instance_id",
        "member_id",
        "previous_epoch",
        "rack_id",
        "rebalance_end",
        "rebalance_timeout",
        "revoking",
        "state",
        "topic_names",
        "topic_regex",
    )

    def __init__(self, member_id: str) -> None:
        self.member_id = member_id
        self.epoch = 0
        self.previous_epoch = 0
        self.state = MemberState.STABLE
        self.assigned: dict[Place, int] = {}
        self.revoking: dict[Place, int] = {}
        self.instance_id: str | None = None
        self.rack_id: str | None = None
        self.client_id = ""
        self.client_host = ""
        self.rebalance_timeout = 0
        self.topic_names: frozenset[str] = frozenset()
        self.topic_regex = ""
        self.assignor: str | None = None
        self.deadline = 0
        self.rebalance_end: int | None = None  # until when it must have given up partitions

    def reborn(self, member_id: str) -> ConsumerMember:
        """The same static member under another id; it starts at epoch 0 with what it had."""
        copy = ConsumerMember(member_id)
        for name in self.__slots__:
            if name not in ("member_id", "epoch", "previous_epoch", "rebalance_end"):
                setattr(copy, name, getattr(self, name))
        return copy

    def update(self, beat: ConsumerBeat) -> bool:
        """Take over what the member tells; True if it now reads other topics."""
        before = (self.topic_names, self.topic_regex)
        if beat.instance_id is not None:
            self.instance_id = beat.instance_id
        if beat.rack_id is not None:
            self.rack_id = beat.rack_id
        if beat.rebalance_timeout is not None:
            self.rebalance_timeout = beat.rebalance_timeout
        if beat.assignor is not None:
            self.assignor = beat.assignor
        if beat.topic_names is not None:
            self.topic_names = frozenset(beat.topic_names)
        if beat.topic_regex is not None:
            self.topic_regex = beat.topic_regex
        self.client_id, self.client_host = beat.client_id, beat.client_host
        return before != (self.topic_names, self.topic_regex)

    def is_reconciled(self, epoch: int) -> bool:
        """Whether it has all that it should have in `epoch`."""
        return self.state is MemberState.STABLE and self.epoch == epoch

    @property
    def holds(self) -> set[Place]:
        """The partitions that nobody else may have."""
        return {*self.assigned, *self.revoking}

    def reconcile(
        self,
        epoch: int,
        target: Iterable[Place],
        topics: frozenset[UUID],
        owned: frozenset[Place] | None,
        is_taken: Callable[[Place], bool],
    ) -> None:
        """Go as far towards `target`, the assignment of the group's `epoch`, as can be.

        `topics` are those that it reads, `owned` what it reports, None if nothing; `is_taken` says
        of a partition whether some member holds it.
        """
        unrevoked = self.state is MemberState.UNREVOKED and _still_has(owned, self.revoking)
        if unrevoked or self.is_reconciled(epoch):
            self._give_up_unread(topics, owned)
        else:
            self._advance(epoch, {place for place in target if place[0] in topics}, owned, is_taken)

    def _give_up_unread(self, topics: frozenset[UUID], owned: frozenset[Place] | None) -> None:
        """Partitions of topics that it does not read any more must go at once."""
        unread = {place: epoch for place, epoch in self.assigned.items() if place[0] not in topics}
        if not unread:
            return
        self.assigned = {place: e for place, e in self.assigned.items() if place not in unread}
        revoking = self.revoking | unread
        self._enter(self.epoch)
        if _still_has(owned, revoking):
            self.state = MemberState.UNREVOKED
            self.revoking = revoking

    def _advance(
        self,
        epoch: int,
        target: set[Place],
        owned: frozenset[Place] | None,
        is_taken: Callable[[Place], bool],
    ) -> None:
        kept = {place: since for place, since in self.assigned.items() if place in target}
        surplus = {place: since for place, since in self.assigned.items() if place not in target}
        wanted = target - kept.keys()
        free = {place for place in wanted if place in self.revoking or not is_taken(place)}
        self.assigned = kept
        if surplus and _still_has(owned, surplus):
            self.state = MemberState.UNREVOKED
            self.revoking = surplus
            self._enter(self.epoch)
            return
        self.assigned |= dict.fromkeys(free, epoch)
        self.revoking = {}
        self.state = MemberState.UNRELEASED if free != wanted else MemberState.STABLE
        self._enter(epoch)

    def _enter(self, epoch: int) -> None:
        self.previous_epoch, self.epoch = self.epoch, epoch


def _still_has(owned: frozenset[Place] | None, places: dict[Place, int]) -> bool:
    """Whether the member has any of these; as long as it reports nothing, it has."""
    return owned is None or not owned.isdisjoint(places)
