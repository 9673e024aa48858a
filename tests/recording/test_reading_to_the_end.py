"""What a recording of a Kafka cluster reads, up to where, and what it says is missing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from simulator import Simulator
from simulator.clusters import ClusterAddress
from simulator.recording.kafka_source import KafkaSource
from simulator.recording.sources import Source, open_source

PATIENCE_S = 60

END_S = 1
"""By then the client has usually called it the end of a partition, which it is not."""


@pytest.fixture
def cluster() -> Iterator[Simulator]:
    """A simulator stands in for the cluster: Kafka's protocol is what counts here."""
    with Simulator(grpc_port=None) as cluster:
        cluster.create_topic("orders")
        yield cluster


def source(cluster: Simulator, *topics: str, follow: bool = False) -> KafkaSource:
    address = ClusterAddress(cluster.bootstrap_servers)
    wanted = topics or ["orders"]
    return KafkaSource(address, wanted, latest=False, follow=follow, patience_s=PATIENCE_S)


def values(source: Source, enough: int | None = None) -> list[bytes | None]:
    """What is read until the end, or until so much has come."""
    found: list[bytes | None] = []
    until = time.monotonic() + PATIENCE_S
    while enough is None or len(found) < enough:
        assert time.monotonic() < until
        records = source.poll(0.1)
        if records is None:
            break
        found.extend(record.value for record in records)
    return found


def write(cluster: Simulator, *texts: str, topic: str = "orders") -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers, "log_level": 0})
    for text in texts:
        producer.produce(topic, text)
    assert producer.flush(PATIENCE_S) == 0


def transaction(cluster: Simulator, *texts: str) -> Producer:
    """A producer with an open transaction, what it wrote being there."""
    servers = cluster.bootstrap_servers
    producer = Producer({"bootstrap.servers": servers, "transactional.id": "open", "log_level": 0})
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    for text in texts:
        producer.produce("orders", text)
    assert producer.flush(PATIENCE_S) == 0
    return producer


def test_what_an_open_transaction_holds_back_is_told(cluster: Simulator) -> None:
    """Consumers of what is committed find an end of the partition there."""
    write(cluster, "before")
    producer = transaction(cluster, "within")
    write(cluster, "behind")
    with source(cluster) as opened:
        assert values(opened, 1) == [b"before"]
        assert opened.poll(END_S) == []
        opened.patience_s = 0
        assert values(opened) == []
        assert opened.left_out() == [
            "orders: not all was read of partition 0 (offsets 1 to 2): "
            "a transaction that is open there holds them back"
        ]
    producer.abort_transaction(PATIENCE_S)


@pytest.mark.parametrize("commit", [True, False])
def test_a_transaction_that_ends_meanwhile_is_waited_for(cluster: Simulator, commit: bool) -> None:
    write(cluster, "before")
    producer = transaction(cluster, "within")
    write(cluster, "behind")
    with source(cluster) as opened:
        assert values(opened, 1) == [b"before"]
        assert opened.poll(END_S) == []
        (producer.commit_transaction if commit else producer.abort_transaction)(PATIENCE_S)
        assert values(opened) == ([b"within"] if commit else []) + [b"behind"]
        assert opened.left_out() == []


def test_a_recording_that_follows_tells_of_transactions_too(cluster: Simulator) -> None:
    write(cluster, "before")
    with source(cluster, follow=True) as opened:
        assert values(opened, 1) == [b"before"]
        assert opened.left_out() == []
        producer = transaction(cluster, "within")
        until = time.monotonic() + PATIENCE_S
        while not (told := opened.left_out()):
            assert time.monotonic() < until
            assert opened.poll(0.1) == []
        assert told[0].startswith("orders: not all was read of partition 0 (offsets 1 to 1): a tr")
    producer.abort_transaction(PATIENCE_S)


def test_an_aborted_transaction_at_the_end_is_no_reason_to_wait(cluster: Simulator) -> None:
    write(cluster, "before")
    transaction(cluster, "within").abort_transaction(PATIENCE_S)
    with source(cluster) as opened:
        assert values(opened) == [b"before"]
        assert opened.left_out() == []


def test_the_end_is_where_it_was_at_the_beginning(cluster: Simulator) -> None:
    write(cluster, "one", "two")
    with source(cluster) as opened:
        write(cluster, "three")
        assert values(opened) == [b"one", b"two"]


def test_a_topic_that_is_named_twice(cluster: Simulator) -> None:
    write(cluster, "one")
    address = f"kafka://{cluster.bootstrap_servers}"
    with open_source(address, ["orders", "orders"], latest=False, follow=False) as opened:
        assert values(opened) == [b"one"]


def test_what_is_deleted_while_it_is_read_is_told(cluster: Simulator) -> None:
    """A consumer begins again at the earliest offset by itself, and nobody hears of the gap."""
    write(cluster, "before")
    producer = transaction(cluster, "within")
    write(cluster, "behind", "last")
    with source(cluster) as opened:
        assert values(opened, 1) == [b"before"]
        cluster.delete_records("orders", 3)
        producer.abort_transaction(PATIENCE_S)
        assert values(opened) == [b"last"]
        assert opened.left_out() == [
            "orders, partition 0: offsets 1 to 2 were deleted before they were read"
        ]


def test_a_topic_that_was_emptied(cluster: Simulator) -> None:
    write(cluster, "one", "two")
    cluster.create_topic("empty")
    cluster.delete_records("orders", 2)
    with source(cluster, "orders", "empty") as opened:
        assert values(opened) == []
        (told,) = opened.left_out()
        assert told.startswith("orders: all that was there has been deleted")


def test_what_was_deleted_after_it_was_read_is_no_news(cluster: Simulator) -> None:
    write(cluster, "one", "two")
    with source(cluster, follow=True) as opened:
        assert values(opened, 2) == [b"one", b"two"]
        cluster.delete_records("orders", 2)
        assert opened.left_out() == []


def test_from_now_on_begins_behind_what_is_there(cluster: Simulator) -> None:
    write(cluster, "one", "two")
    cluster.delete_records("orders", 2)
    address = ClusterAddress(cluster.bootstrap_servers)
    with KafkaSource(address, ["orders"], latest=True, follow=True) as opened:
        write(cluster, "three")  # at once: the client has not asked for anything yet
        assert values(opened, 1) == [b"three"]
        assert opened.left_out() == []


def test_a_topic_that_is_deleted_meanwhile(cluster: Simulator) -> None:
    write(cluster, "before")
    transaction(cluster, "within")
    with source(cluster) as opened:
        assert values(opened, 1) == [b"before"]
        cluster.delete_topic("orders")
        opened.patience_s = 0
        assert values(opened) == []
        assert opened.left_out() == [
            "orders: not all was read of partition 0 (offsets 1 to 1): "
            "Broker: Unknown topic or partition"
        ]


def test_a_cluster_that_goes_away() -> None:
    with Simulator(grpc_port=None) as cluster:
        cluster.create_topic("orders")
        write(cluster, "before")
        transaction(cluster, "within")
        opened = source(cluster)
        assert values(opened, 1) == [b"before"]
    opened.patience_s = 0
    with opened:
        assert values(opened) == []
        (told,) = opened.left_out()
        assert told.startswith("orders: not all was read of partition 0 (offsets 1 to 1): ")


def test_a_leader_that_moves_while_it_is_read() -> None:
    with Simulator(grpc_port=None, brokers=3) as cluster:
        cluster.create_topic("orders")
        write(cluster, "before")
        producer = transaction(cluster, "within")
        with source(cluster) as opened:
            assert values(opened, 1) == [b"before"]
            leader = cluster.kafka.place("orders").leader
            cluster.kafka.move_leader("orders", to=leader % 3 + 1)
            producer.commit_transaction(PATIENCE_S)
            assert values(opened) == [b"within"]
            assert opened.left_out() == []


def test_a_partition_whose_leader_goes_away() -> None:
    with Simulator(grpc_port=None, brokers=2, config={"default.replication.factor": 1}) as cluster:
        cluster.create_topic("orders")
        write(cluster, "before")
        transaction(cluster, "within")
        with source(cluster) as opened:
            assert values(opened, 1) == [b"before"]
            cluster.kafka.stop_broker(cluster.kafka.place("orders").leader)
            opened.patience_s = 0
            assert values(opened) == []
            (told,) = opened.left_out()
            assert told.startswith("orders: not all was read of partition 0 (offsets 1 to 1): ")
            assert "transaction" not in told


def test_a_simulator_tells_of_open_transactions_as_well() -> None:
    with Simulator(grpc_port=0, kafka_port=0) as simulator:
        simulator.create_topic("orders")
        write(simulator, "before")
        producer = transaction(simulator, "within")
        write(simulator, "behind")
        address = f"grpc://{simulator.grpc_target}"
        with open_source(address, ["orders"], latest=False, follow=False) as opened:
            assert values(opened) == [b"before"]
            assert opened.left_out() == [
                "orders: not all was read of partition 0 (offsets 1 to 2): "
                "a transaction that is open there holds them back"
            ]
        producer.abort_transaction(PATIENCE_S)
        with open_source(address, ["orders"], latest=False, follow=False) as opened:
            assert values(opened) == [b"before", b"behind"]
            assert opened.left_out() == []


def test_a_simulator_tells_of_what_is_deleted_meanwhile() -> None:
    with Simulator(grpc_port=0, kafka_port=0) as simulator:
        simulator.create_topic("orders")
        write(simulator, "before")
        producer = transaction(simulator, "within")
        write(simulator, "behind", "last")
        address = f"grpc://{simulator.grpc_target}"
        with open_source(address, ["orders"], latest=False, follow=True) as opened:
            assert values(opened, 1) == [b"before"]
            simulator.delete_records("orders", 3)
            producer.abort_transaction(PATIENCE_S)
            assert values(opened, 1) == [b"last"]
            assert opened.left_out() == [
                "orders, partition 0: offsets 1 to 2 were deleted before they were read"
            ]
