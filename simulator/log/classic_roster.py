"""Who belongs to a classic group: members, their instance ids, and ids that are not used yet."""

from __future__ import annotations

from typing import Final

from simulator.log.classic_member import Member, common_protocols
from simulator.log.group_messages import (
    GroupError,
    GroupState,
    JoinRequest,
    JoinResult,
    SyncResult,
)

MAX_MEMBERS: Final = 10_000
"""Members of one group. Kafka sets no limit unless `group.max.size` does."""


class Roster:
    """`members` by id, in the order in which they came; `pending` ids with until when they count.

    A pending id has been given to somebody who has yet to come with it (KIP-394).
    """

    __slots__ = ("_static", "members", "pending")

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}
        self.pending: dict[str, int] = {}
        self._static: dict[str, str] = {}

    def add(self, member: Member) -> None:
        """Let a member in."""
        self.members[member.member_id] = member
        if member.request.instance_id:
            self._static[member.request.instance_id] = member.member_id

    def remove(self, member_id: str) -> None:
        """Put a member out; whatever it waits for is answered."""
        member = self.members.pop(member_id)
        if member.request.instance_id:
            self._static.pop(member.request.instance_id, None)
        member.answer_join(JoinResult(GroupError.UNKNOWN_MEMBER_ID, ""))
        member.answer_sync(SyncResult(GroupError.UNKNOWN_MEMBER_ID))

    def replace(self, old: Member, member: Member) -> None:
        """A static member has come back under its instance id (KIP-345): the old one is fenced."""
        del self.members[old.member_id]
        old.answer_join(JoinResult(GroupError.FENCED_INSTANCE_ID, old.member_id))
        old.answer_sync(SyncResult(GroupError.FENCED_INSTANCE_ID))
        member.assignment = old.assignment
        member.is_new = old.is_new
        self.add(member)

    def known_as(self, instance_id: str | None) -> str | None:
        """The id of the static member with that instance id."""
        return self._static.get(instance_id) if instance_id else None

    def check(self, member_id: str, instance_id: str | None) -> GroupError:
        """Whether somebody is the member that it says."""
        if instance_id:
            known_as = self._static.get(instance_id)
            if known_as is None:
                return GroupError.UNKNOWN_MEMBER_ID
            if known_as != member_id:
                return GroupError.FENCED_INSTANCE_ID
        if member_id not in self.members:
            return GroupError.UNKNOWN_MEMBER_ID
        return GroupError.NONE

    def has_room(self, member_id: str, state: GroupState, max_size: int) -> bool:
        """Whether somebody may join; while a group rebalances, who comes first is served first."""
        member = self.members.get(member_id)
        if not member_id and len(self.pending) >= max_size:
            return False
        if state is GroupState.EMPTY:
            return True
        if state is GroupState.PREPARING:
            known = member is not None and member.join_reply is not None
            return known or len(self.waiting()) < max_size
        return member is not None or len(self.members) < max_size

    def fits(self, request: JoinRequest, protocol_type: str | None) -> bool:
        """Whether the group has the request's kind of protocol, and one of its protocols."""
        if not request.protocols or not request.protocol_type:
            return False
        if not self.members:
            return True
        offered = {name for name, _ in request.protocols}
        return request.protocol_type == protocol_type and not offered.isdisjoint(
            common_protocols(self.members.values())
        )

    def waiting(self) -> list[str]:
        """The ids of those who have joined and wait for the others."""
        return [m.member_id for m in self.members.values() if m.join_reply is not None]

    def have_all_joined(self) -> bool:
        """Whether nobody has to be waited for."""
        return not self.pending and len(self.waiting()) == len(self.members)

    def longest_rebalance(self) -> int:
        """How many milliseconds the slowest member may take to join again."""
        return max((m.request.rebalance_timeout for m in self.members.values()), default=0)

    def deadlines(self) -> list[int]:
        """When sessions end, and ids are forgotten."""
        ends = [m.deadline for m in self.members.values() if m.can_expire]
        return [*self.pending.values(), *ends]

    def silent(self, now: int) -> set[str]:
        """The members whose sessions are over; ids that nobody used are forgotten."""
        self.pending = {m: until for m, until in self.pending.items() if until > now}
        return {m.member_id for m in self.members.values() if m.can_expire and m.deadline <= now}
