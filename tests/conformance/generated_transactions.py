"""Generated steps of transactional producers: see `generated`.

The producer x adds partitions by itself, y has the broker do it and gets an epoch for each
transaction (KIP-890).
"""

from __future__ import annotations

from dataclasses import dataclass

from generated import TOPICS, World
from hypothesis import strategies as st
from steps_transactions import Producer, add, begun, end, seen, send

NAMES = ("x", "y")
names = st.sampled_from(NAMES)
topics = st.sampled_from((*TOPICS[:2], *TOPICS))
shifts = st.sampled_from((0, 0, 0, 0, 0, 1, -1))
rarely = st.sampled_from((False, False, False, False, True))


async def producer_of(world: World, name: str, fenced: bool) -> Producer:
    """The producer as it is, or as one that another instance has fenced."""
    if name not in world.transactions:
        world.transactions[name] = await begun(world.broker, name)
    producer = world.transactions[name]
    return producer.before() if fenced and producer.epoch else producer


def forget_sequences(world: World, name: str) -> None:
    for place in [place for place in world.transacted if place[0] == name]:
        del world.transacted[place]


@dataclass
class Begin:
    name: str

    async def play(self, world: World) -> None:
        world.transactions[self.name] = await begun(world.broker, self.name)
        forget_sequences(world, self.name)


@dataclass
class Add:
    name: str
    topic: str
    partition: int
    fenced: bool

    async def play(self, world: World) -> None:
        producer = await producer_of(world, self.name, self.fenced)
        await add(world.broker, producer, (world.topic(self.topic), self.partition))


@dataclass
class Send:
    name: str
    topic: str
    shift: int
    fenced: bool

    async def play(self, world: World) -> None:
        producer = await producer_of(world, self.name, self.fenced)
        place = (self.name, self.topic)
        sequence = max(0, world.transacted[place] + self.shift)
        versions = {"x": 11, "y": 12}
        answer = await send(
            world.broker,
            producer,
            world.topic(self.topic),
            sequence,
            version=versions[self.name],
        )
        if answer == "none" and not self.fenced and self.shift >= 0:
            world.transacted[place] = sequence + 1


@dataclass
class End:
    name: str
    commit: bool
    fenced: bool

    async def play(self, world: World) -> None:
        producer = await producer_of(world, self.name, self.fenced)
        versions = {"x": 3, "y": 5}
        after = await end(world.broker, producer, self.commit, version=versions[self.name])
        if after.epoch != producer.epoch or after.producer_id != producer.producer_id:
            world.transactions[self.name] = after
            forget_sequences(world, self.name)


@dataclass
class Look:
    topic: str

    async def play(self, world: World) -> None:
        topic = world.topic(self.topic)
        await seen(world.broker, topic)
        places = [{"name": topic, "partition_indexes": [0, 1]}]
        await world.broker.ask("describe_producers", topics=places)


transaction_steps = (
    st.builds(Begin, names),
    st.builds(Add, names, topics, st.sampled_from((0, 0, 0, 1, 7)), rarely),
    st.builds(Send, names, topics, shifts, rarely),
    st.builds(Send, st.just("y"), st.just("one"), st.just(0), st.just(False)),
    st.builds(End, names, st.booleans(), rarely),
    st.builds(Look, topics),
)
