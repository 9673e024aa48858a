"""One partition: it grows at the end, is cut at the front, compacted, and shared with snapshots."""

from __future__ import annotations

import sys
from array import array
from typing import Final

from sortedcontainers import SortedDict  # type: ignore[import-untyped]

from simulator.log.batch_segment import SEGMENT_BATCHES, BatchSegment
from simulator.log.batches import NO_PRODUCER, Batch, Unchecked
from simulator.log.compaction import Compactor, sparse_segments
from simulator.log.control_batches import Marker
from simulator.log.gather import AnySegment
from simulator.log.leader_epochs import FIRST_EPOCH
from simulator.log.memory import Memory
from simulator.log.partition_reader import CLOSED, NO_SEGMENTS, PartitionReader
from simulator.log.partition_state import PartitionState
from simulator.log.producers import Producers
from simulator.log.record import Headers
from simulator.log.rules import TopicRules
from simulator.log.segment import (
    SEGMENT_BYTES,
    SEGMENT_RECORDS,
    Segment,
    headers_memory,
)
from simulator.log.sparse_segment import SparseSegment
from simulator.log.timeline import Timeline
from simulator.log.transaction_index import NO_TRANSACTIONS

TRIM_MEMORY: Final = 64 * 1024
"""A front-cut segment is copied without its cut part only when that gives back this much."""

REAP_SEGMENTS: Final = 2
"""Dead segments freed for each one begun or copied: more than that adds, and hardly felt."""


class Partition(PartitionReader):
    """A partition with all that changes it.

    While `_shared` says that a snapshot refers to the dictionary of segments too, it is copied
    before it is changed; segments themselves are sealed and shared. So a snapshot costs the same
    whatever the partition holds.
    """

    __slots__ = (
        "_active_batches",
        "_memory",
        "_roll_at",
        "_roll_at_bytes",
        "_shared",
        "_shared_to",
        "_sparse",
        "compactor",
        "producers",
    )

    def __init__(self, topic: str, index: int, memory: Memory) -> None:
        super().__init__(topic, index)
        self._memory = memory
        self.producers = Producers()
        self.compactor = Compactor()
        self._seal()
        self._share()

    def _nothing(self) -> PartitionState:
        timeline = self.timeline
        return PartitionState(NO_SEGMENTS, 0, 0, 0, 0, timeline, FIRST_EPOCH, NO_TRANSACTIONS)

    def _load(self, state: PartitionState) -> None:
        self._segments, self.start, self.end, self.start_bytes, self.end_bytes, *_ = state
        self.epochs.restore(state.epochs, self.end)
        self.transactions.restore(state.transactions)
        self.producers.clear()
        self.compactor.forget()
        self._seal()
        self._share()

    def _share(self) -> None:
        self._shared = True
        self._shared_to = self.end

    def _seal(self) -> None:
        """Make the next append begin a new segment."""
        self._active = CLOSED
        self._active_batches: BatchSegment | None = None
        self._sparse: SparseSegment | None = None
        self._roll_at = self.end
        self._roll_at_bytes = sys.maxsize

    def _own_segments(self) -> SortedDict[int, AnySegment]:
        if self._shared:
            self._segments = self._segments.copy()
            self._shared = False
        return self._segments

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
        self._sparse = None
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

    def append_batch(self, batch: Batch, position: int, unchecked: Unchecked) -> int:
        """Append a batch of records, the first at `position`; return the offset of that one."""
        offset = self._append_batch(batch, position, unchecked)
        if batch.producer_id != NO_PRODUCER:
            self.producers.appended(batch, offset)
            if batch.transactional:
                self.transactions.wrote(batch.producer_id, batch.producer_epoch, offset, self.end)
        return offset

    def append_marker(self, batch: Batch, position: int, marker: Marker, coordinator: int) -> int:
        """End a transaction; `coordinator` is the epoch of the coordinator. Return the offset."""
        offset = self._append_batch(batch, position, False)
        producer_id, timestamp = batch.producer_id, batch.max_timestamp
        self.producers.ended(producer_id, batch.producer_epoch, coordinator, timestamp)
        self.transactions.ended(producer_id, offset, aborted=marker is Marker.ABORT)
        return offset

    def _append_batch(self, batch: Batch, position: int, unchecked: Unchecked) -> int:
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

    def append_at(
        self,
        offset: int,
        value: bytes | None,
        key: bytes | None,
        timestamp: int,
        position: int,
        size: int,
    ) -> None:
        """Append one record at an offset from `end` on; nothing lies before it from there."""
        self.skip_to(offset)
        segment = self._sparse
        if (
            segment is None
            or len(segment) >= SEGMENT_RECORDS
            or self.end_bytes - segment.base_bytes >= SEGMENT_BYTES
        ):
            segment = self._open_sparse()
        segment.append(offset, value, key, timestamp, position, size)
        self.end_bytes += size
        self.end = self._roll_at = offset + 1

    def annotate_last(self, headers: Headers, unchecked: bool) -> None:
        """Add what few records have to the one that `append_at` has just appended."""
        assert self._sparse is not None
        self._sparse.annotate(headers, unchecked)

    def skip_to(self, offset: int) -> None:
        """Have the next record get this offset; what lies before it from `end` on is not there."""
        if offset <= self.end:
            return
        if self.start == self.end:
            self.start = self.end = offset
            self._seal()
            return
        if self._sparse is None:
            self._open_sparse()
        assert self._sparse is not None
        self.transactions.skipped(self.end, offset)
        self._sparse.end_offset = self.end = self._roll_at = offset

    def _open_sparse(self) -> SparseSegment:
        self._memory.reap(REAP_SEGMENTS)
        self._seal()
        rows = Segment(0, self.end_bytes, self._memory, self.epochs.latest)
        self._sparse = SparseSegment(self.end, self.end, rows, array("q"), self._memory)
        self._own_segments()[self.end] = self._sparse
        return self._sparse

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
        self.transactions.cut(start)
        if start >= self.end:
            self.start = self.end
            self.start_bytes = self.end_bytes
            self._segments = NO_SEGMENTS
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
        elif head is self._sparse:
            self._sparse = copy
        segments[begin] = copy

    def compact(self, now: int, rules: TopicRules) -> int:
        """Leave the newest record of each key; return how many were deleted.

        What lies behind the beginning of an open transaction stays as it is, and so does all of
        a segment that holds some of it.
        """
        if not self.compactor.has_work(self.end, now, rules):
            return 0
        self._seal()
        stable = self.last_stable_offset
        behind = [s for base, s in self._segments.items() if s.end_offset > stable]
        limit = behind[0].base_offset if behind else self.end
        columns = self.columns(self.start, limit) if self.start < limit else None
        if columns is None or not len(columns):
            return 0
        kept = self.compactor.survivors(columns, self.end, now, rules)
        if len(kept) == len(columns):
            return 0
        end_bytes = behind[0].base_bytes if behind else self.end_bytes
        span = (self.start, limit)
        pieces = sparse_segments(columns, kept, span, end_bytes, self.epochs, self._memory)
        self._segments = SortedDict({each.base_offset: each for each in (*pieces, *behind)})
        self._shared = False
        self.start_bytes = pieces[0].base_bytes
        self.transactions.keep_only([columns.offsets[row] for row in kept], span)
        return len(columns) - len(kept)

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
            self.transactions.freeze(),
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
        self._load(self._nothing())
        self.deleted = False

    def delete(self) -> None:
        """Let go of the records; the rest stays known in case a snapshot brings them back."""
        self.cut(self.end)
        self.deleted = True
