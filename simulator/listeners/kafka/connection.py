"""One client's connection: frames in, frames out, one request at a time.

As in a real broker, the next request of a connection is begun when the one before it is answered.
So answers keep the order of requests, and a client that waits for records waits on a connection of
its own.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from asyncio import AbstractEventLoop, Future, TimerHandle
from typing import Any, cast

from simulator.listeners.kafka.cluster import Cluster
from simulator.listeners.kafka.errors import ProtocolViolation
from simulator.listeners.kafka.frames import Frames
from simulator.listeners.kafka.messages import Version, version_of
from simulator.listeners.kafka.registry import NO_RESPONSE, Request, registered
from simulator.listeners.kafka.session import Session

logger = logging.getLogger("simulator.kafka")

_API_VERSIONS = 18
_HEADER = struct.Struct(">hhi")


class Connection(asyncio.BufferedProtocol):
    """The state of one connection; `open_connections` is the listener's set of them."""

    def __init__(self, cluster: Cluster, node_id: int, open_connections: set[Connection]) -> None:
        self._cluster = cluster
        self._node_id = node_id
        self._session = Session()
        self._open = open_connections
        self._max_connections = cluster.config.int("max.connections")
        self._idle_seconds = cluster.config.int("connections.max.idle.ms") / 1000
        self._loop: AbstractEventLoop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._frames = Frames(cluster.config.int("socket.request.max.bytes"))
        self._pending: Future[Any] | None = None
        self._held = False  # the client does not read its answers
        self._paused = False  # and is not read from either
        self._active_at = self._loop.time()
        self._idle_timer: TimerHandle | None = None
        self._peer = "?"
        self._host = "?"
        self._local = ("127.0.0.1", 0)

    # Life

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or close at once where there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername") or ("?", 0)
        self._host = peer[0]
        self._peer = f"{peer[0]}:{peer[1]}"
        self._local = tuple(transport.get_extra_info("sockname")[:2])
        if len(self._open) >= self._max_connections:
            logger.warning(
                "%s: closed, there are %d connections already", self._peer, self._max_connections
            )
            transport.close()
            return
        self._open.add(self)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of whatever was being waited for."""
        self._open.discard(self)
        self._frames.complete.clear()
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._pending is not None:
            self._pending.cancel()

    def close(self) -> None:
        """Cut the client off."""
        self._transport.abort()

    def _watch(self) -> None:
        """Close the connection when nothing has been asked for too long."""
        idle = self._loop.time() - self._active_at
        if idle >= self._idle_seconds and self._pending is None:
            logger.info("%s: closed after %.0f s without a request", self._peer, idle)
            self._transport.close()
            return
        rest = max(self._idle_seconds - idle, self._idle_seconds / 10)
        self._idle_timer = self._loop.call_later(rest, self._watch)

    def pause_writing(self) -> None:
        """Answer nothing more before the client has read what there is."""
        self._held = True

    def resume_writing(self) -> None:
        """Go on."""
        self._held = False
        self._advance()

    # Frames

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes are to go."""
        return self._frames.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Answer every request that is complete."""
        self._active_at = self._loop.time()
        try:
            self._frames.received(nbytes)
        except ProtocolViolation as error:
            self._advance()  # with what came before it
            self._refuse(error)
            return
        self._advance()

    def _advance(self) -> None:
        frames = self._frames.complete
        try:
            while frames and self._pending is None and not self._held:
                self._serve(frames.popleft())
        except ProtocolViolation as error:
            self._refuse(error)
            return
        waiting = bool(frames)
        if waiting != self._paused and not self._transport.is_closing():
            self._paused = waiting
            if waiting:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _refuse(self, error: Exception) -> None:
        logger.warning("%s: connection closed: %s", self._peer, error)
        self._frames.complete.clear()
        self._transport.close()

    def _serve(self, frame: bytes | memoryview) -> None:
        """Begin one request, and answer it unless it has to wait."""
        if self._transport.is_closing():
            return
        key, version, correlation_id = _HEADER.unpack_from(frame)
        api = registered().get(key)
        if api is None:
            raise ProtocolViolation(f"there is no API {key} here (version {version})")
        if not api.min_version <= version <= api.max_version:
            if key != _API_VERSIONS:
                raise ProtocolViolation(
                    f"{api.module} version {version} is not served, "
                    f"{api.min_version} to {api.max_version} are"
                )
            version = -1
        schema = version_of(api.module, max(version, 0))
        body: Any = None
        client_id = ""
        if version >= 0:
            try:
                header, body = schema.read(frame)
            except Exception as error:  # the codec raises what it likes on garbage
                raise ProtocolViolation(
                    f"{api.module} version {version} cannot be read: {error!r}"
                ) from None
            client_id = header.client_id or ""
        request = Request(
            body,
            schema,
            version,
            client_id,
            self._host,
            self._local,
            self._cluster,
            self._node_id,
            self._session,
        )
        try:
            response = api.handler(request)
        except ProtocolViolation:
            raise
        except Exception as error:
            logger.exception("%s version %d", api.module, version)
            raise ProtocolViolation(f"{api.module}: {error!r}") from error
        if isinstance(response, Future):
            self._pending = response
            response.add_done_callback(lambda done: self._answer(schema, correlation_id, done))
        elif response is not NO_RESPONSE:
            self._transport.write(schema.write(correlation_id, response))

    def _answer(self, schema: Version, correlation_id: int, done: Future[Any]) -> None:
        """Send an answer that had to wait, and go on with what came meanwhile."""
        self._pending = None
        if done.cancelled() or self._transport.is_closing():
            return
        error = done.exception()
        if error is not None:
            logger.error("a waiting request failed", exc_info=error)
            self._transport.close()
            return
        self._active_at = self._loop.time()
        self._transport.write(schema.write(correlation_id, done.result()))
        self._advance()
