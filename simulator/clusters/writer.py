"""Writes records to an existing cluster, with an idempotent producer of confluent-kafka."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import orjson

from simulator.clusters.addresses import WHOLE, ClusterAddress, Shard
from simulator.errors import SimulatorError
from simulator.log import Record

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

CONNECT_S: Final = 20.0
"""How long the cluster may take to answer at first."""

_CREATED_S: Final = 2.0
_PAUSE_S: Final = 0.1

NO_CLIENT: Final = "confluent-kafka is missing: pip install 'chat-event-simulator[kafka]' brings it"


class ClusterUnavailable(SimulatorError):
    """The cluster does not answer, lacks a topic, or did not take what was written."""


class ClusterWriter:
    """Writes records as they are: topic, key, value, headers and timestamp.

    The partition is chosen by the key, as Kafka's Java producer does. Each record is written once,
    also where the producer has to try again.
    """

    def __init__(self, address: ClusterAddress, shard: Shard = WHOLE) -> None:
        """Connect; raises ClusterUnavailable."""
        self.written: Counter[str] = Counter()
        """Records that the cluster has acknowledged, by topic."""
        self._shard = shard
        self._failures: Counter[str] = Counter()
        self._servers = address.servers
        self._producer = _producer(address)
        self._found: set[str] = set()
        self._ask()

    def _ask(self, topic: str | None = None) -> Any:
        from confluent_kafka import KafkaException

        try:
            if topic is None:
                return self._producer.list_topics(timeout=CONNECT_S)
            return self._producer.list_topics(topic, CONNECT_S)
        except KafkaException as error:
            text = f"{self._servers} does not answer: {error.args[0].str()}"
            raise ClusterUnavailable(text) from None

    def _find(self, topic: str) -> None:
        """Make sure that a topic is there before it is written to for the first time."""
        from confluent_kafka import KafkaError

        self._found.add(topic)
        until = time.monotonic() + _CREATED_S
        while True:
            known = self._ask(topic).topics[topic]
            if known.error is None or known.error.code() == KafkaError.LEADER_NOT_AVAILABLE:
                return
            # A cluster that makes topics when they are asked for says no to the first question.
            missing = known.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART
            if not missing or time.monotonic() >= until:
                raise ClusterUnavailable(f"{self._servers}: topic {topic}: {known.error.str()}")
            time.sleep(_PAUSE_S)

    def write(self, records: Iterable[Record]) -> None:
        """Hand records to the producer; waits where its queue is full.

        Raises ClusterUnavailable for a topic that is not there and not made.
        """
        for record in records:
            if self._shard.total > 1 and not self._shard.takes(_user_of(record)):
                continue
            if record.topic not in self._found:
                self._find(record.topic)
            while True:
                try:
                    self._producer.produce(
                        record.topic,
                        record.value,
                        record.key,
                        headers=list(record.headers),
                        timestamp=record.timestamp,
                        on_delivery=self._delivered,
                    )
                    break
                except BufferError:
                    self._producer.poll(0.1)
        self._producer.poll(0)

    def finish(self, timeout: float = 60.0) -> None:
        """Wait until everything is acknowledged; raises ClusterUnavailable for what is not."""
        left = self._producer.flush(timeout)
        if left:
            raise ClusterUnavailable(f"{left} records were not acknowledged within {timeout:g} s")
        if self._failures:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in self._failures.items())
            raise ClusterUnavailable(f"{self._failures.total()} records were refused: {reasons}")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.written[message.topic() or ""] += 1
        else:
            self._failures[error.str()] += 1


def _producer(address: ClusterAddress) -> Producer:
    try:
        from confluent_kafka import Producer
    except ImportError:
        raise ClusterUnavailable(NO_CLIENT) from None
    return Producer(
        {
            "bootstrap.servers": address.servers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "log_level": 0,  # what goes wrong is told once, at the end
        }
    )


def _user_of(record: Record) -> Any:
    """The acting user of an event; None for what is no event."""
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    return event.get("userId") if isinstance(event, dict) else None
