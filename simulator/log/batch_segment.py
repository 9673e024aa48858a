"""One stretch of a partition's records, kept as the Kafka record batches that brought them.

It stands beside the columnar `Segment` behind the same methods. A record here counts an equal
share of the bytes of its batch, as stored: so limits hold to the record without decoding, and what
a batch takes is what its producer sent.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final

from simulator.log.batches import Batch, Rows, Unchecked, decode_rows, placed
from simulator.log.bounded_cache import new_serial
from simulator.log.memory import Memory

SEGMENT_BATCHES: Final = 4096
"""A segment is closed when it holds this many batches."""

BATCH_MEMORY: Final = 128
"""Memory of a batch besides its bytes: an object header, rounding, and its row of columns."""

_ROW_MEMORY: Final = 200
"""Memory of a decoded record besides its bytes, about."""


class BatchSegment:
    """Records base_offset to end_offset - 1 of one partition."""

    __slots__ = (
        "_account",
        "_moved_memory",
        "_serial",
        "base_bytes",
        "base_offset",
        "batches",
        "end_offset",
        "ends",
        "firsts",
        "latest",
        "max_timestamps",
        "positions",
        "unchecked",
    )

    def __init__(self, base_offset: int, base_bytes: int, memory: Memory) -> None:
        self.base_offset = base_offset
        self.end_offset = base_offset
        self.base_bytes = base_bytes
        self.batches: list[bytes] = []
        self.firsts = array("q")  # base offset of each batch
        self.positions = array("q")  # of the first record of each batch; the others follow densely
        self.ends = array("q")  # base_bytes plus the bytes up to and with each batch
        self.max_timestamps = array("q")
        self.unchecked: dict[int, Unchecked] = {}  # by index of the batch
        self.latest = -(1 << 63)
        self._moved_memory = 0
        self._serial = new_serial()
        self._account = memory

    def __del__(self) -> None:
        # Only the interpreter knows when the last snapshot that shares a segment is gone.
        self._account.bury(self.memory - self._moved_memory, self.batches)

    def __len__(self) -> int:
        return self.end_offset - self.base_offset

    def append(self, batch: Batch, leader_epoch: int, position: int, unchecked: Unchecked) -> None:
        """Add a batch at the end."""
        if unchecked:
            self.unchecked[len(self.batches)] = unchecked
        self.batches.append(placed(batch.raw, self.end_offset, leader_epoch))
        self.firsts.append(self.end_offset)
        self.positions.append(position)
        self.ends.append((self.ends[-1] if self.ends else self.base_bytes) + len(batch.raw))
        self.max_timestamps.append(batch.max_timestamp)
        self.latest = max(self.latest, batch.max_timestamp)
        self.end_offset += batch.records

    # What a batch takes

    @property
    def memory(self) -> int:
        """Bytes of memory that the segment accounts for."""
        return self._memory_to(len(self.batches))

    def memory_before(self, offset: int) -> int:
        """Bytes of memory of the batches that lie wholly before `offset`."""
        if offset >= self.end_offset:
            return self.memory
        return self._memory_to(self._index(offset))

    wasted_before = memory_before

    def _memory_to(self, index: int) -> int:
        payload = self.ends[index - 1] - self.base_bytes if index else 0
        return payload + index * BATCH_MEMORY

    # Where things are

    def _index(self, offset: int) -> int:
        """Which batch holds `offset`."""
        return bisect_right(self.firsts, offset) - 1

    def _range(self, index: int) -> tuple[int, int]:
        """The first offset of a batch, and the one behind its last."""
        last = index + 1 == len(self.firsts)
        return self.firsts[index], self.end_offset if last else self.firsts[index + 1]

    def _bytes_at(self, index: int) -> int:
        return self.ends[index - 1] if index else self.base_bytes

    def bytes_before(self, offset: int) -> int:
        """Bytes of everything ever appended to the partition before `offset`."""
        if offset >= self.end_offset:
            return self.ends[-1] if self.ends else self.base_bytes
        index = self._index(offset)
        first, end = self._range(index)
        low = self._bytes_at(index)
        return low + (self.ends[index] - low) * (offset - first) // (end - first)

    def offset_within_bytes(self, limit: int) -> int:
        """The largest offset with `bytes_before(offset) <= limit`, at most end_offset."""
        index = bisect_right(self.ends, limit)
        if index == len(self.ends):
            return self.end_offset
        first, end = self._range(index)
        low = self._bytes_at(index)
        if limit < low:
            return first
        size = self.ends[index] - low
        # The largest n with size * n // count <= limit - low.
        return min(first + ((limit - low + 1) * (end - first) - 1) // size, end)

    def offset_reaching_bytes(self, floor: int) -> int:
        """The smallest offset with `bytes_before(offset) >= floor`, at most end_offset."""
        if self.base_bytes >= floor:
            return self.base_offset
        index = bisect_left(self.ends, floor)
        if index == len(self.ends):
            return self.end_offset
        first, end = self._range(index)
        low = self._bytes_at(index)
        size = self.ends[index] - low
        return first + -(-(floor - low) * (end - first) // size)

    def offset_before_position(self, position: int, offset: int) -> int:
        """The first offset from `offset` on that was appended at `position` or later."""
        index = bisect_left(self.positions, position) - 1
        if index < 0:
            return offset
        first, end = self._range(index)
        return max(offset, first + min(position - self.positions[index], end - first))

    def position_of(self, offset: int) -> int:
        """The position at which the record at `offset` was appended to the log."""
        index = self._index(offset)
        return self.positions[index] + offset - self.firsts[index]

    def offset_for_timestamp(self, timestamp: int, offset: int) -> int | None:
        """The first offset from `offset` on whose record is at least as late as `timestamp`."""
        if self.latest < timestamp:
            return None
        for index in range(self._index(offset), len(self.batches)):
            if self.max_timestamps[index] >= timestamp:
                first = self.firsts[index]
                for row, found in enumerate(self._rows(index).timestamps):
                    if found >= timestamp and first + row >= offset:
                        return first + row
        return None

    def latest_from(self, offset: int) -> int:
        """The largest timestamp of the records from `offset` on."""
        if offset == self.base_offset:
            return self.latest
        index = self._index(offset)
        first, end = self._range(index)
        inside = self._rows(index).timestamps[offset - first : end - first]
        return max(*inside, *self.max_timestamps[index + 1 :], -(1 << 63))

    # Reading

    def _rows(self, index: int) -> Rows:
        """The decoded records of a batch."""
        return self._account.decoded.get(
            (self._serial, index),
            lambda: decode_rows(
                self.batches[index], self.positions[index], self.unchecked.get(index, False)
            ),
            _rows_memory,
        )

    def rows(self, low: int, high: int) -> Rows:
        """The records from offset `low` up to and without `high`."""
        values: list[bytes | None] = []
        keys: list[bytes | None] = []
        timestamps: list[int] = []
        positions: list[int] = []
        headers = {}
        unchecked: set[int] = set()
        index = self._index(low)
        while index < len(self.batches) and self.firsts[index] < high:
            first, end = self._range(index)
            rows = self._rows(index)
            one, two = max(low - first, 0), min(high, end) - first
            shift = len(values) - one
            values += rows.values[one:two]
            keys += rows.keys[one:two]
            timestamps += rows.timestamps[one:two]
            positions += rows.positions[one:two]
            headers.update({r + shift: h for r, h in rows.headers.items() if one <= r < two})
            unchecked.update(r + shift for r in rows.unchecked if one <= r < two)
            index += 1
        return Rows(values, keys, timestamps, positions, headers, frozenset(unchecked))

    def sizes(self, low: int, high: int) -> list[int]:
        """The bytes that each record from offset `low` up to `high` counts."""
        ends = [self.bytes_before(offset) for offset in range(low, high + 1)]
        return [end - start for start, end in pairwise(ends)]

    def raw_batches(
        self, offset: int, max_bytes: int, before: int
    ) -> tuple[list[bytes], int, bool]:
        """Batches from the one that holds `offset` on, at least one, else within `max_bytes`.

        None begins at the offset `before` or behind it. Also the offset behind them, and whether
        a bound is what ended them.
        """
        index = self._index(offset)
        limit = self._bytes_at(index) + max_bytes
        stop = max(bisect_right(self.ends, limit), index + 1)
        if before < self.end_offset:
            stop = min(stop, bisect_left(self.firsts, before))
        full = stop < len(self.batches)
        return self.batches[index:stop], self._range(stop - 1)[1], full

    # Dropping the front

    def tail_offset(self, offset: int) -> int:
        """Where the segment begins that `move_tail` gives: batches are kept whole."""
        return self.firsts[self._index(offset)]

    def move_tail(self, offset: int) -> BatchSegment:
        """A segment of the batches from the one that holds `offset` on.

        It accounts for their memory from now on; drop this one.
        """
        index = self._index(offset)
        copy = BatchSegment(self.firsts[index], self._bytes_at(index), self._account)
        copy.end_offset = self.end_offset
        copy.batches = self.batches[index:]
        copy.firsts = self.firsts[index:]
        copy.positions = self.positions[index:]
        copy.ends = self.ends[index:]
        copy.max_timestamps = self.max_timestamps[index:]
        copy.latest = max(copy.max_timestamps)
        copy.unchecked = {i - index: u for i, u in self.unchecked.items() if i >= index}
        self._moved_memory = copy.memory
        return copy


def _rows_memory(rows: Rows) -> int:
    payload = sum(len(part) for part in (*rows.values, *rows.keys) if part is not None)
    extra = sum(len(h) * _ROW_MEMORY for h in rows.headers.values())
    return payload + extra + len(rows.values) * _ROW_MEMORY
