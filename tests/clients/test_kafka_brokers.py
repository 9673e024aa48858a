"""Real client libraries on several brokers, which stop, start, and lose what they lead."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from threading import Thread

import pytest
from kafka_clients import Client, Draft

from simulator import Simulator


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(brokers=3, grpc_port=None) as sim:
        yield sim


def test_records_go_to_every_broker(sim: Simulator, client: Client) -> None:
    sim.create_topic("t", partitions=6)
    assert {sim.kafka.place("t", partition).leader for partition in range(6)} == {1, 2, 3}
    member = client.join("g", "t")
    client.produce("t", [Draft(str(n), partition=n % 6) for n in range(60)])
    assert sorted(int(record.value or "") for record in member.take(60)) == list(range(60))


def test_a_member_reads_on_when_leader_and_coordinator_move(sim: Simulator, client: Client) -> None:
    sim.create_topic("t")
    member = client.join("g", "t")
    expected = 0

    def more() -> None:
        nonlocal expected
        end = expected + 10
        client.produce("t", [Draft(str(number)) for number in range(expected, end)])
        while expected < end:
            (record,) = member.take(1)
            # A member that joins again may read again what is not committed yet.
            assert record.offset <= expected
            assert record.value == str(record.offset)
            expected = max(expected, record.offset + 1)
        member.commit("t", expected)

    more()
    for _ in range(2):
        leader = sim.kafka.place("t").leader
        sim.kafka.move_leader("t", to=leader % 3 + 1)
        more()
    sim.kafka.move_coordinator(group="g", to=sim.kafka.coordinator(group="g") % 3 + 1)
    more()
    leader = sim.kafka.place("t").leader
    sim.kafka.stop_broker(leader)
    more()
    sim.kafka.start_broker(leader)
    sim.kafka.elect_preferred()
    more()


def test_a_producer_of_librdkafka_loses_nothing(sim: Simulator) -> None:
    kafka = pytest.importorskip("confluent_kafka")
    sim.create_topic("t", partitions=3)
    refused: list[str] = []
    producer = kafka.Producer(
        {
            "bootstrap.servers": sim.bootstrap_servers,
            "enable.idempotence": True,
            "linger.ms": 1,
            "topic.metadata.refresh.fast.interval.ms": 50,
            "reconnect.backoff.max.ms": 200,
        }
    )

    def told(error: object, _: object) -> None:
        if error is not None:
            refused.append(str(error))

    def send(numbers: range) -> None:
        for number in numbers:
            producer.produce("t", str(number), partition=number % 3, on_delivery=told)
            producer.poll(0)

    upset = Thread(target=upset_brokers, args=(sim,))
    send(range(1000))
    upset.start()
    for start in range(1000, 20_000, 1000):
        send(range(start, start + 1000))
    upset.join()
    send(range(20_000, 21_000))
    assert producer.flush(30) == 0
    check_all_once(sim, 21_000, refused)


def test_the_only_broker_comes_back_with_its_records() -> None:
    kafka = pytest.importorskip("confluent_kafka")
    with Simulator(grpc_port=None) as sim:
        sim.create_topic("t")
        own = {"bootstrap.servers": sim.bootstrap_servers, "reconnect.backoff.max.ms": 200}
        producer = kafka.Producer(own)
        producer.produce("t", "one")
        assert producer.flush(30) == 0
        sim.kafka.stop_broker(1)
        producer.produce("t", "two")
        sim.kafka.start_broker(1)
        assert producer.flush(30) == 0
        assert [event.record.value for event in sim.events("t")] == [b"one", b"two"]


def test_transactions_of_librdkafka_are_committed_elsewhere(sim: Simulator) -> None:
    kafka = pytest.importorskip("confluent_kafka")
    sim.create_topic("t", partitions=3)
    own = {"bootstrap.servers": sim.bootstrap_servers, "reconnect.backoff.max.ms": 200}
    producer = kafka.Producer({**own, "transactional.id": "x"})
    producer.init_transactions(30)

    def coordinator() -> int:
        return sim.kafka.coordinator(transactional_id="x")

    upsets = (
        lambda: sim.kafka.move_coordinator(transactional_id="x", to=coordinator() % 3 + 1),
        lambda: sim.kafka.move_leader("t", to=sim.kafka.place("t").leader % 3 + 1),
        lambda: sim.kafka.stop_broker(coordinator()),
        lambda: [sim.kafka.start_broker(node) for node in (1, 2, 3)],
        sim.kafka.elect_preferred,
    )
    for turn, upset in enumerate(upsets):
        producer.begin_transaction()
        for number in range(30 * turn, 30 * turn + 30):
            producer.produce("t", str(number), partition=number % 3)
        producer.poll(0)
        upset()
        producer.commit_transaction(30)
    check_all_once(sim, 150, [])


async def send_by_aiokafka(servers: str, upset: Thread) -> None:
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(
        bootstrap_servers=servers, enable_idempotence=True, retry_backoff_ms=20
    )
    await producer.start()
    futures = []
    for number in range(6000):
        futures.append(await producer.send("t", str(number).encode(), partition=number % 3))
        if number == 1000:
            upset.start()
        if number % 1000 == 0:
            await asyncio.gather(*futures)
    await asyncio.gather(*futures)
    await producer.stop()


def test_a_producer_of_aiokafka_loses_nothing(sim: Simulator) -> None:
    pytest.importorskip("aiokafka")
    sim.create_topic("t", partitions=3)
    upset = Thread(target=upset_brokers, args=(sim,))
    asyncio.run(send_by_aiokafka(sim.bootstrap_servers, upset))
    upset.join()
    check_all_once(sim, 6000, [])


def upset_brokers(sim: Simulator) -> None:
    """Move leaders about, and stop and start each broker."""
    for node in (1, 2, 3):
        for partition in range(3):
            sim.kafka.move_leader("t", partition, to=node)
        sim.kafka.stop_broker(node)
        sim.kafka.start_broker(node)
        sim.kafka.elect_preferred()


def check_all_once(sim: Simulator, count: int, refused: list[str]) -> None:
    """Every record is there, once, and in its order."""
    assert refused == []
    found: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for event in sim.events("t"):
        found[event.partition].append(int(event.record.value or b""))
    assert found == {p: list(range(p, count, 3)) for p in range(3)}
