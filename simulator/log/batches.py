"""Kafka's record batches of magic 2 (KIP-98): headers, checks, and records in and out of bytes.

Layout and meaning follow "Record Batch" and "Record" in Kafka's documentation of its message
format. A batch is stored and handed back as it came; its records are decoded only for readers
that ask for records.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from simulator.log.compression import MAX_DECODED_BYTES, ZSTD, decompressed
from simulator.log.errors import CorruptBatch, InvalidBatch, UnsupportedBatch
from simulator.log.record import Headers

# base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base timestamp,
# max timestamp, producer id, producer epoch, base sequence, number of records
_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
HEADER_BYTES: Final = _HEADER.size
_PREFIX_BYTES: Final = 12  # base offset and length, which the length does not count
_LEAST_LENGTH: Final = 14  # of the shortest message of magic 0
_MAGIC_AT: Final = 16
_NEWEST_MAGIC: Final = 2
_CRC_AT: Final = 17
ATTRIBUTES_AT: Final = 21  # the CRC covers everything from here on
MAX_TIMESTAMP_AT: Final = 35
PRODUCER_AT: Final = 43  # id, epoch and base sequence

_COMPRESSION: Final = 0x07
LOG_APPEND_TIME: Final = 0x08
TRANSACTIONAL: Final = 0x10
CONTROL: Final = 0x20

NO_PRODUCER: Final = -1

_LEAST_RECORD_BYTES: Final = 7  # a varint each for size, time, offset, key, value, headers; a byte

Unchecked = bool | frozenset[int]
"""Which records of a batch entered a typed topic without being valid: all, none, or these."""


class Batch(NamedTuple):
    """A batch that has passed every check of its header; `raw` is all of it."""

    raw: bytes
    records: int
    attributes: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int

    @property
    def compression(self) -> int:
        """0 for none, else GZIP, SNAPPY, LZ4 or ZSTD."""
        return self.attributes & _COMPRESSION

    @property
    def transactional(self) -> bool:
        """Whether the batch belongs to a transaction."""
        return bool(self.attributes & TRANSACTIONAL)

    @property
    def last_sequence(self) -> int:
        """The sequence number of the last record; numbers begin at 0 again after 2^31 - 1."""
        return (self.base_sequence + self.records - 1) & 0x7FFFFFFF


class Rows(NamedTuple):
    """Records as parallel columns; `headers` and `unchecked` name the rows that have some."""

    values: Sequence[bytes | None]
    keys: Sequence[bytes | None]
    timestamps: Sequence[int]
    positions: Sequence[int]
    headers: Mapping[int, Headers]
    unchecked: frozenset[int]


def parse_batch(data: bytes) -> Batch:
    """Check the one batch that `data` is, as a broker checks what a client produces.

    Raises CorruptBatch where length or CRC are wrong, UnsupportedBatch for an older magic and for
    other than one whole batch, and InvalidBatch for a batch that a client may not send. (Kafka:
    `ByteBufferLogInputStream`, `ProduceRequest.validateRecords`, `LogValidator.validateBatch` and
    `DefaultRecordBatch.ensureValid`.)
    """
    size = _whole(data, 0)
    if size is None:
        raise UnsupportedBatch(f"{len(data)} bytes are not a whole record batch")
    if data[_MAGIC_AT] != _NEWEST_MAGIC:
        raise UnsupportedBatch(
            f"record batches of magic {data[_MAGIC_AT]} are not accepted; use magic 2"
        )
    if size < len(data):
        if _whole(data, size) is not None:
            raise UnsupportedBatch(
                "one record batch for each partition is allowed, and here are more"
            )
        data = data[:size]
    if size < HEADER_BYTES:
        raise CorruptBatch(f"{size} bytes are too few for a record batch of magic 2")
    (
        *(base_offset, _, _, _, crc, attributes, last_delta, _, max_timestamp),
        producer_id,
        producer_epoch,
        base_sequence,
        count,
    ) = _HEADER.unpack_from(data)
    if base_offset != 0:
        raise InvalidBatch(f"the base offset of a batch is 0 when it is sent, not {base_offset}")
    if crc != checksum(memoryview(data)[ATTRIBUTES_AT:]):
        raise CorruptBatch("the CRC-32C of the batch is wrong")
    if count < 1 or count != last_delta + 1:
        raise InvalidBatch(
            f"the batch counts {count} records, but its last offset delta is {last_delta}"
        )
    room = MAX_DECODED_BYTES if attributes & _COMPRESSION else len(data) - HEADER_BYTES
    if count * _LEAST_RECORD_BYTES > room:
        raise InvalidBatch(f"the batch counts {count} records, more than {room} bytes can hold")
    if attributes & CONTROL:
        raise InvalidBatch("clients may not write control records")
    if attributes & _COMPRESSION > ZSTD:
        raise InvalidBatch(f"there is no compression {attributes & _COMPRESSION}")
    if producer_id > NO_PRODUCER and base_sequence < 0:
        raise InvalidBatch(f"sequence {base_sequence} of producer {producer_id} is negative")
    return Batch(data, count, attributes, max_timestamp, producer_id, producer_epoch, base_sequence)


def _whole(data: bytes, at: int) -> int | None:
    """The size of the batch that begins there; None where not all of it is there."""
    left = len(data) - at
    if left < _PREFIX_BYTES:
        return None
    length = int.from_bytes(data[at + 8 : at + _PREFIX_BYTES], "big", signed=True)
    if length < _LEAST_LENGTH:
        raise CorruptBatch(
            f"Record size {length} is less than the minimum record overhead ({_LEAST_LENGTH})"
        )
    if left <= _MAGIC_AT:
        return None
    magic = int.from_bytes(data[at + _MAGIC_AT : at + _MAGIC_AT + 1], signed=True)
    if not 0 <= magic <= _NEWEST_MAGIC:
        raise CorruptBatch(f"Invalid magic found in record: {magic}")
    return None if left < _PREFIX_BYTES + length else _PREFIX_BYTES + length


def end_offset(raw: bytes) -> int:
    """The offset behind the last record of a batch in the log."""
    return int.from_bytes(raw[:8], "big") + int.from_bytes(raw[23:27], "big") + 1


def placed(raw: bytes, base_offset: int, leader_epoch: int) -> bytes:
    """The batch with its base offset and leader epoch set; the CRC covers neither."""
    head = struct.pack(">q4si", base_offset, raw[8:12], leader_epoch)
    return b"".join((head, memoryview(raw)[_MAGIC_AT:]))


def rewritten(raw: bytes | memoryview, *fields: tuple[int, bytes]) -> bytes:
    """The batch with other bytes at places of its header, and the CRC that it then has."""
    batch = bytearray(raw)
    for at, field in fields:
        batch[at : at + len(field)] = field
    struct.pack_into(">I", batch, _CRC_AT, checksum(memoryview(batch)[ATTRIBUTES_AT:]))
    return bytes(batch)


def checksum(data: bytes | memoryview) -> int:
    """The CRC-32C of `data`."""
    from crc32c import crc32c  # its import takes longer than that of this room

    return crc32c(data)


def decode_rows(raw: bytes, first_position: int, unchecked: Unchecked) -> Rows:
    """The records of a batch, of which all, none or some rows are `unchecked`.

    Where they cannot be decoded, since a broker stores what clients send without reading it, as
    many records as the header counts, with null keys and values.
    """
    header = _HEADER.unpack_from(raw)
    attributes, base_timestamp, max_timestamp, count = header[5], header[7], header[8], header[12]
    headers: dict[int, Headers] = {}
    try:
        payload = decompressed(attributes & _COMPRESSION, raw[HEADER_BYTES:])
        values, keys, timestamps = _decode(payload, count, base_timestamp, headers)
    except Exception:  # whatever a codec raises: the bytes are not what they say they are
        values, keys, timestamps = [None] * count, [None] * count, [max_timestamp] * count
        headers, unchecked = {}, True
    if attributes & LOG_APPEND_TIME:
        timestamps = [max_timestamp] * count
    return Rows(
        values,
        keys,
        timestamps,
        range(first_position, first_position + count),
        headers,
        _rows_unchecked(unchecked, count),
    )


def _rows_unchecked(unchecked: Unchecked, count: int) -> frozenset[int]:
    if isinstance(unchecked, bool):
        return frozenset(range(count) if unchecked else ())
    return unchecked


def decode_values(batch: Batch) -> list[bytes | None]:
    """The values of a batch, to be checked one by one; CorruptBatch if they cannot be decoded."""
    try:
        payload = decompressed(batch.compression, batch.raw[HEADER_BYTES:])
        return _decode(payload, batch.records, 0, {})[0]
    except Exception as error:
        raise CorruptBatch(f"the records of the batch cannot be decoded: {error}") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag varint at `at`, and where it ends."""
    byte = data[at]
    at += 1
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at
    value, shift = byte & 0x7F, 7
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")


def _field(data: bytes, at: int) -> tuple[bytes | None, int]:
    """A length as varint and so many bytes; a negative length means null."""
    size, at = _varint(data, at)
    if size < 0:
        return None, at
    end = at + size
    if end > len(data):
        raise ValueError("a record ends behind its batch")
    return data[at:end], end


def _decode(
    data: bytes, count: int, base_timestamp: int, headers: dict[int, Headers]
) -> tuple[list[bytes | None], list[bytes | None], list[int]]:
    values: list[bytes | None] = []
    keys: list[bytes | None] = []
    timestamps: list[int] = []
    at = 0
    for row in range(count):
        size, at = _varint(data, at)
        end = at + size
        delta, at = _varint(data, at + 1)  # one byte of attributes, which mean nothing
        timestamps.append(base_timestamp + delta)
        offset_delta, at = _varint(data, at)
        if offset_delta != row:
            raise ValueError(f"record {row} has the offset delta {offset_delta}")
        key, at = _field(data, at)
        value, at = _field(data, at)
        keys.append(key)
        values.append(value)
        number, at = _varint(data, at)
        if number:
            pairs = []
            for _ in range(number):
                name, at = _field(data, at)
                content, at = _field(data, at)
                pairs.append(((name or b"").decode(errors="replace"), content))
            headers[row] = tuple(pairs)
        if at != end:
            raise ValueError(f"record {row} is longer or shorter than it says")
    if at != len(data):
        raise ValueError("bytes are left behind the last record")
    return values, keys, timestamps


def _zigzag(number: int) -> bytes:
    number = (number << 1) ^ (number >> 63)
    if number < 0x80:
        return _SMALL[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_SMALL: Final = [bytes((number,)) for number in range(0x80)]
_NULL: Final = b"\x01"


def _sized(data: bytes | None) -> tuple[bytes, bytes]:
    return (_NULL, b"") if data is None else (_zigzag(len(data)), data)


def encode_batch(
    base_offset: int,
    leader_epoch: int,
    timestamps: Sequence[int],
    keys: Sequence[bytes | None],
    values: Sequence[bytes | None],
    headers: Mapping[int, Headers],
    deltas: Sequence[int] | None = None,
) -> bytes:
    """An uncompressed batch of plain records, from no producer; `headers` by row.

    `deltas` are their offsets from the first on, where there are gaps.
    """
    base_timestamp = timestamps[0]
    if deltas is None:
        deltas = range(len(values))
    parts: list[bytes] = []
    for row, (timestamp, key, value) in enumerate(zip(timestamps, keys, values, strict=True)):
        record = [
            b"\0",
            _zigzag(timestamp - base_timestamp),
            _zigzag(deltas[row]),
            *_sized(key),
            *_sized(value),
        ]
        pairs = headers.get(row, ())
        record.append(_zigzag(len(pairs)))
        for name, content in pairs:
            record += (*_sized(name.encode()), *_sized(content))
        body = b"".join(record)
        parts += (_zigzag(len(body)), body)
    times = (base_timestamp, max(timestamps))
    place = base_offset, leader_epoch
    return assembled(b"".join(parts), len(values), place, times, last_delta=deltas[-1])


def assembled(
    records: bytes,
    count: int,
    place: tuple[int, int],
    times: tuple[int, int],
    attributes: int = 0,
    producer: tuple[int, int, int] = (NO_PRODUCER, -1, -1),
    last_delta: int | None = None,
) -> bytes:
    """A batch of encoded records.

    `place` is base offset and leader epoch, `times` are base and largest timestamp, `producer` is
    id, epoch and base sequence. `last_delta` is the last offset from the first one on; without it
    there are no gaps.
    """
    last = count - 1 if last_delta is None else last_delta
    # The first 21 bytes are written again below, once the CRC of what follows them is known.
    covered = _HEADER.pack(0, 0, 0, 0, 0, attributes, last, *times, *producer, count)
    covered = covered[ATTRIBUTES_AT:] + records
    length = HEADER_BYTES - _PREFIX_BYTES + len(records)
    head = struct.pack(">qiibI", place[0], length, place[1], 2, checksum(covered))
    return head + covered
