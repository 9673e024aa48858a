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

from crc32c import crc32c

from simulator.log.batches import HEADER_BYTES

_CRC_AT: Final = 17
_CRC_END: Final = 21
_PRODUCER_AT: Final = 43  # id, epoch, base sequence
_NOBODY: Final = struct.pack(">qhi", -1, -1, -1)
_TRANSACTIONAL: Final = 0x10


def copied(body: Any) -> Any:
    """A Produce request with the same batches, from nobody; without those of transactions."""
    topics = (
        replace(
            topic,
            partition_data=tuple(
                replace(partition, records=_anonymous(partition.records))
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
    return not int.from_bytes(batch[_CRC_END : _CRC_END + 2], "big") & _TRANSACTIONAL


def _anonymous(records: bytes) -> bytes:
    batch = bytes(records)  # a large one may be a view of its request
    end = _PRODUCER_AT + len(_NOBODY)
    covered = batch[_CRC_END:_PRODUCER_AT] + _NOBODY + batch[end:]
    return batch[:_CRC_AT] + struct.pack(">I", crc32c(covered)) + covered
