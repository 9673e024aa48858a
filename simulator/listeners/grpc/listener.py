"""The gRPC server: which services it has, where it listens, how it starts and ends."""

from __future__ import annotations

import errno
import os
import socket

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from simulator.catalog import Catalog
from simulator.listeners.grpc.broker import BrokerServicer
from simulator.listeners.grpc.calls import Calls, bind
from simulator.listeners.grpc.chat import ChatServicer
from simulator.listeners.grpc.control import Control
from simulator.listeners.grpc.errors import AddressUnavailable
from simulator.listeners.grpc.handlers import HandlersServicer, Targets
from simulator.listeners.grpc.kafka import KafkaBrokers, KafkaServicer
from simulator.listeners.grpc.limits import (
    KEEPALIVE_TIME_MS,
    KEEPALIVE_TIMEOUT_MS,
    MAX_CALLS,
    MAX_METADATA_BYTES,
    MAX_RECEIVE_BYTES,
    WRITE_BUFFER_BYTES,
)
from simulator.listeners.grpc.reflection import reflection_handlers
from simulator.listeners.grpc.scenarios import ScenariosServicer
from simulator.log import TopicLog
from simulator.publishing import Publisher
from simulator.scenario.known_users import KnownUsers
from simulator.scenario.live_chat import LiveChat
from simulator.scenario.player import Player
from simulator.v1 import broker_pb2, chat_pb2, handlers_pb2, kafka_pb2, scenarios_pb2

SERVICES = (
    broker_pb2.DESCRIPTOR.services_by_name["Broker"],
    scenarios_pb2.DESCRIPTOR.services_by_name["Scenarios"],
    chat_pb2.DESCRIPTOR.services_by_name["Chat"],
    kafka_pb2.DESCRIPTOR.services_by_name["Kafka"],
    handlers_pb2.DESCRIPTOR.services_by_name["Handlers"],
)

OPTIONS: tuple[tuple[str, int], ...] = (
    # Without this a second simulator on the same port would silently get half the connections.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", 2 * MAX_METADATA_BYTES),
    ("grpc.max_concurrent_streams", MAX_CALLS),
    ("grpc.server.max_pending_requests", MAX_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MAX_CALLS),
    ("grpc.http2.write_buffer_size", WRITE_BUFFER_BYTES),
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    # Clients may ping as often as they like: this is a tool for tests, not a public server.
    ("grpc.http2.max_ping_strikes", 0),
)

DEFAULT_GRACE_S = 0.5


class GrpcListener:
    """Serves one simulator over gRPC; `start` and `stop` belong to one event loop."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        catalog: Catalog,
        log: TopicLog,
        publisher: Publisher,
        player: Player,
        chat: LiveChat,
        users: KnownUsers,
        control: Control,
        kafka: KafkaBrokers | None = None,
        targets: Targets | None = None,
        speed: float | None = None,
    ) -> None:
        """Bind nothing yet. Port 0 takes a free one.

        `kafka` are the brokers that calls can be about, `targets` the event handler apps. `speed`
        counts for plays that are asked for without one; see `Player.start`.
        """
        self._host = host
        self._port = port
        self._calls = Calls()
        self._catalog = catalog
        self._servicers = (
            BrokerServicer(catalog, log, publisher, control),
            ScenariosServicer(player, catalog, speed),
            ChatServicer(chat, users),
            KafkaServicer(kafka),
            HandlersServicer(targets),
        )
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None

    @property
    def calls_under_way(self) -> int:
        """How many calls of the project's own services are being served."""
        return len(self._calls)

    async def idle(self) -> None:
        """Return once none of them is being served any more."""
        await self._calls.finished()

    async def start(self) -> str:
        """Begin to serve; return the address as `host:port`.

        The socket accepts connections when this returns. Raises `AddressUnavailable`.
        """
        server = grpc.aio.server(options=OPTIONS)
        names = [service.full_name for service in SERVICES]
        server.add_generic_rpc_handlers(
            (
                *(
                    bind(service, servicer, self._calls)
                    for service, servicer in zip(SERVICES, self._servicers, strict=True)
                ),
                *reflection_handlers([*names, health.SERVICE_NAME], self._catalog.descriptor_set),
            )
        )
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        address = f"[{self._host}]" if ":" in self._host else self._host
        try:
            port = server.add_insecure_port(f"{address}:{self._port}")
        except RuntimeError as error:
            raise AddressUnavailable(
                self._host, self._port, _why_not(self._host, self._port)
            ) from error
        self._server = server  # from here on `stop` has something to close
        await server.start()
        for name in names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return f"{address}:{port}"

    async def stop(self, grace: float = DEFAULT_GRACE_S) -> None:
        """Refuse new calls, end those under way with UNAVAILABLE, and close the port.

        Clients that do not read are cut off after `grace` seconds. Does nothing when not serving.
        """
        server, self._server = self._server, None
        if server is None:
            return
        await self._health.enter_graceful_shutdown()
        await self._calls.stop(grace)
        await server.stop(grace)
        await self.idle()


def _why_not(host: str, port: int) -> str:
    """Say why an address cannot be bound; gRPC itself does not tell."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        return f"the host is not known ({error.strerror})"
    with socket.socket(family, kind, protocol) as probe:
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return "the port is in use"
            return os.strerror(error.errno) if error.errno else str(error)
    return "the address cannot be bound"
