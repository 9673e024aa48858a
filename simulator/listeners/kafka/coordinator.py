"""The coordinator of all groups: gives their state machines a clock, and members answers.

A group is of one kind at a time. One that nobody is in becomes what its next member wants it to be;
one with members stays what it is, since members of both kinds in one group are not served.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from itertools import count
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from simulator.listeners.kafka.broker_clock import BrokerClock, BrokerTimer
from simulator.listeners.kafka.configs import BrokerConfig
from simulator.listeners.kafka.configs.definitions import Value
from simulator.listeners.kafka.offset_expiry import OffsetExpiry
from simulator.log import TopicLog
from simulator.log.classic_group import ClassicGroup
from simulator.log.classic_roster import MAX_MEMBERS
from simulator.log.consumer_group import ConsumerGroup
from simulator.log.consumer_messages import (
    JOINING,
    BeatResult,
    ConsumerBeat,
    GroupRefusal,
    Topics,
    TopicShape,
)
from simulator.log.group_messages import (
    GroupError,
    GroupState,
    JoinReply,
    JoinRequest,
    JoinResult,
    SyncReply,
    SyncResult,
)

MAX_GROUPS: Final = 10_000
"""Groups that have or had members. Kafka sets no limit; this keeps a stranger's in bounds."""


class Coordinator:
    """The groups of the cluster."""

    def __init__(
        self,
        log: TopicLog,
        clock: BrokerClock,
        config: BrokerConfig,
        group_setting: Callable[[str, str], Value],
    ) -> None:
        """`group_setting` tells a setting of one group, by the group and the setting's name."""
        self._log = log
        self._clock = clock
        self._config = config
        self._group_setting = group_setting
        self._groups: dict[str, ClassicGroup | ConsumerGroup] = {}
        self._timers: dict[str, tuple[int, BrokerTimer]] = {}
        self._numbers = count(1)
        self._topics: Topics = {}
        self._expiry = OffsetExpiry(clock, config, self.has_members, self.forget)
        log.groups.on_restore(self._start_again)

    def close(self) -> None:
        """Let go of the log."""
        self._log.groups.forget_restore(self._start_again)

    @property
    def now(self) -> int:
        """Milliseconds of the brokers' clock."""
        return self._clock.now_ms()

    # Looking at groups

    def group(self, name: str) -> ClassicGroup | None:
        """The classic group of that name, if it has or had members."""
        group = self._groups.get(name)
        return group if isinstance(group, ClassicGroup) else None

    def consumer_group(self, name: str) -> ConsumerGroup | None:
        """The consumer group (KIP-848) of that name, if it has or had members."""
        group = self._groups.get(name)
        return group if isinstance(group, ConsumerGroup) else None

    def names(self) -> list[str]:
        """All groups, also those that only have committed offsets or members on another door."""
        return sorted({*self._groups, *self._log.groups.names()})

    def exists(self, name: str) -> bool:
        """Whether there is such a group."""
        return name in self._groups or self._log.groups.exists(name)

    def has_members(self, name: str) -> bool:
        """Whether anybody reads in the group, through whatever door."""
        group = self._groups.get(name)
        return bool((group is not None and group.members) or self._log.groups.members(name))

    def topics(self) -> Topics:
        """All topics as groups see them; the same object as long as they are the same."""
        topics = {name: TopicShape(*self._log.shape(name)) for name in self._log.topic_names()}
        if topics != self._topics:
            self._topics = topics
        return self._topics

    def forget(self, name: str) -> None:
        """Delete a group that has no members, with its offsets."""
        self._groups.pop(name, None)
        self._watch(name)
        self._expiry.drop(name)
        self._log.groups.delete(name)

    # Members of classic groups

    def join(self, name: str, request: JoinRequest, reply: JoinReply) -> None:
        """Let a member join; the first one founds the group."""
        group = self._groups.get(name)
        if isinstance(group, ConsumerGroup) and group.members:
            reply(JoinResult(GroupError.INCONSISTENT_GROUP_PROTOCOL, request.member_id))
            return
        if not isinstance(group, ClassicGroup):
            if request.member_id:
                reply(JoinResult(GroupError.UNKNOWN_MEMBER_ID, request.member_id))
                return
            if not self._has_room(name):
                reply(JoinResult(GroupError.GROUP_MAX_SIZE_REACHED, ""))
                return
            group = self._groups[name] = ClassicGroup(name, self._new_member_id)
        group.initial_delay = self._config.int("group.initial.rebalance.delay.ms")
        group.max_size = min(self._config.int("group.max.size"), MAX_MEMBERS)
        group.join(request, self.now, reply)
        self._watch(name)

    def sync(
        self,
        name: str,
        member_id: str,
        instance_id: str | None,
        generation: int,
        protocol: tuple[str | None, str | None],
        assignments: dict[str, bytes],
        reply: SyncReply,
    ) -> None:
        """Let a member bring and get assignments."""
        group = self.group(name)
        if group is None:
            reply(SyncResult(GroupError.UNKNOWN_MEMBER_ID))
            return
        group.sync(member_id, instance_id, generation, protocol, assignments, self.now, reply)
        self._watch(name)

    def heartbeat(
        self, name: str, member_id: str, instance_id: str | None, generation: int
    ) -> GroupError:
        """Let a member of a classic group say that it is there."""
        group = self.group(name)
        if group is None:
            return GroupError.UNKNOWN_MEMBER_ID
        error = group.heartbeat(member_id, instance_id, generation, self.now)
        self._watch(name)
        return error

    def leave(self, name: str, member_id: str, instance_id: str | None) -> GroupError:
        """Let a member go, of whatever kind of group: administrators remove members this way."""
        group = self._groups.get(name)
        if group is None:
            return GroupError.UNKNOWN_MEMBER_ID
        if isinstance(group, ConsumerGroup):
            error = group.remove(member_id, instance_id)
        else:
            error = group.leave(member_id, instance_id, self.now)
        self._watch(name)
        return error

    def member_ids(self, name: str) -> list[str]:
        """The members of a group that are Kafka's clients."""
        group = self._groups.get(name)
        return [] if group is None else [each.member_id for each in group.members.values()]

    def expire_member(self, name: str, member_id: str | None = None) -> None:
        """Let the session of a member be over now, or those of all; who waits is not silent."""
        group = self._groups.get(name)
        if group is None:
            return
        for member in group.members.values():
            if member_id in (None, member.member_id):
                member.deadline = self.now
        group.expire(self.now)
        self._watch(name)

    def _new_member_id(self, prefix: str) -> str:
        return f"{prefix}-{self.new_id()}"

    def new_id(self) -> str:
        """An id that nobody has; the same ones in every run."""
        return str(uuid5(NAMESPACE_URL, f"member:{next(self._numbers)}"))

    def _has_room(self, name: str) -> bool:
        """Whether another group may be founded; those that nobody is in make room."""
        if name not in self._groups and len(self._groups) >= MAX_GROUPS:
            for other in [name for name, group in self._groups.items() if not group.members]:
                del self._groups[other]
                self._watch(other)
        return name in self._groups or len(self._groups) < MAX_GROUPS

    # Members of consumer groups

    def consumer_heartbeat(self, name: str, beat: ConsumerBeat) -> BeatResult:
        """Let a member of a consumer group join, stay or leave; raises GroupRefusal."""
        group = self._consumer_group(name, beat.member_epoch)
        group.session_timeout = self.consumer_setting(name, "session.timeout.ms")
        group.assignment_interval = self.consumer_setting(name, "assignment.interval.ms")
        group.max_size = min(self._config.int("group.consumer.max.size"), MAX_MEMBERS)
        group.default_assignor = self._config.list("group.consumer.assignors")[0]
        try:
            result = group.heartbeat(beat, self.topics(), self.now)
        finally:
            self._watch(name)
        self._groups[name] = group
        self._watch(name)
        return result

    def consumer_setting(self, name: str, setting: str) -> int:
        """A setting of one consumer group: its own, or else that of the brokers."""
        value = self._group_setting(name, f"consumer.{setting}")
        assert isinstance(value, int), f"consumer.{setting} is no whole number"
        return value

    def _consumer_group(self, name: str, epoch: int) -> ConsumerGroup:
        """The group that somebody in that epoch heartbeats to, a new one if it joins."""
        group = self._groups.get(name)
        if isinstance(group, ConsumerGroup):
            return group
        if epoch != JOINING:
            problem = "not found" if group is None else "is not a consumer group"
            kind = "Consumer group" if group is None and epoch > JOINING else "Group"
            raise GroupRefusal(GroupError.GROUP_ID_NOT_FOUND, f"{kind} {name} {problem}.")
        if group is not None and group.members:
            raise GroupRefusal(
                GroupError.GROUP_ID_NOT_FOUND,
                f"Cannot upgrade classic group {name} to consumer group because online upgrade is "
                "disabled.",
            )
        if not self._has_room(name):
            raise GroupRefusal(
                GroupError.GROUP_MAX_SIZE_REACHED, f"There are {MAX_GROUPS} groups already."
            )
        return ConsumerGroup(name)

    # Commits

    def may_commit(
        self,
        name: str,
        member_id: str,
        instance_id: str | None,
        generation: int,
        *,
        transactional: bool = False,
    ) -> GroupError:
        """Whether a commit is accepted; `generation` is the member's epoch in a consumer group.

        See `is_stale` for what may be wrong with single partitions all the same. One that belongs
        to a transaction may come while the group rebalances.
        """
        group = self._groups.get(name)
        if isinstance(group, ConsumerGroup) and group.members:
            try:
                group.check_member(member_id, generation, older=True)
            except GroupRefusal as refusal:
                stale = refusal.error is GroupError.STALE_MEMBER_EPOCH
                return GroupError.ILLEGAL_GENERATION if stale and transactional else refusal.error
            return GroupError.NONE
        if not isinstance(group, ClassicGroup) or group.state is GroupState.EMPTY:
            if generation < 0:
                others = self._log.groups.members(name) and not transactional
                return GroupError.UNKNOWN_MEMBER_ID if others else GroupError.NONE
            known = group is not None or self.exists(name)
            return GroupError.UNKNOWN_MEMBER_ID if known else GroupError.ILLEGAL_GENERATION
        if generation < 0 and not member_id and not instance_id:
            return GroupError.NONE if transactional else GroupError.UNKNOWN_MEMBER_ID
        error = group.check(member_id, instance_id, generation)
        if error is GroupError.NONE:
            group.touch(member_id, self.now)
            self._watch(name)
            if group.state is GroupState.COMPLETING and not transactional:
                error = GroupError.REBALANCE_IN_PROGRESS
        return error

    def committed(self, name: str) -> None:
        """An offset was taken: those of the group count for another while."""
        self._expiry.touch(name)

    def is_stale(self, name: str, member_id: str, epoch: int, topic: str, partition: int) -> bool:
        """Whether an accepted commit is older than the member's right to that partition."""
        group = self.consumer_group(name)
        if group is None or member_id not in group.members or not self._log.has_topic(topic):
            return False
        return group.is_stale(member_id, epoch, (self._log.shape(topic)[0], partition))

    def may_fetch(self, name: str, member_id: str | None, epoch: int) -> GroupError:
        """Whether somebody may ask for committed offsets: members of consumer groups as such."""
        group = self.consumer_group(name)
        if group is not None and (member_id is not None or epoch >= 0):
            try:
                group.check_member(member_id or "", epoch)
            except GroupRefusal as refusal:
                return refusal.error
        return GroupError.NONE

    # Time

    def _watch(self, name: str) -> None:
        """See to it that the group's `expire` is called when it is time; after each change."""
        group = self._groups.get(name)
        deadline = None if group is None else group.deadline
        known = self._timers.get(name)
        if known is not None:
            if deadline is not None and known[0] <= deadline:
                return  # it will look again then
            known[1].cancel()
            del self._timers[name]
        if deadline is not None:
            timer = self._clock.call_at(deadline, lambda: self._expire(name))
            self._timers[name] = (deadline, timer)

    def _expire(self, name: str) -> None:
        self._timers.pop(name, None)
        group = self._groups.get(name)
        if group is not None:
            group.expire(self.now)
            self._watch(name)

    def _start_again(self) -> None:
        """The offsets are others all at once: members must join again to go on from there."""
        for name, group in list(self._groups.items()):
            group.clear()
            self._watch(name)


def answer(future: Future[Any]) -> Callable[[Any], None]:
    """A reply that resolves `future`, unless the client has gone meanwhile."""

    def reply(result: Any) -> None:
        if not future.done():
            future.set_result(result)

    return reply
