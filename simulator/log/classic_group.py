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
    STABLE       a member joins anew or leaves, the leader joins again, or
                 somebody does not fetch its assignment in time             PREPARING

The first rebalance of an empty group is special: it lasts for the initial delay, and longer while
others come, but does not wait for those who have been given an id only (KIP-394).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from simulator.log.classic_member import (
    NEW_MEMBER_JOIN_TIMEOUT,
    Member,
    favourite_protocol,
    joined,
)
from simulator.log.classic_roster import MAX_MEMBERS, Roster
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

_RETRY: Final = 100  # milliseconds at least between tries to end a rebalance that nobody joined


class ClassicGroup:
    """One group.

    `initial_delay` is `group.initial.rebalance.delay.ms`, `max_size` is `group.max.size`; both
    may be changed at any time.
    """

    def __init__(
        self,
        name: str,
        new_member_id: Callable[[str], str],
        *,
        initial_delay: int = 0,
        max_size: int = MAX_MEMBERS,
    ) -> None:
        """`new_member_id` makes an id that begins with what it is given."""
        self.name = name
        self.initial_delay = initial_delay
        self.max_size = max_size
        self.state = GroupState.EMPTY
        self.generation = 0
        self.protocol_type: str | None = None
        self.protocol: str | None = None
        self.leader = ""
        self._roster = Roster()
        self._new_member_id = new_member_id
        self._join_end: int | None = None  # when PREPARING is over
        self._initial_left: int | None = None  # how much longer a first rebalance may become
        self._more_came = False  # during a first rebalance, since its end was set
        self._sync_end: int | None = None  # until when everybody must have asked for its assignment
        self._unsynced: set[str] = set()

    @property
    def members(self) -> Mapping[str, Member]:
        """The members by their ids."""
        return self._roster.members

    # Joining

    def join(self, request: JoinRequest, now: int, reply: JoinReply) -> None:
        """A member joins, or joins again."""
        member_id = request.member_id
        if not self._roster.has_room(member_id, self.state, self.max_size):
            self._roster.pending.pop(member_id, None)
            if member_id in self.members:
                self._remove(member_id)
            reply(JoinResult(GroupError.GROUP_MAX_SIZE_REACHED, ""))
        elif not self._roster.fits(request, self.protocol_type):
            reply(JoinResult(GroupError.INCONSISTENT_GROUP_PROTOCOL, member_id))
        elif not member_id:
            self._join_anew(request, now, reply)
        elif member_id in self._roster.pending and not request.instance_id:
            del self._roster.pending[member_id]
            self._add(member_id, request, now, reply)
        else:
            error = self._roster.check(member_id, request.instance_id)
            if error is GroupError.NONE:
                self._join_again(self.members[member_id], request, now, reply)
            else:
                reply(JoinResult(error, member_id))

    def _join_anew(self, request: JoinRequest, now: int, reply: JoinReply) -> None:
        member_id = self._new_member_id(request.instance_id or request.client_id)
        known_as = self._roster.known_as(request.instance_id)
        if known_as is not None:
            self._replace(self.members[known_as], member_id, request, now, reply)
        elif request.known_id_required and not request.instance_id:
            self._roster.pending[member_id] = now + request.session_timeout
            reply(JoinResult(GroupError.MEMBER_ID_REQUIRED, member_id))
        else:
            self._add(member_id, request, now, reply)

    def _add(self, member_id: str, request: JoinRequest, now: int, reply: JoinReply) -> None:
        member = Member(member_id, request)
        member.join_reply = reply
        member.deadline = now + NEW_MEMBER_JOIN_TIMEOUT
        if not self.members:
            self.protocol_type = request.protocol_type
        self._roster.add(member)
        if not self.leader:
            self.leader = member_id
        self._more_came = self._initial_left is not None
        self._rebalance(now)

    def _replace(
        self, old: Member, member_id: str, request: JoinRequest, now: int, reply: JoinReply
    ) -> None:
        member = Member(member_id, request)
        self._roster.replace(old, member)
        member.join_reply = reply
        member.touch(now)
        if old.member_id in self._unsynced:
            self._unsynced.remove(old.member_id)
            self._unsynced.add(member_id)
        if self.leader == old.member_id:
            self.leader = member_id
        if (
            self.state is GroupState.STABLE
            and favourite_protocol(self.members.values()) == self.protocol
        ):
            self._answer_replacement(member, old.member_id, now)
        else:
            self._rebalance(now)

    def _join_again(self, member: Member, request: JoinRequest, now: int, reply: JoinReply) -> None:
        """One that has not changed may just have missed the answer, and gets it again.

        Not the leader of a stable group: it has its reasons to have the work shared out anew.
        """
        missed = member.matches(request) and (
            self.state is GroupState.COMPLETING
            or (self.state is GroupState.STABLE and member.member_id != self.leader)
        )
        # The same member on another connection: nobody listens to the former one any more.
        member.answer_join(JoinResult(GroupError.REBALANCE_IN_PROGRESS, member.member_id))
        member.request = request
        member.join_reply = reply
        if missed:
            self._answer_join(member, now)
        else:
            self._rebalance(now)

    # Rebalancing

    def _rebalance(self, now: int) -> None:
        """Wait for all members to join again, unless they have."""
        if self.state is not GroupState.PREPARING:
            self._prepare(now)
        self._complete_if_all_joined(now)

    def _prepare(self, now: int) -> None:
        if self.state is GroupState.COMPLETING:
            for member in self.members.values():
                member.assignment = b""
                if member.answer_sync(SyncResult(GroupError.REBALANCE_IN_PROGRESS)):
                    member.touch(now)
        self._sync_end = None
        self._unsynced.clear()
        longest = self._roster.longest_rebalance()
        if self.state is GroupState.EMPTY:
            self._initial_left = max(longest - self.initial_delay, 0)
            self._more_came = False
            self._join_end = now + self.initial_delay
        else:
            self._join_end = now + longest
        self.state = GroupState.PREPARING

    def _complete_if_all_joined(self, now: int) -> None:
        if self._initial_left is not None:
            if self.initial_delay == 0:
                self._complete(now)
            return
        if self._roster.have_all_joined():
            self._complete(now)

    def _end_of_joining(self, now: int) -> None:
        """The time for joining is over."""
        if self._initial_left and self._more_came:
            delay = min(self.initial_delay, self._initial_left)
            self._initial_left -= delay
            self._more_came = False
            self._join_end = now + delay
        else:
            self._complete(now)

    def _complete(self, now: int) -> None:
        """Begin a generation of those who have joined, and of the static ones who have not."""
        self._initial_left = self._join_end = None
        for member in list(self.members.values()):
            if member.join_reply is None and not member.is_static:
                self._remove(member.member_id)
        waiting = self._roster.waiting()
        if self.members and not waiting:
            self._join_end = now + max(self._roster.longest_rebalance(), _RETRY)
            return  # sessions will end, or somebody comes
        self.generation += 1
        if not self.members:
            self.state = GroupState.EMPTY
            self.protocol, self.leader = None, ""
            return
        if self.leader not in waiting:
            self.leader = waiting[0]
        self.protocol = favourite_protocol(self.members.values())
        self.state = GroupState.COMPLETING
        self._unsynced = set(self.members)
        self._sync_end = now + self._roster.longest_rebalance()
        for member in list(self.members.values()):
            member.is_new = False
            self._answer_join(member, now)

    def _answer_join(self, member: Member, now: int) -> None:
        member.touch(now)
        leads = member.member_id == self.leader
        others = joined(self.members.values(), self.protocol or "") if leads else ()
        member.answer_join(self._joined(member, self.leader, others))

    def _answer_replacement(self, member: Member, former_id: str, now: int) -> None:
        """The assignments stand, so that a leader need not make any.

        An older client does not know that, and is told that its former self leads (KIP-814).
        """
        member.touch(now)
        leads = member.member_id == self.leader
        if leads and member.request.skip_assignment:
            others = joined(self.members.values(), self.protocol or "")
            member.answer_join(self._joined(member, self.leader, others, skip_assignment=True))
        else:
            member.answer_join(self._joined(member, former_id if leads else self.leader, ()))

    def _joined(
        self,
        member: Member,
        leader: str,
        members: tuple[JoinedMember, ...],
        *,
        skip_assignment: bool = False,
    ) -> JoinResult:
        return JoinResult(
            GroupError.NONE,
            member.member_id,
            self.generation,
            self.protocol_type,
            self.protocol,
            leader,
            members,
            skip_assignment,
        )

    # Being a member

    def check(self, member_id: str, instance_id: str | None, generation: int) -> GroupError:
        """Whether somebody is the member that it says, in the present generation."""
        error = self._roster.check(member_id, instance_id)
        if error is GroupError.NONE and generation != self.generation:
            return GroupError.ILLEGAL_GENERATION
        return error

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
        # The same member on another connection: nobody listens to the former one any more.
        member.answer_sync(SyncResult(GroupError.REBALANCE_IN_PROGRESS))
        member.sync_reply = reply
        self._unsynced.discard(member_id)
        if self.state is GroupState.COMPLETING and member_id == self.leader:
            self.state = GroupState.STABLE
            for each in self.members.values():
                each.assignment = assignments.get(each.member_id, b"")
        if self.state is GroupState.STABLE:
            for each in list(self.members.values()):
                self._answer_sync(each, now)

    def _answer_sync(self, member: Member, now: int) -> None:
        result = SyncResult(GroupError.NONE, self.protocol_type, self.protocol, member.assignment)
        if member.answer_sync(result):
            member.touch(now)

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
        self.members[member_id].touch(now)

    # Leaving

    def leave(self, member_id: str, instance_id: str | None, now: int) -> GroupError:
        """A member goes; a static one may be named by its instance id alone."""
        if not member_id:
            member_id = self._roster.known_as(instance_id) or ""
        elif self._roster.pending.pop(member_id, None) is not None:
            if self.state is GroupState.PREPARING:
                self._complete_if_all_joined(now)
            return GroupError.NONE
        error = self._roster.check(member_id, instance_id)
        if error is GroupError.NONE:
            self._remove(member_id)
            self._rebalance(now)
        return error

    def clear(self) -> None:
        """Put everybody out at once: they are told that they are not known, and may come again."""
        for member_id in list(self.members):
            self._remove(member_id)
        self._roster.pending.clear()
        self._unsynced.clear()
        self._initial_left = self._join_end = self._sync_end = None
        self.state = GroupState.EMPTY
        self.protocol, self.leader = None, ""
        self.generation += 1

    def _remove(self, member_id: str) -> None:
        self._roster.remove(member_id)
        self._unsynced.discard(member_id)
        if self.leader == member_id:
            self.leader = next(iter(self.members), "")

    # Time

    @property
    def deadline(self) -> int | None:
        """When `expire` should be called next."""
        times = self._roster.deadlines()
        if self._join_end is not None:
            times.append(self._join_end)
        if self._sync_end is not None and self._unsynced:
            times.append(self._sync_end)
        return min(times, default=None)

    def expire(self, now: int) -> None:
        """Remove those who have been silent for too long, and end a phase that is over."""
        gone = self._roster.silent(now)
        if self._sync_end is not None and self._sync_end <= now:
            gone |= self._unsynced
        for member_id in gone:
            self._remove(member_id)
        if gone:
            self._rebalance(now)
        elif self.state is GroupState.PREPARING:
            self._complete_if_all_joined(now)
        if self._join_end is not None and self._join_end <= now:
            self._end_of_joining(now)
