"""What all brokers share: the log behind them, their coordinators, settings and clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from simulator.listeners.kafka.broker_clock import BrokerClock, BrokerTimer
from simulator.listeners.kafka.client_quotas import ClientQuotas
from simulator.listeners.kafka.configs import BrokerConfig
from simulator.listeners.kafka.configs.resources import Resources
from simulator.listeners.kafka.coordinator import Coordinator
from simulator.listeners.kafka.event_checks import EventChecks
from simulator.listeners.kafka.faults.injector import Faults
from simulator.listeners.kafka.fetch_sessions import FetchSessions
from simulator.listeners.kafka.guard import Guard
from simulator.listeners.kafka.held_requests import HeldRequests
from simulator.listeners.kafka.request_log import RequestLog
from simulator.listeners.kafka.request_view import Viewer
from simulator.listeners.kafka.transactions import TransactionCoordinator
from simulator.log import PartitionNotFound, TopicInfo, TopicLog
from simulator.log.placement import (
    COORDINATOR_PARTITIONS,
    COORDINATOR_TOPICS,
    CoordinatorKind,
    Moved,
    PartitionPlace,
    Placement,
)
from simulator.log.transactions import Transactions
from simulator.publishing import Publisher
from simulator.scenario.randomness import Randomness

CLUSTER_ID = "Y2hhdC1ldmVudHMtc2ltdQ"
"""Like Kafka's: 22 characters of URL-safe base64, the same in every run."""

GROUP: Final = CoordinatorKind.GROUP
TRANSACTION: Final = CoordinatorKind.TRANSACTION


class TopicControl(Protocol):
    """Creates and deletes topics so that the whole simulator knows."""

    def create_topic(
        self, topic: str, *, partitions: int = 1, config: Mapping[str, object] | None = None
    ) -> TopicInfo:
        """Create a topic."""
        ...

    def configure_topic(self, topic: str, config: Mapping[str, object]) -> TopicInfo:
        """Replace the settings given for a topic."""
        ...

    def settle_topics(self) -> None:
        """Look at the settings of all topics again: those of the brokers have changed."""
        ...

    def add_partitions(self, topic: str, total: int) -> TopicInfo:
        """Give a topic so many partitions in all."""
        ...

    def delete_records(self, topic: str, before_offset: int, *, partition: int = 0) -> int:
        """Delete the records before an offset; return the first offset that is left."""
        ...

    def delete_topic(self, topic: str) -> None:
        """Delete a topic."""
        ...


class Cluster:
    """What every API of every broker works on; it belongs to one event loop."""

    def __init__(
        self,
        log: TopicLog,
        publisher: Publisher,
        control: TopicControl,
        clock: BrokerClock,
        placement: Placement,
        config: BrokerConfig,
        seed: int | str = 0,
        event_checks: EventChecks = EventChecks.REJECT,
    ) -> None:
        self.log = log
        self.publisher = publisher
        self.control = control
        self.clock = clock
        self.event_checks = event_checks
        self.placement = placement
        self.ports: dict[int, int] = {}
        """Of each broker, by its id."""
        self.config = config
        self.quotas = ClientQuotas()
        self.resources = Resources(config, log, control)
        self.groups = Coordinator(log, clock, config, self.resources.group)
        self.guard = Guard()
        self.fetch_sessions = FetchSessions(config.int("max.incremental.fetch.session.cache.slots"))
        self.held = HeldRequests()
        self._rebalance: BrokerTimer | None = None
        self.faults = Faults(lambda: Randomness(seed).fork("kafka faults").random)
        self.request_log = RequestLog(Viewer(self.topic_name, clock.wall_seconds).view)
        self._next_producer_id = 0
        self.transactions = TransactionCoordinator(
            log,
            clock,
            Transactions(
                self.new_producer_id,
                config.int("transaction.max.timeout.ms"),
                config.int("transactional.id.expiration.ms"),
            ),
            lambda topic, partition: self.place(topic, partition).leader,
            publisher.now_ms,
            lambda: self._next_producer_id,
        )

    def close(self) -> None:
        """Time nothing any more."""
        self.groups.close()
        self.clock.close()

    def new_producer_id(self) -> int:
        """An id that no producer had before."""
        self._next_producer_id += 1
        return self._next_producer_id - 1

    def topic_name(self, topic_id: UUID | None) -> str | None:
        """The name of the topic with that id."""
        return None if topic_id is None else self.log.topic_name(topic_id)

    # Where things are

    def places(self, topic: str) -> Sequence[PartitionPlace]:
        """The place of each partition of a topic; raises TopicNotFound."""
        places, partitions = self._places(topic)
        return places[:partitions]

    def place(self, topic: str, partition: int) -> PartitionPlace:
        """The place of a partition; raises TopicNotFound or PartitionNotFound."""
        places, partitions = self._places(topic)
        if not 0 <= partition < partitions:
            raise PartitionNotFound(topic, partition, partitions)
        return places[partition]

    def _places(self, topic: str) -> tuple[Sequence[PartitionPlace], int]:
        """The places of a topic, and how many of them count."""
        topic_id, partitions = self._shape(topic)
        places = self.placement.places(topic_id)
        if len(places) < partitions:
            self._place_all()
            places = self.placement.places(topic_id)
        return places, partitions

    def _placed(self, topic: str, partition: int) -> tuple[UUID, int]:
        """By what the placement knows a partition; raises TopicNotFound or PartitionNotFound."""
        self.place(topic, partition)
        return self._shape(topic)[0], partition

    def _shape(self, topic: str) -> tuple[UUID, int]:
        """The id and number of partitions by which the placement knows a topic."""
        if topic in COORDINATOR_TOPICS:  # which lead also before clients see them
            return COORDINATOR_TOPICS[topic], COORDINATOR_PARTITIONS
        return self.log.shape(topic)

    def coordinates(self, node_id: int, key: str, kind: CoordinatorKind = GROUP) -> bool:
        """Whether that broker coordinates a group, or a transactional id; else NOT_COORDINATOR."""
        placement = self.placement
        return placement.sole or placement.coordinator(kind, key) == node_id

    def stop_node(self, node_id: int) -> None:
        """Let others take over what a broker led."""
        self._place_all()
        self.fetch_sessions.forget(node_id)
        self._moved(self.placement.stop(node_id))

    def start_node(self, node_id: int) -> None:
        """Count on a broker again."""
        self._place_all()
        self._moved(self.placement.start(node_id))

    def rebalance(self) -> None:
        """Give partitions back to their preferred leaders."""
        self._moved(self.placement.rebalance())

    def move_leader(self, topic: str, partition: int, to: int) -> None:
        """Make a replica the leader."""
        self._moved(self.placement.move_leader(*self._placed(topic, partition), to))

    def elect_preferred(self, topic: str, partition: int) -> bool:
        """Make the preferred replica the leader; whether it has become it."""
        return self._moved(self.placement.elect_preferred(*self._placed(topic, partition)))

    def elect_unclean(self, topic: str, partition: int) -> bool:
        """Give a partition without a leader any replica that runs; whether it has one now."""
        return self._moved(self.placement.elect_unclean(*self._placed(topic, partition)))

    def cancel_reassignment(self, topic: str, partition: int) -> None:
        """Go back to the replicas that a partition had before."""
        self._moved(self.placement.cancel_reassignment(*self._placed(topic, partition)))

    def move_replicas(self, topic: str, partition: int, to: Sequence[int]) -> None:
        """Give a partition other replicas."""
        self._moved(self.placement.reassign(*self._placed(topic, partition), to))

    def move_coordinator(self, kind: CoordinatorKind, key: str, to: int) -> None:
        """Make another broker the coordinator of a group or transactional id."""
        self.placement.move_coordinator(kind, key, to)
        self.held.refuse_moved(self.placement)

    def reset_places(self) -> None:
        """Let replicas, leaders, coordinators and the controller be where they belong."""
        self._moved(self.placement.restore())
        self._moved(self.placement.rebalance())

    def _place_all(self) -> None:
        shapes = self.log.shapes()
        for known_id, number in shapes:  # in the order of their creation, whoever asks first
            self.placement.assign(known_id, number)
        self.placement.forget_others(known_id for known_id, _ in shapes)

    def _moved(self, moved: Sequence[Moved]) -> bool:
        """Let the log know the new leader epochs, which also wakes whoever waits for records."""
        for topic_id, partition, place in moved:
            name = self.log.topic_name(topic_id)
            if name is not None:
                self.log.begin_epoch(name, partition, place.leader_epoch)
        if moved:
            self.transactions.settle()
        self.held.refuse_moved(self.placement)
        self._rebalance_later()
        return bool(moved)

    def _rebalance_later(self) -> None:
        """Give leaders back after a while, as `auto.leader.rebalance.enable` says."""
        config, clock = self.config, self.clock
        wanted = config.bool("auto.leader.rebalance.enable") and not self.placement.balanced
        if self._rebalance is not None and not wanted:
            self._rebalance.cancel()
            self._rebalance = None
        elif self._rebalance is None and wanted:
            wait = 1000 * config.int("leader.imbalance.check.interval.seconds")
            self._rebalance = clock.call_at(clock.now_ms() + wait, self._rebalance_now)

    def _rebalance_now(self) -> None:
        self._rebalance = None
        self.rebalance()
