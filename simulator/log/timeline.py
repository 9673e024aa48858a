"""Which history a partition's records belong to, when snapshots are restored and logs reset."""

from __future__ import annotations

import sys


class Timeline:
    """A stretch of history: the records from `start` on, after those of `parent` before it.

    Every restore and reset begins a new one, so two readings of the same offset are of the same
    record exactly when it lies below `common_end` of their timelines. Timelines play the part
    that leader epochs play in Kafka (KIP-101), as a tree, since snapshots can be restored in any
    order.
    """

    __slots__ = ("_depth", "_parent", "_start")

    def __init__(self, parent: Timeline | None = None, start: int = 0) -> None:
        # A parent that begins no earlier has no record left in this history.
        while parent is not None and parent._parent is not None and parent._start >= start:
            parent = parent._parent
        self._parent: Timeline | None = parent
        self._start: int = start
        self._depth: int = 0 if parent is None else parent._depth + 1

    def common_end(self, other: Timeline) -> int:
        """The offset up to which both timelines have the same records; maxsize if they are one.

        Both must go back to the same first timeline.
        """
        end = sys.maxsize
        one, two = self, other
        while one is not two:
            if one._depth < two._depth:
                one, two = two, one
            assert one._parent is not None
            end = min(end, one._start)
            one = one._parent
        return end
