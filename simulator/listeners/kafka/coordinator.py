"""The coordinator of all groups: gives their state machines a clock, and members answers."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from simulator.listeners.kafka.broker_clock import BrokerClock, BrokerTimer
from simulator.log import TopicLog
from simulator.log.classic_group import ClassicGroup
from simulator.log.group_messages import GroupError, GroupState, JoinRequest, JoinResult


class Coordinator:
    """The groups of the cluster."""

    def __init__(self, log: TopicLog, clock: BrokerClock) -> None:
        self._log = log
        self._clock = clock
        self._groups: dict[str, ClassicGroup] = {}
        self._timer: BrokerTimer | None = None
        self._timer_at: int | None = None
        self._numbers = count(1)

    @property
    def now(self) -> int:
        """Milliseconds of the brokers' clock."""
        return self._clock.now_ms()

    def group(self, name: str) -> ClassicGroup | None:
        """The group of that name, if it has or had members."""
        return self._groups.get(name)

    def names(self) -> list[str]:
        """All groups, also those that only have committed offsets."""
        return sorted({*self._groups, *self._log.groups.names()})

    def forget(self, name: str) -> None:
        """Delete a group that has no members, with its offsets."""
        self._groups.pop(name, None)
        self._log.groups.delete(name)

    def exists(self, name: str) -> bool:
        """Whether there is such a group."""
        return name in self._groups or name in self._log.groups.names()

    def has_members(self, name: str) -> bool:
        """Whether anybody reads in the group, through whatever door."""
        group = self._groups.get(name)
        return bool((group is not None and group.members) or self._log.groups.members(name))

    # What members ask for

    def join(self, name: str, request: JoinRequest, reply: Callable[[JoinResult], None]) -> None:
        """Let a member join; the first one founds the group."""
        group = self._groups.get(name)
        if group is None:
            if request.member_id:
                reply(JoinResult(GroupError.UNKNOWN_MEMBER_ID, request.member_id))
                return
            group = self._groups[name] = ClassicGroup(name, self._new_member_id)
        group.join(request, self.now, reply)
        self.watch()

    def leave(self, name: str, member_id: str, instance_id: str | None) -> GroupError:
        """Let a member go."""
        group = self._groups.get(name)
        if group is None:
            return GroupError.UNKNOWN_MEMBER_ID
        error = group.leave(member_id, instance_id, self.now)
        self.watch()
        return error

    def expire_member(self, name: str, member_id: str | None = None) -> None:
        """Let the session of a member be over now, or those of all; who waits is not silent."""
        group = self._groups.get(name)
        if group is None:
            return
        for member in group.members.values():
            if member_id in (None, member.member_id):
                member.deadline = self.now
        group.expire(self.now)
        self.watch()

    def may_commit(
        self, name: str, member_id: str, instance_id: str | None, generation: int
    ) -> GroupError:
        """Whether a commit is accepted (`ClassicGroup.validateOffsetCommit`)."""
        group = self._groups.get(name)
        if group is None or group.state is GroupState.EMPTY:
            if generation < 0:
                return GroupError.NONE  # offsets alone, without membership
            known = group is not None or self.exists(name)
            return GroupError.UNKNOWN_MEMBER_ID if known else GroupError.ILLEGAL_GENERATION
        if generation < 0 and not member_id and not instance_id:
            return GroupError.UNKNOWN_MEMBER_ID
        error = group.check(member_id, instance_id, generation)
        if error is GroupError.NONE:
            group.touch(member_id, self.now)
            if group.state is GroupState.COMPLETING:
                error = GroupError.REBALANCE_IN_PROGRESS
        return error

    def _new_member_id(self, prefix: str) -> str:
        return f"{prefix}-{uuid5(NAMESPACE_URL, f'member:{next(self._numbers)}')}"

    # Time

    def watch(self) -> None:
        """Call every group's `expire` when it is time; to be called after each change."""
        deadlines = [
            deadline for group in self._groups.values() if (deadline := group.deadline) is not None
        ]
        first = min(deadlines, default=None)
        if first == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = first
        if first is not None:
            self._timer = self._clock.call_at(first, self._expire)

    def _expire(self) -> None:
        self._timer = self._timer_at = None
        now = self.now
        for group in list(self._groups.values()):
            deadline = group.deadline
            if deadline is not None and deadline <= now:
                group.expire(now)
        self.watch()


def answer(future: Future[Any]) -> Callable[[Any], None]:
    """A reply that resolves `future`, unless the client has gone meanwhile."""

    def reply(result: Any) -> None:
        if not future.done():
            future.set_result(result)

    return reply
