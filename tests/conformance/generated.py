"""Steps that hypothesis puts together: a small world, and what may be done in it.

Each step is plain data and plays on either broker. What later steps need of earlier answers (ids
of members and producers, generations) is kept in a World, one for each broker.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Protocol

from asking import (
    batch,
    committed,
    creating,
    deleting,
    fetching,
    listing,
    producing,
)
from brokers import Broker
from hypothesis import strategies as st

TOPICS = ("one", "two", "three")
"""The first two exist at the beginning."""
GROUPS = ("g", "h")
PRODUCERS = (0, 1)
STRANGE = "5ca1ab1e-0000-4000-8000-000000000001"


@dataclass
class Group:
    members: list[str] = field(default_factory=list)
    generation: int = 0


class World:
    """What one broker has told so far."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.producers: dict[int, tuple[int, int]] = {}
        self.sequences: dict[tuple[int, str, int], int] = defaultdict(int)
        self.groups: dict[str, Group] = defaultdict(Group)
        self.transactions: dict[str, Any] = {}  # producers by what they are called here
        self.transacted: dict[tuple[str, str], int] = defaultdict(int)
        self.there = set(TOPICS[:2])

    def topic(self, name: str) -> str:
        full = self.broker.name(name)
        self.broker.ids.setdefault(full, STRANGE)
        return full


class Step(Protocol):
    async def play(self, world: World) -> None: ...


async def play(broker: Broker, steps: list[Step]) -> None:
    """Begin a world and do the steps in it."""
    world = World(broker)
    for name in TOPICS[:2]:
        await broker.topic(name, 2)
    for step in steps:
        await step.play(world)


topics = st.sampled_from(TOPICS)
partitions = st.sampled_from((0, 0, 1, 1, 2, -1))
offsets = st.integers(-2, 12)
epochs = st.sampled_from((-1, -1, -1, 0, 1))
newness = st.integers(0, 3)
"""How many versions before the newest one a request has."""


def version(broker: Broker, api: str, older: int) -> int:
    served = broker.common(api)
    return served[max(-1 - older, -len(served))]


@dataclass
class Produce:
    topic: str
    partition: int
    times: list[int]
    acks: int
    older: int
    codec: int = 0

    async def play(self, world: World) -> None:
        records = [(time, b"k%d" % (time % 3), b"v" * (time % 40)) for time in self.times]
        body = producing(
            world.broker,
            (world.topic(self.topic), self.partition, batch(records)),
            acks=self.acks,
        )
        chosen = version(world.broker, "produce", self.older)
        await world.broker.ask("produce", chosen, **body)


@dataclass
class ProduceInSequence:
    """From an idempotent producer: `shift` 0 is the next sequence, others are wrong or repeats."""

    producer: int
    topic: str
    partition: int
    count: int
    shift: int
    epoch: int

    async def play(self, world: World) -> None:
        broker = world.broker
        if self.producer not in world.producers:
            told = await broker.ask("init_producer_id", producer_id=-1, producer_epoch=-1)
            world.producers[self.producer] = (told["producer_id"], told["producer_epoch"])
        number, epoch = world.producers[self.producer]
        place = (self.producer, self.topic, self.partition)
        sequence = max(0, world.sequences[place] + self.shift)
        data = batch(
            [(1000 + index, None, b"s") for index in range(self.count)],
            producer=(number, max(0, epoch + self.epoch), sequence),
        )
        body = producing(broker, (world.topic(self.topic), self.partition, data))
        answer = await broker.ask("produce", label="produce in sequence", **body)
        result = answer["responses"][0]["partition_responses"][0]
        if result["error_code"] == "none" and self.shift >= 0:
            world.sequences[place] = sequence + self.count


@dataclass
class Fetch:
    parts: list[tuple[str, int, int]]
    limit: int
    part_limit: int
    isolation: int
    epoch: int
    older: int

    async def play(self, world: World) -> None:
        unique = {(topic, partition): offset for topic, partition, offset in self.parts}
        body = fetching(
            world.broker,
            *((world.topic(topic), index, offset) for (topic, index), offset in unique.items()),
            max_bytes=self.limit,
            partition_max_bytes=self.part_limit,
            isolation_level=self.isolation,
            epoch=self.epoch,
        )
        await world.broker.ask("fetch", version(world.broker, "fetch", self.older), **body)


@dataclass
class ListOffsets:
    topic: str
    partition: int
    time: int
    epoch: int
    older: int

    async def play(self, world: World) -> None:
        place = (world.topic(self.topic), self.partition, self.time)
        body = listing(world.broker, place, epoch=self.epoch)
        chosen = version(world.broker, "list_offsets", self.older)
        await world.broker.ask("list_offsets", chosen, **body)


@dataclass
class CreateTopic:
    topic: str
    partitions: int
    validate_only: bool

    async def play(self, world: World) -> None:
        broker, name = world.broker, world.topic(self.topic)
        new = creating(
            {"name": name, "num_partitions": self.partitions}, validate_only=self.validate_only
        )
        answer = await broker.ask(
            "create_topics",
            only=lambda told: [
                (each["error_code"], each["num_partitions"]) for each in told["topics"]
            ],
            **new,
        )
        (created,) = answer["topics"]
        if created["error_code"] == "none" and not self.validate_only:
            broker.ids[name] = created["topic_id"]
            world.there.add(self.topic)
            await broker.known(name)


@dataclass
class DeleteTopic:
    topic: str
    by_id: bool

    async def play(self, world: World) -> None:
        broker, name = world.broker, world.topic(self.topic)
        named = {"topic_id": broker.ids[name]} if self.by_id else {"name": name}
        answer = await broker.ask("delete_topics", **deleting(named))
        if answer["responses"][0]["error_code"] == "none":
            world.there.discard(self.topic)
            for place in list(world.sequences):
                if place[1] == self.topic:
                    del world.sequences[place]
            await broker.known(name, gone=True)
            await forgotten(world, name)


async def forgotten(world: World, topic: str) -> None:
    """Wait until the groups' offsets of a deleted topic are gone too, which Kafka does later."""
    for group in GROUPS:
        asked = committed(world.broker, world.broker.name(group), everything=True)
        while True:
            (found,) = (await world.broker.quietly("offset_fetch", 9, **asked))["groups"]
            if topic not in [each["name"] for each in found["topics"]]:
                break


@dataclass
class Describe:
    topics: list[str]
    older: int

    async def play(self, world: World) -> None:
        named = [{"name": world.topic(topic)} for topic in dict.fromkeys(self.topics)]
        chosen = version(world.broker, "metadata", self.older)
        body = {"topics": named, "allow_auto_topic_creation": False}
        await world.broker.ask("metadata", chosen, **body)


data_steps = (
    st.builds(
        Produce,
        topics,
        partitions,
        st.lists(st.integers(0, 60), min_size=1, max_size=3),
        st.sampled_from((1, -1)),
        newness,
    ),
    st.builds(
        ProduceInSequence,
        st.sampled_from(PRODUCERS),
        topics,
        st.sampled_from((0, 1)),
        st.integers(1, 3),
        st.sampled_from((0, 0, 0, 0, -1, -2, -3, 1)),
        st.sampled_from((0, 0, 0, 0, 1, -1)),
    ),
    st.builds(
        Fetch,
        st.lists(st.tuples(topics, partitions, offsets), max_size=3),
        st.sampled_from((0, 100, 200, 1 << 20)),
        st.sampled_from((0, 100, 200, 1 << 20)),
        st.sampled_from((0, 1)),
        epochs,
        newness,
    ),
    st.builds(
        ListOffsets,
        topics,
        partitions,
        st.sampled_from((-1, -2, -3, -4, -5, -6, 0, 10, 20, 30, 50, 70)),
        epochs,
        newness,
    ),
)
topic_steps = (
    st.builds(CreateTopic, topics, st.sampled_from((1, 2, 3, 0, -1)), st.booleans()),
    st.builds(DeleteTopic, topics, st.booleans()),
    st.builds(Describe, st.lists(topics, min_size=1, max_size=3), newness),
)
