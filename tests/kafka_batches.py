"""Kafka record batches built and read by another implementation: that of aiokafka.

It is told to leave compression to cramjam here, so that the tests need no further codecs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

import cramjam
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from crc32c import crc32c

from simulator.log import Headers

Draft = tuple[int, bytes | None, bytes | None, Headers]
"""Timestamp, key, value and headers."""

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


class Found(NamedTuple):
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def build_batch(
    drafts: Sequence[Draft],
    *,
    codec: int = 0,
    producer_id: int = -1,
    producer_epoch: int = -1,
    base_sequence: int = -1,
    transactional: bool = False,
) -> bytes:
    builder = DefaultRecordBatchBuilder(
        2, 0, transactional, producer_id, producer_epoch, base_sequence, 1 << 30
    )
    for row, (timestamp, key, value, headers) in enumerate(drafts):
        builder.append(row, timestamp, key, value, list(headers))
    return recompressed(bytes(builder.build()), codec)


def recompressed(raw: bytes, codec: int) -> bytes:
    """An uncompressed batch with its records compressed."""
    attributes = struct.unpack_from(">h", raw, 21)[0] | codec
    body = compress(raw[61:], codec)
    covered = struct.pack(">h", attributes) + raw[23:61] + body
    head = struct.pack(">qiib", 0, 49 + len(body), -1, 2)
    return head + struct.pack(">I", crc32c(covered)) + covered


def compress(data: bytes, codec: int) -> bytes:
    if codec == 0:
        return data
    module = getattr(cramjam, CODECS[codec])
    return bytes(module.compress_raw(data) if codec == 2 else module.compress(data))


def records_of(data: bytes) -> list[Found]:
    """All records of some batches."""
    found = []
    rest = MemoryRecords(b"".join(inflated(raw) for raw in split(data)))
    while (batch := rest.next_batch()) is not None:
        assert batch.validate_crc()
        found += [Found(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in batch]
    return found


def split(data: bytes) -> list[bytes]:
    batches = []
    while data:
        end = 12 + struct.unpack_from(">i", data, 8)[0]
        batches.append(data[:end])
        data = data[end:]
    return batches


def inflated(raw: bytes) -> bytes:
    """A batch with its records uncompressed, after a check of its CRC."""
    assert struct.unpack_from(">I", raw, 17)[0] == crc32c(raw[21:])
    attributes = struct.unpack_from(">h", raw, 21)[0]
    codec = attributes & 7
    if codec == 0:
        return raw
    module = getattr(cramjam, CODECS[codec])
    body = bytes(module.decompress_raw(raw[61:]) if codec == 2 else module.decompress(raw[61:]))
    covered = struct.pack(">h", attributes & ~7) + raw[23:61] + body
    head = raw[:8] + struct.pack(">i", 49 + len(body)) + raw[12:17]
    return head + struct.pack(">I", crc32c(covered)) + covered
