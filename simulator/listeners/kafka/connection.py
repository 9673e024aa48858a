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
from collections.abc import Callable
from typing import Any, cast

from simulator.listeners.kafka.authentication import MAX_TOKEN_BYTES, take_bare_token
from simulator.listeners.kafka.broker_clock import BrokerTimer
from simulator.listeners.kafka.cluster import Cluster
from simulator.listeners.kafka.coordinator import answer
from simulator.listeners.kafka.errors import ProtocolViolation
from simulator.listeners.kafka.faults.injector import Outcome
from simulator.listeners.kafka.frames import LEAST_BYTES, Frames
from simulator.listeners.kafka.messages import version_of
from simulator.listeners.kafka.registry import (
    NO_RESPONSE,
    Api,
    Handler,
    Request,
    registered,
)
from simulator.listeners.kafka.session import Session

logger = logging.getLogger("simulator.kafka")

_API_VERSIONS = 18
_HEADER = struct.Struct(">hhi")


class Exchange:
    """A request on its way to its answer."""

    __slots__ = ("api", "correlation_id", "outcome", "request", "size", "started")

    def __init__(
        self, api: Api, request: Request, correlation_id: int, started: float, size: int
    ) -> None:
        self.api = api
        self.request = request
        self.correlation_id = correlation_id
        self.started = started
        self.size = size
        self.outcome: Outcome | None = None  # of the fault that it meets


class Connection(asyncio.BufferedProtocol):
    """The state of one connection; `open_connections` is the listener's set of them.

    `accepting` says whether the broker still runs: it may stop while a connection is being made.
    """

    def __init__(
        self,
        cluster: Cluster,
        node_id: int,
        open_connections: set[Connection],
        accepting: Callable[[], bool],
    ) -> None:
        self._accepting = accepting
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
        self._muted = False  # by a fault that throttles it
        self._unmute: BrokerTimer | None = None
        self._gone = False
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
        self._session = self._cluster.guard.session(transport.get_extra_info("peercert"))
        self._bound_frames()
        if not self._accepting():
            self._transport.abort()
            return
        if len(self._open) >= self._max_connections:
            logger.warning(
                "%s: closed, there are %d connections already", self._peer, self._max_connections
            )
            transport.close()
            return
        self._open.add(self)
        if self._idle_seconds >= 0:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of whatever was being waited for.

        Requests behind that one still count, though nobody reads the answers: a client that leaves
        its group while it waits for the others to join says so and hangs up.
        """
        self._open.discard(self)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._unmute is not None:
            self._unmute.cancel()
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        self._gone = True
        self._held = self._muted = False
        self._advance()
        self._frames.complete.clear()

    def close(self) -> None:
        """Cut the client off."""
        self._frames.complete.clear()
        self._transport.abort()

    def _watch(self) -> None:
        """Close the connection when nothing has been asked for too long."""
        idle, transport = self._loop.time() - self._active_at, self._transport
        if idle >= self._idle_seconds and (self._pending is None or transport.is_closing()):
            logger.info("%s: closed after %.0f s without a request", self._peer, idle)
            if transport.get_write_buffer_size():
                transport.abort()  # closing would wait for a client that does not read
            else:
                transport.close()
            return
        rest = max(self._idle_seconds - idle, self._idle_seconds / 10)
        self._idle_timer = self._loop.call_later(rest, self._watch)

    def pause_writing(self) -> None:
        """Answer nothing more before the client has read what there is."""
        self._held = True

    def resume_writing(self) -> None:
        """Go on."""
        self._held = False
        self._active_at = self._loop.time()
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
            while frames and self._pending is None and not self._held and not self._muted:
                if self._transport.is_closing() and not self._gone:
                    return
                self._serve(frames.popleft())
        except Exception as error:
            self._refuse(error)
            return
        waiting = bool(frames)
        if waiting != self._paused and not self._transport.is_closing():
            self._paused = waiting
            if waiting:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _bound_frames(self) -> None:
        """Who has not logged in yet may send little; and nothing more where that has failed."""
        login, frames = self._session.login, self._frames
        if login is None:
            return
        if login.closing is not None:
            raise ProtocolViolation(login.closing)
        frames.least_bytes = 0 if login.bare else LEAST_BYTES
        frames.max_bytes = (
            self._cluster.config.int("socket.request.max.bytes")
            if login.complete
            else MAX_TOKEN_BYTES
        )

    def _refuse(self, error: Exception) -> None:
        """End a connection that cannot go on; of our own mistakes the whole is logged."""
        ours = None if isinstance(error, ProtocolViolation) else error
        logger.warning("%s: connection closed: %s", self._peer, error, exc_info=ours)
        self._frames.complete.clear()
        self._transport.close()

    def _serve(self, frame: bytes | memoryview) -> None:
        """Begin one request, and answer it unless it has to wait."""
        login = self._session.login
        if login is not None and login.bare:
            self._transport.write(take_bare_token(self._session, frame, self._cluster.clock))
            self._bound_frames()
            return
        exchange = self._decode(frame)
        faults = self._cluster.faults
        if faults.rules and (outcome := faults.meet(exchange.api, exchange.request)) is not None:
            exchange.outcome = outcome
            self._fail(exchange, outcome)
        else:
            self._handle(exchange, exchange.api.handler)

    def _decode(self, frame: bytes | memoryview) -> Exchange:
        """What a frame asks; raises ProtocolViolation where it cannot be answered."""
        login = self._session.login
        key, version, correlation_id = _HEADER.unpack_from(frame)
        if login is not None:
            login.admit(key, self._cluster.clock.now_ms())
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
        if not self._cluster.placement.sole:
            from simulator.listeners.kafka.coordination import coordinated

            api = coordinated(api)
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
        return Exchange(api, request, correlation_id, self._active_at, len(frame))

    def _handle(self, exchange: Exchange, handler: Handler) -> None:
        """Let the handler answer, now or later."""
        api = exchange.api
        try:
            response = handler(exchange.request)
        except ProtocolViolation:
            raise
        except Exception as error:
            logger.exception("%s version %d", api.module, exchange.request.version)
            raise ProtocolViolation(f"{api.module}: {error!r}") from error
        if isinstance(response, Future):
            self._await(response, lambda answer: self._answer(exchange, answer))
        else:
            self._answer(exchange, response)

    def _await(self, future: Future[Any], then: Callable[[Any], None]) -> None:
        """Go on with the result of a future, and then with what the client sent meanwhile."""

        def go_on(done: Future[Any]) -> None:
            self._pending = None
            if done.cancelled() or self._transport.is_closing():
                return
            error = done.exception()
            if error is not None:
                logger.error("a waiting request failed", exc_info=error)
                self._transport.close()
                return
            self._active_at = self._loop.time()
            try:
                then(done.result())
            except Exception as failure:
                self._refuse(failure)
                return
            self._advance()

        if self._gone:
            future.cancel()
            return
        self._pending = future
        future.add_done_callback(go_on)

    def _answer(self, exchange: Exchange, response: Any) -> None:
        """Send an answer, if there is one, and keep note of it."""
        size = 0
        fault_id = None
        request = exchange.request
        if exchange.outcome is not None:
            fault_id = exchange.outcome.fault.fault_id
            response = self._answer_badly(exchange, exchange.outcome, response)
        elif response is NO_RESPONSE:
            response = None
        else:
            frame = request.schema.write(exchange.correlation_id, response)
            if not self._gone:
                self._transport.write(frame)
            size = len(frame)
        times = (exchange.started, self._loop.time())
        sizes = (exchange.size, size)
        try:
            self._cluster.request_log.add(exchange.api, request, response, times, sizes, fault_id)
        except Exception:  # the client has nothing to do with it
            logger.exception("%s is missing in the log of requests", exchange.api.module)
        self._bound_frames()

    # Faults

    def _fail(self, exchange: Exchange, outcome: Outcome) -> None:
        """Begin a request that a fault is for: late, if it says so."""
        delay_ms = outcome.rule.delay_ms
        if delay_ms is None:
            self._fail_now(exchange, outcome)
            return
        over = self._loop.create_future()
        clock = self._cluster.clock
        timer = clock.call_at(clock.now_ms() + delay_ms, lambda: answer(over)(None))
        over.add_done_callback(lambda _: timer.cancel())
        self._await(over, lambda _: self._fail_now(exchange, outcome))

    def _fail_now(self, exchange: Exchange, outcome: Outcome) -> None:
        outcome.act()
        if outcome.rule.drop == "before" or outcome.rule.stop_broker is not False:
            self.close()
            self._answer(exchange, NO_RESPONSE)
        elif self._gone or not self._transport.is_closing():
            self._handle(exchange, outcome.answer)

    def _answer_badly(self, exchange: Exchange, outcome: Outcome, response: Any) -> Any:
        """Send what a fault leaves of an answer; return what the client got."""
        rule = outcome.rule
        if rule.throttle_ms is not None:
            self._mute(rule.throttle_ms)
        if rule.drop is not None:
            self.close()
        if response is NO_RESPONSE or self._transport.is_closing():
            return None
        response = outcome.throttled(response)
        frame = exchange.request.schema.write(exchange.correlation_id, response)
        if rule.cut is None:
            self._transport.write(frame)
            return response
        self._transport.write(frame[: rule.cut])
        self._transport.close()
        return None

    def _mute(self, for_ms: int) -> None:
        """Begin no further request for a while, as Kafka does with a throttled client."""
        clock = self._cluster.clock
        self._muted = True
        self._unmute = clock.call_at(clock.now_ms() + for_ms, self._muted_long_enough)

    def _muted_long_enough(self) -> None:
        self._muted = False
        self._advance()
