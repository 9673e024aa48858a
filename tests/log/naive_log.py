"""A log as plain lists: slow, obvious, and what TopicLog is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from simulator.log import Headers, Record, Retention
from simulator.log.partitioner import partition_for_key

RECORD_MEMORY = 128
HEADER_MEMORY = 200


class Share(NamedTuple):
    """What a record counts that came in a Kafka batch, and what the batch takes as a whole."""

    size: int
    batch: int
    memory: int


SHARES: dict[bytes, Share] = {}
"""By value, since no two records have the same."""


def size(record: Record) -> int:
    """Bytes of key, value and headers, or the share of a batch."""
    if record.value in SHARES:
        return SHARES[record.value].size
    headers = sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def memory(records: Sequence[Record]) -> int:
    """What records count towards the bound; a batch counts whole while one of it is left."""
    shares = {SHARES[r.value] for r in records if r.value in SHARES}
    batches = {share.batch: share.memory for share in shares}
    return sum(batches.values()) + sum(
        size(record) + RECORD_MEMORY + HEADER_MEMORY * len(record.headers)
        for record in records
        if record.value not in SHARES
    )


def limited(records: list[Record], max_records: int, max_bytes: int) -> list[Record]:
    """The first of `records` that both bounds allow; at least one whatever its size."""
    taken: list[Record] = []
    for record in records[:max_records]:
        if taken and sum(map(size, taken)) + size(record) > max_bytes:
            break
        taken.append(record)
    return taken


@dataclass
class ModelPartition:
    """Every record ever appended, by offset, and where the kept ones begin."""

    history: list[Record] = field(default_factory=list)
    start: int = 0

    @property
    def end(self) -> int:
        return len(self.history)

    @property
    def kept(self) -> list[Record]:
        return self.history[self.start :]

    def start_after(self, records: Sequence[Record], retention: Retention) -> int:
        """Where the kept ones begin once `records` are in and the limits are applied."""
        history = [*self.history, *records]
        start = self.start
        while start < len(history) - 1 and (
            (retention.max_records is not None and len(history) - start > retention.max_records)
            or (
                retention.max_bytes is not None
                and sum(map(size, history[start:])) > retention.max_bytes
            )
        ):
            start += 1
        return start


@dataclass
class ModelTopic:
    """Partitions, and whose turn it is."""

    serial: int
    retention: Retention
    permanent: bool
    partitions: list[ModelPartition]
    turn: int = 0

    def choose(self, key: bytes | None, partition: int | None) -> int:
        """The partition of the next record; takes no turn."""
        if partition is not None:
            return partition
        if key is not None:
            return partition_for_key(key, len(self.partitions))
        return self.turn % len(self.partitions)


@dataclass
class Model:
    """Topics by name, committed offsets, and the next position."""

    topics: dict[str, ModelTopic] = field(default_factory=dict)
    commits: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    position: int = 0

    def record(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Headers,
        partition: int | None,
        unchecked: bool,
    ) -> Record:
        """The record that an append would add."""
        index = self.topics[topic].choose(key, partition)
        offset = self.topics[topic].partitions[index].end
        return Record(
            topic, index, offset, timestamp, key, value, headers, self.position, unchecked
        )

    def append(self, records: Sequence[Record], takes_turn: bool = False) -> None:
        """Add records of one partition and apply the limits of its topic."""
        topic = self.topics[records[0].topic]
        partition = topic.partitions[records[0].partition]
        partition.start = partition.start_after(records, topic.retention)
        partition.history += records
        self.position += len(records)
        topic.turn += takes_turn

    def memory_with(self, records: Sequence[Record]) -> int:
        """Memory of what would be kept if `records` were appended to their partition."""
        total = memory(records)
        for name, topic in self.topics.items():
            for index, partition in enumerate(topic.partitions):
                if (name, index) == (records[0].topic, records[0].partition):
                    start = partition.start_after(records, topic.retention)
                    total += memory(partition.history[start:])
                else:
                    total += memory(partition.kept)
        return total

    def reset(self) -> None:
        """Permanent topics, empty. The caller brings back those that were deleted."""
        self.commits = {}
        self.position = 0
