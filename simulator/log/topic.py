"""A topic: its name, its partitions, and which of them takes the next record."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from simulator.log.errors import InvalidTopicName, InvalidTopicSetting, PartitionNotFound
from simulator.log.memory import Memory
from simulator.log.partition import Partition
from simulator.log.partition_state import PartitionState
from simulator.log.partitioner import partition_for_key
from simulator.log.retention import Retention
from simulator.log.rules import RulesOf, TopicRules, settings_of
from simulator.topic_names import broken_rule

MAX_PARTITIONS: Final = 10_000
"""Partitions of one topic; a Kafka controller refuses requests for more (KRaft)."""

INTERNAL: Final = frozenset(("__consumer_offsets", "__transaction_state", "__share_group_state"))
"""Topics that a cluster keeps for itself; clients may not write to them."""


class PartitionInfo(NamedTuple):
    """What a partition keeps: offsets `start` to `end` - 1, of `bytes` bytes in all."""

    start: int
    end: int
    bytes: int


class TopicInfo(NamedTuple):
    """A topic as it is at the moment. A topic created again has another `topic_id`.

    `config` has the settings that were given for it by Kafka's names, `rules` what they mean.
    """

    name: str
    topic_id: UUID
    partitions: tuple[PartitionInfo, ...]
    retention: Retention
    config: Mapping[str, str] = MappingProxyType({})
    rules: TopicRules = TopicRules()

    @property
    def internal(self) -> bool:
        """Whether the cluster keeps the topic for itself."""
        return self.name in INTERNAL


def check_topic_name(name: str) -> None:
    """Raise InvalidTopicName unless `name` follows the rules of Kafka's `Topic.validate`."""
    rule = broken_rule(name)
    if rule is not None:
        raise InvalidTopicName(name, rule)


class Topic:
    """The partitions of one topic. Its identity is the object's: a new topic is a new object."""

    __slots__ = (
        "_first_config",
        "_first_partitions",
        "_memory",
        "_size_limit",
        "config",
        "limited",
        "max_record_bytes",
        "name",
        "next_unkeyed",
        "partitions",
        "retention",
        "rules",
        "size_bound",
        "sole",
        "topic_id",
    )

    def __init__(
        self,
        name: str,
        topic_id: UUID,
        partitions: int,
        retention: Retention,
        max_record_bytes: int,
        memory: Memory,
        config: Mapping[str, str],
        rules_of: RulesOf,
    ) -> None:
        check_topic_name(name)
        if not 1 <= partitions <= MAX_PARTITIONS:
            raise InvalidTopicSetting(
                "number of partitions", partitions, f"use 1 to {MAX_PARTITIONS}"
            )
        retention.check()
        self.name = name
        self.topic_id = topic_id
        self._memory = memory
        self._size_limit = max_record_bytes
        self._first_partitions = partitions
        self._first_config = MappingProxyType({**settings_of(retention), **config})
        self.partitions: list[Partition] = []
        self.retention = retention
        self.next_unkeyed = 0
        self.resize(partitions)
        self.configure(self._first_config, rules_of)

    def configure(self, config: Mapping[str, str], rules_of: RulesOf) -> None:
        """Set up anew with these settings; the limit by count stays what it was."""
        self.config = MappingProxyType(dict(config))
        self.rules = rules = rules_of(config)
        self.retention = retention = rules.retention._replace(
            max_records=self.retention.max_records
        )
        self.limited = retention.max_records is not None or retention.max_bytes is not None
        self.max_record_bytes = self._size_limit
        self.size_bound = "max_record_bytes"
        if retention.max_bytes is not None and retention.max_bytes < self._size_limit:
            # A record that the retention would delete at once is refused instead.
            self.max_record_bytes = retention.max_bytes
            self.size_bound = "the topic's retention max_bytes"

    def resize(self, partitions: int) -> None:
        """Add partitions, or delete those of the highest numbers."""
        for gone in self.partitions[partitions:]:
            gone.delete()
        del self.partitions[partitions:]
        for index in range(len(self.partitions), partitions):
            self.partitions.append(Partition(self.name, index, self._memory))
        self.sole = self.partitions[0] if partitions == 1 else None

    def partition(self, index: int) -> Partition:
        """The partition of that number; PartitionNotFound if there is none."""
        if not 0 <= index < len(self.partitions):
            raise PartitionNotFound(self.name, index, len(self.partitions))
        return self.partitions[index]

    def choose(self, key: bytes | None) -> Partition:
        """The partition for a record that names none.

        A key decides as in Kafka's default partitioner. Records without a key go round the
        partitions in turn: Kafka's producers fill a batch per partition first (KIP-480), which
        depends on timing; this does not. The turn passes only when the record is stored.
        """
        if self.sole is not None:
            return self.sole
        count = len(self.partitions)
        if key is None:
            return self.partitions[self.next_unkeyed % count]
        return self.partitions[partition_for_key(key, count)]

    def info(self) -> TopicInfo:
        """Describe the topic."""
        partitions = tuple(PartitionInfo(p.start, p.end, p.bytes_held) for p in self.partitions)
        return TopicInfo(
            self.name, self.topic_id, partitions, self.retention, self.config, self.rules
        )

    def freeze(self) -> TopicState:
        """What the topic holds, not to be changed by anything that comes after."""
        partitions = tuple((partition, partition.freeze()) for partition in self.partitions)
        return TopicState(self, self.next_unkeyed, partitions, self.config)

    def restore(self, state: TopicState, rules_of: RulesOf) -> None:
        """Hold again what was frozen."""
        self.next_unkeyed = state.next_unkeyed
        self.resize(min(len(state.partitions), len(self.partitions)))
        self.partitions = [partition for partition, _ in state.partitions]
        self.sole = self.partitions[0] if len(self.partitions) == 1 else None
        for partition, frozen in state.partitions:
            partition.restore(frozen)
        self.configure(state.config, rules_of)

    def empty(self, rules_of: RulesOf) -> None:
        """Hold nothing and begin again at offset 0, set up as at first."""
        self.next_unkeyed = 0
        self.resize(self._first_partitions)
        self.configure(self._first_config, rules_of)
        for partition in self.partitions:
            partition.empty()

    def delete(self) -> None:
        """Let go of the records, and tell readers that the topic is gone."""
        for partition in self.partitions:
            partition.delete()


class TopicState(NamedTuple):
    """A topic and what its partitions held."""

    topic: Topic
    next_unkeyed: int
    partitions: tuple[tuple[Partition, PartitionState], ...]
    config: Mapping[str, str]
