"""A group whose members agree on their work by JoinGroup and SyncGroup: Kafka's classic protocol.

One state machine for each group, as Kafka's coordinator has it (`GroupMetadataManager`,
`ClassicGroup`). Times are milliseconds of any clock; what must happen later is told by `deadline`,
and `expire` makes it happen. Answers that must wait go to the `reply` that came with the request.

    state        left when                                                  for
    EMPTY        a member joins                                             PREPARING
    PREPARING    all members have joined again, or the time for it is over  COMPLETING
                 nobody is left                                             EMPTY
    COMPLETING   the leader has sent the assignments                        STABLE
                 a member joins anew, leaves, or does not sync in time      PREPARING
    STABLE       a member joins anew or leaves, or the leader joins again   PREPARING
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from simulator.log.group_messages import (
    GroupError,
    GroupState,
    JoinedMember,
    JoinReply,
    JoinRequest,
    JoinResult,
    SyncReply,
    SyncResult,
)


class Member:
    """One member, and the answers that it waits for."""

    __slots__ = ("assignment", "deadline", "join_reply", "member_id", "request", "sync_reply")

    def __init__(self, member_id: str, request: JoinRequest) -> None:
        self.member_id = member_id
        self.request = request
        self.assignment = b""
        self.deadline = 0
        self.join_reply: JoinReply | None = None
        self.sync_reply: SyncReply | None = None

    @property
    def protocols(self) -> dict[str, bytes]:
        """Metadata by the name of the protocol."""
        return dict(self.request.protocols)


class ClassicGroup:
    """One group."""

    def __init__(self, name: str, new_member_id: Callable[[str], str]) -> None:
        """`new_member_id` makes an id that begins with what it is given."""
        self.name = name
        self.state = GroupState.EMPTY
        self.generation = 0
        self.protocol_type: str | None = None
        self.protocol: str | None = None
        self.leader = ""
        self.members: dict[str, Member] = {}
        self._new_member_id = new_member_id
        self._static: dict[str, str] = {}
        self._pending: dict[str, int] = {}  # ids given but not yet used, and until when
        self._phase_end: int | None = None  # of PREPARING and COMPLETING

    # Joining

    def join(self, request: JoinRequest, now: int, reply: JoinReply) -> None:
        """A member joins, or joins again."""
        member_id = request.member_id
        if not self._fits(request):
            reply(JoinResult(GroupError.INCONSISTENT_GROUP_PROTOCOL, member_id))
            return
        known_as = self._static.get(request.instance_id) if request.instance_id else None
        if not member_id:
            self._join_anew(request, known_as, now, reply)
        elif member_id in self._pending:
            del self._pending[member_id]
            self._add(member_id, request, now, reply)
        elif request.instance_id and known_as is not None and known_as != member_id:
            reply(JoinResult(GroupError.FENCED_INSTANCE_ID, member_id))
        elif member_id not in self.members or (request.instance_id and known_as is None):
            reply(JoinResult(GroupError.UNKNOWN_MEMBER_ID, member_id))
        else:
            self._join_again(self.members[member_id], request, now, reply)

    def _fits(self, request: JoinRequest) -> bool:
        """Whether the others have the request's kind of protocol, and one of its protocols."""
        if not request.protocols or not request.protocol_type:
            return False
        others = [m for m in self.members.values() if m.member_id != request.member_id]
        if not others:
            return True
        offered = {name for name, _ in request.protocols}
        return request.protocol_type == self.protocol_type and not offered.isdisjoint(
            _common(others)
        )

    def _join_anew(
        self, request: JoinRequest, known_as: str | None, now: int, reply: JoinReply
    ) -> None:
        member_id = self._new_member_id(request.instance_id or request.client_id)
        if known_as is not None:
            self._replace(self.members[known_as], member_id, request, now, reply)
        elif request.known_id_required and not request.instance_id:
            self._pending[member_id] = now + request.session_timeout
            reply(JoinResult(GroupError.MEMBER_ID_REQUIRED, member_id))
        else:
            self._add(member_id, request, now, reply)

    def _add(self, member_id: str, request: JoinRequest, now: int, reply: JoinReply) -> None:
        member = Member(member_id, request)
        self.members[member_id] = member
        if len(self.members) == 1:
            self.protocol_type = request.protocol_type
        if request.instance_id:
            self._static[request.instance_id] = member_id
        if not self.leader:
            self.leader = member_id
        self._await_join(member, now, reply)
        self._prepare(now)

    def _replace(
        self, old: Member, member_id: str, request: JoinRequest, now: int, reply: JoinReply
    ) -> None:
        """A static member has come back under its instance id (KIP-345): the old one is fenced."""
        del self.members[old.member_id]
        if old.join_reply is not None:
            old.join_reply(JoinResult(GroupError.FENCED_INSTANCE_ID, old.member_id))
        if old.sync_reply is not None:
            old.sync_reply(SyncResult(GroupError.FENCED_INSTANCE_ID))
        member = Member(member_id, request)
        member.assignment = old.assignment
        self.members[member_id] = member
        self._static[request.instance_id or ""] = member_id
        if self.leader == old.member_id:
            self.leader = member_id
        self._await_join(member, now, reply)
        if self.state is GroupState.STABLE and list(old.request.protocols) == list(
            request.protocols
        ):
            self._answer_join(member, now, replaces=old.member_id)
        else:
            self._prepare(now)

    def _join_again(self, member: Member, request: JoinRequest, now: int, reply: JoinReply) -> None:
        same = list(member.request.protocols) == list(request.protocols)
        leads = member.member_id == self.leader
        member.request = request
        self._await_join(member, now, reply)
        if (self.state is GroupState.COMPLETING and same) or (
            self.state is GroupState.STABLE and same and not leads
        ):
            self._answer_join(member, now)
        else:
            self._prepare(now)

    def _await_join(self, member: Member, now: int, reply: JoinReply) -> None:
        if member.join_reply is not None:  # the same member asks again, on another connection
            member.join_reply(JoinResult(GroupError.UNKNOWN_MEMBER_ID, member.member_id))
        member.join_reply = reply
        member.deadline = now + member.request.session_timeout

    # Rebalancing

    def _prepare(self, now: int) -> None:
        """Wait for all members to join, unless they have."""
        if self.state is not GroupState.PREPARING:
            if self.state is GroupState.COMPLETING:
                for member in self.members.values():
                    self._answer_sync(member, now, GroupError.REBALANCE_IN_PROGRESS)
            self.state = GroupState.PREPARING
            self._phase_end = now + self._longest_rebalance()
        self._complete_if_all_joined(now)

    def _longest_rebalance(self) -> int:
        return max((m.request.rebalance_timeout for m in self.members.values()), default=0)

    def _complete_if_all_joined(self, now: int) -> None:
        if not self._pending and all(m.join_reply is not None for m in self.members.values()):
            self._complete(now)

    def _complete(self, now: int) -> None:
        """Begin a generation of the members that have joined."""
        self.generation += 1
        if not self.members:
            self.state = GroupState.EMPTY
            self.protocol, self.leader, self._phase_end = None, "", None
            return
        leader = self.members.get(self.leader)
        if leader is None or leader.join_reply is None:
            self.leader = next(m.member_id for m in self.members.values() if m.join_reply)
        self.protocol = self._chosen()
        self.state = GroupState.COMPLETING
        self._phase_end = now + self._longest_rebalance()
        for member in list(self.members.values()):
            member.assignment = b""
            self._answer_join(member, now)

    def _chosen(self) -> str:
        """Of the protocols that all have, the one that most members name first."""
        common = _common(self.members.values())
        votes = Counter(
            next(name for name in member.protocols if name in common)
            for member in self.members.values()
        )
        return votes.most_common(1)[0][0]

    def _answer_join(self, member: Member, now: int, *, replaces: str = "") -> None:
        """`replaces`: the member takes the place of that one, and the assignments stand."""
        reply, member.join_reply = member.join_reply, None
        member.deadline = now + member.request.session_timeout
        if reply is None:
            return
        leads = member.member_id == self.leader
        told = self.leader
        members: tuple[JoinedMember, ...] = ()
        skip = False
        if replaces and leads and not member.request.skip_assignment:
            told = replaces  # so that an older client does not compute what nobody waits for
        elif leads:
            skip = bool(replaces)
            members = tuple(
                JoinedMember(m.member_id, m.request.instance_id, m.protocols[self.protocol or ""])
                for m in self.members.values()
            )
        reply(
            JoinResult(
                GroupError.NONE,
                member.member_id,
                self.generation,
                self.protocol_type,
                self.protocol,
                told,
                members,
                skip,
            )
        )

    # Being a member

    def check(self, member_id: str, instance_id: str | None, generation: int) -> GroupError:
        """Whether somebody is the member that it says, in the present generation."""
        if instance_id:
            known_as = self._static.get(instance_id)
            if known_as is None:
                return GroupError.UNKNOWN_MEMBER_ID
            if known_as != member_id:
                return GroupError.FENCED_INSTANCE_ID
        if member_id not in self.members:
            return GroupError.UNKNOWN_MEMBER_ID
        if generation != self.generation:
            return GroupError.ILLEGAL_GENERATION
        return GroupError.NONE

    def sync(
        self,
        member_id: str,
        instance_id: str | None,
        generation: int,
        protocol: tuple[str | None, str | None],
        assignments: dict[str, bytes],
        now: int,
        reply: SyncReply,
    ) -> None:
        """A member asks for its assignment; the leader brings those of all.

        `protocol` is type and name, either None if the member does not tell.
        """
        error = self.check(member_id, instance_id, generation)
        if error is GroupError.NONE and any(
            told is not None and told != mine
            for told, mine in zip(protocol, (self.protocol_type, self.protocol), strict=True)
        ):
            error = GroupError.INCONSISTENT_GROUP_PROTOCOL
        if error is GroupError.NONE and self.state is GroupState.PREPARING:
            error = GroupError.REBALANCE_IN_PROGRESS
        if error is not GroupError.NONE:
            reply(SyncResult(error))
            return
        member = self.members[member_id]
        if member.sync_reply is not None:  # it asks again, on another connection
            member.sync_reply(SyncResult(GroupError.UNKNOWN_MEMBER_ID))
        member.sync_reply = reply
        member.deadline = now + member.request.session_timeout
        if self.state is GroupState.STABLE:
            self._answer_sync(member, now)
        elif member_id == self.leader:
            self.state = GroupState.STABLE
            self._phase_end = now + self._longest_rebalance()
            for each in self.members.values():
                each.assignment = assignments.get(each.member_id, b"")
            for each in list(self.members.values()):
                self._answer_sync(each, now)

    def _answer_sync(self, member: Member, now: int, error: GroupError = GroupError.NONE) -> None:
        reply, member.sync_reply = member.sync_reply, None
        if reply is None:
            return
        member.deadline = now + member.request.session_timeout
        if error is GroupError.NONE:
            reply(SyncResult(error, self.protocol_type, self.protocol, member.assignment))
        else:
            reply(SyncResult(error))

    def heartbeat(
        self, member_id: str, instance_id: str | None, generation: int, now: int
    ) -> GroupError:
        """A member says that it is there."""
        error = self.check(member_id, instance_id, generation)
        if error is GroupError.NONE:
            self.touch(member_id, now)
            if self.state is GroupState.PREPARING:
                error = GroupError.REBALANCE_IN_PROGRESS
        return error

    def touch(self, member_id: str, now: int) -> None:
        """Begin the session of a member anew."""
        member = self.members[member_id]
        member.deadline = now + member.request.session_timeout

    # Leaving

    def leave(self, member_id: str, instance_id: str | None, now: int) -> GroupError:
        """A member goes; a static one may be named by its instance id alone."""
        if instance_id:
            known_as = self._static.get(instance_id)
            if known_as is None:
                return GroupError.UNKNOWN_MEMBER_ID
            if member_id and member_id != known_as:
                return GroupError.FENCED_INSTANCE_ID
            member_id = known_as
        if self._pending.pop(member_id, None) is not None:
            if self.state is GroupState.PREPARING:
                self._complete_if_all_joined(now)
            return GroupError.NONE
        if member_id not in self.members:
            return GroupError.UNKNOWN_MEMBER_ID
        self._remove(member_id)
        self._prepare(now)
        return GroupError.NONE

    def _remove(self, member_id: str) -> None:
        member = self.members.pop(member_id)
        if member.request.instance_id:
            self._static.pop(member.request.instance_id, None)
        if member.join_reply is not None:
            member.join_reply(JoinResult(GroupError.UNKNOWN_MEMBER_ID, member_id))
        if member.sync_reply is not None:
            member.sync_reply(SyncResult(GroupError.UNKNOWN_MEMBER_ID))
        if self.leader == member_id:
            self.leader = next(iter(self.members), "")

    # Time

    @property
    def deadline(self) -> int | None:
        """When `expire` should be called next."""
        times = [*self._pending.values()]
        times += [m.deadline for m in self.members.values() if not _waits(m)]
        if self._phase_end is not None and self.state in (
            GroupState.PREPARING,
            GroupState.COMPLETING,
        ):
            times.append(self._phase_end)
        return min(times, default=None)

    def expire(self, now: int) -> None:
        """Remove those who have been silent for too long, and end a phase that is over."""
        for member_id in [m for m, until in self._pending.items() if until <= now]:
            del self._pending[member_id]
        gone = {m.member_id for m in self.members.values() if not _waits(m) and m.deadline <= now}
        over = self._phase_end is not None and self._phase_end <= now
        if over and self.state is GroupState.PREPARING:
            gone |= {m.member_id for m in self.members.values() if m.join_reply is None}
            self._pending.clear()
        elif over and self.state is GroupState.COMPLETING:
            gone |= {m.member_id for m in self.members.values() if m.sync_reply is None}
        for member_id in gone:
            self._remove(member_id)
        if gone:
            self._prepare(now)
        elif self.state is GroupState.PREPARING:
            self._complete_if_all_joined(now)


def _common(members: Collection[Member]) -> list[str]:
    """The protocols that every member has."""
    counts = Counter(name for member in members for name in member.protocols)
    return [name for name, count in counts.items() if count == len(members)]


def _waits(member: Member) -> bool:
    """Whether the group owes an answer: a member that waits is alive."""
    return member.join_reply is not None or member.sync_reply is not None
