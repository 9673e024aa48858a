"""The topics of a log: by name and by id, those of its set-up, and what their settings mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

from simulator.log.errors import (
    InvalidTopicSetting,
    TooManyPartitions,
    TopicExists,
    TopicNotFound,
)
from simulator.log.memory import Memory
from simulator.log.partition import Partition
from simulator.log.retention import Retention
from simulator.log.rules import RulesOf, plain_rules
from simulator.log.topic import INTERNAL, MAX_PARTITIONS, Topic, TopicState

NO_RETENTION: Final = Retention()

MAX_ALL_PARTITIONS: Final = 200_000
"""Of all topics together; an empty one takes about a kilobyte. As many as Kafka recommends."""


class Topics:
    """Topics in the order of their creation; `by_name` is there to be looked into only."""

    __slots__ = (
        "_created",
        "_max_record_bytes",
        "_memory",
        "_names",
        "_partitions",
        "_permanent",
        "_rules_of",
        "by_name",
    )

    def __init__(self, max_record_bytes: int, memory: Memory) -> None:
        self.by_name: dict[str, Topic] = {}
        self._max_record_bytes = max_record_bytes
        self._memory = memory
        self._created = 0
        self._partitions = 0  # of all topics
        self._names: dict[UUID, str] | None = None  # made when somebody asks
        self._permanent: dict[str, Topic] = {}
        self._rules_of: RulesOf = plain_rules

    # Which there are

    def __iter__(self) -> Iterator[Topic]:
        return iter(self.by_name.values())

    def find(self, name: str) -> Topic:
        """The topic of that name; raises TopicNotFound."""
        try:
            return self.by_name[name]
        except KeyError:
            raise TopicNotFound(name, self.by_name) from None

    def partition(self, topic: str, partition: int) -> Partition:
        """One partition; raises TopicNotFound or PartitionNotFound."""
        return self.find(topic).partition(partition)

    def partitions(self) -> Iterator[Partition]:
        """All partitions of all topics."""
        for topic in self:
            yield from topic.partitions

    def name_of(self, topic_id: UUID) -> str | None:
        """The name of the topic with that id, None if there is none."""
        if self._names is None:
            self._names = {topic.topic_id: name for name, topic in self.by_name.items()}
        return self._names.get(topic_id)

    # Changing them

    def create(
        self,
        name: str,
        partitions: int,
        retention: Retention,
        config: Mapping[str, str],
        *,
        permanent: bool,
    ) -> Topic:
        """A new topic; raises TopicExists or what says why it cannot be."""
        if name in self.by_name:
            raise TopicExists(name)
        self._check_room(name, min(partitions, MAX_PARTITIONS))  # the topic refuses more
        number: int | str = self._created
        if name in INTERNAL:  # whenever these appear, the ids of the others are the same
            number = "internal"
        topic = Topic(
            name,
            uuid5(NAMESPACE_URL, f"topic:{number}:{name}"),
            partitions,
            retention,
            self._max_record_bytes,
            self._memory,
            config,
            self._rules_of,
        )
        self._created += name not in INTERNAL
        self.by_name[name] = topic
        self._partitions += partitions
        self._names = None
        if permanent:
            self._permanent[name] = topic
        return topic

    def delete(self, name: str) -> None:
        """Delete a topic with its records; raises TopicNotFound."""
        topic = self.find(name)
        del self.by_name[name]
        self._partitions -= len(topic.partitions)
        self._names = None
        topic.delete()

    def grow(self, name: str, total: int) -> None:
        """Give a topic so many partitions in all; raises TopicNotFound or InvalidTopicSetting."""
        topic = self.find(name)
        least = len(topic.partitions)
        if not least <= total <= MAX_PARTITIONS:
            raise InvalidTopicSetting(
                "number of partitions", total, f"use {least} to {MAX_PARTITIONS}"
            )
        self._check_room(name, total - least)
        topic.resize(total)
        self._partitions += total - least

    def _check_room(self, name: str, more: int) -> None:
        if self._partitions + more > MAX_ALL_PARTITIONS:
            raise TooManyPartitions(name, MAX_ALL_PARTITIONS)

    def configure(self, name: str, config: Mapping[str, str]) -> None:
        """Replace the settings of a topic; raises TopicNotFound."""
        self.find(name).configure(config, self._rules_of)

    def use_rules(self, rules_of: RulesOf) -> None:
        """Let `rules_of` say what settings mean, those of the topics that exist as well."""
        self._rules_of = rules_of
        for topic in self:
            topic.configure(topic.config, rules_of)

    # Starting again, and undoing

    def reset(self) -> None:
        """Only the permanent topics are left, empty."""
        for topic in self:
            topic.delete()
        for topic in self._permanent.values():
            topic.empty(self._rules_of)
        self._become(self._permanent)

    def freeze(self) -> tuple[TopicState, ...]:
        """All topics as they are, not to be changed by anything that comes after."""
        return tuple(topic.freeze() for topic in self)

    def restore(self, states: tuple[TopicState, ...]) -> None:
        """Have again what was frozen; the other topics are deleted."""
        remembered = {state.topic.name: state.topic for state in states}
        for name, topic in self.by_name.items():
            if remembered.get(name) is not topic:
                topic.delete()
        for state in states:
            state.topic.restore(state, self._rules_of)
        self._become(remembered)

    def _become(self, topics: Mapping[str, Topic]) -> None:
        self.by_name.clear()  # others hold on to the dictionary
        self.by_name.update(topics)
        self._partitions = sum(len(topic.partitions) for topic in self)
        self._names = None
