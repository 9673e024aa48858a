"""One partition: dense offsets over segments, cut at the front, shared with snapshots."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from typing import Final, NamedTuple

from sortedcontainers import SortedDict  # type: ignore[import-untyped]

from simulator.log.batch_segment import SEGMENT_BATCHES, BatchSegment
from simulator.log.batches import Batch
from simulator.log.columns import RecordColumns
from simulator.log.leader_epochs import FIRST_EPOCH, EpochEnd, FrozenEpochs, LeaderEpochs
from simulator.log.memory import Memory
from simulator.log.producers import Producers
from simulator.log.record import Headers
from simulator.log.retention import Retention
from simulator.log.segment import (
    SEGMENT_BYTES,
    SEGMENT_RECORDS,
    Segment,
    headers_memory,
)
from simulator.log.timeline import Timeline

TRIM_MEMORY: Final = 64 * 1024
"""A front-cut segment is copied without its cut part only when that gives back this much."""

REAP_SEGMENTS: Final = 2
"""Dead segments freed for each one begun or copied: more than that adds, and hardly felt."""

AnySegment = Segment | BatchSegment

_NOTHING: Final[SortedDict[int, AnySegment]] = SortedDict()
"""The segments of every empty partition; always copied before it is written to."""

_CLOSED: Final = Segment(sys.maxsize, 0, Memory(), 0)
"""Stands for the growing segment where there is none: no offset lies in it."""


class PartitionState(NamedTuple):
    """Everything a partition holds, frozen; the segments are shared, not copied."""

    segments: SortedDict[int, AnySegment]
    start: int
    end: int
    start_bytes: int
    end_bytes: int
    timeline: Timeline
    epochs: FrozenEpochs


class Partition:
    """Records `start` to `end` - 1 of one partition of a topic.

    `segments` is a dictionary sorted by base offset. While `_shared` says that a snapshot refers
    to it too, it is copied before it is changed; segments themselves are sealed and shared. So a
    snapshot costs the same whatever the partition holds.
    """

    __slots__ = (
        "_active",
        "_active_batches",
        "_memory",
        "_roll_at",
        "_roll_at_bytes",
        "_segments",
        "_shared",
        "_shared_to",
        "deleted",
        "end",
        "end_bytes",
        "epochs",
        "index",
        "producers",
        "source",
        "start",
        "start_bytes",
        "timeline",
        "topic",
    )

    def __init__(self, topic: str, index: int, memory: Memory) -> None:
        self.topic = topic
        self.index = index
        self.source = ((topic, index),)
        self.deleted = False
        self._memory = memory
        self.producers = Producers()
        self.timeline = Timeline()
        self.epochs = LeaderEpochs()
        self._load(PartitionState(_NOTHING, 0, 0, 0, 0, self.timeline, FIRST_EPOCH))

    def _load(self, state: PartitionState) -> None:
        self._segments, self.start, self.end, self.start_bytes, self.end_bytes, _, epochs = state
        self.epochs.restore(epochs, self.end)
        self.producers.clear()
        self._seal()
        self._share()

    def _share(self) -> None:
        self._shared = True
        self._shared_to = self.end

    def _seal(self) -> None:
        """Make the next append begin a new segment."""
        self._active = _CLOSED
        self._active_batches: BatchSegment | None = None
        self._roll_at = self.end
        self._roll_at_bytes = sys.maxsize

    def _own_segments(self) -> SortedDict[int, AnySegment]:
        if self._shared:
            self._segments = self._segments.copy()
            self._shared = False
        return self._segments

    @property
    def bytes_held(self) -> int:
        """Bytes of keys, values and headers of the records kept."""
        return self.end_bytes - self.start_bytes

    # Appending

    def append(
        self, value: bytes | None, key: bytes | None, timestamp: int, position: int, size: int
    ) -> int:
        """Append one record of `size` bytes and return its offset.

        Raises TypeError or OverflowError, with nothing changed, when `timestamp` is no 64-bit
        integer.
        """
        offset = self.end
        if offset >= self._roll_at or self.end_bytes >= self._roll_at_bytes:
            self._begin_segment(timestamp)
        active = self._active
        active.timestamps.append(timestamp)  # the one that may fail comes first
        active.values.append(value)
        active.keys.append(key)
        active.positions.append(position)
        self.end_bytes = end_bytes = self.end_bytes + size
        active.ends.append(end_bytes)
        self.end = offset + 1
        return offset

    def _begin_segment(self, timestamp: int) -> None:
        array("q", (timestamp,))  # no segment is begun for a record that will be refused
        self._memory.reap(REAP_SEGMENTS)
        self._open(Segment(self.end, self.end_bytes, self._memory, self.epochs.latest))

    def _open(self, segment: Segment) -> None:
        self._own_segments()[segment.base_offset] = segment
        self._active = segment
        self._active_batches = None
        self._roll_at = segment.base_offset + SEGMENT_RECORDS
        self._roll_at_bytes = segment.base_bytes + SEGMENT_BYTES

    def annotate(self, offset: int, headers: Headers, unchecked: bool) -> None:
        """Add what few records have to the record just appended at `offset`."""
        index = offset - self._active.base_offset
        if headers:
            self._active.headers[index] = headers
            self._active.headers_memory += headers_memory(headers)
        if unchecked:
            self._active.unchecked.add(index)

    def append_batch(self, batch: Batch, position: int, unchecked: bool) -> int:
        """Append a batch of records, the first at `position`; return the offset of that one."""
        offset = self.end
        segment = self._active_batches
        if (
            segment is None
            or len(segment.batches) >= SEGMENT_BATCHES
            or self.end_bytes - segment.base_bytes >= SEGMENT_BYTES
        ):
            self._memory.reap(REAP_SEGMENTS)
            self._seal()
            segment = BatchSegment(offset, self.end_bytes, self._memory)
            self._own_segments()[offset] = segment
            self._active_batches = segment
        segment.append(batch, self.epochs.latest, position, unchecked)
        self.end_bytes += len(batch.raw)
        self.end = self._roll_at = offset + batch.records  # a plain record begins its own segment
        return offset

    def begin_epoch(self, epoch: int) -> None:
        """A new leader appends from now on."""
        if epoch != self.epochs.latest:
            self._seal()
            self.epochs.begin(epoch, self.end)

    # Cutting

    def cut(self, start: int) -> None:
        """Delete the records before `start`, which lies between `self.start` and `self.end`."""
        if start <= self.start:
            return
        if start >= self.end:
            self.start = self.end
            self.start_bytes = self.end_bytes
            self._segments = _NOTHING
            self._shared = True
            self._seal()
            return
        head = self._segment(self.start)
        if head.end_offset <= start:
            segments = self._own_segments()
            while head.end_offset <= start:
                segments.popitem(0)
                head = segments.peekitem(0)[1]
        self.start = start
        self.start_bytes = head.bytes_before(start)
        wasted = head.wasted_before(start)
        if wasted >= TRIM_MEMORY and 2 * wasted >= head.memory:
            self.trim()

    def trim(self, snapshots: bool = True) -> None:
        """Replace the head segment by a copy without its deleted records or batches, if any.

        Not while a snapshot may hold the original, since two would then take memory; the caller
        may know that there are no `snapshots` any more.
        """
        if self.start == self.end:
            return
        base, head = self._segments.peekitem(0)
        begin = head.tail_offset(self.start)
        if base == begin or (snapshots and base < self._shared_to):
            return
        self._memory.reap(REAP_SEGMENTS)
        segments = self._own_segments()
        del segments[base]
        copy = head.move_tail(self.start)
        if head is self._active:
            self._open(copy)
            return
        if head is self._active_batches:
            self._active_batches = copy
        segments[begin] = copy

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

    def memory_before(self, offset: int) -> int:
        """Memory that deleting the records before `offset` and then trimming would give back."""
        memory = 0
        for segment in self._segments.values():
            memory += segment.memory_before(min(offset, segment.end_offset))
            if segment.end_offset >= offset:
                break
        return memory

    # Reading

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
        """The position at which the record at `offset` was appended to the log."""
        return self._segment(offset).position_of(offset)

    def offset_for_timestamp(self, timestamp: int) -> int | None:
        """The first offset, in offset order, of a record at least as late as `timestamp`."""
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
        """Where to stop reading from `offset`, so that all bounds hold.

        At least one record is read whatever `max_bytes` says, if there is one, so that a large
        record cannot stop a reader for ever (as in Kafka's Fetch).
        """
        stop = min(self.end, offset + max_records)
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
        """The records from `offset` up to and without `stop`, both within start and end."""
        values: list[bytes | None] = []
        keys: list[bytes | None] = []
        timestamps: list[int] = []
        positions: list[int] = []
        headers: dict[int, Headers] = {}
        unchecked: set[int] = set()
        for segment in self._segments_from(offset):
            base = segment.base_offset
            if base >= stop:
                break
            rows = segment.rows(max(offset, base), min(stop, segment.end_offset))
            shift = len(values)
            values += rows.values
            keys += rows.keys
            timestamps += rows.timestamps
            positions += rows.positions
            if rows.headers:
                headers.update({row + shift: found for row, found in rows.headers.items()})
            if rows.unchecked:
                unchecked.update(row + shift for row in rows.unchecked)
        return RecordColumns(
            sources=self.source,
            source=bytes(len(values)),
            offsets=range(offset, offset + len(values)),
            timestamps=timestamps,
            keys=keys,
            values=values,
            positions=positions,
            headers=headers,
            unchecked=unchecked,
        )

    def sizes(self, offset: int, stop: int) -> list[int]:
        """Bytes of key, value and headers of each record from `offset` up to `stop`."""
        sizes: list[int] = []
        for segment in self._segments_from(offset):
            if segment.base_offset >= stop:
                break
            here = max(offset, segment.base_offset)
            sizes += segment.sizes(here, min(stop, segment.end_offset))
        return sizes

    def batches(self, offset: int, max_bytes: int) -> list[bytes]:
        """Kafka batches of the records from `offset` on: at least one, else within `max_bytes`.

        The first may begin before `offset`; readers skip what they did not ask for, as those of
        Kafka do.
        """
        batches: list[bytes] = []
        for segment in self._segments_from(offset):
            more, _, full = segment.raw_batches(max(offset, segment.base_offset), max_bytes)
            if batches and sum(map(len, more)) > max_bytes:  # its first batch is too large
                break
            batches += more
            max_bytes -= sum(map(len, more))
            if full or max_bytes <= 0:
                break
        return batches

    # Snapshots

    def freeze(self) -> PartitionState:
        """Everything the partition holds, not to be changed by anything that comes after."""
        self._seal()
        self._share()
        return PartitionState(
            self._segments,
            self.start,
            self.end,
            self.start_bytes,
            self.end_bytes,
            self.timeline,
            self.epochs.freeze(),
        )

    def restore(self, state: PartitionState) -> None:
        """Hold again what was frozen."""
        if self.timeline is not state.timeline or self.end != state.end:
            self.timeline = Timeline(state.timeline, state.end)
        self._load(state)
        self.deleted = False

    def empty(self) -> None:
        """Hold nothing and begin again at offset 0."""
        if self.end:
            self.timeline = Timeline(self.timeline, 0)
        self._load(PartitionState(_NOTHING, 0, 0, 0, 0, self.timeline, FIRST_EPOCH))
        self.deleted = False

    def delete(self) -> None:
        """Let go of the records; the rest stays known in case a snapshot brings them back."""
        self.cut(self.end)
        self.deleted = True
