"""Records in the wire form of `simulator.v1.SubscribeResponse.records`, built by hand.

A response is the concatenation of such pieces, so one piece serves every subscriber. The encoding
is that of protocol buffers (https://protobuf.dev/programming-guides/encoding/) with the field
numbers of `record.proto`; a test holds it against the generated code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from itertools import repeat
from typing import NamedTuple, TypeVar

from simulator.log import Headers, RecordColumns

T = TypeVar("T")

VARINT_MASK = (1 << 64) - 1

TypedEvent = Callable[[str, bytes], bytes | None]
"""Gives, for a topic and a value, the serialized `google.protobuf.Any` of the typed event, or None
where the value has no typed form."""


class _Tables(NamedTuple):
    """Encoded numbers to look up, and the head of each field that every record has, by length.

    `last` are the varints of all numbers of 14 bits, `more` the same with more to follow.
    """

    last: list[bytes]
    more: list[bytes]
    record: list[bytes]
    key: list[bytes]
    json: list[bytes]


_SMALL = 4096
"""Contents shorter than this have their head in a table."""


@cache
def _tables() -> _Tables:
    """Made when a record is first encoded: most processes that import this module never do."""
    last = [bytes((n,)) for n in range(128)]
    last += [bytes((low | 128, high)) for high in range(1, 128) for low in range(128)]
    more = [bytes((low | 128, high | 128)) for high in range(128) for low in range(128)]
    lengths = last[:_SMALL]
    record, key, json = (
        [tag + length for length in lengths] for tag in (b"\x0a", b"\x2a", b"\x3a")
    )
    return _Tables(last, more, record, key, json)


def varint(n: int) -> bytes:
    """Encode an int64 as a base-128 varint; by table, 14 bits at a time."""
    tables = _tables()
    n &= VARINT_MASK
    parts = []
    while n > 0x3FFF:
        parts.append(tables.more[n & 0x3FFF])
        n >>= 14
    parts.append(tables.last[n])
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
    read at the speed of this function: half a microsecond for a record.
    """
    last, more, record_heads, key_heads, json_heads = _tables()
    join, high_bits = b"".join, _high_bits
    pieces = []
    for place, offset, timestamp, position, key, value, extra in zip(
        _places(columns, rows),
        _picked(columns.offsets, rows),
        _picked(columns.timestamps, rows),
        _picked(columns.positions, rows),
        _picked(columns.keys, rows),
        _picked(columns.values, rows),
        _extras(columns, rows, typed),
        strict=False,
    ):
        n = 0 if key is None else len(key)
        key_head = b"" if key is None else key_heads[n] if n < _SMALL else b"\x2a" + varint(n)
        n = 0 if value is None else len(value)
        if value is None:
            value_head = b""
        elif n < _SMALL and (value.isascii() or _is_utf8(value)):
            value_head = json_heads[n]
        else:
            value_head = (b"\x3a" if _is_utf8(value) else b"\x42") + varint(n)
        body = join(
            (
                place,
                b"\x18",
                more[offset & 0x3FFF] + high_bits(offset >> 14)
                if offset > 0x3FFF
                else last[offset],
                b"\x20",
                more[timestamp & 0x3FFF] + high_bits(timestamp >> 14)
                if timestamp > 0x3FFF
                else varint(timestamp),
                key_head,
                key or b"",
                value_head,
                value or b"",
                b"\x58",
                more[position & 0x3FFF] + high_bits(position >> 14)
                if position > 0x3FFF
                else last[position],
                extra,
            )
        )
        n = len(body)
        pieces.append((record_heads[n] if n < _SMALL else b"\x0a" + varint(n)) + body)
    return pieces


def _picked(column: Sequence[T], rows: Sequence[int]) -> Iterable[T]:
    return column if len(rows) == len(column) else map(column.__getitem__, rows)


def _places(columns: RecordColumns, rows: Sequence[int]) -> Iterable[bytes]:
    """The encoded topic and partition of each row."""
    if len(columns.sources) == 1:
        return repeat(_place(*columns.sources[0]))
    places = [_place(*source) for source in columns.sources]
    return (places[columns.source[row]] for row in rows)


def _extras(
    columns: RecordColumns, rows: Sequence[int], typed: TypedEvent | None
) -> Iterable[bytes]:
    """The encoded fields that few records have: headers, typed event, unchecked."""
    if typed is None and not columns.headers and not columns.unchecked:
        return repeat(b"")
    return (_extra(columns, row, typed) for row in rows)


def _extra(columns: RecordColumns, row: int, typed: TypedEvent | None) -> bytes:
    extra = _headers(columns.headers[row]) if row in columns.headers else b""
    value = columns.values[row]
    if typed is not None and value is not None:
        event = typed(columns.sources[columns.source[row]][0], value)
        if event is not None:
            extra += delimited(b"\x4a", event)
    return extra + b"\x50\x01" if row in columns.unchecked else extra


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
