"""One stretch of a partition's records, kept as columns.

A record costs its bytes, two references and three 8-byte numbers, and nothing that the garbage
collector has to follow. The newest segment of a partition grows; a sealed one never changes again
and may be shared by any number of snapshots.

Partitions read segments only through the methods below, in terms of offsets, bytes and positions,
so a segment that keeps whole Kafka record batches can stand beside this one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

from simulator.log.memory import Memory
from simulator.log.record import Headers

SEGMENT_RECORDS: Final = 4096
"""A segment is closed when it holds this many records: dropping one takes about 0.2 ms."""

SEGMENT_BYTES: Final = 4 * 1024 * 1024
"""It is also closed when its keys, values and headers reach this many bytes."""

RECORD_MEMORY: Final = 128
"""Memory of a record besides its bytes: two object headers, rounding, and its row of columns."""

HEADER_MEMORY: Final = 200
"""Memory of a header besides its bytes: a tuple, a str and a bytes object."""


class Segment:
    """Records base_offset to end_offset - 1 of one partition."""

    __slots__ = (
        "_account",
        "_moved_memory",
        "_order",
        "base_bytes",
        "base_offset",
        "ends",
        "headers",
        "headers_memory",
        "keys",
        "positions",
        "timestamps",
        "unchecked",
        "values",
    )

    def __init__(self, base_offset: int, base_bytes: int, memory: Memory) -> None:
        self.base_offset = base_offset
        self.base_bytes = base_bytes  # of everything ever appended to the partition before it
        self.values: list[bytes | None] = []
        self.keys: list[bytes | None] = []
        self.timestamps = array("q")
        self.positions = array("q")
        self.ends = array("q")  # base_bytes plus the bytes up to and with each record
        self.headers: dict[int, Headers] = {}  # by index, only for records that have some
        self.unchecked: set[int] = set()
        self.headers_memory = 0
        self._moved_memory = 0
        self._order: tuple[int, int, bool] | None = None
        self._account = memory

    def __del__(self) -> None:
        # Only the interpreter knows when the last snapshot that shares a segment is gone.
        numbers = (self.timestamps, self.positions, self.ends)
        columns = (self.values, self.keys, self.headers, numbers)
        self._account.bury(self.memory - self._moved_memory, columns)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def end_offset(self) -> int:
        """The offset after the last record."""
        return self.base_offset + len(self.values)

    @property
    def memory(self) -> int:
        """Bytes of memory that the segment accounts for."""
        rows = len(self.values)
        payload = self.ends[-1] - self.base_bytes if rows else 0
        return payload + rows * RECORD_MEMORY + self.headers_memory

    def memory_before(self, offset: int) -> int:
        """Bytes of memory that the records before `offset` account for."""
        rows = offset - self.base_offset
        headers = sum(headers_memory(h) for row, h in self.headers.items() if row < rows)
        return self.bytes_before(offset) - self.base_bytes + rows * RECORD_MEMORY + headers

    def bytes_before(self, offset: int) -> int:
        """Bytes of everything ever appended to the partition before `offset`."""
        index = offset - self.base_offset
        return self.ends[index - 1] if index > 0 else self.base_bytes

    def offset_within_bytes(self, limit: int) -> int:
        """The largest offset with `bytes_before(offset) <= limit`, at most end_offset."""
        return self.base_offset + bisect_right(self.ends, limit)

    def offset_reaching_bytes(self, floor: int) -> int:
        """The smallest offset with `bytes_before(offset) >= floor`, at most end_offset."""
        if self.base_bytes >= floor:
            return self.base_offset
        return min(self.base_offset + bisect_left(self.ends, floor) + 1, self.end_offset)

    def offset_before_position(self, position: int, offset: int) -> int:
        """The first offset from `offset` on that was appended at `position` or later."""
        low = offset - self.base_offset
        return self.base_offset + bisect_left(self.positions, position, low)

    def position_of(self, offset: int) -> int:
        """The position at which the record at `offset` was appended to the log."""
        return self.positions[offset - self.base_offset]

    def offset_for_timestamp(self, timestamp: int, offset: int) -> int | None:
        """The first offset from `offset` on whose record is at least as late as `timestamp`."""
        rows = len(self.timestamps)
        if self._order is None or self._order[0] != rows:
            times = self.timestamps.tolist()
            self._order = (rows, max(times), times == sorted(times))
        _, latest, ascending = self._order
        if latest < timestamp:
            return None
        index = offset - self.base_offset
        if ascending:
            index = bisect_left(self.timestamps, timestamp, index)
        else:
            while index < rows and self.timestamps[index] < timestamp:
                index += 1
        return self.base_offset + index if index < rows else None

    def move_tail(self, offset: int) -> Segment:
        """A segment, open for appends, of the records from `offset` on.

        It accounts for their memory from now on; drop this one.
        """
        index = offset - self.base_offset
        copy = Segment(offset, self.bytes_before(offset), self._account)
        copy.values = self.values[index:]
        copy.keys = self.keys[index:]
        copy.timestamps = self.timestamps[index:]
        copy.positions = self.positions[index:]
        copy.ends = self.ends[index:]
        for row, headers in self.headers.items():
            if row >= index:
                copy.headers[row - index] = headers
                copy.headers_memory += headers_memory(headers)
        self._moved_memory = copy.memory
        copy.unchecked = {row - index for row in self.unchecked if row >= index}
        return copy


def headers_memory(headers: Headers) -> int:
    """Memory of `headers` besides the bytes of their names and values."""
    return len(headers) * HEADER_MEMORY
