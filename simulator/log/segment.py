"""One stretch of a partition's records, kept as columns.

A record costs its bytes, two references and three 8-byte numbers, and nothing that the garbage
collector has to follow. The newest segment of a partition grows; a sealed one never changes again
and may be shared by any number of snapshots.

Partitions read segments only through the methods below, in terms of offsets, bytes and positions,
so that `BatchSegment`, which keeps whole Kafka record batches, stands beside this one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from functools import partial
from operator import sub
from typing import Final

from simulator.log.batches import Rows, encode_batch
from simulator.log.bounded_cache import new_serial
from simulator.log.memory import Memory
from simulator.log.record import Headers

SEGMENT_RECORDS: Final = 4096
"""A segment is closed when it holds this many records: dropping one takes about 0.2 ms."""

SEGMENT_BYTES: Final = 4 * 1024 * 1024
"""It is also closed when its keys, values and headers reach this many bytes."""

RECORD_MEMORY: Final = 128
"""Memory of a record besides its bytes: two object headers, rounding, and its row of columns."""

_NONE: Final[frozenset[int]] = frozenset()

HEADER_MEMORY: Final = 200
"""Memory of a header besides its bytes: a tuple, a str and a bytes object."""

BLOCK_RECORDS: Final = 128
"""Records that are encoded together for Kafka's consumers, and kept that way for the next."""

BLOCK_BYTES: Final = 256 * 1024
"""A block of more bytes is encoded piece by piece instead, each of at most so many."""


class Segment:
    """Records base_offset to end_offset - 1 of one partition."""

    __slots__ = (
        "_account",
        "_moved_memory",
        "_order",
        "_serial",
        "base_bytes",
        "base_offset",
        "ends",
        "headers",
        "headers_memory",
        "keys",
        "leader_epoch",
        "positions",
        "timestamps",
        "unchecked",
        "values",
    )

    def __init__(
        self, base_offset: int, base_bytes: int, memory: Memory, leader_epoch: int
    ) -> None:
        self.base_offset = base_offset
        self.leader_epoch = leader_epoch  # in which all its records were appended
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
        self._serial = new_serial()
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

    def wasted_before(self, offset: int) -> int:
        """The same at once, and without headers."""
        rows = offset - self.base_offset
        return self.bytes_before(offset) - self.base_bytes + rows * RECORD_MEMORY

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
        rows, latest, ascending = self._timing()
        if latest < timestamp:
            return None
        index = offset - self.base_offset
        if ascending:
            index = bisect_left(self.timestamps, timestamp, index)
        else:
            while index < rows and self.timestamps[index] < timestamp:
                index += 1
        return self.base_offset + index if index < rows else None

    def _timing(self) -> tuple[int, int, bool]:
        """The number of records, their latest timestamp, and whether timestamps ascend."""
        if self._order is None or self._order[0] != len(self.timestamps):
            times = self.timestamps.tolist()
            self._order = (len(times), max(times), times == sorted(times))
        return self._order

    def latest_from(self, offset: int) -> int:
        """The largest timestamp of the records from `offset` on."""
        if offset == self.base_offset:
            return self._timing()[1]
        return max(self.timestamps[offset - self.base_offset :])

    def rows(self, low: int, high: int) -> Rows:
        """The records from offset `low` up to and without `high`."""
        one, two = low - self.base_offset, high - self.base_offset
        headers: dict[int, Headers] = {}
        if self.headers:
            headers = {i - one: self.headers[i] for i in _within(self.headers, one, two)}
        unchecked: frozenset[int] = _NONE
        if self.unchecked:
            unchecked = frozenset(i - one for i in _within(self.unchecked, one, two))
        return Rows(
            self.values[one:two],
            self.keys[one:two],
            self.timestamps[one:two],
            self.positions[one:two],
            headers,
            unchecked,
        )

    def sizes(self, low: int, high: int) -> list[int]:
        """Bytes of key, value and headers of each record from offset `low` up to `high`."""
        ends = self.ends[low - self.base_offset : high - self.base_offset]
        return list(map(sub, ends, [self.bytes_before(low), *ends[:-1]]))

    def raw_batches(
        self, offset: int, max_bytes: int, before: int
    ) -> tuple[list[bytes], int, bool]:
        """The records from `offset` on as Kafka batches: at least one, else within `max_bytes`.

        Also the offset behind them, and whether `max_bytes` is what ended them. The first batch
        may begin before `offset`, none at the offset `before` or behind it: that is the end of
        the segment or further, since here are no transactions.
        """
        batches: list[bytes] = []
        taken = 0
        while offset < min(self.end_offset, before):
            batch, stop = self._encoded(offset, max_bytes - taken)
            if batches and taken + len(batch) > max_bytes:
                return batches, offset, True
            batches.append(batch)
            taken += len(batch)
            offset = stop
        return batches, offset, False

    def _encoded(self, offset: int, max_bytes: int) -> tuple[bytes, int]:
        """A batch with the record at `offset`, and the offset behind it."""
        block = (offset - self.base_offset) // BLOCK_RECORDS
        low = self.base_offset + block * BLOCK_RECORDS
        high = low + BLOCK_RECORDS
        if high <= self.end_offset:
            size = self.bytes_before(high) - self.bytes_before(low)
            if size <= min(BLOCK_BYTES, max_bytes):
                cache = self._account.encoded
                encode = partial(self._encode, low, high)
                return cache.get((self._serial, block), encode, len), high
        limit = self.bytes_before(offset) + min(BLOCK_BYTES, max_bytes)
        high = min(max(self.offset_within_bytes(limit), offset + 1), high, self.end_offset)
        return self._encode(offset, high), high

    def _encode(self, low: int, high: int) -> bytes:
        rows = self.rows(low, high)
        return encode_batch(
            low, self.leader_epoch, rows.timestamps, rows.keys, rows.values, rows.headers
        )

    def tail_offset(self, offset: int) -> int:
        """Where the segment begins that `move_tail` gives."""
        return offset

    def move_tail(self, offset: int) -> Segment:
        """A segment, open for appends, of the records from `offset` on.

        It accounts for their memory from now on; drop this one.
        """
        index = offset - self.base_offset
        copy = Segment(offset, self.bytes_before(offset), self._account, self.leader_epoch)
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


def _within(indexes: dict[int, Headers] | set[int], low: int, high: int) -> Iterator[int]:
    """The members of `indexes` from `low` up to and without `high`, by the shorter way."""
    if len(indexes) < high - low:
        return (index for index in indexes if low <= index < high)
    return (index for index in range(low, high) if index in indexes)


def headers_memory(headers: Headers) -> int:
    """Memory of `headers` besides the bytes of their names and values."""
    return len(headers) * HEADER_MEMORY
