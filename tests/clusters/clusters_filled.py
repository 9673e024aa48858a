"""What tests put on the cluster that a simulator stands in for."""

from __future__ import annotations

from confluent_kafka import Producer

from simulator import Simulator

PATIENCE = 60.0


def address(cluster: Simulator) -> str:
    return f"kafka://{cluster.bootstrap_servers}"


def produce(cluster: Simulator, topic: str, *values: bytes | None, partition: int = 0) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(PATIENCE) == 0


def event(cluster: Simulator) -> bytes:
    """A legal event of the topic `chat`."""
    with Simulator(grpc_port=None, kafka_port=None) as other:
        other.chat.connect("alice")
        value = other.events("chat")[0].record.value
    assert value is not None
    return value
