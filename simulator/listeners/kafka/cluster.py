"""What all brokers share: the log behind them, their coordinators, settings and clock."""

from __future__ import annotations

from itertools import count
from typing import Protocol
from uuid import UUID

from simulator.listeners.kafka.broker_clock import BrokerClock
from simulator.listeners.kafka.coordinator import Coordinator
from simulator.listeners.kafka.fetch_sessions import FetchSessions
from simulator.listeners.kafka.limits import FETCH_SESSIONS
from simulator.log import Retention, TopicInfo, TopicLog
from simulator.publishing import Publisher

CLUSTER_ID = "Y2hhdC1ldmVudHMtc2ltdQ"
"""Like Kafka's: 22 characters of URL-safe base64, the same in every run."""


class TopicControl(Protocol):
    """Creates and deletes topics so that the whole simulator knows."""

    def create_topic(
        self, topic: str, *, partitions: int = 1, retention: Retention = Retention()
    ) -> TopicInfo:
        """Create a topic."""
        ...

    def delete_topic(self, topic: str) -> None:
        """Delete a topic."""
        ...


class Cluster:
    """What every API of every broker works on; it belongs to one event loop."""

    def __init__(
        self, log: TopicLog, publisher: Publisher, control: TopicControl, clock: BrokerClock
    ) -> None:
        self.log = log
        self.publisher = publisher
        self.control = control
        self.clock = clock
        self.groups = Coordinator(log, clock)
        self.fetch_sessions = FetchSessions(FETCH_SESSIONS)
        self._producer_ids = count()

    def close(self) -> None:
        """Time nothing any more."""
        self.clock.close()

    def new_producer_id(self) -> int:
        """An id that no producer had before."""
        return next(self._producer_ids)

    def topic_name(self, topic_id: UUID | None) -> str | None:
        """The name of the topic with that id."""
        return None if topic_id is None else self.log.topic_name(topic_id)
