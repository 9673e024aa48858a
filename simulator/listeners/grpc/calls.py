"""Every call of the project's own services goes through here: bytes in, bytes or a status out.

`bind` connects the methods of a service of `simulator.v1` to a servicer, an object with a
coroutine or an asynchronous generator per method (`CreateTopic` is `create_topic`). Servicers see
messages and raise errors; what a request was, how an answer is encoded and which status an error
becomes is settled here. An answer may be bytes already: then it is sent as it is. None instead of
an answer sends the headers alone, so that a client can tell that a stream is in place.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from simulator.errors import SimulatorError
from simulator.listeners.grpc.errors import FieldViolation, InvalidRequest, ShuttingDown
from simulator.listeners.grpc.status import abort_arguments

T = TypeVar("T")

QUIET_S = 0.02
"""When no call has arrived for so long, also on a busy loop, none is waiting to be begun."""

logger = logging.getLogger("simulator.grpc")

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Answers: TypeAlias = AsyncGenerator[Message | bytes | None, None]
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


class Calls:
    """The calls under way, so that a stop can end them with a status that says so."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._last_arrival = 0.0
        self._stopping = False

    def __len__(self) -> int:
        return len(self._tasks)

    async def stop(self, patience: float) -> None:
        """Refuse further calls, and end those under way with UNAVAILABLE.

        Returns when no more calls arrive, or after `patience` seconds: gRPC would end those that
        have arrived and are not yet begun with CANCELLED and no text.
        """
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        deadline = time.monotonic() + patience
        while True:
            await asyncio.sleep(QUIET_S / 10)
            now = time.monotonic()
            if now - self._last_arrival > QUIET_S or now > deadline:
                break

    async def finished(self) -> None:
        """Return when the last call has ended."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def run(self, context: Context, method: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do the work of one call; an error becomes its status."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._last_arrival = time.monotonic()
        try:
            if self._stopping:
                raise ShuttingDown
            return await work()
        except asyncio.CancelledError:
            if not self._stopping or context.cancelled():
                raise
            task.uncancel()
            await _abort(context, ShuttingDown())
        except SimulatorError as error:
            await _abort(context, error)
        except grpc.aio.AbortError:
            raise
        except Exception:
            logger.exception("%s failed", method)
            await context.abort(
                grpc.StatusCode.INTERNAL,
                f"{method} failed inside the simulator; its log has the details",
            )
        finally:
            self._tasks.discard(task)


def bind(service: ServiceDescriptor, servicer: object, calls: Calls) -> grpc.GenericRpcHandler:
    """Return what a server needs to serve a service."""
    handlers = {
        method.name: _handler(method, getattr(servicer, _snake_case(method.name)), calls)
        for method in service.methods
    }
    return grpc.method_handlers_generic_handler(service.full_name, handlers)


def _handler(method: MethodDescriptor, work: Callable[[Any], Any], calls: Calls) -> Handler:
    request_class = GetMessageClass(method.input_type)
    name = method.full_name

    def decode(data: bytes) -> Message:
        try:
            return request_class.FromString(data)
        except DecodeError:
            raise InvalidRequest(
                [FieldViolation("request", f"these bytes are no {method.input_type.full_name}")]
            ) from None

    async def requests(stream: AsyncIterator[bytes]) -> AsyncGenerator[Message, None]:
        async for data in stream:
            yield decode(data)

    async def send_all(context: Context, answers: Answers) -> None:
        # aclosing: whatever ends the call, the generator's own cleanup runs now, not some day.
        async with aclosing(answers):
            async for answer in answers:
                if answer is None:
                    await _sent(context.send_initial_metadata(()))
                else:
                    await _sent(context.write(_encoded(answer)))

    async def unary_unary(data: bytes, context: Context) -> Any:
        async def one() -> bytes:
            return _encoded(await work(decode(data)))

        return await calls.run(context, name, one)

    async def unary_stream(data: bytes, context: Context) -> None:
        async def many() -> None:
            await send_all(context, work(decode(data)))

        await calls.run(context, name, many)

    async def stream_unary(stream: AsyncIterator[bytes], context: Context) -> Any:
        async def one() -> bytes:
            async with aclosing(requests(stream)) as messages:
                return _encoded(await work(messages))

        return await calls.run(context, name, one)

    if method.client_streaming:
        return grpc.stream_unary_rpc_method_handler(stream_unary)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(unary_stream)
    return grpc.unary_unary_rpc_method_handler(unary_unary)


def _encoded(answer: Message | bytes) -> bytes:
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


async def _sent(sending: Awaitable[T]) -> T:
    """Wait until something is sent; where the client is gone, the call is cancelled."""
    try:
        return await sending
    except grpc.aio.InternalError:
        raise asyncio.CancelledError from None


async def _abort(context: Context, error: SimulatorError) -> NoReturn:
    code, text, metadata = abort_arguments(error)
    await _sent(context.abort(code, text, metadata))


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
