"""Fetch, ListOffsets and OffsetForLeaderEpoch."""

from __future__ import annotations

import asyncio

from asking import batch, fetching, listing, producing
from brokers import Broker
from steps import steps

STRANGE = "5ca1ab1e-0000-4000-8000-000000000001"


async def filled(broker: Broker, name: str = "t", partitions: int = 1, batches: int = 3) -> str:
    """A topic whose partitions have batches of two records each."""
    topic = await broker.topic(name, partitions)
    for partition in range(partitions):
        for row in range(batches):
            first = 1000 + 100 * row
            records = ((first, b"k", b"v" * 50), (first + 50, None, b"w"))
            await broker.quietly("produce", **producing(broker, (topic, partition, batch(records))))
    return topic


@steps
async def fetch_in_every_version(broker: Broker) -> None:
    topic = await filled(broker)
    for version in broker.common("fetch"):
        for isolation in (0, 1):
            body = fetching(broker, (topic, 0, 0), isolation_level=isolation)
            await broker.ask("fetch", version, label=f"isolation {isolation}", **body)


@steps
async def fetch_from_any_offset(broker: Broker) -> None:
    topic = await filled(broker)
    for offset in (0, 1, 2, 3, 5, 6, 7, 1 << 40, -1, -2, -5):
        body = fetching(broker, (topic, 0, offset))
        await broker.ask("fetch", label=f"offset {offset}", **body)


@steps
async def fetch_bounded(broker: Broker) -> None:
    topic = await filled(broker, partitions=2)
    for limit in (0, 1, 100, 130, 260, 400, -1):
        one = fetching(broker, (topic, 0, 0), partition_max_bytes=limit)
        await broker.ask("fetch", label=f"partition max {limit}", **one)
        both = fetching(broker, (topic, 0, 0), (topic, 1, 0), max_bytes=limit)
        await broker.ask("fetch", label=f"max {limit}", **both)
        both = fetching(broker, (topic, 0, 0), (topic, 1, 0), partition_max_bytes=limit)
        await broker.ask("fetch", label=f"partition max {limit} of two", **both)
        later = fetching(broker, (topic, 0, 3), max_bytes=limit)
        await broker.ask("fetch", label=f"max {limit} inside a batch", **later)
    for label, level in (("level 2", 2), ("level -1", -1)):
        await broker.ask(
            "fetch", label=label, **fetching(broker, (topic, 0, 0), isolation_level=level)
        )


@steps
async def fetch_what_is_not_there(broker: Broker) -> None:
    topic = await filled(broker)
    missing = broker.name("missing")
    broker.ids[missing] = STRANGE
    for version in broker.common("fetch"):
        body = fetching(broker, (topic, 0, 0), (missing, 0, 0))
        await broker.ask("fetch", version, label="unknown topic", **body)
        body = fetching(broker, (topic, 1, 0), (topic, -1, 0))
        await broker.ask("fetch", version, label="unknown partitions", **body)
    await broker.ask("fetch", label="nothing", **fetching(broker))
    await broker.ask("fetch", 12, label="bad name", **fetching(broker, ("a/b", 0, 0)))
    await broker.ask("fetch", 12, label="empty name", **fetching(broker, ("", 0, 0)))
    twice = fetching(broker, (topic, 0, 0), (topic, 0, 2))
    await broker.ask("fetch", label="partition twice", **twice)


@steps
async def fetch_with_epochs(broker: Broker) -> None:
    topic = await filled(broker)
    for epoch in (-1, 0, 1, 99, -2):
        body = fetching(broker, (topic, 0, 0), epoch=epoch)
        await broker.ask("fetch", label=f"epoch {epoch}", **body)
    for epoch, offset in ((0, 6), (0, 7), (1, 0), (-1, 0)):
        body = fetching(broker, (topic, 0, offset))
        body["topics"][0]["partitions"][0]["last_fetched_epoch"] = epoch
        await broker.ask("fetch", label=f"last fetched {epoch} {offset}", **body)


@steps
async def fetch_that_waits(broker: Broker) -> None:
    topic = await filled(broker)
    for label, least in (("for nothing", 0), ("for a byte", 1), ("for much", 1 << 20)):
        body = fetching(broker, (topic, 0, 6), max_wait=50, min_bytes=least)
        await broker.ask("fetch", label=f"waits {label}", **body)
    body = fetching(broker, (topic, 0, 0), max_wait=50, min_bytes=1 << 20)
    await broker.ask("fetch", label="has too little", **body)
    body = fetching(broker, (topic, 0, 6), max_wait=10_000, min_bytes=1)
    waiting = broker.start("fetch", label="gets the next", client="other", **body)
    await broker.ask("produce", **producing(broker, (topic, 0, batch())))
    await waiting
    await broker.ask(
        "fetch",
        label="does not wait",
        **fetching(broker, (topic, 0, 99), max_wait=10_000, min_bytes=1),
    )


@steps
async def fetch_in_sessions(broker: Broker) -> None:
    topic = await filled(broker, partitions=2)
    other = await filled(broker, "other")

    async def ask(label: str, *parts: tuple[str, int, int], **how: object) -> int:
        how = {"session": (number, epoch)} | how
        answer = await broker.ask("fetch", label=label, **fetching(broker, *parts, **how))  # type: ignore[arg-type]
        return int(answer["session_id"])

    number, epoch = 0, 0
    number = await ask("begins", (topic, 0, 0), (topic, 1, 6))
    broker.note("has a session", number > 0)
    epoch = 1
    await ask("goes on")
    epoch = 2
    await ask("moves on", (topic, 0, 6))
    epoch = 3
    await ask("adds", (other, 0, 4))
    epoch = 4
    await ask("forgets", forgotten=[(topic, 0)])
    epoch = 5
    await broker.quietly("produce", **producing(broker, (topic, 0, batch()), (topic, 1, batch())))
    await ask("sees what is new")
    await ask("wrong epoch")
    epoch = 9
    await ask("epoch too large")
    epoch = 6
    broker.ids[broker.name("missing")] = STRANGE
    await ask("unknown topic", (broker.name("missing"), 0, 0))
    epoch = 7
    await ask("unknown partition", (topic, 7, 0))
    epoch = 8
    await ask("after that")
    epoch = -1
    await ask("ends", (topic, 0, 0))
    epoch = 9
    await ask("is over")
    number, epoch = 12345, 1
    await ask("never was")
    number, epoch = 12345, 0
    await ask("begins with a number", (topic, 0, 6))
    number, epoch = 0, 5
    await ask("no number, but an epoch")


@steps
async def fetch_with_more_least_than_most(broker: Broker) -> None:
    topic = await filled(broker)
    body = fetching(broker, (topic, 0, 0), max_wait=60_000, min_bytes=1 << 20, max_bytes=100)
    await broker.ask("fetch", **body)


@steps
async def fetch_in_a_session_of_nothing(broker: Broker) -> None:
    topic = await filled(broker)
    answer = await broker.ask("fetch", label="begins", **fetching(broker, session=(0, 0)))
    body = fetching(broker, (topic, 0, 0), session=(answer["session_id"], 1))
    await broker.ask("fetch", label="goes on", **body)


@steps
async def fetch_that_its_session_overtakes(broker: Broker) -> None:
    topic = await filled(broker)
    number = (await broker.quietly("fetch", **fetching(broker, (topic, 0, 6), session=(0, 0))))[
        "session_id"
    ]
    waits = fetching(broker, session=(number, 1), max_wait=60_000, min_bytes=1)
    waiting = broker.start("fetch", label="waits", client="first", **waits)
    next_one = fetching(broker, session=(number, 2))
    error = "invalid_fetch_session_epoch"  # until the first request has arrived
    while error != "none":
        await asyncio.sleep(0.05)
        error = (await broker.quietly("fetch", client="second", **next_one))["error_code"]
    await broker.quietly("produce", client="second", **producing(broker, (topic, 0, batch())))
    await waiting


TIMES = (-1, -2, -3, -4, -5, -6, -7, 0, 999, 1000, 1001, 1050, 1051, 1100, 1250, 1251, 1 << 50)


@steps
async def list_offsets_for_any_time(broker: Broker) -> None:
    topic, empty = await filled(broker), await broker.topic("empty")
    for version in broker.common("list_offsets"):
        for time in TIMES:
            body = listing(broker, (topic, 0, time))
            await broker.ask("list_offsets", version, label=f"time {time}", **body)
        for time in (-1, -2, -3, -4, -5, 1000):
            body = listing(broker, (empty, 0, time))
            await broker.ask("list_offsets", version, label=f"empty, time {time}", **body)


@steps
async def list_offsets_of_what_is_not_there(broker: Broker) -> None:
    topic = await broker.topic("t")
    missing = broker.name("missing")
    for version in broker.common("list_offsets"):
        body = listing(broker, (topic, 0, -1), (topic, 5, -1), (topic, -1, -1), (missing, 0, -1))
        await broker.ask("list_offsets", version, **body)
    await broker.ask("list_offsets", label="bad name", **listing(broker, ("a/b", 0, -1)))
    await broker.ask("list_offsets", label="nothing", **listing(broker))
    await broker.ask(
        "list_offsets", label="twice", **listing(broker, (topic, 0, -1), (topic, 0, -2))
    )
    for epoch in (-1, 0, 1, 99, -2):
        body = listing(broker, (topic, 0, -1), epoch=epoch)
        await broker.ask("list_offsets", label=f"epoch {epoch}", **body)
    for level in (0, 1, 2):
        body = listing(broker, (topic, 0, -1), isolation_level=level)
        await broker.ask("list_offsets", label=f"isolation {level}", **body)


@steps
async def list_offsets_out_of_order(broker: Broker) -> None:
    """Timestamps that go back and forth, within a batch and between batches."""
    topic = await broker.topic("t")
    for times in ((500, 900, 200), (300,), (900, 100), (50,)):
        data = batch([(time, None, b"v") for time in times])
        await broker.ask("produce", **producing(broker, (topic, 0, data)))
    for time in (0, 50, 51, 200, 201, 300, 500, 501, 899, 900, 901, -3):
        await broker.ask("list_offsets", label=f"time {time}", **listing(broker, (topic, 0, time)))
