"""Reading one partition: what it holds, and where to find it by offset, time, position or bytes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Final

from sortedcontainers import SortedDict  # type: ignore[import-untyped]

from simulator.log.columns import RecordColumns
from simulator.log.gather import AnySegment, gather_batches, gather_columns, gather_sizes
from simulator.log.leader_epochs import EpochEnd, LeaderEpochs
from simulator.log.memory import Memory
from simulator.log.retention import Retention
from simulator.log.segment import Segment
from simulator.log.timeline import Timeline
from simulator.log.transaction_index import TransactionIndex

NO_SEGMENTS: Final[SortedDict[int, AnySegment]] = SortedDict()
"""The segments of every empty partition; always copied before it is written to."""

CLOSED: Final = Segment(sys.maxsize, 0, Memory(), 0)
"""Stands for the growing segment where there is none: no offset lies in it."""


class PartitionReader:
    """Records `start` to `end` - 1 of one partition of a topic; `Partition` changes them.

    The segments lie in a dictionary sorted by base offset; the growing one of plain records, if
    there is any, is at hand as `_active`.
    """

    __slots__ = (
        "_active",
        "_segments",
        "deleted",
        "end",
        "end_bytes",
        "epochs",
        "index",
        "source",
        "start",
        "start_bytes",
        "timeline",
        "topic",
        "transactions",
    )

    def __init__(self, topic: str, index: int) -> None:
        self.topic = topic
        self.index = index
        self.source = ((topic, index),)
        self.deleted = False
        self.start = self.end = 0
        self.start_bytes = self.end_bytes = 0
        self.timeline = Timeline()
        self.epochs = LeaderEpochs()
        self.transactions = TransactionIndex()
        self._segments = NO_SEGMENTS
        self._active = CLOSED

    @property
    def bytes_held(self) -> int:
        """Bytes of keys, values and headers of the records kept."""
        return self.end_bytes - self.start_bytes

    @property
    def last_stable_offset(self) -> int:
        """Where the oldest open transaction begins, else the end: readers of events stop there."""
        unstable = self.transactions.first_unstable_offset()
        return self.end if unstable is None else max(unstable, self.start)

    def _segment(self, offset: int) -> AnySegment:
        if offset >= self._active.base_offset:
            return self._active
        segments = self._segments
        segment: AnySegment = segments.peekitem(segments.bisect_right(offset) - 1)[1]
        return segment

    def _segments_from(self, offset: int) -> Iterable[AnySegment]:
        """The segments that hold the records from `offset` on, the shortest way at the end."""
        if offset >= self._active.base_offset:
            return (self._active,)
        if offset >= self.end:
            return ()
        segments = self._segments
        bases = segments.islice(segments.bisect_right(offset) - 1)
        return map(segments.__getitem__, bases)

    def position_of(self, offset: int) -> int:
        """The position of the event at `offset` or the next one; past all others without one."""
        offset = self.transactions.next_visible(offset)
        return self._segment(offset).position_of(offset) if offset < self.end else sys.maxsize

    def offset_for_timestamp(self, timestamp: int) -> int | None:
        """The first offset, in offset order, of a record at least as late as `timestamp`.

        As in Kafka it may be that of a marker.
        """
        for segment in self._segments_from(self.start):
            found = segment.offset_for_timestamp(timestamp, max(self.start, segment.base_offset))
            if found is not None:
                return found
        return None

    def max_timestamp(self) -> int | None:
        """The largest timestamp of the records kept, None if there are none."""
        found = [
            segment.latest_from(max(self.start, segment.base_offset))
            for segment in self._segments_from(self.start)
        ]
        return max(found, default=None)

    def epoch_end(self, epoch: int) -> EpochEnd:
        """Where the records of a leader epoch end."""
        self.epochs.cut_front(self.start)
        return self.epochs.end_of(epoch, self.end)

    def stop(
        self, offset: int, max_records: int, max_bytes: int, before_position: int = sys.maxsize
    ) -> int:
        """Where to stop reading events from `offset`, so that all bounds hold.

        Not behind the last stable offset. At least one record is read whatever `max_bytes` says,
        if there is one, so that a large record cannot stop a reader for ever (as in Kafka's
        Fetch).
        """
        stop = min(self.last_stable_offset, offset + max_records)
        if stop <= offset:
            return offset
        by_bytes = by_position = offset
        limit = None
        for segment in self._segments_from(offset):
            here = max(offset, segment.base_offset)
            if limit is None:
                limit = segment.bytes_before(here) + max_bytes
            by_bytes = segment.offset_within_bytes(limit)
            by_position = segment.offset_before_position(before_position, here)
            if min(by_bytes, by_position) < segment.end_offset or segment.end_offset >= stop:
                break
        return min(stop, max(by_bytes, offset + 1), by_position)

    def columns(self, offset: int, stop: int) -> RecordColumns:
        """The events from `offset` up to and without `stop`, both within start and end."""
        spans = list(self.transactions.visible(offset, stop))
        return gather_columns(self.source, self._segments_from, spans)

    def sizes(self, offset: int, stop: int) -> list[int]:
        """Bytes of key, value and headers of each event from `offset` up to `stop`."""
        return gather_sizes(self._segments_from, self.transactions.visible(offset, stop))

    def timestamp_of(self, offset: int) -> int:
        """The timestamp of whatever lies at `offset`, which is kept."""
        return self._segment(offset).rows(offset, offset + 1).timestamps[0]

    def batches(self, offset: int, max_bytes: int, stop: int = sys.maxsize) -> list[bytes]:
        """Kafka batches of the records from `offset` on: at least one, else within `max_bytes`.

        The first may begin before `offset`; readers skip what they did not ask for, as those of
        Kafka do. None begins at `stop` or behind it.
        """
        return gather_batches(self._segments_from, offset, max_bytes, stop)

    def retained_from(self, retention: Retention, records: int = 0, size: int = 0) -> int:
        """The start offset that the count and byte limits leave once `records` more are in.

        `size` is the bytes of those to come. The result is at most `self.end`.
        """
        start = self.start
        if retention.max_records is not None:
            start = max(start, min(self.end + records - retention.max_records, self.end))
        if retention.max_bytes is not None:
            floor = self.end_bytes + size - retention.max_bytes
            if floor > self.start_bytes:
                for segment in self._segments_from(self.start):
                    reached = segment.offset_reaching_bytes(floor)
                    if reached < segment.end_offset or segment.end_offset == self.end:
                        start = max(start, reached)
                        break
        return start

    def first_piece_end(self) -> int:
        """Where the oldest segment ends; half of what is there if that is the only one."""
        end = self._segment(self.start).end_offset
        return end if end < self.end else (self.start + self.end + 1) // 2

    def memory_before(self, offset: int) -> int:
        """Memory that deleting the records before `offset` and then trimming would give back."""
        memory = 0
        for segment in self._segments.values():
            memory += segment.memory_before(min(offset, segment.end_offset))
            if segment.end_offset >= offset:
                break
        return memory
