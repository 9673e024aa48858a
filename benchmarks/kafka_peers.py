"""The brokers that are compared: this one, a real Apache Kafka, and the mock inside librdkafka."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple, Protocol

from benchmarks.apache_kafka import HEAP, ApacheKafka
from benchmarks.serving import serving

STORAGE = 6 * 1024**3
"""Bytes that this broker may keep: more than any benchmark writes."""


class Peer(NamedTuple):
    """A broker that runs: where clients begin, its process, and whether it creates topics.

    One that does not makes them when they are first used, each with partitions of its own choice.
    """

    address: str
    pid: int
    creates_topics: bool = True


class Start(Protocol):
    """Starts a broker of a kind, which ends with the block."""

    def __call__(self) -> AbstractContextManager[Peer]:
        """Give the broker once it accepts connections."""
        ...


@contextmanager
def simulator() -> Iterator[Peer]:
    """The program `simulator serve`."""
    options = ("--kafka-port", "0", "--max-bytes", str(STORAGE))
    with serving(*options) as program:
        yield Peer(program.doors["kafka"], program.pid)


@contextmanager
def apache_kafka() -> Iterator[Peer]:
    """One node, with the JIT compiler as it comes."""
    with ApacheKafka(jvm=HEAP) as kafka:
        yield Peer(kafka.bootstrap_servers, kafka.pid)


MOCK = """
import sys
from confluent_kafka import Producer
producer = Producer({"test.mock.num.brokers": 1})
(broker,) = producer.list_topics(timeout=10).brokers.values()
print(f"{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
"""


@contextmanager
def librdkafka_mock() -> Iterator[Peer]:
    """The mock cluster that a client with `test.mock.num.brokers` brings, in a process."""
    with subprocess.Popen(
        [sys.executable, "-c", MOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Peer(process.stdout.readline().strip(), process.pid, creates_topics=False)
        finally:
            process.stdin.close()
            process.wait(10)


PEERS: Mapping[str, Start] = {
    "simulator": simulator,
    "Apache Kafka": apache_kafka,
    "librdkafka mock": librdkafka_mock,
}
