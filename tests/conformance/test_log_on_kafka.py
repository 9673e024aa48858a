"""A simulator whose log is a real Apache Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import grpc
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from simulator import Simulator, SimulatorError
from simulator.v1 import broker_pb2, record_pb2
from simulator.v1.broker_pb2_grpc import BrokerStub

PATIENCE = 60.0


@pytest.fixture
def prefix() -> str:
    """Of the topics of this test alone: others use the same cluster."""
    return f"log-{uuid4().hex[:8]}"


@pytest.fixture
def sim(real_address: str, prefix: str) -> Iterator[Simulator]:
    with started(real_address, prefix) as sim:
        yield sim


def started(address: str, prefix: str, *topics: str) -> Simulator:
    return Simulator(log=f"kafka://{address}", topic_prefix=prefix, speed=1, log_topics=topics)


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread brings about, and nobody tells of."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def admin(real_address: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": real_address})


def create(admin: AdminClient, topic: str, partitions: int = 1, **config: str) -> None:
    names = {name.replace("_", "."): value for name, value in config.items()}
    (made,) = admin.create_topics([NewTopic(topic, partitions, config=names)]).values()
    made.result(PATIENCE)


def kafkas(address: str, topic: str, partitions: int = 1) -> list[tuple[object, ...]]:
    """What a client of Kafka reads: places, keys, values, timestamps and headers."""
    settings = {"bootstrap.servers": address, "group.id": "none", "enable.partition.eof": True}
    consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found, open_partitions = [], partitions
    while open_partitions:
        message = consumer.poll(PATIENCE)
        assert message is not None
        if message.error():
            open_partitions -= 1
            continue
        headers = tuple(message.headers() or ())
        place = (message.partition(), message.offset(), message.timestamp()[1])
        found.append((*place, message.key(), message.value(), headers))
    consumer.close()
    return sorted(found)  # type: ignore[type-var]


def own(sim: Simulator, topic: str) -> list[tuple[object, ...]]:
    return sorted(tuple(event.record[1:7]) for event in sim.events(topic))  # type: ignore[type-var]


def test_a_story_goes_there_and_is_read_back(
    real_address: str, prefix: str, sim: Simulator
) -> None:
    sim.play("party_chat", speed=0)
    for topic in (f"{prefix}.chat", f"{prefix}.personalChat"):
        assert own(sim, topic) == kafkas(real_address, topic) != []
    with started(real_address, prefix) as again:  # which finds all that is there
        again.wait_for_count(len(sim.events()), timeout=PATIENCE)
        for topic in (f"{prefix}.chat", f"{prefix}.personalChat"):
            assert own(again, topic) == own(sim, topic)


def test_places_are_those_of_the_cluster(
    real_address: str, prefix: str, admin: AdminClient
) -> None:
    topic = f"{prefix}.orders"
    create(admin, topic, 4)
    with started(real_address, prefix, topic) as sim:
        given = [
            sim.publish(topic, b"%d" % number, key=f"k{number}", headers={"n": b"1"}).place
            for number in range(50)
        ]
        producer = Producer({"bootstrap.servers": real_address, "partitioner": "murmur2"})
        for number in range(50):
            producer.produce(topic, b"again", f"k{number}")
        assert producer.flush(PATIENCE) == 0
        until(lambda: len(sim.events(topic)) == 100)
        found = kafkas(real_address, topic, 4)
        assert own(sim, topic) == found
        places = {(partition, offset): value for partition, offset, _, _, value, _ in found}
        assert [places[p.partition, p.offset] for p in given] == [b"%d" % n for n in range(50)]


def test_transactions_leave_gaps(real_address: str, prefix: str, admin: AdminClient) -> None:
    topic = f"{prefix}.orders"
    create(admin, topic)
    producer = Producer({"bootstrap.servers": real_address, "transactional.id": prefix})
    producer.init_transactions(PATIENCE)
    with started(real_address, prefix, topic) as sim:
        for value, commits in ((b"kept", True), (b"dropped", False), (b"last", True)):
            producer.begin_transaction()
            producer.produce(topic, value)
            producer.flush(PATIENCE)
            producer.commit_transaction() if commits else producer.abort_transaction()
        # Kafka answers before it has written the marker, and reads no further until then.
        until(lambda: len(kafkas(real_address, topic)) == 2)
        assert sim.publish(topic, b"plain").place.offset == 6
        assert [(event.record.offset, event.record.value) for event in sim.events(topic)] == [
            (0, b"kept"),
            (4, b"last"),
            (6, b"plain"),
        ]


def test_what_was_deleted_before_is_not_counted_again(
    real_address: str, prefix: str, admin: AdminClient
) -> None:
    topic = f"{prefix}.orders"
    create(admin, topic)
    producer = Producer({"bootstrap.servers": real_address})
    for number in range(10):
        producer.produce(topic, b"%d" % number)
    producer.flush(PATIENCE)
    (deleted,) = admin.delete_records([TopicPartition(topic, 0, 7)]).values()
    deleted.result(PATIENCE)
    with started(real_address, prefix, topic) as sim:
        until(lambda: len(sim.events(topic)) == 3)
        (partition,) = next(info for info in sim.topics() if info.name == topic).partitions
        assert (partition.start, partition.end) == (7, 10)


def test_a_topic_that_is_made_again(real_address: str, prefix: str, admin: AdminClient) -> None:
    topic = f"{prefix}.orders"
    create(admin, topic)
    with started(real_address, prefix, topic) as sim:
        for _ in range(3):
            sim.publish(topic, b"old")
        (deleted,) = admin.delete_topics([topic]).values()
        deleted.result(PATIENCE)
        until(lambda: topic not in {info.name for info in sim.topics()})
        create(admin, topic, 2)
        until(lambda: topic in {info.name for info in sim.topics()})
        assert sim.publish(topic, b"new", partition=1).place[1:3] == (1, 0)
        assert own(sim, topic) == kafkas(real_address, topic, 2)


def test_offsets_of_groups_are_on_the_cluster(
    real_address: str, prefix: str, admin: AdminClient
) -> None:
    topic, group = f"{prefix}.orders", f"{prefix}.readers"
    create(admin, topic)
    with (
        started(real_address, prefix, topic) as sim,
        grpc.insecure_channel(sim.grpc_target) as channel,
    ):
        for number in range(5):
            sim.publish(topic, b"%d" % number)
        broker = BrokerStub(channel)
        place = record_pb2.TopicPartitionOffset(topic=topic, partition=0, offset=1)
        wanted = broker_pb2.AcknowledgeRequest(group=group, offsets=[place])
        broker.Acknowledge(wanted, timeout=PATIENCE)
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        (known,) = asked[group].result(PATIENCE).topic_partitions
        assert (known.topic, known.offset) == (topic, 2)
        consumer = Consumer({"bootstrap.servers": real_address, "group.id": group})
        consumer.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
        consumer.close()
        subscribe = broker_pb2.SubscribeRequest(topics=[topic], group=group, max_records=1)
        stream = broker.Subscribe(subscribe, timeout=PATIENCE)
        assert [r.offset for response in stream for r in response.records] == [4]


def test_what_the_cluster_refuses(real_address: str, prefix: str, admin: AdminClient) -> None:
    topic = f"{prefix}.orders"
    create(admin, topic, max_message_bytes="500")
    with started(real_address, prefix, topic) as sim:
        with pytest.raises(SimulatorError, match=r"refuses a record.*too large"):
            sim.publish(topic, b"x" * 1000)
        assert sim.publish(topic, b"one").place.offset == 0
