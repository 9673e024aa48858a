"""An event handler app as seen from outside: a gRPC server with a service for each event."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio

from simulator.loopback import past_proxies

OK: Final = "OK"

_OPTIONS: Final = (
    # An app that a developer restarts should be found again at once.
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    # For so long it may take to answer for the first time: far away, or busy with starting up.
    ("grpc.min_reconnect_backoff_ms", 5_000),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_retries", 0),
)

_State = grpc.ChannelConnectivity
_CONNECTED: Final = (_State.READY, _State.IDLE)
"""There is a connection, or there was one at the last call, which the app has ended."""

Metadata = tuple[tuple[str, str], ...]


class Answer(NamedTuple):
    """What a call came to: a status code by name, the reason where it is not OK, milliseconds."""

    code: str
    detail: str
    milliseconds: float


class App:
    """One app, on one connection that is made when it is needed."""

    def __init__(self, target: str, deadline_s: float) -> None:
        self.target = target
        self._deadline_s = deadline_s
        self.channel = grpc.aio.insecure_channel(target, options=(*_OPTIONS, *past_proxies(target)))
        self._calls: dict[str, Any] = {}
        self._change: asyncio.Future[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self.channel.get_state() is _State.READY

    async def on_message(self, service: str, event: bytes, metadata: Metadata) -> Answer:
        """Call `OnMessage` of a service with a serialized event; never raises what the app does."""
        call = self._calls.get(service)
        if call is None:
            call = self._calls[service] = self.channel.unary_unary(f"/{service}/OnMessage")
        began = time.perf_counter()
        code, detail = OK, ""
        try:
            answered = await call(event, timeout=self._deadline_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            code, detail = error.code().name, error.details() or ""
        except KeyError as error:  # what gRPC before 1.85 makes of it
            code, detail = "UNKNOWN", f"the app answered with status {error}, which there is not"
        except grpc.aio.BaseError as error:
            code, detail = "UNAVAILABLE", str(error)
        else:
            if answered is None:
                code, detail = "INTERNAL", "the app answered with OK, and with no message"
            elif answered and not _is_message(answered):
                code, detail = "INTERNAL", "the app answered with bytes that are no message"
        return Answer(code, detail, (time.perf_counter() - began) * 1000)

    async def connect(self) -> None:
        """Return when there is a connection, or none can be made; within the deadline of a call."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._deadline_s):
                await self._reach(_State.READY, _State.TRANSIENT_FAILURE)

    async def back_off(self, seconds: float) -> None:
        """Wait; for less where there is no connection, and one is made meanwhile."""
        if self.channel.get_state() in _CONNECTED:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._reach(_State.READY)

    async def _reach(self, *wanted: grpc.ChannelConnectivity) -> None:
        """Try to connect until the channel's state is a wanted one."""
        while (state := self.channel.get_state(try_to_connect=True)) not in wanted:
            if self._change is None or self._change.done():
                self._change = asyncio.ensure_future(self.channel.wait_for_state_change(state))
            # Not cancelled with who waits: what gRPC brings for it may find the event loop closed.
            await asyncio.wait({self._change})

    async def close(self) -> None:
        """Let go of the connection; calls in flight end."""
        # What gRPC brings for a call comes a little after the call was cancelled, and must find the
        # event loop open. It brings things in their order, and this one at once.
        with suppress(grpc.aio.UsageError):  # it is closed already
            await self.channel.wait_for_state_change(grpc.ChannelConnectivity.SHUTDOWN)
        await self.channel.close()
        if self._change is not None:
            await asyncio.gather(self._change, return_exceptions=True)


def _is_message(data: bytes) -> bool:
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.message import DecodeError

    try:
        Empty.FromString(data)
    except DecodeError:
        return False
    return True
