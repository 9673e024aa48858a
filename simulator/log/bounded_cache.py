"""What was computed from stored records, for the next reader of the same ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import count
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_serials: Final = count()


def new_serial() -> int:
    """A number that no other segment of this process has: keys made of it never go stale."""
    return next(_serials)


class BoundedCache(Generic[T]):
    """Values by (serial of a segment, place in it), at most `max_bytes` of them.

    The least recently used goes first. Segments only ever grow, and another segment has another
    serial; so nothing here has to be told of a reset, a restore or a deletion.
    """

    __slots__ = ("_entries", "_max_bytes", "bytes_held")

    def __init__(self, max_bytes: int) -> None:
        self._entries: OrderedDict[tuple[int, int], tuple[T, int]] = OrderedDict()
        self._max_bytes = max_bytes
        self.bytes_held = 0

    def get(self, key: tuple[int, int], compute: Callable[[], T], size: Callable[[T], int]) -> T:
        """The value of `key`, computed if it is not held; `size` tells its memory in bytes."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
            return found[0]
        value = compute()
        taken = size(value)
        if taken <= self._max_bytes:
            self._entries[key] = (value, taken)
            self.bytes_held += taken
            while self.bytes_held > self._max_bytes:
                self.bytes_held -= self._entries.popitem(last=False)[1][1]
        return value
