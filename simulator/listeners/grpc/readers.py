"""What a subscription reads from: partitions of some topics, or a group member's share of them.

A reader gives columns of records in append order, and notices of what did not go straight on:
records that were deleted before they could be read, and a log that was reset or restored.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from simulator.listeners.grpc.starts import Place
from simulator.log import Cursor, RecordColumns, Share, TopicLog


class Gap(NamedTuple):
    """Offsets of a partition, both inclusive, that were deleted before they could be read."""

    place: Place
    first: int
    last: int


class Batch(NamedTuple):
    """What a poll gave; `rewound` says that some offset went back."""

    columns: RecordColumns
    gaps: list[Gap]
    rewound: bool


class Reader:
    """Reads some partitions from given offsets on."""

    def __init__(self, log: TopicLog, starts: Mapping[Place, int]) -> None:
        self._log = log
        self._cursor = log.cursor(starts)
        self._next: Mapping[Place, int] = starts

    def poll(self, max_records: int, max_bytes: int) -> Batch:
        """Return the next records; raises `TopicDeleted` once a topic is gone."""
        before = self._next
        now = self._cursor.offsets
        gaps, rewound = [], False
        if now != before:
            gaps = [
                Gap(place, before[place], offset - 1)
                for place, offset in now.items()
                if offset > before[place]
            ]
            rewound = any(offset < before[place] for place, offset in now.items())
        columns = self._cursor.poll_columns(max_records, max_bytes)
        self._next = self._cursor.offsets if len(columns) else now
        return Batch(columns, gaps, rewound)

    @property
    def at_end(self) -> bool:
        """Whether everything has been read that there is now."""
        return self._cursor.at_end

    def close(self) -> None:
        """Let go of everything."""


class GroupStarts:
    """Where partitions begin of which a group has acknowledged nothing, as long as it has members.

    The first member that reads such a partition decides. When the partition goes to another
    member, that one begins there too: what nobody acknowledged is delivered again, not lost.
    """

    def __init__(self, log: TopicLog) -> None:
        self._log = log
        self._starts: dict[str, dict[Place, Cursor]] = {}

    def of(self, group: str, place: Place, start: int) -> int:
        """Return where the group begins to read a partition; `start` where it has not begun."""
        starts = self._starts.setdefault(group, {})
        try:
            # A cursor that reads nothing goes along when the log is cut, reset or restored.
            return starts[place].offsets[place]
        except KeyError:  # not begun, or the topic was deleted
            first, end = self._log.bounds(*place)
            start = max(first, min(start, end))
            starts[place] = self._log.cursor({place: start})
            return start

    def forget(self, group: str) -> None:
        """Forget a group without members."""
        self._starts.pop(group, None)


_member_numbers = count(1)


class GroupReader(Reader):
    """Reads the partitions that fall to one member of a group."""

    def __init__(
        self, log: TopicLog, starts: Mapping[Place, int], group: str, group_starts: GroupStarts
    ) -> None:
        """Join the group; `starts` counts where the group has acknowledged nothing."""
        super().__init__(log, {})
        self._starts = starts
        self._group = group
        self._group_starts = group_starts
        self._member = f"stream-{next(_member_numbers):012}"  # sorts by age: old shares stay put
        self._share: Share = log.groups.join(group, self._member, starts)
        self._begin()

    def poll(self, max_records: int, max_bytes: int) -> Batch:
        """Return the next records of the member's present share."""
        if self._log.groups.generation(self._group) != self._share.generation:
            self._share = self._log.groups.share(self._group, self._member)
            self._begin()
        return super().poll(max_records, max_bytes)

    def close(self) -> None:
        """Leave the group."""
        self._log.groups.leave(self._group, self._member)
        if not self._log.groups.members(self._group):
            self._group_starts.forget(self._group)

    def _begin(self) -> None:
        """Read the share: on where this member was reading, else where the group has come to."""
        here = self._cursor.offsets
        wanted: dict[Place, int] = {}
        possible: dict[Place, int] = {}
        for place in self._share.partitions:
            offset = here.get(place)
            if offset is None:
                offset = self._log.groups.committed(self._group, *place)
            if offset is None:
                offset = self._group_starts.of(self._group, place, self._starts[place])
            first, end = self._log.bounds(*place)
            wanted[place] = min(offset, end)
            possible[place] = max(first, wanted[place])
        self._cursor = self._log.cursor(possible)
        self._next = wanted
