"""The Kafka door: its brokers, how they start and end, and how a test moves what they do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from simulator.listeners.kafka.broker import Broker
from simulator.listeners.kafka.broker_clock import BrokerClock
from simulator.listeners.kafka.errors import AddressUnavailable
from simulator.listeners.kafka.event_checks import EventChecks
from simulator.log import TopicLog
from simulator.log.placement import CoordinatorKind, Node, PartitionPlace, Placement
from simulator.publishing import Publisher
from simulator.security import KafkaSecurity

if TYPE_CHECKING:
    from simulator.listeners.kafka.cluster import Cluster, TopicControl
    from simulator.listeners.kafka.configs import BrokerConfig
    from simulator.listeners.kafka.faults.actions import ClusterActions

logger = logging.getLogger("simulator.kafka")


class BrokerSettings(Protocol):
    """A broker that is to be."""

    @property
    def node_id(self) -> int:
        """Its id, which no other has."""
        ...

    @property
    def port(self) -> int:
        """Where it listens; 0 takes a free port."""
        ...

    @property
    def rack(self) -> str | None:
        """Its rack, which replicas are spread over."""
        ...


class KafkaListener:
    """Serves one simulator over Kafka's protocol; everything on it belongs to one event loop.

    To start is to listen. What stands behind the brokers is made when somebody first needs it, a
    client or a test: many simulators are never asked over Kafka, and each is started in no time.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        *,
        log: TopicLog,
        publisher: Publisher,
        control: TopicControl,
        brokers: Sequence[BrokerSettings],
        config: Callable[[], BrokerConfig],
        seed: int | str = 0,
        security: KafkaSecurity | None = None,
        event_checks: EventChecks = EventChecks.REJECT,
    ) -> None:
        """Bind nothing yet; a broker of port 0 takes a free one. `config` makes the settings."""
        self._log = log
        self._publisher = publisher
        self._control = control
        self._nodes = [Node(broker.node_id, broker.rack) for broker in brokers]
        self._brokers = {
            node.node_id: Broker(node, host, broker.port)
            for node, broker in zip(self._nodes, brokers, strict=True)
        }
        self._config = config
        self._seed = seed
        self._event_checks = event_checks
        self._security = security
        self._clock: BrokerClock | None = None
        self._cluster: Cluster | None = None
        self._starting: asyncio.Task[None] | None = None
        self._actions: ClusterActions | None = None

    # Life

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return sum(len(broker.connections) for broker in self._brokers.values())

    @property
    def brokers(self) -> list[Broker]:
        """All of them, running or not."""
        return list(self._brokers.values())

    @property
    def bootstrap_servers(self) -> str:
        """The brokers that run, as `host:port,host:port`; all of them when none does."""
        running = [broker for broker in self.brokers if broker.running]
        return ",".join(broker.address for broker in running or self.brokers)

    @property
    def cluster(self) -> Cluster:
        """What the brokers share; only while serving."""
        if self._cluster is None:
            assert self._clock is not None, "the listener is not started"
            self._cluster = self._made(self._clock)
        return self._cluster

    def _made(self, clock: BrokerClock) -> Cluster:
        from simulator.listeners.kafka.cluster import Cluster
        from simulator.listeners.kafka.faults.actions import ClusterActions
        from simulator.listeners.kafka.guard import Guard

        config = self._config()
        cluster = Cluster(
            self._log,
            self._publisher,
            self._control,
            clock,
            Placement(self._nodes, config.int("default.replication.factor")),
            config,
            self._seed,
            self._event_checks,
        )
        cluster.guard = Guard(self._security, self._seed)
        cluster.ports.update({broker.node_id: broker.port for broker in self.brokers})
        self._actions = cluster.faults.actions = ClusterActions(cluster, self)
        return cluster

    def jump(self, by_ms: int) -> None:
        """Move the brokers' clock on by hand: sessions and transactions time out."""
        if self._cluster is not None:
            self._cluster.clock.jump(by_ms)

    async def start(self) -> str:
        """Begin to serve; return the addresses, which clients take to bootstrap.

        The sockets accept connections when this returns. Raises `AddressUnavailable`, and then
        nothing is served.
        """
        self._clock = BrokerClock(asyncio.get_running_loop())
        tls = None if self._security is None else self.cluster.guard.tls
        try:
            for broker in self.brokers:
                await broker.start(lambda: self.cluster, tls)
        except BaseException:
            await self.stop()
            raise
        if self._cluster is not None:
            self._cluster.ports.update({broker.node_id: broker.port for broker in self.brokers})
        return self.bootstrap_servers

    async def stop(self) -> None:
        """Close the ports and cut off the clients. Does nothing when not serving."""
        if self._clock is None:
            return
        if self._starting is not None:
            await asyncio.wait([self._starting])
            self._starting = None
        if self._actions is not None:
            await self._actions.close()
            self._actions = None
        for broker in self.brokers:
            await broker.stop()
        if self._cluster is not None:
            self._cluster.close()
        self._clock = self._cluster = None

    def reset(self) -> None:
        """Be as at the start; brokers that are stopped start again, see `settled`."""
        cluster = self._cluster
        if cluster is None:
            return  # nobody has done anything to the brokers
        cluster.faults.reset()
        cluster.request_log.clear()
        cluster.resources.reset()
        cluster.quotas.reset()
        cluster.guard.reset()
        cluster.reset_places()
        busy = self.actions.reset()
        if busy or not all(broker.running for broker in self.brokers):
            self._starting = asyncio.ensure_future(self._start_again(self._starting))

    async def settled(self) -> None:
        """Wait until the brokers run that a reset has started."""
        if self._starting is not None:
            await asyncio.wait([self._starting])

    async def _start_again(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await asyncio.wait([previous])
        await self.actions.settled()
        for broker in self.brokers:
            if broker.running:
                continue
            try:
                await self.start_broker(broker.node_id)
            except AddressUnavailable as error:
                logger.error("broker %d stays stopped: %s", broker.node_id, error)
        self.cluster.reset_places()

    # What a test does to the brokers

    @property
    def actions(self) -> ClusterActions:
        """What faults and stories do; only while serving."""
        cluster = self.cluster
        assert self._actions is not None, f"{cluster} was made without them"
        return self._actions

    def check_node(self, node_id: int) -> None:
        """Raise UnknownNode where there is no such broker."""
        self.cluster.placement.check(node_id)

    async def stop_broker(self, node_id: int) -> None:
        """Close a broker's port and connections; others take over what it led."""
        self.check_node(node_id)
        await self._brokers[node_id].go(self.cluster)

    async def start_broker(self, node_id: int) -> None:
        """Open the port of a stopped broker again; raises AddressUnavailable."""
        self.check_node(node_id)
        await self._brokers[node_id].come_back(self.cluster)

    def place(self, topic: str, partition: int) -> PartitionPlace:
        """Where a partition is; raises TopicNotFound or PartitionNotFound."""
        return self.cluster.place(topic, partition)

    def move_leader(self, topic: str, partition: int, to: int) -> PartitionPlace:
        """Make a replica the leader."""
        self.cluster.move_leader(topic, partition, to)
        return self.cluster.place(topic, partition)

    def move_replicas(self, topic: str, partition: int, to: Sequence[int]) -> PartitionPlace:
        """Give a partition other replicas."""
        self.cluster.move_replicas(topic, partition, to)
        return self.cluster.place(topic, partition)

    def coordinator(self, kind: CoordinatorKind, key: str) -> int:
        """The broker that coordinates a group or a transactional id."""
        return self.cluster.placement.coordinator(kind, key)

    def move_coordinator(self, kind: CoordinatorKind, key: str, to: int) -> None:
        """Make another broker the coordinator."""
        self.cluster.move_coordinator(kind, key, to)
