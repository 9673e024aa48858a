"""A stretch of a partition's records with gaps between their offsets.

It is what compaction has left, or a copy of another log's records at the offsets that they have
there. The records are rows of a columnar segment, found by their offsets. They are nobody's any
more: what is left of transactions is committed, and producers are not told.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable

from simulator.log.batches import Rows, encode_batch
from simulator.log.columns import RecordColumns
from simulator.log.memory import Memory
from simulator.log.record import Headers
from simulator.log.segment import BLOCK_BYTES, BLOCK_RECORDS, Segment, headers_memory


class SparseSegment:
    """The records that there are from base_offset to end_offset - 1; there may be none.

    The methods are those of `Segment`.
    """

    __slots__ = ("_account", "_rows", "base_offset", "end_offset", "offsets")

    def __init__(
        self, base_offset: int, end_offset: int, rows: Segment, offsets: array[int], memory: Memory
    ) -> None:
        self.base_offset = base_offset
        self.end_offset = end_offset
        self.offsets = offsets
        self._rows = rows  # its own offsets are the numbers of the rows
        self._account = memory

    def __len__(self) -> int:
        return len(self.offsets)

    def append(
        self,
        offset: int,
        value: bytes | None,
        key: bytes | None,
        timestamp: int,
        position: int,
        size: int,
    ) -> None:
        """Add a record of `size` bytes at an offset behind the last."""
        rows = self._rows
        rows.timestamps.append(timestamp)  # the one that may fail comes first
        rows.values.append(value)
        rows.keys.append(key)
        rows.positions.append(position)
        rows.ends.append((rows.ends[-1] if rows.ends else rows.base_bytes) + size)
        self.offsets.append(offset)
        self.end_offset = offset + 1

    def annotate(self, headers: Headers, unchecked: bool) -> None:
        """Add what few records have to the last one."""
        row = len(self.offsets) - 1
        if headers:
            self._rows.headers[row] = headers
            self._rows.headers_memory += headers_memory(headers)
        if unchecked:
            self._rows.unchecked.add(row)

    def _row(self, offset: int) -> int:
        """The first row at `offset` or behind it."""
        return bisect_left(self.offsets, offset)

    def _offset(self, row: int) -> int:
        return self.offsets[row] if row < len(self.offsets) else self.end_offset

    # What it takes

    @property
    def base_bytes(self) -> int:
        """Bytes of the partition before the segment."""
        return self._rows.base_bytes

    @property
    def memory(self) -> int:
        """Bytes of memory that the segment accounts for."""
        return self._rows.memory

    def memory_before(self, offset: int) -> int:
        """Bytes of memory that the records before `offset` account for."""
        return self._rows.memory_before(self._row(offset))

    def wasted_before(self, offset: int) -> int:
        """The same at once, and without headers."""
        return self._rows.wasted_before(self._row(offset))

    # Where things are

    def bytes_before(self, offset: int) -> int:
        """Bytes of the partition before `offset`."""
        return self._rows.bytes_before(self._row(offset))

    def offset_within_bytes(self, limit: int) -> int:
        """The largest offset with `bytes_before(offset) <= limit`, at most end_offset."""
        return self._offset(self._rows.offset_within_bytes(limit))

    def offset_reaching_bytes(self, floor: int) -> int:
        """The smallest offset with `bytes_before(offset) >= floor`, at most end_offset."""
        row = self._rows.offset_reaching_bytes(floor)
        if row:
            return self.offsets[row - 1] + 1
        return self.base_offset if floor <= self.base_bytes else self.end_offset

    def offset_before_position(self, position: int, offset: int) -> int:
        """The first offset from `offset` on that was appended at `position` or later."""
        return self._offset(self._rows.offset_before_position(position, self._row(offset)))

    def position_of(self, offset: int) -> int:
        """The position at which the record at `offset`, which is left, was appended to the log."""
        return self._rows.position_of(self._row(offset))

    def offset_for_timestamp(self, timestamp: int, offset: int) -> int | None:
        """The first offset from `offset` on whose record is at least as late as `timestamp`."""
        row: int | None = self._row(offset)
        if row is None or row == len(self.offsets):
            return None
        row = self._rows.offset_for_timestamp(timestamp, row)
        return None if row is None else self.offsets[row]

    def latest_from(self, offset: int) -> int:
        """The largest timestamp of the records from `offset` on."""
        row = self._row(offset)
        return self._rows.latest_from(row) if row < len(self.offsets) else -(1 << 63)

    # Reading

    def rows(self, low: int, high: int) -> Rows:
        """The records that are left from offset `low` up to and without `high`."""
        return self._rows.rows(self._row(low), self._row(high))

    def sizes(self, low: int, high: int) -> list[int]:
        """Bytes of key, value and headers of each of them."""
        return self._rows.sizes(self._row(low), self._row(high))

    def raw_batches(
        self, offset: int, max_bytes: int, before: int
    ) -> tuple[list[bytes], int, bool]:
        """The records from `offset` on as Kafka batches: at least one, else within `max_bytes`.

        None is of the offset `before` or behind it. Also the offset behind them, and whether
        `max_bytes` is what ended them.
        """
        batches: list[bytes] = []
        taken, row, end = 0, self._row(offset), self._row(before)
        while row < end:
            limit = self._rows.bytes_before(row) + min(BLOCK_BYTES, max_bytes - taken)
            stop = max(self._rows.offset_within_bytes(limit), row + 1)
            stop = min(stop, row + BLOCK_RECORDS, end)
            batch = self._encoded(row, stop)
            if batches and taken + len(batch) > max_bytes:
                return batches, self.offsets[row], True
            batches.append(batch)
            taken += len(batch)
            row = stop
        return batches, self._offset(row), False

    def _encoded(self, low: int, high: int) -> bytes:
        rows = self._rows.rows(low, high)
        base = self.offsets[low]
        return encode_batch(
            base,
            self._rows.leader_epoch,
            rows.timestamps,
            rows.keys,
            rows.values,
            rows.headers,
            [offset - base for offset in self.offsets[low:high]],
        )

    # Dropping the front

    def tail_offset(self, offset: int) -> int:
        """Where the segment begins that `move_tail` gives."""
        return offset

    def move_tail(self, offset: int) -> SparseSegment:
        """A segment of the records from `offset` on.

        It accounts for their memory from now on; drop this one.
        """
        row = self._row(offset)
        tail = self._rows.move_tail(row)
        tail.base_offset = 0
        return SparseSegment(offset, self.end_offset, tail, self.offsets[row:], self._account)


def sparse_segment(
    span: tuple[int, int],
    base_bytes: int,
    leader_epoch: int,
    columns: RecordColumns,
    kept: Iterable[int],
    memory: Memory,
) -> SparseSegment:
    """A segment for the offsets of `span` with the rows of `columns` that are `kept`.

    The log accounts for its memory from now on.
    """
    segment = Segment(0, base_bytes, memory, leader_epoch)
    offsets = array("q")
    end = base_bytes
    for row in kept:
        headers = columns.headers.get(row, ())
        if headers:
            segment.headers[len(offsets)] = headers
            segment.headers_memory += headers_memory(headers)
        if row in columns.unchecked:
            segment.unchecked.add(len(offsets))
        end += record_bytes(columns, row)
        offsets.append(columns.offsets[row])
        segment.values.append(columns.values[row])
        segment.keys.append(columns.keys[row])
        segment.timestamps.append(columns.timestamps[row])
        segment.positions.append(columns.positions[row])
        segment.ends.append(end)
    memory.taken += segment.memory
    return SparseSegment(*span, segment, offsets, memory)


def record_bytes(columns: RecordColumns, row: int) -> int:
    """Bytes of key, value and headers of a record."""
    size = sum(len(part) for part in (columns.keys[row], columns.values[row]) if part is not None)
    for name, value in columns.headers.get(row, ()):
        size += len(name.encode()) + (len(value) if value is not None else 0)
    return size
