"""The compressions of record batches, by Kafka's numbers, and how their bytes are unpacked."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

Unpack = Callable[[bytes, bytearray], int]
"""Decompresses into a buffer and says how many bytes it wrote; raises where it does not fit."""

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4

MAX_DECODED_BYTES: Final = 64 * 1024 * 1024
"""What a compressed batch may unpack to; one that says more cannot be decoded."""

_XERIAL: Final = b"\x82SNAPPY\x00"
"""Begins the framing that Java clients put around Snappy blocks."""


def decompressed(compression: int, body: bytes) -> bytes:
    """The records of a batch whose `body` is compressed so; raises whatever the codec does."""
    if compression == 0:
        return body
    if compression == GZIP:
        inflater = zlib.decompressobj(wbits=31)
        return inflater.decompress(body, MAX_DECODED_BYTES)
    import cramjam

    if compression == SNAPPY:
        return _unsnappy(cramjam.snappy.decompress_raw_into, body)
    codec = cramjam.lz4 if compression == LZ4 else cramjam.zstd
    return _unpacked(codec.decompress_into, body, MAX_DECODED_BYTES)


def _unsnappy(unpack: Unpack, body: bytes) -> bytes:
    if not body.startswith(_XERIAL):
        return _unpacked(unpack, body, MAX_DECODED_BYTES)
    parts, at, room = [], 16, MAX_DECODED_BYTES
    while at < len(body):
        size = int.from_bytes(body[at : at + 4], "big")
        part = _unpacked(unpack, body[at + 4 : at + 4 + size], room)
        parts.append(part)
        room -= len(part)
        at += 4 + size
    return b"".join(parts)


def _unpacked(unpack: Unpack, body: bytes, room: int) -> bytes:
    """Unpack into at most `room` bytes; raises whatever the codec does where they are too few."""
    size = min(max(8 * len(body), 1 << 16), room)
    while True:
        buffer = bytearray(size)
        try:
            written = unpack(body, buffer)
        except Exception:
            if size == room:
                raise
            size = min(8 * size, room)
        else:
            return bytes(memoryview(buffer)[:written])
