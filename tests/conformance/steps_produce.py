"""Produce: good batches, bad batches, and those of idempotent producers."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from typing import Any

from asking import batch, fetching, listing, producing, sized, varint
from brokers import SHORT_PATIENCE, Broker
from steps import steps

TOPIC_ID = "5ca1ab1e-0000-4000-8000-000000000001"


async def end_of(broker: Broker, topic: str, label: str = "end") -> None:
    await broker.ask("list_offsets", label=label, **listing(broker, (topic, 0, -1)))


@steps
async def produce_in_every_version(broker: Broker) -> None:
    topic = await broker.topic("t", 2)
    for version in broker.common("produce"):
        for acks in (1, -1):
            body = producing(broker, (topic, 0, batch()), acks=acks)
            await broker.ask("produce", version, label=f"acks {acks}", **body)
        body = producing(broker, (topic, 1, batch()), (broker.name("no"), 0, batch()))
        await broker.ask("produce", version, label="one topic is unknown", **body)
        body = producing(broker, (topic, 2, batch()), (topic, -1, batch()))
        await broker.ask("produce", version, label="unknown partitions", **body)
    await broker.ask("fetch", **fetching(broker, (topic, 0, 0)))


@steps
async def produce_with_odd_acks(broker: Broker) -> None:
    topic = await broker.topic("t")
    for acks in (2, -2, 32767):
        await broker.ask(
            "produce", label=f"acks {acks}", **producing(broker, (topic, 0, batch()), acks=acks)
        )
    await end_of(broker, topic)


@steps
async def produce_without_answer(broker: Broker) -> None:
    topic = await broker.topic("t")
    version = broker.newest("produce")
    connection = broker.connection("teller")
    await connection.tell("produce", version, producing(broker, (topic, 0, batch()), acks=0))
    answer = await connection.ask("metadata", 1, {"topics": [{"name": topic}]})
    broker.note("answered next", "topics" in answer)
    await end_of(broker, topic)
    bad = producing(broker, (topic, 7, batch()), acks=0)
    await connection.tell("produce", version, bad)
    broker.note("then", await connection.ask("metadata", 1, {"topics": []}))


@steps
async def produce_to_a_missing_topic(broker: Broker) -> None:
    for version in broker.common("produce"):
        missing = broker.name("missing")
        broker.ids[missing] = TOPIC_ID
        await broker.ask("produce", version, **producing(broker, (missing, 0, batch())))
    for name in ("a/b", "", "x" * 250):
        await broker.ask(
            "produce", 12, label=f"topic {name[:9]!r}", **producing(broker, (name, 0, batch()))
        )


@steps
async def produce_nothing(broker: Broker) -> None:
    topic = await broker.topic("t")
    null = producing(broker, (topic, 0, None))
    await broker.ask("produce", label="null records", patience=SHORT_PATIENCE, **null)
    for version in (3, 8, broker.newest("produce")):
        body = producing(broker, (topic, 0, b""))
        await broker.ask("produce", version, label="empty records", **body)
        await broker.ask("produce", version, label="no topics", **producing(broker))
        none = producing(broker, (topic, 0, None))
        none["topic_data"][0]["partition_data"] = []
        await broker.ask("produce", version, label="no partitions", **none)
    await end_of(broker, topic)


@steps
async def produce_the_same_partition_twice(broker: Broker) -> None:
    topic = await broker.topic("t")
    topics = producing(broker, (topic, 0, batch()))
    topics["topic_data"] *= 2
    await broker.ask("produce", label="topic twice", **topics)
    body = producing(broker, (topic, 0, batch()), (topic, 0, batch()))
    await broker.ask("produce", label="partition twice", **body)
    await end_of(broker, topic)


def message(magic: int) -> bytes:
    """A message set of the old formats, with one message."""
    inner = struct.pack(">bb", magic, 0) + (struct.pack(">q", 1000) if magic else b"")
    inner += struct.pack(">i", -1) + struct.pack(">i", 1) + b"v"
    import zlib

    framed = struct.pack(">I", zlib.crc32(inner)) + inner
    return struct.pack(">qi", 0, len(framed)) + framed


TWO = ((1000, b"k", b"v"), (1001, None, None))
GOOD_RECORD = sized(b"\0" + varint(0) + varint(0) + sized(None) + sized(b"v") + varint(0))
HEADED = b"\0" + varint(0) + varint(0) + sized(None) + sized(b"v") + varint(1)

BAD_BATCHES: dict[str, Callable[[], bytes]] = {
    "magic 0": lambda: message(0),
    "magic 1": lambda: message(1),
    "magic 0 twice": lambda: message(0) * 2,
    "magic 3": lambda: batch(magic=3),
    "magic -1": lambda: batch(magic=-1),
    "wrong crc": lambda: batch(crc_error=1),
    "two batches": lambda: batch() + batch(),
    "good and wrong crc": lambda: batch() + batch(crc_error=1),
    "bytes behind it": lambda: batch() + b"abc",
    "short by one": lambda: batch()[:-1],
    "only the header": lambda: batch()[:61],
    "only the offset": lambda: batch()[:8],
    "one byte": lambda: b"\0",
    "twelve bytes": lambda: batch()[:12],
    "length 0": lambda: batch(length=0),
    "length -1": lambda: batch(length=-1),
    "length too large": lambda: batch(length=1000),
    "length too small": lambda: batch(length=49),
    "no records": lambda: batch([]),
    "no records, counted": lambda: batch([], count=1, last_delta=0),
    "count too large": lambda: batch(TWO, count=3),
    "count too small": lambda: batch(TWO, count=1),
    "count 0": lambda: batch(TWO, count=0),
    "count -1": lambda: batch(TWO, count=-1),
    "last delta too large": lambda: batch(TWO, last_delta=5),
    "last delta too small": lambda: batch(TWO, last_delta=0),
    "last delta and count too large": lambda: batch(TWO, last_delta=2, count=3),
    "last delta -1": lambda: batch(TWO, last_delta=-1),
    "deltas with a gap": lambda: batch(TWO, deltas=(0, 2)),
    "deltas swapped": lambda: batch(TWO, deltas=(1, 0)),
    "deltas from one": lambda: batch(TWO, deltas=(1, 2)),
    "base offset 7": lambda: batch(TWO, base_offset=7),
    "base offset -1": lambda: batch(TWO, base_offset=-1),
    "leader epoch 5": lambda: batch(leader_epoch=5),
    "garbage records": lambda: batch(body=b"\xff" * 20),
    "record too long": lambda: batch(body=varint(100) + b"abc"),
    "record of length -1": lambda: batch(body=varint(-1)),
    "bytes behind records": lambda: batch(body=GOOD_RECORD + b"\0\0"),
    "header without key": lambda: batch(body=sized(HEADED + sized(None) + sized(b"v"))),
    "header": lambda: batch(body=sized(HEADED + sized(b"h") + sized(None))),
    "header count -1": lambda: batch(body=sized(HEADED[:-1] + varint(-1))),
    "control": lambda: batch(attributes=0x20),
    "transactional": lambda: batch(attributes=0x10),
    "codec 5": lambda: batch(attributes=5),
    "codec 7": lambda: batch(attributes=7),
    "gzip": lambda: batch(attributes=1, body=gzip.compress(GOOD_RECORD, mtime=0)),
    "gzip of nonsense": lambda: batch(attributes=1, body=gzip.compress(b"abc", mtime=0)),
    "not gzip": lambda: batch(attributes=1),
    "not snappy": lambda: batch(attributes=2),
    "not lz4": lambda: batch(attributes=3),
    "not zstd": lambda: batch(attributes=4),
    "append time": lambda: batch(attributes=8),
    "unused attributes": lambda: batch(attributes=0x100),
    "delete horizon": lambda: batch(attributes=0x40),
    "no timestamp": lambda: batch(((-1, b"k", b"v"),)),
    "negative timestamp": lambda: batch(((-5, b"k", b"v"),)),
    "max timestamp too large": lambda: batch(TWO, max_timestamp=99_999),
    "max timestamp too small": lambda: batch(TWO, max_timestamp=1),
    "far future": lambda: batch(((1 << 50, b"k", b"v"),)),
    "too large": lambda: batch(((1000, None, b"x" * 1_100_000),)),
    "producer without epoch": lambda: batch(producer=(5_000_000, -1, 0)),
    "producer without sequence": lambda: batch(producer=(5_000_001, 0, -1)),
    "epoch without producer": lambda: batch(producer=(-1, 3, 0)),
    "unknown producer": lambda: batch(producer=(5_000_002, 3, 0)),
    "unknown producer, later": lambda: batch(producer=(5_000_003, 3, 7)),
}


@steps
async def produce_bad_batches(broker: Broker) -> None:
    topic = await broker.topic("t", len(BAD_BATCHES))
    for partition, (label, made) in enumerate(BAD_BATCHES.items()):
        await broker.ask("produce", label=label, **producing(broker, (topic, partition, made())))


@steps
async def produce_bad_batches_in_old_versions(broker: Broker) -> None:
    topic = await broker.topic("t")
    for version in (3, 7, 8, 12):
        for label in ("magic 0", "magic 1", "wrong crc", "no records", "two batches"):
            data = BAD_BATCHES[label]()
            await broker.ask("produce", version, label=label, **producing(broker, (topic, 0, data)))
    zstd = batch(attributes=4)
    await broker.ask("produce", 6, label="zstd early", **producing(broker, (topic, 0, zstd)))


@steps
async def produce_is_read_as_it_was_sent(broker: Broker) -> None:
    topic = await broker.topic("t")
    sent = (
        "leader epoch 5",
        "header",
        "gzip",
        "no timestamp",
        "delete horizon",
        "append time",
        "unused attributes",
    )
    for label in sent:
        data = BAD_BATCHES[label]()
        await broker.ask("produce", label=label, **producing(broker, (topic, 0, data)))
    await broker.ask("fetch", **fetching(broker, (topic, 0, 0)))


async def new_producer(broker: Broker) -> tuple[int, int]:
    answer = await broker.ask(
        "init_producer_id",
        transactional_id=None,
        producer_id=-1,
        producer_epoch=-1,
        transaction_timeout=60_000,
    )
    return answer["producer_id"], answer["producer_epoch"]


@steps
async def init_producer_id_in_every_version(broker: Broker) -> None:
    for version in broker.common("init_producer_id"):
        for given in ((-1, -1), (5_000_000, 0), (5_000_000, -1), (-1, 0)):
            await broker.ask(
                "init_producer_id",
                version,
                label=f"init {given}",
                transactional_id=None,
                producer_id=given[0],
                producer_epoch=given[1],
                transaction_timeout=60_000,
            )


async def send(
    broker: Broker, topic: str, label: str, producer: tuple[int, int], sequence: int, **rest: Any
) -> None:
    data = batch(rest.pop("records", TWO), producer=(*producer, sequence), **rest)
    await broker.ask("produce", label=label, **producing(broker, (topic, 0, data)))


@steps
async def produce_idempotently(broker: Broker) -> None:
    topic = await broker.topic("t")
    me = await new_producer(broker)
    await send(broker, topic, "first", me, 0)
    await send(broker, topic, "again", me, 0)
    await send(broker, topic, "gap", me, 3)
    await send(broker, topic, "next", me, 2)
    await send(broker, topic, "first again", me, 0)
    await send(broker, topic, "overlapping", me, 1)
    await send(broker, topic, "shorter", me, 2, records=TWO[:1])
    for sequence in range(4, 14, 2):
        await send(broker, topic, f"sequence {sequence}", me, sequence)
    await send(broker, topic, "first, long ago", me, 0)
    await send(broker, topic, "second, long ago", me, 2)
    await send(broker, topic, "last again", me, 12)
    await end_of(broker, topic)


@steps
async def produce_with_epochs(broker: Broker) -> None:
    topic = await broker.topic("t")
    number, _ = await new_producer(broker)
    await send(broker, topic, "epoch 0", (number, 0), 0)
    await send(broker, topic, "epoch 2, from 5", (number, 2), 5)
    await send(broker, topic, "epoch 2", (number, 2), 0)
    await send(broker, topic, "epoch 1", (number, 1), 0)
    await send(broker, topic, "epoch 0 again", (number, 0), 0)
    await send(broker, topic, "epoch 0 next", (number, 0), 2)
    await send(broker, topic, "epoch 2 next", (number, 2), 2)
    await end_of(broker, topic)


@steps
async def produce_where_sequences_wrap(broker: Broker) -> None:
    topic = await broker.topic("t")
    me = await new_producer(broker)
    top = (1 << 31) - 1
    await send(broker, topic, "near the end", me, top - 1)
    await send(broker, topic, "wrapped", me, 0)
    other = await broker.topic("other")
    me = await new_producer(broker)
    await send(broker, other, "at the end", me, top)
    await send(broker, other, "beyond", me, 1)
    await send(broker, other, "at the end again", me, top)


@steps
async def produce_several_batches_idempotently(broker: Broker) -> None:
    topic = await broker.topic("t")
    me = await new_producer(broker)
    data = batch(TWO, producer=(*me, 0)) + batch(TWO, producer=(*me, 2))
    await broker.ask("produce", label="two", **producing(broker, (topic, 0, data)))


@steps
async def produce_to_topics_with_settings(broker: Broker) -> None:
    stamped = await broker.topic("stamped", message_timestamp_type="LogAppendTime")
    await broker.ask("produce", label="append time", **producing(broker, (stamped, 0, batch(TWO))))
    await broker.ask("fetch", label="append time", **fetching(broker, (stamped, 0, 0)))
    small = await broker.topic("small", max_message_bytes="100")
    for label, data in (
        ("at most", batch(((0, None, b"x" * 31),))),
        ("more", batch(((0, None, b"x" * 34),))),
    ):
        broker.note(label, len(data))
        await broker.ask("produce", label=label, **producing(broker, (small, 0, data)))
    compact = await broker.topic("compact", cleanup_policy="compact")
    keyless = batch(((1000, None, b"v"), (1000, b"k", b"v")))
    await broker.ask("produce", label="no key", **producing(broker, (compact, 0, keyless)))
    await broker.ask("produce", label="key", **producing(broker, (compact, 0, batch())))
    pair = await broker.topic("pair", min_insync_replicas="2")
    for acks in (1, -1):
        body = producing(broker, (pair, 0, batch()), acks=acks)
        await broker.ask("produce", label=f"two replicas wanted, acks {acks}", **body)
