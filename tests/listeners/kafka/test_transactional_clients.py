"""Transactional producers and read_committed consumers of real libraries."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import OFFSET_INVALID, Consumer, KafkaException, Producer
from confluent_kafka import TopicPartition as Place

from simulator import Simulator


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(kafka_port=0) as sim:
        sim.create_topic("t", partitions=2)
        sim.create_topic("in")
        yield sim


@pytest.fixture(autouse=True)
def clients_are_let_go() -> Iterator[None]:
    """An error that was caught holds the frame of its test, and so the clients in it.

    Those would go on calling a port that may be another simulator's by then.
    """
    yield
    gc.collect()


def producer(sim: Simulator, transactional_id: str = "x") -> Producer:
    return Producer(
        {"bootstrap.servers": sim.bootstrap_servers, "transactional.id": transactional_id}
    )


def consumer(sim: Simulator, isolation: str = "read_committed", group: str = "g") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": sim.bootstrap_servers,
            "group.id": group,
            "isolation.level": isolation,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )


def read(reader: Consumer, *places: Place) -> list[bytes | None]:
    """Everything in some partitions, each to its end."""
    reader.assign(list(places))
    found, ends = [], set[tuple[str | None, int | None]]()
    while len(ends) < len(places):
        message = reader.poll(60)
        assert message is not None, "the consumer has not come to the end"
        if message.error() is None:
            found.append(message.value())
        else:
            assert message.error().name() == "_PARTITION_EOF", message.error()
            ends.add((message.topic(), message.partition()))
    return sorted(found)


PLACES = (Place("t", 0, 0), Place("t", 1, 0))


def test_confluent_kafka_commits_and_aborts(sim: Simulator) -> None:
    writer = producer(sim)
    writer.init_transactions(60)
    for number, commit in enumerate((True, False, True)):
        writer.begin_transaction()
        for partition in (0, 1):
            writer.produce("t", b"%d" % number, partition=partition)
        if commit:
            writer.commit_transaction(60)
        else:
            writer.flush(60)
            writer.abort_transaction(60)
    assert read(consumer(sim), *PLACES) == [b"0", b"0", b"2", b"2"]
    assert read(consumer(sim, "read_uncommitted"), *PLACES) == [
        value for value in (b"0", b"1", b"2") for _ in range(2)
    ]
    seen = [(event.record.partition, event.record.value) for event in sim.events("t")]
    assert sorted(seen) == [(0, b"0"), (0, b"2"), (1, b"0"), (1, b"2")]


def test_confluent_kafka_sends_offsets(sim: Simulator) -> None:
    sim.publish("in", b"1")
    reader, writer = consumer(sim), producer(sim)
    writer.init_transactions(60)
    reader.subscribe(["in"])
    while (message := reader.poll(60)) is None or message.error() is not None:
        pass
    for commit in (False, True):
        writer.begin_transaction()
        writer.produce("t", message.value(), partition=0)
        offsets = [Place("in", 0, message.offset() + 1)]
        writer.send_offsets_to_transaction(offsets, reader.consumer_group_metadata(), 60)
        if commit:
            writer.commit_transaction(60)
        else:
            writer.abort_transaction(60)
        (place,) = reader.committed([Place("in", 0)], 60)
        assert place.offset == (1 if commit else OFFSET_INVALID)
    reader.close()


def test_confluent_kafka_is_fenced(sim: Simulator) -> None:
    old, new = producer(sim), producer(sim)
    old.init_transactions(60)
    old.begin_transaction()
    old.produce("t", b"old", partition=0)
    old.flush(60)
    new.init_transactions(60)
    new.begin_transaction()
    new.produce("t", b"new", partition=0)
    with pytest.raises(KafkaException) as fenced:
        old.commit_transaction(60)
    assert fenced.value.args[0].fatal()
    assert fenced.value.args[0].name() == "_FENCED"
    new.commit_transaction(60)
    assert read(consumer(sim), *PLACES) == [b"new"]


def test_a_transaction_times_out_with_the_clock(sim: Simulator) -> None:
    writer = producer(sim)
    writer.init_transactions(60)
    writer.begin_transaction()
    writer.produce("t", b"late", partition=0)
    writer.flush(60)
    sim.clock.advance("61s")
    with pytest.raises(KafkaException):
        writer.commit_transaction(60)
    assert read(consumer(sim), *PLACES) == []
    assert read(consumer(sim, "read_uncommitted"), *PLACES) == [b"late"]


async def test_aiokafka_commits_and_aborts() -> None:
    with Simulator(kafka_port=0) as sim:
        sim.create_topic("t")
        address = sim.bootstrap_servers
        writer = AIOKafkaProducer(bootstrap_servers=address, transactional_id="x")
        await writer.start()
        try:
            async with writer.transaction():
                await writer.send_and_wait("t", b"one")
                await writer.send_offsets_to_transaction({TopicPartition("t", 0): 7}, "g")
            await writer.begin_transaction()
            await writer.send_and_wait("t", b"two")
            await writer.abort_transaction()
            async with writer.transaction():
                await writer.send_and_wait("t", b"three")
        finally:
            await writer.stop()
        reader = AIOKafkaConsumer(
            bootstrap_servers=address, isolation_level="read_committed", group_id="g"
        )
        await reader.start()
        try:
            reader.assign([TopicPartition("t", 0)])
            assert await reader.committed(TopicPartition("t", 0)) == 7
            await reader.seek_to_beginning()
            found = [(await asyncio.wait_for(reader.getone(), 60)).value for _ in range(2)]
            assert found == [b"one", b"three"]
        finally:
            await reader.stop()
