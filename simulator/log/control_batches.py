"""Control batches: the markers that end transactions, byte for byte as Kafka writes them (KIP-98).

A marker is a batch of its own with one record, which takes one offset and is no event.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

from simulator.log.batches import CONTROL, TRANSACTIONAL, Batch, assembled

_KEY: Final = struct.Struct(">hh")  # version, type of the marker
_VALUE: Final = struct.Struct(">hi")  # version, coordinator epoch
_VERSION: Final = 0
_NO_SEQUENCE: Final = -1
_UNPLACED: Final = (0, -1)  # offset and leader epoch; the partition sets them

# length 16, attributes 0, timestamp and offset deltas 0, then a key of 4 and a value of 6 bytes
_RECORD: Final = b"\x20\x00\x00\x00\x08%b\x0c%b\x00"


class Marker(IntEnum):
    """How a transaction ended."""

    ABORT = 0
    COMMIT = 1


def marker_batch(
    marker: Marker, producer_id: int, producer_epoch: int, coordinator_epoch: int, timestamp: int
) -> Batch:
    """The batch that says, in one partition, how a transaction of a producer ended."""
    record = _RECORD % (
        _KEY.pack(_VERSION, marker),
        _VALUE.pack(_VERSION, coordinator_epoch),
    )
    attributes = TRANSACTIONAL | CONTROL
    producer = (producer_id, producer_epoch, _NO_SEQUENCE)
    raw = assembled(record, 1, _UNPLACED, (timestamp, timestamp), attributes, producer)
    return Batch(raw, 1, attributes, timestamp, *producer)
