"""What was computed from records, kept for the next reader of the same records.

A hundred subscribers of one topic get the same bytes, so a record is encoded for the first of them
only, whatever the others filter; and its envelope is parsed once for all filters.

Records are known by their position, which is unique over all topics until the log is reset or a
snapshot is restored. Then positions are used again, so everything is forgotten: the log calls those
who wait for no topic when all of it changes. (It does so too when a group's members change, which
costs a little and does no harm.) Deleted records need no care: nobody asks for them again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from simulator.log import RecordColumns, TopicLog

T = TypeVar("T")

_BITS = 9
BLOCK = 1 << _BITS
"""Records are kept and forgotten in blocks of so many positions."""

MAX_ITEM_BYTES = 16 * 1024
"""What is larger is not kept: it would crowd out much, and computing it is mostly copying."""

BLOCK_BYTES = BLOCK * 8 + 200
"""Memory of an empty block."""


class _Block(Generic[T]):
    __slots__ = ("bytes", "items", "known")

    def __init__(self) -> None:
        self.items: list[T | None] = [None] * BLOCK
        self.known = 0
        self.bytes = BLOCK_BYTES


class RecordCache(Generic[T]):
    """Values by record, at most `max_bytes` of them, the least recently used forgotten first."""

    def __init__(
        self,
        log: TopicLog,
        compute: Callable[[RecordColumns, Sequence[int]], list[T]],
        size: Callable[[T], int],
        max_bytes: int,
    ) -> None:
        """`compute` gives the values of some rows of columns, `size` the memory of a value."""
        self._log = log
        self._compute = compute
        self._size = size
        self._max_bytes = max_bytes
        self._watching = False
        self._blocks: OrderedDict[int, _Block[T]] = OrderedDict()
        self._dead: list[OrderedDict[int, _Block[T]]] = []
        self.bytes_held = 0

    def forget(self) -> None:
        """Forget everything, in no time: what was kept is freed bit by bit as records are read."""
        self._log.cancel_wait(self.forget)
        self._watching = False
        if self._blocks:
            self._dead.append(self._blocks)
            self._blocks = OrderedDict()
            self.bytes_held = 0

    def close(self) -> None:
        """Forget everything and free it."""
        self.forget()
        self._dead.clear()

    def get(self, columns: RecordColumns, rows: Sequence[int]) -> list[T]:
        """Return the values of some rows, in order, of columns just read from the log."""
        if not self._watching:
            self._log.wait(self.forget, ())
            self._watching = True
        if self._dead:
            self._reap()
        positions = columns.positions
        if len(rows) != len(positions):
            positions = [positions[row] for row in rows]
        values: list[T] = []
        start, count = 0, len(positions)
        while start < count:
            number = positions[start] >> _BITS
            stop = bisect_left(positions, (number + 1) << _BITS, start)
            values += self._of_block(number, columns, rows[start:stop], positions[start:stop])
            start = stop
        while self.bytes_held > self._max_bytes:
            _, block = self._blocks.popitem(last=False)
            self.bytes_held -= block.bytes
        return values

    def _reap(self) -> None:
        """Free two dead blocks, some 50 microseconds' worth."""
        dead = self._dead[-1]
        for _ in range(min(2, len(dead))):
            dead.popitem()
        if not dead:
            self._dead.pop()

    def _of_block(
        self, number: int, columns: RecordColumns, rows: Sequence[int], positions: Sequence[int]
    ) -> list[T]:
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = _Block()
            self.bytes_held += block.bytes
        else:
            self._blocks.move_to_end(number)
        first = positions[0] & (BLOCK - 1)
        last = positions[-1] & (BLOCK - 1)
        dense = last - first == len(positions) - 1
        if dense:
            values = block.items[first : last + 1]
        else:
            values = [block.items[position & (BLOCK - 1)] for position in positions]
        if block.known < BLOCK:
            if block.known == 0 and dense:
                return self._fill(block, first, self._compute(columns, rows))
            self._complete(block, values, columns, rows, positions)
        return values  # type: ignore[return-value]  # nothing is missing any more

    def _fill(self, block: _Block[T], first: int, fresh: list[T]) -> list[T]:
        """Keep the first values of a block, which lie side by side: the way of a lone reader."""
        sizes = list(map(self._size, fresh))
        if max(sizes) <= MAX_ITEM_BYTES:
            block.items[first : first + len(fresh)] = fresh
            self._account(block, len(fresh), sum(sizes))
        return fresh

    def _complete(
        self,
        block: _Block[T],
        values: list[T | None],
        columns: RecordColumns,
        rows: Sequence[int],
        positions: Sequence[int],
    ) -> None:
        """Compute what is missing among some values of a block, and keep what is not too large."""
        missing = [index for index, value in enumerate(values) if value is None]
        if not missing:
            return
        fresh = self._compute(columns, [rows[index] for index in missing])
        kept = added = 0
        for index, value in zip(missing, fresh, strict=True):
            values[index] = value
            size = self._size(value)
            if size <= MAX_ITEM_BYTES:
                block.items[positions[index] & (BLOCK - 1)] = value
                kept += 1
                added += size
        self._account(block, kept, added)

    def _account(self, block: _Block[T], kept: int, added: int) -> None:
        block.known += kept
        block.bytes += added
        self.bytes_held += added
