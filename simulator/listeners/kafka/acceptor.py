"""A port on which clients are accepted, until it is closed: then nobody is left in between.

asyncio's own server leaves the socket of a client open that it has accepted, but not yet made a
connection of, when it is closed (CPython gh-109564).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ssl import SSLContext

HANDSHAKE_SECONDS: Final = 10.0
"""How long a client may take for the handshake of TLS."""

_BACKLOG: Final = 100
_GONE: Final = (
    errno.ECONNABORTED,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.EPERM,
    errno.EPROTO,
)
"""The client was gone again, or is kept away (Linux, accept(2))."""
_PAUSE_SECONDS: Final = 1.0
"""Before the next client is accepted, when none can be, as where there are no more sockets."""

logger = logging.getLogger("simulator.kafka")


class _Listening(socket.socket):
    """Remembers whom it accepted: asyncio may, when it is told no longer to wait for clients, drop
    one that it has just got."""

    accepted: socket.socket | None = None

    def accept(self) -> tuple[socket.socket, Any]:
        """As usual."""
        self.accepted, address = super().accept()
        return self.accepted, address


class Acceptor:
    """Accepts clients at the addresses of a host, and makes connections of them."""

    def __init__(
        self, sockets: list[_Listening], connection: Callable[[], asyncio.BaseProtocol]
    ) -> None:
        """`listen` makes them."""
        self.family = sockets[0].family
        self.address: tuple[object, ...] = sockets[0].getsockname()
        self.port = int(sockets[0].getsockname()[1])
        self._sockets = sockets
        self._connection = connection
        self._accepting: list[asyncio.Task[None]] = []
        self._making: set[asyncio.Task[None]] = set()

    @classmethod
    async def listen(
        cls,
        host: str,
        port: int,
        connection: Callable[[], asyncio.BaseProtocol],
        tls: SSLContext | None,
    ) -> Acceptor:
        """Begin to accept; port 0 takes a free one. Raises OSError or OverflowError."""
        acceptor = cls(await _bound(host, port), connection)
        loop = asyncio.get_running_loop()
        for each in acceptor._sockets:
            acceptor._accepting.append(loop.create_task(acceptor._accept(each, tls)))
        return acceptor

    async def close(self) -> None:
        """Accept no more. Clients that were just being accepted are cut off."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for each in self._sockets:
            each.close()
            if each.accepted is not None:
                each.accepted.close()
        await asyncio.sleep(0)  # what is cancelled before its first step would do nothing at all
        for task in self._making:
            task.cancel()
        await asyncio.gather(*self._making, return_exceptions=True)

    async def _accept(self, listening: _Listening, tls: SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, address = await loop.sock_accept(listening)
            except OSError as error:
                gone = error.errno in _GONE
                if not gone:
                    logger.error("no client can be accepted: %s", error.strerror)
                await asyncio.sleep(0 if gone else _PAUSE_SECONDS)
                continue
            listening.accepted = None
            making = loop.create_task(self._make(client, f"{address[0]}:{address[1]}", tls))
            self._making.add(making)
            making.add_done_callback(self._making.discard)
            await asyncio.sleep(0)  # others get their turn, however many clients there are

    async def _make(self, client: socket.socket, peer: str, tls: SSLContext | None) -> None:
        try:
            connection = self._connection()
        except BaseException:
            client.close()
            raise
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                client,
                ssl=tls,
                ssl_handshake_timeout=None if tls is None else HANDSHAKE_SECONDS,
            )
        except OSError as error:
            logger.warning("%s: connection closed: no TLS: %s", peer, error)


async def _resolved(host: str, port: int) -> list[Any]:
    """What `getaddrinfo` says of a host; for a name it is asked in a thread, since it may wait."""
    try:
        flags = socket.AI_PASSIVE | socket.AI_NUMERICHOST
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        kind = socket.SOCK_STREAM
        return await loop.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)


async def _bound(host: str, port: int) -> list[_Listening]:
    """Listening sockets for all addresses of a host, with the same port."""
    found = await _resolved(host, port)
    bound: list[_Listening] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listening = _Listening(family, kind, protocol)
            bound.append(listening)
            if os.name == "posix" and sys.platform != "cygwin":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.setblocking(False)
            listening.bind((address[0], port, *address[2:]))
            listening.listen(_BACKLOG)
            port = int(listening.getsockname()[1])
    except BaseException:
        for each in bound:
            each.close()
        raise
    return bound
