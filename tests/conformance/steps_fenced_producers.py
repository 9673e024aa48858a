"""Producers whose transaction the coordinator has aborted, and what they may do then (KIP-588)."""

from __future__ import annotations

import asyncio

from brokers import Broker
from steps import steps
from steps_transactions import CONTROL_FREE, Producer, add, begun, coordinated, end, send, settled

ADDING = 12
"""The first version of Produce that adds partitions to transactions."""


async def opened(broker: Broker, producer: Producer, topic: str, version: int) -> None:
    """Write in a transaction, of version 2 if Produce is of a version that adds partitions."""
    if version < ADDING:
        await add(broker, producer, (topic, 0))
    await send(broker, producer, topic, version=version)


async def goes_on(broker: Broker, producer: Producer, what: str, topic: str, version: int) -> None:
    """Let a producer try one thing, twice where that is to begin again."""
    if what in ("commit", "abort"):
        how = 5 if version >= ADDING else 4
        await end(broker, producer, what == "commit", version=how, label=f"{what} {version}")
    elif what == "send":
        await send(broker, producer, topic, 1, version=version, label=f"{what} {version}")
    else:
        body = {"transactional_id": producer.name, "transaction_timeout": 60_000}
        for epoch in (producer.epoch, producer.epoch, producer.epoch + 1):
            await broker.ask(
                "init_producer_id",
                label=f"{what} {version} in epoch {epoch}",
                producer_id=producer.producer_id,
                producer_epoch=epoch,
                **body,
            )


THINGS = ("commit", "abort", "send", "init")


@steps
async def transactions_whose_producer_was_interrupted(broker: Broker) -> None:
    topic = await broker.topic("t")
    nobody = {"producer_id": -1, "producer_epoch": -1, "transaction_timeout": 60_000}
    for version in (ADDING, CONTROL_FREE):
        for what in THINGS:
            producer = await begun(broker, f"{what}{version}")
            await opened(broker, producer, topic, version)
            await broker.ask("init_producer_id", transactional_id=producer.name, **nobody)
            await settled(broker, producer)
            await goes_on(broker, producer, what, topic, version)


@steps
async def transactions_that_have_timed_out(broker: Broker) -> None:
    topic = await broker.topic("t")
    producers: dict[tuple[str, int], Producer] = {}
    for version in (ADDING, CONTROL_FREE):
        for what in THINGS:
            name = broker.name(f"{what}{version}")
            await coordinated(broker, name)
            # Long enough to write in it; Kafka looks every ten seconds what is over.
            nobody = {"producer_id": -1, "producer_epoch": -1, "transaction_timeout": 2000}
            answer = {"error_code": "not_coordinator"}
            while answer["error_code"] != "none":
                answer = await broker.quietly("init_producer_id", transactional_id=name, **nobody)
            producer = Producer(name, answer["producer_id"], answer["producer_epoch"])
            producers[what, version] = producer
            await opened(broker, producer, topic, version)
    ours = {producer.name for producer in producers.values()}
    alive = {"state_filters": ["Ongoing", "PrepareAbort"], "producer_id_filters": []}
    while True:
        told = await broker.quietly("list_transactions", 0, **alive)
        if not ours & {each["transactional_id"] for each in told["transaction_states"]}:
            break
        await asyncio.sleep(0.2)
    for (what, version), producer in producers.items():
        await goes_on(broker, producer, what, topic, version)
