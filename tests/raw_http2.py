"""An app that speaks HTTP/2 by hand (RFC 9113), to answer what no gRPC library would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM = ACK = 1
END_HEADERS = 4
EMPTY_MESSAGE = bytes(5)
PREFACE = 24

Answering = Callable[[int], bytes]
"""Gives what is written when the request of a stream is complete; nothing closes the connection."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame (section 4.1)."""
    head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + payload


def fields(**named: str) -> bytes:
    """Fields as literals without indexing (RFC 7541, section 6.2.2).

    `grpc_status` is `grpc-status`, and `status` is `:status`.
    """
    block = b""
    for name, value in named.items():
        written = ":status" if name == "status" else name.replace("_", "-")
        block += b"\0" + _text(written) + _text(value)
    return block


def _text(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("ascii")


def begin(stream: int) -> bytes:
    """The head of an answer."""
    head = fields(status="200", content_type="application/grpc")
    return frame(HEADERS, END_HEADERS, stream, head)


def ending(stream: int, **trailers: str) -> bytes:
    """The end of an answer."""
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, fields(**trailers))


@asynccontextmanager
async def answering(
    answer: Answering, handshake: asyncio.Event | None = None
) -> AsyncIterator[str]:
    """Serve; a connection is answered only once `handshake` is set. Gives the address."""
    writers = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            if handshake is not None:
                await handshake.wait()
            writer.write(frame(SETTINGS, 0, 0))
            await reader.readexactly(PREFACE)
            while True:
                head = await reader.readexactly(9)
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                if kind in (SETTINGS, PING) and not flags & ACK:
                    writer.write(frame(kind, ACK, 0, payload if kind == PING else b""))
                elif kind in (DATA, HEADERS) and flags & END_STREAM:
                    answered = answer(stream)
                    if not answered:
                        break
                    writer.write(answered)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.close()
