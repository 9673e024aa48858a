"""What the partitions of a log know of transactions and of the producers that write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from simulator.log.producers import ProducerEntry
from simulator.log.topics import Topics
from simulator.log.transaction_index import AbortedTransaction


class ActiveProducer(NamedTuple):
    """A producer that a partition knows; `open_since` is where its open transaction begins."""

    producer_id: int
    entry: ProducerEntry
    open_since: int | None


class OpenPlace(NamedTuple):
    """A partition in which a producer has a transaction open."""

    topic: str
    partition: int
    producer_id: int
    producer_epoch: int


class LogTransactions:
    """Answers of the partitions; each raises TopicNotFound or PartitionNotFound."""

    __slots__ = ("_topics", "rewound", "strict_from")

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self.rewound: Callable[[], None] | None = None
        """Called when the log was reset or restored, before those who wait on it."""
        self.strict_from = 0
        """The first producer id that is younger than that: from older ones, which go on, any first
        sequence is accepted."""

    def last_stable_offset(self, topic: str, partition: int) -> int:
        """Where the oldest open transaction begins; the end of the partition without one."""
        return self._topics.partition(topic, partition).last_stable_offset

    def timestamp_of(self, topic: str, partition: int, offset: int) -> int:
        """The timestamp of whatever is kept at `offset`, markers and uncommitted records too."""
        return self._topics.partition(topic, partition).timestamp_of(offset)

    def aborted(
        self, topic: str, partition: int, start: int, stop: int
    ) -> list[AbortedTransaction]:
        """The aborted transactions that a reader of offsets `start` to `stop` - 1 must know."""
        return self._topics.partition(topic, partition).transactions.aborted_between(start, stop)

    def is_open(self, topic: str, partition: int, producer_id: int, producer_epoch: int) -> bool:
        """Whether the producer has records in an open transaction there, in just this epoch."""
        index = self._topics.partition(topic, partition).transactions
        return index.is_open(producer_id, producer_epoch)

    def open_epoch(self, topic: str, partition: int, producer_id: int) -> int | None:
        """The epoch in which the producer has a transaction open there; None if it has none."""
        found = self._topics.partition(topic, partition).transactions.open.get(producer_id)
        return None if found is None else found.producer_epoch

    def forget_producers(self, topic: str, partition: int) -> None:
        """Let producers go on with whatever sequence they have come to."""
        self._topics.partition(topic, partition).producers.clear()

    def producers(self, topic: str, partition: int) -> list[ActiveProducer]:
        """The producers that the partition knows, by id."""
        found = self._topics.partition(topic, partition)
        opened = found.transactions.open
        return [
            ActiveProducer(
                producer_id,
                entry,
                opened[producer_id].first_offset if producer_id in opened else None,
            )
            for producer_id, entry in sorted(found.producers.known())
        ]

    def open(self) -> list[OpenPlace]:
        """All partitions with open transactions, and whose they are."""
        return [
            OpenPlace(found.topic, found.index, producer_id, transaction.producer_epoch)
            for found in self._topics.partitions()
            for producer_id, transaction in found.transactions.open.items()
        ]
