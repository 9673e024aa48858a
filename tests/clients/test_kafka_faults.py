"""Real clients and brokers that fail on purpose: what the clients make of it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from simulator import AsyncSimulator, Simulator
from simulator.settings import Settings


@pytest.fixture(autouse=True)
def clients_are_let_go() -> Iterator[None]:
    """An error that was caught holds the frame of its test, and so the clients in it.

    Those would go on calling a port that may be another simulator's by then.
    """
    yield
    gc.collect()


def producer(sim: Simulator, settings: dict[str, Any] | None = None) -> Producer:
    return Producer(
        {
            "bootstrap.servers": sim.bootstrap_servers,
            "retry.backoff.ms": 10,
            "reconnect.backoff.ms": 1,
            "reconnect.backoff.max.ms": 20,
            "linger.ms": 0,
            "log_level": 0,
        }
        | (settings or {})
    )


def consumer(sim: Simulator, settings: dict[str, Any] | None = None) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": sim.bootstrap_servers,
            "group.id": "g",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "reconnect.backoff.ms": 1,
            "reconnect.backoff.max.ms": 20,
            "log_level": 0,
        }
        | (settings or {})
    )


def send(sending: Producer, topic: str, value: bytes) -> list[Any]:
    """Send one record; the errors of its reports."""
    reports: list[Any] = []
    sending.produce(topic, value, on_delivery=lambda error, _: reports.append(error))
    assert sending.flush(60) == 0
    return reports


def values(sim: Simulator, topic: str) -> list[bytes | None]:
    return [event.record.value for event in sim.events(topic)]


def test_producer_retries_what_may_be_retried(sim: Simulator) -> None:
    sim.create_topic("t")
    sending = producer(sim)
    with sim.kafka.fault(api="Produce", topic="t", times=2, error="NOT_ENOUGH_REPLICAS") as fault:
        assert send(sending, "t", b"v") == [None]
        assert fault.fired == 2
    assert values(sim, "t") == [b"v"]
    codes = [request.errors for request in sim.kafka.requests(api="Produce")]
    assert codes == [("NOT_ENOUGH_REPLICAS",), ("NOT_ENOUGH_REPLICAS",), ()]


def test_producer_gives_up_on_what_may_not(sim: Simulator) -> None:
    sim.create_topic("t")
    with sim.kafka.fault(api="Produce", topic="t", error="TOPIC_AUTHORIZATION_FAILED"):
        (error,) = send(producer(sim), "t", b"v")
    assert error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert values(sim, "t") == []


@pytest.mark.parametrize(("idempotent", "stored"), [(False, 2), (True, 1)])
def test_lost_answer_doubles_the_record_unless_the_producer_is_idempotent(
    sim: Simulator, idempotent: bool, stored: int
) -> None:
    sim.create_topic("t")
    sending = producer(sim, {"enable.idempotence": idempotent})
    with sim.kafka.fault(api="Produce", times=1, drop="after") as fault:
        assert send(sending, "t", b"v") == [None]
        assert fault.fired == 1
    assert values(sim, "t") == [b"v"] * stored


def test_lost_request_is_sent_again(sim: Simulator) -> None:
    sim.create_topic("t")
    sim.kafka.add_fault(api="Produce", times=1, drop="before")
    assert send(producer(sim), "t", b"v") == [None]
    assert values(sim, "t") == [b"v"]


def test_duplicate_is_consumed_twice(sim: Simulator) -> None:
    sim.create_topic("t")
    with sim.kafka.fault(api="Produce", topic="t", times=1, duplicate=True):
        send(producer(sim, {"enable.idempotence": True}), "t", b"v")
    reading = consumer(sim)
    reading.subscribe(["t"])
    found = [reading.poll(60), reading.poll(60)]
    reading.close()
    assert [(m and m.value(), m and m.offset()) for m in found] == [(b"v", 0), (b"v", 1)]


def test_transaction_is_not_doubled(sim: Simulator) -> None:
    sim.create_topic("t")
    sim.kafka.add_fault(api="Produce", topic="t", duplicate=True)
    sending = producer(sim, {"transactional.id": "x"})
    sending.init_transactions(60)
    sending.begin_transaction()
    sending.produce("t", b"v")
    sending.commit_transaction(60)
    assert values(sim, "t") == [b"v"]


@pytest.mark.parametrize("effect", [{"drop": "before"}, {"drop": "after"}, {"cut": 6}])
def test_consumer_survives_a_broken_fetch(sim: Simulator, effect: dict[str, Any]) -> None:
    sim.create_topic("t")
    send(producer(sim), "t", b"v")
    fault = sim.kafka.add_fault(api="Fetch", topic="t", times=2, **effect)
    reading = consumer(sim)
    reading.subscribe(["t"])
    message = reading.poll(60)
    assert message is not None
    assert (message.error(), message.value()) == (None, b"v")
    assert fault.fired == 2
    reading.commit(message, asynchronous=False)
    reading.close()
    assert sim.kafka.wait_for_commit("g", "t", offset=1, timeout=60) == 1


@pytest.mark.parametrize(
    ("beat", "settings"),
    [
        ("Heartbeat", {"heartbeat.interval.ms": 50}),
        ("ConsumerGroupHeartbeat", {"group.protocol": "consumer"}),
    ],
)
def test_consumer_whose_session_expires_joins_again(beat: str, settings: dict[str, Any]) -> None:
    config = {
        "group.consumer.min.heartbeat.interval.ms": 50,
        "group.consumer.heartbeat.interval.ms": 50,
    }
    with Simulator(config=config) as sim:
        sim.create_topic("t")
        send(producer(sim), "t", b"1")
        reading = consumer(sim, settings)
        reading.subscribe(["t"])
        assert reading.poll(60) is not None
        with sim.kafka.fault(api=beat, group="g", expire_session=True, times=1) as fault:
            fault.wait(timeout=60)
        (refused,) = sim.kafka.requests(fault=fault.id)
        assert refused.errors == ("UNKNOWN_MEMBER_ID",)
        send(producer(sim), "t", b"2")
        message = reading.poll(60)
        while message is None or message.error() or message.value() != b"2":
            message = reading.poll(60)
        reading.close()


def test_commit_that_is_refused_is_told(sim: Simulator) -> None:
    sim.create_topic("t")
    send(producer(sim), "t", b"1")
    reading = consumer(sim)
    reading.subscribe(["t"])
    message = reading.poll(60)
    assert message is not None
    with (
        sim.kafka.fault(api="OffsetCommit", group="g", error="GROUP_AUTHORIZATION_FAILED"),
        pytest.raises(KafkaException, match="GROUP_AUTHORIZATION_FAILED"),
    ):
        reading.commit(message, asynchronous=False)
    reading.close()
    (request,) = sim.kafka.requests(api="OffsetCommit", error="GROUP_AUTHORIZATION_FAILED")
    assert request.partitions[0].offset == 1


async def test_aiokafka_goes_on_with_another_leader_and_coordinator() -> None:
    async with AsyncSimulator(Settings(brokers=3)) as sim:
        sim.create_topic("t", partitions=3)
        faults = [
            sim.kafka.add_fault(api="Produce", move_leader=True, nth=2),
            sim.kafka.add_fault(api="OffsetCommit", move_coordinator=True, times=1),
            sim.kafka.add_fault(api="Fetch", drop="before", nth=3),
        ]
        sending = AIOKafkaProducer(bootstrap_servers=sim.bootstrap_servers, retry_backoff_ms=10)
        reading = AIOKafkaConsumer(
            "t",
            bootstrap_servers=sim.bootstrap_servers,
            group_id="g",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            retry_backoff_ms=10,
        )
        async with sending, reading:
            for number in range(12):
                await sending.send_and_wait("t", b"%d" % number, partition=number % 3)
            found = [await asyncio.wait_for(reading.getone(), 60) for _ in range(12)]
            await reading.commit()
        assert sorted(int(message.value or b"") for message in found) == list(range(12))
        assert [fault.fired for fault in faults] == [1, 1, 1]
        assert [await sim.kafka.wait_for_commit("g", "t", n, 4, timeout=60) for n in range(3)] == [
            4,
            4,
            4,
        ]


def test_broker_that_stops_in_the_middle() -> None:
    with Simulator(brokers=3) as sim:
        sim.create_topic("t")
        sending = producer(sim, {"enable.idempotence": True})
        assert send(sending, "t", b"1") == [None]
        with sim.kafka.fault(api="Produce", topic="t", times=1, stop_broker=True) as fault:
            assert send(sending, "t", b"2") == [None]
            assert fault.fired == 1
        assert values(sim, "t") == [b"1", b"2"]
        assert sum(info.running for info in sim.kafka.brokers()) == 2


@pytest.mark.parametrize("api", ["AddPartitionsToTxn", "Produce", "EndTxn"])
def test_fenced_producer_gets_its_fatal_error(sim: Simulator, api: str) -> None:
    sim.create_topic("t")
    sending = producer(sim, {"transactional.id": "x", "transaction.timeout.ms": 20_000})
    sending.init_transactions(60)
    sending.begin_transaction()
    fault = sim.kafka.add_fault(api=api, transactional_id="x", fence_producer=True, times=1)
    sending.produce("t", b"never")
    with pytest.raises(KafkaException) as fenced:
        sending.commit_transaction(60)
    assert fault.fired == 1
    assert fenced.value.args[0].code() == KafkaError._FENCED
    assert fenced.value.args[0].fatal()
    other = producer(sim, {"transactional.id": "x"})
    other.init_transactions(60)
    other.begin_transaction()
    other.produce("t", b"seen")
    other.commit_transaction(60)
    assert values(sim, "t") == [b"seen"]


def test_fenced_by_hand(sim: Simulator) -> None:
    sim.create_topic("t")
    sending = producer(sim, {"transactional.id": "x"})
    sending.init_transactions(60)
    sending.begin_transaction()
    sending.produce("t", b"never")
    sending.flush(60)
    sim.kafka.fence_producer("x")
    with pytest.raises(KafkaException) as fenced:
        sending.commit_transaction(60)
    assert fenced.value.args[0].code() == KafkaError._FENCED
    assert values(sim, "t") == []


def test_throttled_producer_is_told(sim: Simulator) -> None:
    sim.create_topic("t")
    told: list[float] = []
    sending = producer(sim, {"throttle_cb": lambda event: told.append(event.throttle_time)})
    sim.kafka.add_fault(api="Produce", throttle="20ms", times=1)
    send(sending, "t", b"1")
    for _ in range(100):
        if told:
            break
        sending.poll(0.05)
    assert told == [0.02]
