"""Writes records to an existing cluster, with an idempotent producer of confluent-kafka."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import orjson

from simulator.clusters.addresses import WHOLE, ClusterAddress, Shard
from simulator.clusters.asking import ANSWER_S, Trouble, ask, why
from simulator.clusters.keeping import ClusterSettings, better_start, too_old
from simulator.errors import SimulatorError
from simulator.log import Record

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

_HEARD_OF_S: Final = 2.0
"""How long brokers may take to hear of a topic that somebody has just made."""

_PAUSE_S: Final = 0.1
_ACKNOWLEDGED_S: Final = 60.0
_MOST_BYTES: Final = 1_000_000_000

NO_CLIENT: Final = "confluent-kafka is missing: pip install 'chat-event-simulator[kafka]' brings it"


class ClusterUnavailable(SimulatorError):
    """The cluster does not answer, lacks a topic, or did not take what was written."""


class ClusterWriter:
    """Writes records as they are: topic, key, value, headers and timestamp.

    The partition is chosen by the key, as Kafka's Java producer does. Each record is written once,
    also where the producer has to try again.
    """

    def __init__(
        self,
        address: ClusterAddress,
        shard: Shard = WHOLE,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connect; raises ClusterUnavailable. `warn` hears of records that will not be kept."""
        self.written: Counter[str] = Counter()
        """Records that the cluster has acknowledged, by topic."""
        self._shard = shard
        self._warn = warn
        self._failures: Counter[str] = Counter()
        self._servers = address.servers
        self._trouble = Trouble()
        self._producer = _producer(address, self._trouble)
        self._settings = ClusterSettings(address, ANSWER_S)
        self._found: set[str] = set()
        self._kept_ms: dict[str, int] = {}
        """How long topics keep records, without those that were warned of."""
        self._warned = False
        self._broker = min(self._ask().brokers, default=0)

    def _ask(self, topic: str | None = None) -> Any:
        from confluent_kafka import KafkaException

        try:
            return ask(self._producer, self._trouble, topic)
        except KafkaException as error:
            text = f"{self._servers} does not answer: {why(error, self._trouble)}"
            raise ClusterUnavailable(text) from None

    def _find(self, topic: str) -> None:
        """Make sure that a topic is there before it is written to for the first time."""
        from confluent_kafka import KafkaError

        self._found.add(topic)
        until: float | None = None
        while (error := self._ask(topic).topics[topic].error) is not None:
            if error.code() == KafkaError.LEADER_NOT_AVAILABLE:
                break  # the producer waits for it
            # A cluster that makes topics when they are asked for says no to the first question,
            # and one whose brokers have just come may say that they are too few.
            if error.code() not in (
                KafkaError.UNKNOWN_TOPIC_OR_PART,
                KafkaError.INVALID_REPLICATION_FACTOR,
            ):
                raise ClusterUnavailable(f"{self._servers}: topic {topic}: {error.str()}")
            now = time.monotonic()
            if until is None:
                makes = self._settings.makes_topics(self._broker)
                until = now + (ANSWER_S if makes else _HEARD_OF_S)
            if now >= until:
                raise ClusterUnavailable(
                    f"{self._servers}: topic {topic}: {error.str()}; create it first"
                )
            time.sleep(_PAUSE_S)
        kept_ms = self._settings.keeps_ms(topic)
        if kept_ms is not None:
            self._kept_ms[topic] = kept_ms

    def write(self, records: Iterable[Record]) -> None:
        """Hand records to the producer; waits where its queue is full.

        Raises ClusterUnavailable for a topic that is not there and not made.
        """
        for record in records:
            if self._shard.total > 1 and not self._shard.takes(_user_of(record)):
                continue
            if record.topic not in self._found:
                self._find(record.topic)
            if record.topic in self._kept_ms:
                self._check_age(record)
            self._produce(record)
        self._producer.poll(0)

    def _produce(self, record: Record) -> None:
        from confluent_kafka import KafkaException

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
                return
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                self._failures[error.args[0].str()] += 1
                return

    def _check_age(self, record: Record) -> None:
        """Warn of the first record of a topic that the cluster will delete for its timestamp."""
        kept_ms, now_ms = self._kept_ms[record.topic], time.time_ns() // 1_000_000
        if now_ms - record.timestamp > kept_ms:
            del self._kept_ms[record.topic]
            text = too_old(record.topic, record.timestamp, kept_ms)
            self._warn(text if self._warned else f"{text}; {better_start(kept_ms, now_ms)}")
            self._warned = True

    def finish(self, timeout: float = _ACKNOWLEDGED_S) -> None:
        """Wait until everything is acknowledged; raises ClusterUnavailable for what is not.

        It is given up when nothing at all is acknowledged for `timeout` seconds.
        """
        left = len(self._producer)
        while (now_left := self._producer.flush(timeout)) and now_left < left:
            left = now_left
        if now_left:
            raise ClusterUnavailable(
                f"{self._servers}: {now_left} records were not acknowledged within {timeout:g} s"
                + (f": {self._trouble}" if str(self._trouble) else "")
            )
        if self._failures:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in self._failures.items())
            raise ClusterUnavailable(f"{self._failures.total()} records were refused: {reasons}")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.written[message.topic() or ""] += 1
        else:
            self._failures[_reason(error)] += 1


def _reason(error: KafkaError) -> str:
    from confluent_kafka import KafkaError

    if error.code() != KafkaError.INVALID_TIMESTAMP:
        return error.str()
    return (
        f"{error.str()}: it is further from the cluster's clock than the topic's "
        "message.timestamp.after.max.ms, by default an hour ahead, or before.max.ms; "
        "let the story begin earlier with --start"
    )


def _producer(address: ClusterAddress, trouble: Trouble) -> Producer:
    try:
        from confluent_kafka import Producer
    except ImportError:
        raise ClusterUnavailable(NO_CLIENT) from None
    return Producer(
        {
            "bootstrap.servers": address.servers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "message.max.bytes": _MOST_BYTES,  # how large a record may be is for the cluster to say
            "reconnect.backoff.max.ms": 1000,  # a cluster that has just started is found soon
            "error_cb": trouble,
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
