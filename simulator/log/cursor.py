"""Reads several partitions together, in the order in which the records were appended."""

from __future__ import annotations

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from simulator.log.columns import RecordColumns
from simulator.log.errors import OffsetOutOfRange, TopicDeleted
from simulator.log.partition_reader import PartitionReader
from simulator.log.record import Headers, Record

if TYPE_CHECKING:
    from simulator.log.log_reader import LogReader

T = TypeVar("T")

_NO_RECORDS = RecordColumns((), b"", (), (), (), (), (), {}, frozenset())


class Cursor:
    """A reader's place in one or more partitions; made by `TopicLog.cursor`.

    It reads events: records of a transaction once that is committed, and none of one that was
    aborted (as Kafka's consumers with `isolation.level=read_committed`). As for them, what lies
    behind the first record of an open transaction has to wait.

    What may happen to the log between two polls, and what the next poll does:

    - records were appended: it reads on; the merged order holds within what is there;
    - retention or delete_records removed records not yet read: it goes on at the first one kept,
      and `skipped` grows by their number;
    - the log was reset: it begins again at offset 0, with the records appended since;
    - a snapshot was restored: it goes back to the first offset at which the restored records are
      others than those it has read, and reads on from there;
    - a topic was deleted: poll raises TopicDeleted (a TopicNotFound). A topic created again under
      the name is another topic; open a new cursor, with `offsets` of the others if wanted.
    """

    __slots__ = ("_log", "_offsets", "_partitions", "_sources", "_timelines", "skipped")

    def __init__(self, log: LogReader, starts: Sequence[tuple[PartitionReader, int]]) -> None:
        for partition, offset in starts:
            if not partition.start <= offset <= partition.end:
                raise OffsetOutOfRange(
                    partition.topic, partition.index, offset, partition.start, partition.end
                )
        self._log = log
        self._partitions = [partition for partition, _ in starts]
        self._timelines = [partition.timeline for partition, _ in starts]
        self._offsets = [offset for _, offset in starts]
        self._sources = tuple((p.topic, p.index) for p in self._partitions)
        self.skipped = 0

    @property
    def offsets(self) -> Mapping[tuple[str, int], int]:
        """The offset to be read next, by (topic, partition), without those deleted."""
        self._catch_up()
        return {
            source: offset
            for source, offset, partition in zip(
                self._sources, self._offsets, self._partitions, strict=True
            )
            if not partition.deleted
        }

    @property
    def at_end(self) -> bool:
        """Whether everything has been read that is there now; TopicDeleted as in poll."""
        self._catch_up()
        self._check_alive()
        return not self._behind()

    def _behind(self) -> dict[int, int]:
        """Where there are events to read: for the index of a partition, the offset of the first."""
        behind: dict[int, int] = {}
        for i, partition in enumerate(self._partitions):
            offset = partition.transactions.next_visible(self._offsets[i])
            if offset < partition.last_stable_offset:
                behind[i] = offset
        return behind

    def poll(self, max_records: int, max_bytes: int = sys.maxsize) -> list[Record]:
        """The next records, at most `max_records` and, beyond the first, `max_bytes` in all.

        Empty when everything has been read. Bytes are those of keys, values and headers.
        """
        return self.poll_columns(max_records, max_bytes).records()

    def poll_columns(self, max_records: int, max_bytes: int = sys.maxsize) -> RecordColumns:
        """The same as columns, for readers that encode many records."""
        self._catch_up()
        self._check_alive()
        behind = self._behind()
        if not behind:
            self._pass_what_is_hidden()
            return _NO_RECORDS
        if max_records < 1:
            return _NO_RECORDS
        if len(behind) > 1:
            return self._poll_merged(behind, max_records, max_bytes)
        ((source, offset),) = behind.items()
        partition = self._partitions[source]
        stop = partition.stop(offset, max_records, max_bytes)
        self._offsets[source] = stop
        return partition.columns(offset, stop)

    def _pass_what_is_hidden(self) -> None:
        """Go behind markers and aborted records at the end: a reader is not late for those."""
        for i, partition in enumerate(self._partitions):
            self._offsets[i] = max(self._offsets[i], partition.last_stable_offset)

    def _poll_merged(
        self, behind: dict[int, int], max_records: int, max_bytes: int
    ) -> RecordColumns:
        """Take from each partition what lies in one window of positions, and sort by position.

        Positions are dense over the log, so a window as wide as the number of records wanted
        never holds more; it is widened while other topics' records leave it too empty.
        """
        heads = [(self._partitions[i], offset) for i, offset in behind.items()]
        first = min(partition.position_of(offset) for partition, offset in heads)
        end = self._log.end_position
        width = max_records
        while True:
            limit = min(first + width, end)
            stops = [p.stop(offset, max_records, max_bytes, limit) for p, offset in heads]
            found = sum(stop - offset for (_, offset), stop in zip(heads, stops, strict=True))
            # Nothing from here on may be delivered yet: some partition was not read further.
            frontier = min(
                (
                    p.position_of(stop)
                    for (p, _), stop in zip(heads, stops, strict=True)
                    if stop < p.last_stable_offset
                ),
                default=end,
            )
            if found >= max_records or frontier < limit or limit == end:
                break
            width *= 4
        parts = [
            _Part(i, stop, p.columns(offset, stop), p.sizes(offset, stop))
            for i, (p, offset), stop in zip(behind, heads, stops, strict=True)
            if stop > offset
        ]
        return self._merge(parts, frontier, max_records, max_bytes)

    def _merge(
        self, parts: list[_Part], frontier: int, max_records: int, max_bytes: int
    ) -> RecordColumns:
        positions = _chain(part.columns.positions for part in parts)
        order = sorted(range(len(positions)), key=positions.__getitem__)
        stop = bisect_left(order, frontier, key=positions.__getitem__)
        del order[min(stop, max_records) :]
        if sum(sum(part.sizes) for part in parts) > max_bytes:
            sizes = _chain(part.sizes for part in parts)
            ends = list(accumulate(sizes[row] for row in order))
            del order[max(bisect_right(ends, max_bytes), 1) :]

        last = positions[order[-1]]
        for part in parts:
            taken = bisect_right(part.columns.positions, last)
            whole = taken == len(part.columns)
            if taken:
                self._offsets[part.place] = part.stop if whole else part.columns.offsets[taken]
        return _pick(parts, positions, order)

    def _catch_up(self) -> None:
        """Bring the offsets in line with what has happened to the partitions."""
        offsets = self._offsets
        for i, partition in enumerate(self._partitions):
            if partition.timeline is not self._timelines[i]:
                common_end = partition.timeline.common_end(self._timelines[i])
                offsets[i] = min(offsets[i], common_end)
                self._timelines[i] = partition.timeline
            if offsets[i] < partition.start:
                self.skipped += partition.start - offsets[i]
                offsets[i] = partition.start

    def _check_alive(self) -> None:
        for partition in self._partitions:
            if partition.deleted:
                raise TopicDeleted(partition.topic)


class _Part(NamedTuple):
    """What one partition gives to a merge up to the offset `stop`; `place` is its index."""

    place: int
    stop: int
    columns: RecordColumns
    sizes: Sequence[int]


def _pick(parts: list[_Part], positions: list[int], order: list[int]) -> RecordColumns:
    """The rows of all parts, one part after another, in the given order."""

    def pick(column: Iterable[Sequence[T]]) -> list[T]:
        return list(map(_chain(column).__getitem__, order))

    headers: dict[int, Headers] = {}
    unchecked: set[int] = set()
    shift = 0
    for part in parts:
        for row, value in part.columns.headers.items():
            headers[row + shift] = value
        unchecked.update(row + shift for row in part.columns.unchecked)
        shift += len(part.columns)
    if headers:
        headers = {row: headers[old] for row, old in enumerate(order) if old in headers}
    if unchecked:
        unchecked = {row for row, old in enumerate(order) if old in unchecked}
    return RecordColumns(
        sources=tuple(part.columns.sources[0] for part in parts),
        source=pick([index] * len(part.columns) for index, part in enumerate(parts)),
        offsets=pick(part.columns.offsets for part in parts),
        timestamps=pick(part.columns.timestamps for part in parts),
        keys=pick(part.columns.keys for part in parts),
        values=pick(part.columns.values for part in parts),
        positions=list(map(positions.__getitem__, order)),
        headers=headers,
        unchecked=unchecked,
    )


def _chain(columns: Iterable[Sequence[T]]) -> list[T]:
    return list(chain.from_iterable(columns))
