"""Clients of a broker, each run in a process of its own.

    python -m benchmarks.kafka_load create ADDRESS TOPIC PARTITIONS
    python -m benchmarks.kafka_load produce|consume ADDRESS TOPIC PARTITIONS COUNT
    python -m benchmarks.kafka_load latency ADDRESS TOPIC COUNT
    python -m benchmarks.kafka_load group ADDRESS TOPIC

Prints one JSON value. All clients are confluent-kafka with its defaults, but for its queues where
throughput is measured: a consumer whose queue is full asks for nothing for a second, and that would
be what is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from functools import partial
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

RECORD_BYTES = 600

RATE = 1_000
"""Records a second where latency is measured."""

WARM_UP = 200
"""Records at the start that do not count."""

PATIENCE = 60.0

VALUE = b"x" * RECORD_BYTES


def ask(what: str, *arguments: object) -> Any:
    """Runs one of the programs below and returns what it prints."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.kafka_load", what, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
    )
    return json.loads(finished.stdout.splitlines()[-1])


def create(address: str, topic: str, partitions: str) -> bool:
    """A topic of its own for each run."""
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(topic, int(partitions), 1)])[topic].result(PATIENCE)
    return True


def produce(address: str, topic: str, partitions: str, count: str) -> float:
    """Records a second until the last one is acknowledged."""
    producer = Producer(
        {
            "bootstrap.servers": address,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 1 << 21,
        }
    )
    producer.list_topics(topic, timeout=PATIENCE)  # connected
    began = time.perf_counter()
    send = partial(producer.produce, topic, VALUE)
    if partitions == "1":
        send = partial(send, partition=0)  # the mock's topics have several
    for _ in range(int(count)):
        send()
    assert producer.flush(PATIENCE) == 0
    return int(count) / (time.perf_counter() - began)


def consume(address: str, topic: str, partitions: str, count: str) -> float:
    """Records a second from the first to the last."""
    consumer = assigned(address, topic, int(partitions), **LARGE_QUEUE)
    bounds = [consumer.get_watermark_offsets(place, PATIENCE) for place in consumer.assignment()]
    kept = sum(high - low for low, high in bounds)
    assert 0 < kept <= int(count)  # the mock keeps only the last ones
    left = kept - len(consumer.consume(1, PATIENCE))
    began = time.perf_counter()
    records = left
    while left > 0:
        found = consumer.consume(min(left, 10_000), PATIENCE)
        assert found, "records are missing"
        left -= len(found)
    return records / (time.perf_counter() - began)


def latency(address: str, topic: str, count: str) -> list[float]:
    """Milliseconds from the producing call until the consumer has the record, for each."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 0})
    producer.produce(topic, VALUE, partition=0)  # makes the topic
    assert producer.flush(PATIENCE) == 0
    consumer = assigned(address, topic, 1)
    assert consumer.poll(PATIENCE) is not None

    def send() -> None:
        due = time.perf_counter()
        for _ in range(int(count)):
            stamp = time.perf_counter_ns().to_bytes(8, "big")
            producer.produce(topic, stamp + VALUE[8:], partition=0)
            producer.poll(0)
            due += 1 / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
        producer.flush(PATIENCE)

    thread = threading.Thread(target=send)
    thread.start()
    taken: list[float] = []
    while len(taken) < int(count):
        message = consumer.poll(PATIENCE)
        assert message is not None, "a record is missing"
        now = time.perf_counter_ns()
        stamp = (message.value() or b"")[:8]
        taken.append((now - int.from_bytes(stamp, "big")) / 1e6)
    thread.join()
    return taken[WARM_UP:]


def group(address: str, topic: str) -> float:
    """Seconds from a new consumer of a classic group until it has its first record."""
    producer = Producer({"bootstrap.servers": address})
    producer.produce(topic, VALUE, partition=0)
    assert producer.flush(PATIENCE) == 0
    began = time.perf_counter()
    consumer = Consumer(
        {"bootstrap.servers": address, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    message = consumer.poll(PATIENCE)
    taken = time.perf_counter() - began
    assert message is not None
    consumer.close()
    return taken


def first(address: str, topic: str) -> bool:
    """Returns once a record was produced and consumed; the topic makes itself."""
    producer = Producer({"bootstrap.servers": address, "linger.ms": 0})
    producer.produce(topic, VALUE, partition=0)
    assert producer.flush(PATIENCE) == 0
    assert assigned(address, topic, 1).poll(PATIENCE) is not None
    return True


LARGE_QUEUE = {"queued.min.messages": 10_000_000, "queued.max.messages.kbytes": 1 << 20}


def assigned(address: str, topic: str, partitions: int, **more: Any) -> Consumer:
    """A consumer of all partitions from their beginning."""
    settings = {"group.id": "benchmark", "auto.offset.reset": "earliest", **more}
    consumer = Consumer({"bootstrap.servers": address, **settings})
    there = len(consumer.list_topics(topic, PATIENCE).topics[topic].partitions)
    wanted = range(min(partitions, there))
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in wanted])
    return consumer


PROGRAMS = {program.__name__: program for program in (create, produce, consume, latency, group)}

if __name__ == "__main__":
    print(json.dumps(PROGRAMS[sys.argv[1]](*sys.argv[2:])))
