"""The same records once more, as they come when a producer did not hear that it had been heard.

A producer without idempotence sends its batch again, and the log has it twice, under two offsets.
That is the only duplicate that consumers meet in the log: batches that a broker hands out again at
the same offsets are dropped by the clients themselves. What an idempotent producer sends again, a
broker knows; there, the copy stands for an application that produces again. Batches of
transactions are left alone.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any, Final

from simulator.log.batches import (
    ATTRIBUTES_AT,
    HEADER_BYTES,
    PRODUCER_AT,
    TRANSACTIONAL,
    rewritten,
)

_NOBODY: Final = struct.pack(">qhi", -1, -1, -1)


def copied(body: Any) -> Any:
    """A Produce request with the same batches, from nobody; without those of transactions."""
    topics = (
        replace(
            topic,
            partition_data=tuple(
                replace(partition, records=rewritten(partition.records, (PRODUCER_AT, _NOBODY)))
                for partition in topic.partition_data
                if _can_be_copied(partition.records)
            ),
        )
        for topic in body.topic_data
    )
    return replace(
        body, acks=1, topic_data=tuple(topic for topic in topics if topic.partition_data)
    )


def _can_be_copied(batch: bytes | None) -> bool:
    if batch is None or len(batch) < HEADER_BYTES:
        return False
    return not int.from_bytes(batch[ATTRIBUTES_AT : ATTRIBUTES_AT + 2], "big") & TRANSACTIONAL
