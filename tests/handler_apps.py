"""Event handler apps: real gRPC servers of this process, on free ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc
import grpc.aio

PATIENCE_S = 60.0
"""Only ever reached when something hangs."""

CODES = {code.name: code for code in grpc.StatusCode}

Handle = Callable[["Call"], Awaitable[str] | str]
"""Gives the status code of the answer, by name."""


class Call:
    """One call as the app sees it."""

    def __init__(self, service: str, data: bytes, metadata: dict[str, str], number: int) -> None:
        self.service = service.rpartition(".")[2]
        self.data = data
        self.metadata = metadata
        self.number = number


class HandlerApp(grpc.GenericRpcHandler):
    """Takes every `OnMessage`, writes it down, and answers what `handle` says."""

    def __init__(self, handle: Handle = lambda call: "OK", answer: bytes = b"") -> None:
        self.calls: list[Call] = []
        self._handle = handle
        self._answer = answer

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        _, service, method = details.method.split("/")
        if method != "OnMessage":
            return None
        metadata = {name: str(value) for name, value in details.invocation_metadata}

        async def on_message(data: bytes, context: grpc.aio.ServicerContext) -> bytes:
            call = Call(service, data, metadata, len(self.calls))
            self.calls.append(call)
            code = self._handle(call)
            if not isinstance(code, str):
                code = await code
            if code != "OK":
                await context.abort(CODES[code], f"{code} from the app")
            return self._answer

        return grpc.unary_unary_rpc_method_handler(on_message)

    @asynccontextmanager
    async def served(self, port: int = 0) -> AsyncIterator[str]:
        """Serve; gives the address."""
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((self,))
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        try:
            yield f"127.0.0.1:{bound}"
        finally:
            await server.stop(0)
