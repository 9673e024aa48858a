"""A partition as a snapshot keeps it."""

from __future__ import annotations

from typing import NamedTuple

from sortedcontainers import SortedDict  # type: ignore[import-untyped]

from simulator.log.gather import AnySegment
from simulator.log.leader_epochs import FrozenEpochs
from simulator.log.timeline import Timeline
from simulator.log.transaction_index import TransactionIndexState


class PartitionState(NamedTuple):
    """Everything a partition holds, frozen; the segments are shared, not copied.

    What it knows of producers is not held: they are clients that live on, and may go on with
    whatever sequence they have come to.
    """

    segments: SortedDict[int, AnySegment]
    start: int
    end: int
    start_bytes: int
    end_bytes: int
    timeline: Timeline
    epochs: FrozenEpochs
    transactions: TransactionIndexState
