"""One broker: its port, its connections, and whether it runs."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.listeners.kafka.acceptor import Acceptor
from simulator.listeners.kafka.errors import AddressUnavailable
from simulator.log.placement import Node

if TYPE_CHECKING:
    from ssl import SSLContext

    from simulator.listeners.kafka.cluster import Cluster
    from simulator.listeners.kafka.connection import Connection


class Broker:
    """A broker of the cluster; `port` is that which it got once it was started."""

    def __init__(self, node: Node, host: str, port: int) -> None:
        """Bind nothing yet. Port 0 takes a free one, which the broker keeps."""
        self.node_id = node.node_id
        self.rack = node.rack
        self.host = host
        self.port = port
        self.connections: set[Connection] = set()
        self._acceptor: Acceptor | None = None
        self._changing = asyncio.Lock()  # a start takes a few steps of the loop
        self._kept: socket.socket | None = None

    @property
    def running(self) -> bool:
        """Whether clients can connect."""
        return self._acceptor is not None

    @property
    def address(self) -> str:
        """Where it serves, as `host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    async def start(self, cluster: Callable[[], Cluster], tls: SSLContext | None) -> None:
        """Accept connections; raises AddressUnavailable. Does nothing when it does already.

        `cluster` is asked for when the first client comes.
        """
        async with self._changing:
            if not self.running:
                await self._start(cluster, tls)

    async def _start(self, cluster: Callable[[], Cluster], tls: SSLContext | None) -> None:
        try:
            self._acceptor = acceptor = await Acceptor.listen(
                self.host, self.port, self._connection(cluster), tls
            )
        except (OSError, OverflowError) as error:
            raise AddressUnavailable(self.host, self.port, _reason(error)) from error
        self.port = acceptor.port
        self._let_port_go()

    async def stop(self) -> None:
        """Close the port and cut off the clients."""
        async with self._changing:
            await self._stop(keep_port=False)

    async def go(self, cluster: Cluster) -> None:
        """Leave the others alone, who take over; nobody else gets the port meanwhile."""
        async with self._changing:
            cluster.stop_node(self.node_id)
            await self._stop(keep_port=True)

    async def come_back(self, cluster: Cluster) -> None:
        """Join the others again; raises AddressUnavailable."""
        async with self._changing:
            if not self.running:
                await self._start(lambda: cluster, cluster.guard.tls)
            cluster.start_node(self.node_id)

    async def _stop(self, *, keep_port: bool) -> None:
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is None:
            self._let_port_go()
            return
        await acceptor.close()
        if keep_port:
            self._keep_port(acceptor.family, acceptor.address)
        for connection in list(self.connections):
            connection.close()
        for _ in range(3):  # connections learn that they are closed
            await asyncio.sleep(0)

    def _connection(self, cluster: Callable[[], Cluster]) -> Callable[[], Connection]:
        def connection() -> Connection:
            from simulator.listeners.kafka.connection import Connection  # with the first client

            return Connection(cluster(), self.node_id, self.connections, lambda: self.running)

        return connection

    def _keep_port(self, family: int, address: tuple[object, ...]) -> None:
        """Hold the port without listening on it, so that connections are refused.

        Otherwise it may be given away meanwhile, even to a client that tries to connect to it and
        then reaches itself. Only Linux lets two sockets share a port in this way.
        """
        if sys.platform != "linux":
            return
        kept = socket.socket(family, socket.SOCK_STREAM)
        try:
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                kept.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            kept.bind(address)
        except OSError:
            kept.close()
        else:
            self._kept = kept

    def _let_port_go(self) -> None:
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()


def _reason(error: OSError | OverflowError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.EADDRINUSE:
        return "the port is in use"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
