"""Groups of plain subscribers: how far each has come, and who reads what.

Committed offsets are data of the log: snapshots hold them and reset() forgets them. Membership is
not, since it says who is connected. Kafka's own group protocols are another matter and can share
the offsets kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from simulator.log.errors import InvalidGroup, OffsetOutOfRange
from simulator.log.topics import Topics
from simulator.log.waiters import Waiters

Place = tuple[str, int]
"""A topic and a partition."""

NO_EPOCH: Final = -1


class Commit(NamedTuple):
    """A committed offset with what a Kafka client may add to it."""

    offset: int
    leader_epoch: int = NO_EPOCH
    metadata: str = ""


OffsetTable = dict[str, dict[Place, Commit]]
"""Commits by group."""

MAX_GROUP_NAME: Final = 255
"""Characters of a group's name. Kafka sets no limit; this keeps garbage out."""


MAX_GROUPS: Final = 100_000
"""Groups with committed offsets. Kafka sets no limit; this keeps a stranger's in bounds."""


class Share(NamedTuple):
    """The partitions that a member reads, in the group's `generation`.

    The generation changes whenever a member joins or leaves: a member that finds another than
    its own asks for its share again, and resumes each partition where the group has committed.
    """

    generation: int
    partitions: tuple[Place, ...]


class _Membership:
    __slots__ = ("generation", "members")

    def __init__(self) -> None:
        self.generation = 0
        self.members: dict[str, frozenset[Place]] = {}


class GroupOffsets:
    """The groups of one log."""

    __slots__ = (
        "_memberships",
        "_on_restore",
        "_own",
        "_shared",
        "_table",
        "_topics",
        "_waiters",
        "_watchers",
    )

    def __init__(self, topics: Topics, waiters: Waiters) -> None:
        self._topics = topics
        self._waiters = waiters
        self._table: OffsetTable = {}
        self._shared = False  # with a snapshot: copy before writing
        self._own: set[str] = set()  # groups whose own table no snapshot shares
        self._memberships: dict[str, _Membership] = {}
        self._watchers: list[Callable[[], object]] = []
        self._on_restore: list[Callable[[], object]] = []

    # Offsets

    def watch(self, callback: Callable[[], object]) -> None:
        """Call back after each commit from now on."""
        self._watchers.append(callback)

    def unwatch(self, callback: Callable[[], object]) -> None:
        """Call back no more."""
        if callback in self._watchers:
            self._watchers.remove(callback)

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        """Remember that `group` has dealt with everything before `offset`.

        The offset may lie before the first record kept, and may go back, but not beyond the end.
        Raises InvalidGroup, TopicNotFound, PartitionNotFound or OffsetOutOfRange.
        """
        _check_name(group)
        end = self._topics.partition(topic, partition).end
        if not 0 <= offset <= end:
            raise OffsetOutOfRange(topic, partition, offset, 0, end)
        self._put(group, (topic, partition), Commit(offset))

    def store(self, group: str, topic: str, partition: int, commit: Commit) -> None:
        """Remember what a Kafka client commits: any offset, also of a group without a name.

        Raises InvalidGroup, TopicNotFound or PartitionNotFound.
        """
        if group:
            _check_name(group)
        self._topics.partition(topic, partition)
        self._put(group, (topic, partition), commit)

    def _put(self, group: str, place: Place, commit: Commit) -> None:
        self._own_offsets(group)[place] = commit
        for watcher in tuple(self._watchers):
            watcher()

    def commits(self, group: str) -> Mapping[Place, Commit]:
        """All commits of `group` by (topic, partition); empty for an unknown group."""
        return MappingProxyType(dict(self._table.get(group, {})))

    def commit_at(self, group: str, place: Place) -> Commit | None:
        """The last commit of `group` there, None if it has none; the same object until the next."""
        return self._table.get(group, {}).get(place)

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        """The offset that `group` resumes at, None if it has committed none."""
        commit = self.commit_at(group, (topic, partition))
        return None if commit is None else commit.offset

    def offsets(self, group: str) -> Mapping[Place, int]:
        """All offsets of `group` by (topic, partition); empty for an unknown group."""
        table = self._table.get(group, {})
        return MappingProxyType({place: commit.offset for place, commit in table.items()})

    def names(self) -> list[str]:
        """Groups with committed offsets or members, sorted."""
        return sorted({*self._table, *self._memberships})

    def exists(self, group: str) -> bool:
        """Whether the group has committed offsets or members."""
        return group in self._table or group in self._memberships

    def delete_commits(self, group: str, places: Iterable[Place]) -> None:
        """Forget the offsets of `group` in those places."""
        if group in self._table:
            offsets = self._own_offsets(group)
            for place in places:
                offsets.pop(place, None)

    def delete(self, group: str) -> None:
        """Forget the offsets of `group`. Members stay."""
        if group in self._table:
            self._own_table().pop(group)
            self._own.discard(group)

    def _own_table(self) -> OffsetTable:
        if self._shared:
            self._table = dict(self._table)
            self._shared = False
        return self._table

    def _own_offsets(self, group: str) -> dict[Place, Commit]:
        table = self._own_table()
        if group not in self._own:
            if group not in table and len(table) >= MAX_GROUPS:
                raise InvalidGroup(group, f"{MAX_GROUPS} groups have committed offsets already")
            table[group] = dict(table.get(group, {}))
            self._own.add(group)
        return table[group]

    def freeze(self) -> OffsetTable:
        """The offsets as they are, not to be changed by anything that comes after."""
        self._shared = True
        self._own = set()
        return self._table

    def restore(self, table: OffsetTable) -> None:
        """Hold again what was frozen."""
        self._table = table
        self._shared = True
        self._own = set()
        for callback in tuple(self._on_restore):
            callback()

    def on_restore(self, callback: Callable[[], object]) -> None:
        """Call `callback` from now on whenever all offsets become others at once."""
        self._on_restore.append(callback)

    def forget_restore(self, callback: Callable[[], object]) -> None:
        """Call `callback` no more."""
        if callback in self._on_restore:
            self._on_restore.remove(callback)

    def forget_topic(self, topic: str) -> None:
        """Drop the offsets of a deleted topic, as Kafka's coordinator does."""
        for group in list(self._table):
            gone = [place for place in self._table[group] if place[0] == topic]
            if gone:
                offsets = self._own_offsets(group)
                for place in gone:
                    del offsets[place]

    # Members

    def join(self, group: str, member: str, partitions: Iterable[Place]) -> Share:
        """Add `member`, who reads any of `partitions`; return its share.

        Joining again replaces what the member asked for. Wakes everybody who waits on the log,
        so that other members notice at once that their share has changed.
        """
        _check_name(group)
        wanted = frozenset(partitions)
        membership = self._memberships.setdefault(group, _Membership())
        if membership.members.get(member) != wanted:
            membership.members[member] = wanted
            membership.generation += 1
            self._waiters.wake_all()
        return self.share(group, member)

    def leave(self, group: str, member: str) -> None:
        """Remove `member`, if it is there, and let the others share its partitions."""
        membership = self._memberships.get(group)
        if membership is None or membership.members.pop(member, None) is None:
            return
        membership.generation += 1
        if not membership.members:
            del self._memberships[group]
        self._waiters.wake_all()

    def members(self, group: str) -> list[str]:
        """The members of `group`, sorted."""
        membership = self._memberships.get(group)
        return sorted(membership.members) if membership else []

    def generation(self, group: str) -> int:
        """How often the group's members have changed; 0 for a group without members."""
        membership = self._memberships.get(group)
        return membership.generation if membership else 0

    def share(self, group: str, member: str) -> Share:
        """The partitions of `member`; InvalidGroup if it has not joined."""
        membership = self._memberships.get(group)
        if membership is None or member not in membership.members:
            raise InvalidGroup(group, f"{member!r} is not a member; join first")
        return Share(membership.generation, _range_share(membership.members, member))


def _range_share(members: Mapping[str, Collection[Place]], member: str) -> tuple[Place, ...]:
    """Partitions that the same members want are cut into one range for each, in sorted order.

    As Kafka's range assignor, but across topics, so that two members share two topics of one
    partition each. The first members get the odd ones.
    """
    wanted_by: dict[tuple[str, ...], list[Place]] = {}
    for place in sorted({place for places in members.values() for place in places}):
        readers = tuple(sorted(name for name, places in members.items() if place in places))
        wanted_by.setdefault(readers, []).append(place)
    share: list[Place] = []
    for readers, places in wanted_by.items():
        if member in readers:
            index = readers.index(member)
            each, odd = divmod(len(places), len(readers))
            low = index * each + min(index, odd)
            share += places[low : low + each + (index < odd)]
    return tuple(sorted(share))


def _check_name(group: str) -> None:
    if not group:
        raise InvalidGroup(group, "a group needs a name")
    if len(group) > MAX_GROUP_NAME:
        raise InvalidGroup(
            group[:20] + "...", f"the name is longer than {MAX_GROUP_NAME} characters"
        )
