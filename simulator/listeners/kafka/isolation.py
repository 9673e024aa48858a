"""Isolation levels: what readers of committed records are given (KIP-98)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simulator.listeners.kafka.registry import Request
from simulator.log.batches import end_offset
from simulator.log.transaction_index import AbortedTransaction

READ_COMMITTED: Final = 1

FIRST_ISOLATING: Final = 2
"""The first version of ListOffsets with an isolation level; those of Fetch are all later."""


def is_committed(request: Request) -> bool:
    """Whether a Fetch or ListOffsets request wants only what is committed."""
    if request.version < FIRST_ISOLATING:
        return False
    level: int = request.body.isolation_level
    return level == READ_COMMITTED


def aborted_in(
    request: Request, topic: str, partition: int, offset: int, batches: Sequence[bytes]
) -> list[AbortedTransaction]:
    """The aborted transactions that a reader of `batches`, from `offset` on, must pass over.

    As in Kafka: all that ended at `offset` or later and began before the end of the batches.
    """
    if not batches:
        return []
    stop = end_offset(batches[-1])
    return request.cluster.log.transactions.aborted(topic, partition, offset, stop)
