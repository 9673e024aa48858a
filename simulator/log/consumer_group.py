"""A group whose work is shared out by the broker: Kafka's consumer group protocol (KIP-848).

There is one request, a heartbeat, and three epochs. The group's goes up whenever its members or
what they read change; a new target assignment is then made, and the assignment's epoch follows.
Each member comes to its target at its own pace (`ConsumerMember`), and its epoch follows last.

    state         meaning
    EMPTY         nobody is in it
    ASSIGNING     the assignment has yet to follow the group
    RECONCILING   some members have yet to follow the assignment
    STABLE        everybody has what it should have

Times are milliseconds of any clock; what must happen later is told by `deadline`, and `expire`
makes it happen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from uuid import UUID

from simulator.log.assignors import ASSIGNORS, Reader
from simulator.log.classic_roster import MAX_MEMBERS
from simulator.log.consumer_member import ConsumerMember, MemberState
from simulator.log.consumer_messages import (
    JOINING,
    LEAVING,
    LEAVING_FOR_NOW,
    BeatResult,
    ConsumerBeat,
    ConsumerGroupState,
    GroupRefusal,
    Place,
    Topics,
    TopicShape,
    unknown_member,
)
from simulator.log.group_messages import GroupError
from simulator.log.subscriptions import Subscriptions

FIRST_EPOCH = 2
"""Of a group's first members, as Kafka 4.4 numbers them."""


class ConsumerGroup:
    """One group. The settings may be changed at any time; times are in milliseconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.session_timeout = 45_000
        self.assignment_interval = 0
        self.max_size = MAX_MEMBERS
        self.default_assignor = next(iter(ASSIGNORS))
        self.epoch = 0
        self.assignment_epoch = 0
        self.members: dict[str, ConsumerMember] = {}
        self.target: dict[str, frozenset[Place]] = {}
        self._static: dict[str, str] = {}
        self._holders: dict[Place, str] = {}
        self._subscriptions = Subscriptions()
        self._shapes: frozenset[TopicShape] = frozenset()  # of all topics that somebody reads
        self._assigned_at: int | None = None

    @property
    def state(self) -> ConsumerGroupState:
        """How far the group is."""
        if not self.members:
            return ConsumerGroupState.EMPTY
        if self.epoch > self.assignment_epoch:
            return ConsumerGroupState.ASSIGNING
        if all(m.is_reconciled(self.assignment_epoch) for m in self.members.values()):
            return ConsumerGroupState.STABLE
        return ConsumerGroupState.RECONCILING

    @property
    def assignor(self) -> str:
        """The one that most members ask for."""
        votes = Counter(m.assignor for m in self.members.values() if m.assignor is not None)
        return min(votes, key=lambda name: (-votes[name], name), default=self.default_assignor)

    # Heartbeats

    def heartbeat(self, beat: ConsumerBeat, topics: Topics, now: int) -> BeatResult:
        """A member joins, stays, or leaves; raises GroupRefusal, and then nothing has changed."""
        if beat.member_epoch in (LEAVING, LEAVING_FOR_NOW):
            return self._leave(beat)
        known = beat.member_id in self.members
        if not known and len(self.members) >= self.max_size:
            raise GroupRefusal(
                GroupError.GROUP_MAX_SIZE_REACHED,
                f"The consumer group has reached its maximum capacity of {self.max_size} members.",
            )
        self._check(beat)
        if beat.topic_regex:
            self._subscriptions.check(beat.topic_regex)
        member = self._member(beat)
        before = (member.epoch, member.state, member.assigned, member.revoking)
        reads_others = member.update(beat)
        self._follow_subscriptions(topics, changed=reads_others)
        if self.epoch > self.assignment_epoch and self._may_assign(now):
            self._assign(topics, now)
        if reads_others or not member.is_reconciled(self.assignment_epoch):
            self._reconcile(member, topics, beat.owned)
        if before != (member.epoch, member.state, member.assigned, member.revoking):
            unrevoked = member.state is MemberState.UNREVOKED
            member.rebalance_end = now + member.rebalance_timeout if unrevoked else None
        member.deadline = now + self.session_timeout
        tell = beat.member_epoch == JOINING or beat.tells_all or before[2] != member.assigned
        return BeatResult(
            member.member_id, member.epoch, frozenset(member.assigned) if tell else None
        )

    def _check(self, beat: ConsumerBeat) -> None:
        """Whether somebody is the member that it says, in an epoch that it may be in."""
        if beat.instance_id is not None:
            self._check_static(beat)
        elif beat.member_epoch != JOINING and beat.member_id not in self.members:
            raise unknown_member(beat.member_id, self.name)
        member = self.members.get(beat.member_id)
        if member is None or beat.member_epoch in (JOINING, member.epoch):
            return
        if beat.member_epoch > member.epoch:
            raise _fenced("greater", beat.member_epoch, member.epoch)
        answer_was_lost = beat.member_epoch == member.previous_epoch
        if not answer_was_lost or beat.owned is None or not beat.owned <= member.assigned.keys():
            raise _fenced("smaller", beat.member_epoch, member.epoch)

    def _check_static(self, beat: ConsumerBeat) -> None:
        known_as = self._static.get(beat.instance_id or "")
        if beat.member_epoch == JOINING:
            if known_as is not None and self.members[known_as].epoch != LEAVING_FOR_NOW:
                raise GroupRefusal(
                    GroupError.UNRELEASED_INSTANCE_ID,
                    f"Static member {beat.member_id} with instance id {beat.instance_id} cannot "
                    f"join the group because the instance id is owned by {known_as} member.",
                )
        else:
            self._static_member(beat)

    def _static_member(self, beat: ConsumerBeat) -> ConsumerMember:
        known_as = self._static.get(beat.instance_id or "")
        if known_as is None:
            raise GroupRefusal(
                GroupError.UNKNOWN_MEMBER_ID, f"Instance id {beat.instance_id} is unknown."
            )
        if known_as != beat.member_id:
            raise GroupRefusal(
                GroupError.FENCED_INSTANCE_ID,
                f"Static member {beat.member_id} with instance id {beat.instance_id} was fenced "
                f"by member {known_as}.",
            )
        return self.members[known_as]

    def _member(self, beat: ConsumerBeat) -> ConsumerMember:
        """The member that a checked heartbeat comes from, new if need be."""
        former = self._static.get(beat.instance_id or "")
        if former is not None and beat.member_epoch == JOINING:
            member = self.members.pop(former).reborn(beat.member_id)
            if former in self.target:
                self.target[beat.member_id] = self.target.pop(former)
            self._holders |= dict.fromkeys(member.holds, beat.member_id)
        else:
            member = self.members.get(beat.member_id) or ConsumerMember(beat.member_id)
        self.members[beat.member_id] = member
        if beat.instance_id is not None:
            self._static[beat.instance_id] = beat.member_id
        return member

    # Assignments

    def _follow_subscriptions(self, topics: Topics, *, changed: bool) -> None:
        """Go to the next epoch if members read other topics, or their topics have changed."""
        shapes = self._subscriptions.shapes(self.members.values(), topics)
        if self.epoch == 0:
            self.epoch = FIRST_EPOCH
        elif changed or shapes != self._shapes:
            self.epoch += 1
        self._shapes = shapes

    def _may_assign(self, now: int) -> bool:
        last = self._assigned_at
        return last is None or not 0 <= now - last < self.assignment_interval

    def _assign(self, topics: Topics, now: int) -> None:
        readers = {
            member.member_id: Reader(member.instance_id, self.topics_of(member, topics))
            for member in self.members.values()
        }
        sizes = {shape.topic_id: shape.partitions for shape in self._shapes}
        self.target = ASSIGNORS[self.assignor](readers, sizes, self.target)
        self.assignment_epoch = self.epoch
        self._assigned_at = now

    def topics_of(self, member: ConsumerMember, topics: Topics) -> frozenset[UUID]:
        """The ids of the topics that a member reads."""
        return self._subscriptions.topic_ids(member, topics)

    def reads(self, topic: str, topics: Topics) -> bool:
        """Whether some member reads that topic."""
        shape = topics.get(topic)
        return shape is not None and any(
            shape.topic_id in self.topics_of(member, topics) for member in self.members.values()
        )

    def _reconcile(
        self, member: ConsumerMember, topics: Topics, owned: frozenset[Place] | None
    ) -> None:
        held = member.holds
        member.reconcile(
            self.assignment_epoch,
            self.target.get(member.member_id, frozenset()),
            self.topics_of(member, topics),
            owned,
            self._holders.__contains__,
        )
        self._let_go(held - member.holds)
        self._holders |= dict.fromkeys(member.holds, member.member_id)

    def _let_go(self, places: Collection[Place]) -> None:
        for place in places:
            del self._holders[place]

    # Leaving

    def _leave(self, beat: ConsumerBeat) -> BeatResult:
        if beat.instance_id is not None:
            member = self._static_member(beat)
        elif beat.member_id in self.members:
            member = self.members[beat.member_id]
        else:
            raise unknown_member(beat.member_id, self.name)
        if beat.instance_id is not None and beat.member_epoch == LEAVING_FOR_NOW:
            self._let_go(member.revoking)
            member.revoking = {}
            member.epoch = LEAVING_FOR_NOW
            member.rebalance_end = None
        else:
            self._fence(member)
        return BeatResult(beat.member_id, beat.member_epoch)

    def remove(self, member_id: str, instance_id: str | None) -> GroupError:
        """Put a member out at somebody else's request; a static one goes by its instance id."""
        if instance_id is not None:
            known_as = self._static.get(instance_id)
            if known_as is None:
                return GroupError.UNKNOWN_MEMBER_ID
            if member_id not in ("", known_as):
                return GroupError.FENCED_INSTANCE_ID
            member_id = known_as
        if member_id not in self.members:
            return GroupError.UNKNOWN_MEMBER_ID
        self._fence(self.members[member_id])
        return GroupError.NONE

    def _fence(self, member: ConsumerMember) -> None:
        """Put a member out; its partitions are free at once."""
        del self.members[member.member_id]
        self.target.pop(member.member_id, None)
        if member.instance_id is not None:
            self._static.pop(member.instance_id, None)
        self._let_go(member.holds)
        self.epoch += 1
        if not self.members:
            self.assignment_epoch = self.epoch

    def clear(self) -> None:
        """Put everybody out at once: they are told that they are not known, and may come again."""
        for member in list(self.members.values()):
            self._fence(member)

    # Commits

    def check_member(self, member_id: str, epoch: int, *, older: bool = False) -> None:
        """Raise GroupRefusal unless that is a member, in that epoch or (if `older`) in a later one.

        Of commits of an older epoch `is_stale` has the last word.
        """
        member = self.members.get(member_id)
        if member is None:
            raise unknown_member(member_id, self.name)
        if epoch > member.epoch or (epoch < member.epoch and not older):
            raise GroupRefusal(
                GroupError.STALE_MEMBER_EPOCH,
                f"The received member epoch {epoch} does not match the expected member epoch "
                f"{member.epoch}.",
            )

    def is_stale(self, member_id: str, epoch: int, place: Place) -> bool:
        """Whether the member's commit comes from before the partition became its own (KIP-1251)."""
        member = self.members[member_id]
        if epoch == member.epoch:
            return False
        since = member.assigned.get(place, member.revoking.get(place))
        return since is None or epoch < since

    # Time

    @property
    def deadline(self) -> int | None:
        """When `expire` should be called next."""
        ends = [member.deadline for member in self.members.values()]
        ends += [m.rebalance_end for m in self.members.values() if m.rebalance_end is not None]
        return min(ends, default=None)

    def expire(self, now: int) -> None:
        """Put out who has been silent for too long, or has kept what it should have given up."""
        for member in list(self.members.values()):
            ends = (member.deadline, member.rebalance_end)
            if any(end is not None and end <= now for end in ends):
                self._fence(member)


def _fenced(which: str, received: int, known: int) -> GroupRefusal:
    return GroupRefusal(
        GroupError.FENCED_MEMBER_EPOCH,
        f"The consumer group member has a {which} member epoch ({received}) than the one known by "
        f"the group coordinator ({known}). The member must abandon all its partitions and rejoin.",
    )
