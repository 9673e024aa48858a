"""The Kafka server: where it listens, how it starts and ends."""

from __future__ import annotations

import asyncio
import errno
import os

from simulator.listeners.kafka.broker_clock import BrokerClock
from simulator.listeners.kafka.cluster import Cluster, TopicControl
from simulator.listeners.kafka.connection import Connection
from simulator.listeners.kafka.errors import AddressUnavailable
from simulator.listeners.kafka.limits import MAX_CONNECTIONS, NODE_ID
from simulator.log import TopicLog
from simulator.publishing import Publisher


class KafkaListener:
    """Serves one simulator over Kafka's protocol; `start` and `stop` belong to one event loop."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        log: TopicLog,
        publisher: Publisher,
        control: TopicControl,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        """Bind nothing yet. Port 0 takes a free one."""
        self._host = host
        self._port = port
        self._log = log
        self._publisher = publisher
        self._control = control
        self._max_connections = max_connections
        self._connections: set[Connection] = set()
        self._cluster: Cluster | None = None
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    def jump(self, by_ms: int) -> None:
        """Move the brokers' clock on by hand: sessions and transactions time out."""
        if self._cluster is not None:
            self._cluster.clock.jump(by_ms)

    async def start(self) -> str:
        """Begin to serve; return the address as `host:port`, which clients take to bootstrap.

        The socket accepts connections when this returns. Raises `AddressUnavailable`.
        """
        loop = asyncio.get_running_loop()
        cluster = Cluster(self._log, self._publisher, self._control, BrokerClock(loop))
        try:
            server = await loop.create_server(
                lambda: Connection(cluster, NODE_ID, self._connections, self._max_connections),
                self._host,
                self._port,
            )
        except (OSError, OverflowError) as error:
            raise AddressUnavailable(self._host, self._port, _reason(error)) from error
        self._server = server
        self._cluster = cluster
        port = server.sockets[0].getsockname()[1]
        address = f"[{self._host}]" if ":" in self._host else self._host
        return f"{address}:{port}"

    async def stop(self) -> None:
        """Close the port and cut off the clients. Does nothing when not serving."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        if self._cluster is not None:
            self._cluster.close()
        for connection in list(self._connections):
            connection.close()
        await server.wait_closed()
        await asyncio.sleep(0)  # connections learn that they are closed


def _reason(error: OSError | OverflowError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    if error.errno == errno.EADDRINUSE:
        return "the port is in use"
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
