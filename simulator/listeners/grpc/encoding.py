"""Records in the wire form of `simulator.v1.SubscribeResponse.records`, built by hand.

A response is the concatenation of such pieces, so one piece serves every subscriber. The encoding
is that of protocol buffers (https://protobuf.dev/programming-guides/encoding/) with the field
numbers of `record.proto`; a test holds it against the generated code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from simulator.log import Headers, RecordColumns

VARINT_MASK = (1 << 64) - 1

TypedEvent = Callable[[str, bytes], bytes | None]
"""Gives, for a topic and a value, the serialized `google.protobuf.Any` of the typed event, or None
where the value has no typed form."""


def _ended(n: int) -> bytes:
    return bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7))


_LAST = [_ended(n) for n in range(1 << 14)]
_MORE = [bytes((n & 127 | 128, n >> 7 | 128)) for n in range(1 << 14)]


def varint(n: int) -> bytes:
    """Encode an int64 as a base-128 varint; by table, 14 bits at a time."""
    n &= VARINT_MASK
    parts = []
    while n >= 0x4000:
        parts.append(_MORE[n & 0x3FFF])
        n >>= 14
    parts.append(_LAST[n])
    return b"".join(parts)


_high_bits = lru_cache(maxsize=1024)(varint)
"""The varint of a number without its lowest 14 bits: the same for thousands of neighbours."""


def delimited(tag: bytes, content: bytes) -> bytes:
    """Encode a length-delimited field."""
    return b"%b%b%b" % (tag, varint(len(content)), content)


def encode_records(
    columns: RecordColumns, rows: Sequence[int], typed: TypedEvent | None = None
) -> list[bytes]:
    """Encode some rows; each piece is a whole `records` field, tag and length included.

    `typed` adds the event field, where it gives one. The loop is written out, since a full log is
    read at the speed of this function: about half a microsecond for a record.
    """
    more, last, high_bits = _MORE, _LAST, _high_bits
    places = [_place(topic, partition) for topic, partition in columns.sources]
    source, offsets, timestamps = columns.source, columns.offsets, columns.timestamps
    keys, values, positions = columns.keys, columns.values, columns.positions
    headers, unchecked = columns.headers, columns.unchecked
    pieces = []
    for row in rows:
        n = offsets[row]
        offset = more[n & 0x3FFF] + high_bits(n >> 14) if n > 0x3FFF else varint(n)
        n = timestamps[row]
        timestamp = more[n & 0x3FFF] + high_bits(n >> 14) if n > 0x3FFF else varint(n)
        n = positions[row]
        position = more[n & 0x3FFF] + high_bits(n >> 14) if n > 0x3FFF else varint(n)
        key = keys[row]
        if key is None:
            key_part = b""
        else:
            n = len(key)
            key_part = b"\x2a%b%b" % (last[n] if n <= 0x3FFF else varint(n), key)
        if row in headers:
            key_part += _headers(headers[row])
        value = values[row]
        if value is None:
            value_part = b""
        else:
            n = len(value)
            value_part = b"%b%b%b" % (
                b"\x3a" if value.isascii() or _is_utf8(value) else b"\x42",
                last[n] if n <= 0x3FFF else varint(n),
                value,
            )
            if typed is not None:
                event = typed(columns.sources[source[row]][0], value)
                if event is not None:
                    value_part += delimited(b"\x4a", event)
        if row in unchecked:
            value_part += b"\x50\x01"
        body = b"%b\x18%b\x20%b%b%b\x58%b" % (
            places[source[row]],
            offset,
            timestamp,
            key_part,
            value_part,
            position,
        )
        n = len(body)
        pieces.append(b"\x0a%b%b" % (last[n] if n <= 0x3FFF else varint(n), body))
    return pieces


def _place(topic: str, partition: int) -> bytes:
    place = delimited(b"\x0a", topic.encode())
    return place + b"\x10" + varint(partition) if partition else place


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _headers(headers: Headers) -> bytes:
    return b"".join(
        delimited(
            b"\x32",
            delimited(b"\x0a", name.encode())
            + (b"" if value is None else delimited(b"\x12", value)),
        )
        for name, value in headers
    )
