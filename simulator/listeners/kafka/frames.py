"""Requests cut from the bytes of a connection: a size of four bytes, then that many.

A pure machine: whoever owns the socket asks where the next bytes are to go, and says how many
came. A large request is received into memory of its own at once, without being copied together.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from simulator.listeners.kafka.errors import ProtocolViolation

SIZE_BYTES: Final = 4

LEAST_BYTES: Final = 8
"""API key, version and correlation id."""

_SMALL: Final = 65_536
"""Requests that fit are cut from a common buffer; larger ones get one of their own."""

_FIRST_GROWTH: Final = 1 << 21
"""What a large request gets at first: its size is only what a stranger says."""


class Frames:
    """The requests of one connection, as they become complete."""

    __slots__ = (
        "_common",
        "_common_filled",
        "_filled",
        "_large",
        "_size",
        "complete",
        "least_bytes",
        "max_bytes",
    )

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes` bounds one request; it may be changed, as may the `least_bytes`."""
        self.complete: deque[bytes | memoryview] = deque()
        self.max_bytes = max_bytes
        self.least_bytes = LEAST_BYTES
        self._common = bytearray(_SMALL)
        self._common_filled = 0
        self._large: bytearray | None = None
        self._size = 0  # of the large one
        self._filled = 0

    def buffer(self) -> memoryview:
        """Where the next bytes are to go; never empty."""
        if self._large is None:
            return memoryview(self._common)[self._common_filled :]
        if self._filled == len(self._large):
            grown = min(self._size, 2 * len(self._large))
            self._large.extend(bytes(grown - len(self._large)))
        return memoryview(self._large)[self._filled :]

    def received(self, count: int) -> None:
        """So many bytes came; raises ProtocolViolation for a size that cannot be."""
        if self._large is None:
            self._common_filled += count
            self._cut()
            return
        self._filled += count
        if self._filled == self._size:
            self.complete.append(memoryview(self._large).toreadonly())
            self._large = None

    def _cut(self) -> None:
        """Take what is complete out of the common buffer."""
        common, start, filled = self._common, 0, self._common_filled
        while filled - start >= SIZE_BYTES:
            size = int.from_bytes(common[start : start + SIZE_BYTES], "big", signed=True)
            if not self.least_bytes <= size <= self.max_bytes:
                begun = bytes(common[start : start + SIZE_BYTES])
                raise ProtocolViolation(f"a request of {size} bytes{_other_protocol(begun)}")
            end = start + SIZE_BYTES + size
            if end > filled:
                if end - start > _SMALL:
                    self._begin_large(size, start + SIZE_BYTES)
                    start = filled
                break
            self.complete.append(bytes(memoryview(common)[start + SIZE_BYTES : end]))
            start = end
        rest = filled - start
        if start and rest:
            common[:rest] = common[start:filled]
        self._common_filled = rest

    def _begin_large(self, size: int, start: int) -> None:
        """Give a request memory of its own, with what has come of it in the common buffer."""
        self._size = size
        self._large = bytearray(min(size, _FIRST_GROWTH))
        self._filled = self._common_filled - start
        self._large[: self._filled] = memoryview(self._common)[start : self._common_filled]


def _other_protocol(begun: bytes) -> str:
    """What a client seems to speak instead, by its first bytes."""
    if begun.startswith(b"\x16\x03"):
        return ", which is how TLS begins: the client's security.protocol is not the listener's"
    if begun == b"PRI ":
        return ", which is how gRPC begins: this is the port of Kafka"
    if begun in (b"GET ", b"POST", b"PUT ", b"HEAD"):
        return ", which is how HTTP begins: this is the port of Kafka"
    return ""
