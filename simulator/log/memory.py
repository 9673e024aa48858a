"""The memory that segments take, and how it is given back in small slices.

Freeing 100,000 values takes several milliseconds, which would be felt by whoever calls reset(),
restores a snapshot or lets the last reference to one go. So a dying segment leaves its columns
here, and they are freed some segments at a time.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from simulator.log.bounded_cache import BoundedCache

if TYPE_CHECKING:
    from simulator.log.batches import Rows

CACHE_BYTES: Final = 16 * 1024 * 1024
"""Of each of the caches, which do not count towards the log's bound."""


class Memory:
    """`taken` is what all segments account for that have not been reaped, dead ones included.

    `decoded` and `encoded` are kept for readers: the records of Kafka batches, and plain records
    as Kafka batches.
    """

    __slots__ = ("_dead", "decoded", "encoded", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self.decoded: BoundedCache[Rows] = BoundedCache(CACHE_BYTES)
        self.encoded: BoundedCache[bytes] = BoundedCache(CACHE_BYTES)
        self._dead: deque[tuple[int, object]] = deque()

    @property
    def dead_segments(self) -> int:
        """How many segments wait to be reaped."""
        return len(self._dead)

    def bury(self, memory: int, columns: object) -> None:
        """Keep `columns`, which take `memory` bytes, until they are reaped.

        May be called from any thread, since the last reference to a snapshot may be dropped in
        any; that is why the account is settled by `reap` and not here.
        """
        self._dead.append((memory, columns))

    def reap(self, max_segments: int) -> int:
        """Free up to `max_segments` segments, the longest dead first; return the bytes freed."""
        freed = 0
        dead = self._dead
        for _ in range(min(max_segments, len(dead))):
            freed += dead.popleft()[0]
        self.taken -= freed
        return freed

    def reap_down_to(self, allowed: int) -> bool:
        """Free dead segments until at most `allowed` bytes are taken; return whether they are."""
        while self.taken > allowed and self._dead:
            self.reap(1)
        return self.taken <= allowed
