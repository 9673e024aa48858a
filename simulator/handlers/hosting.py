"""Handlers of this process as an event handler app: a gRPC server on a free port.

A handler is a servicer of the user's own generated code, or a function for one event; each may be
asynchronous or not.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import grpc
import grpc.aio

from simulator.catalog import Catalog, MessageType
from simulator.errors import SimulatorError
from simulator.handlers.daemon_threads import DaemonThreads

_SERVICER: Final = "Servicer"


class NoHandler(SimulatorError):
    """An object that no service can be made of; the text says what can be."""


class HostedApp:
    """A server of the running loop; asynchronous handlers run there, the others in threads."""

    def __init__(self, catalog: Catalog) -> None:
        """`catalog` knows the events that functions can be for."""
        self._catalog = catalog
        self._threads = DaemonThreads("event-handler")
        self._server = grpc.aio.server(migration_thread_pool=self._threads)

    def add(self, servicers: Sequence[object], functions: Mapping[str, Callable[..., Any]]) -> None:
        """Serve all of these; raises NoHandler where there is nothing."""
        if not servicers and not functions:
            raise NoHandler("there is nothing to host: give a servicer, or a function of an event")
        for servicer in servicers:
            self.add_servicer(servicer)
        for event, function in functions.items():
            self.add_function(event, function)

    def add_servicer(self, servicer: object) -> None:
        """Serve what a servicer's generated classes say; raises NoHandler."""
        adders = list(_adders(type(servicer)))
        if not adders:
            raise NoHandler(
                f"{type(servicer).__name__} is no servicer: derive it from the class "
                "<Service>Servicer of the module *_pb2_grpc that was generated with it, or give a "
                "function for an event, by its name: userConnected=function"
            )
        for add in adders:
            add(servicer, self._server)

    def add_function(self, event: str, function: Callable[..., Any]) -> None:
        """Serve the service of one event with `function(message)` or `function(message, context)`.

        The message is of the catalogue's own protobuf classes. What it returns is not looked at.
        """
        message = self._catalog.find(event)
        method: Any = grpc.unary_unary_rpc_method_handler(
            _behavior(function), request_deserializer=_reader(message)
        )
        handler = grpc.method_handlers_generic_handler(message.service_name, {"OnMessage": method})
        self._server.add_generic_rpc_handlers((handler,))

    async def start(self) -> str:
        """Begin to serve; returns `host:port`."""
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return f"127.0.0.1:{port}"

    async def stop(self) -> None:
        """End, with the calls under way."""
        await self._server.stop(0)
        self._threads.shutdown()


def _adders(kind: type) -> list[Callable[..., None]]:
    """What generated code has to register an object of the class, one for each service."""
    found = (
        getattr(sys.modules.get(base.__module__), f"add_{base.__name__}_to_server", None)
        for base in kind.__mro__
        if base.__name__.endswith(_SERVICER)
    )
    return [add for add in found if add is not None]


def _reader(message: MessageType) -> Callable[[bytes], Any]:
    from google.protobuf.message_factory import GetMessageClass

    parse: Callable[[bytes], Any] = GetMessageClass(message.descriptor).FromString
    return parse


def _behavior(function: Callable[..., Any]) -> Callable[..., Any]:
    """What gRPC calls for a function; an empty answer is `google.protobuf.Empty`."""
    with_context = _takes_two(function)

    if any(map(inspect.iscoroutinefunction, (function, type(function).__call__))):

        async def later(message: Any, context: Any) -> bytes:
            await (function(message, context) if with_context else function(message))
            return b""

        return later

    def at_once(message: Any, context: Any) -> bytes:
        function(message, context) if with_context else function(message)
        return b""

    return at_once


def _takes_two(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # a function of C that does not tell
        return False
    return True
