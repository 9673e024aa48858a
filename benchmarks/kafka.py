"""The Kafka door beside a real Apache Kafka and the mock broker inside librdkafka.

Every client is a process with confluent-kafka, and one run asks all brokers in turn, so that what
else the machine does falls on all of them.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.apache_kafka import Unavailable
from benchmarks.fresh import figures
from benchmarks.kafka_load import RATE, RECORD_BYTES, ask, first
from benchmarks.kafka_peers import PEERS, Peer
from benchmarks.rows import Row

OURS = "simulator"

IMPORT = """
import time
import simulator.log, simulator.publishing
began = time.perf_counter()
import simulator.listeners.kafka
print((time.perf_counter() - began) * 1000)
"""

CODEC = """
import time
import simulator.listeners.kafka
began = time.perf_counter()
from simulator.listeners.kafka.registry import registered
registered()
print((time.perf_counter() - began) * 1000)
"""

STORED_BYTES = 610
"""A record as it lies in its batch: the value, and lengths and deltas of about ten bytes."""

Samples = dict[str, dict[str, list[float]]]
"""By what is measured and by peer."""


def run(quick: bool) -> list[Row]:
    """Every quantity of every broker that can be started."""
    samples: Samples = defaultdict(lambda: defaultdict(list))
    count, seconds, runs = (100_000, 1, 1) if quick else (1_000_000, 5, 3)
    with PEERS[OURS]() as peer:
        first(peer.address, "byte-code")  # is there from now on, as in an installed package
    for name, start in PEERS.items():
        for _ in range(runs):
            began = time.perf_counter()
            try:
                with start() as peer:
                    first(peer.address, "first")
                    samples["first"][name].append((time.perf_counter() - began) * 1000)
                    measure(samples, name, peer, count, seconds)
            except Unavailable as error:
                print(f"left out: {name}: {error}")
                break
    return [
        *rows(samples),
        Row.at_most(100, "importing the Kafka listener", figures(IMPORT, 3 * runs), "ms"),
        Row.at_most(None, "  its APIs and codec, with the first client", figures(CODEC, 3), "ms"),
    ]


def measure(samples: Samples, name: str, peer: Peer, count: int, seconds: int) -> None:
    """One sample of every quantity."""

    def note(what: str, value: float) -> None:
        samples[what][name].append(value)

    address = peer.address
    for partitions in (1, 6):
        topic = f"load-{partitions}"
        if peer.creates_topics:
            ask("create", address, topic, partitions)
        before = resident(peer.pid)
        note(f"produce {partitions}", ask("produce", address, topic, partitions, count))
        if partitions == 1:
            grown = resident(peer.pid) - before
            note("memory", grown / count * 1_000_000 / 1024**2)
        note(f"consume {partitions}", ask("consume", address, topic, partitions, count))
    latencies = ask("latency", address, "latency", RATE * seconds)
    note("p50", statistics.median(latencies))
    note("p99", statistics.quantiles(latencies, n=100)[98])
    note("group", ask("group", address, "group"))


def resident(pid: int) -> float:
    """Bytes of memory that a process holds; 0 where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


RATES = {
    "produce 1": ("produce, 1 partition", 900_000),
    "produce 6": ("produce, 6 partitions", 900_000),
    "consume 1": ("consume, 1 partition", 1_500_000),
    "consume 6": ("consume, 6 partitions", 1_500_000),
}

TIMES: dict[str, tuple[str, float | None, str]] = {
    "p50": (f"produce to consume, {RATE:,}/s, p50", None, "ms"),
    "p99": (f"produce to consume, {RATE:,}/s, p99", 0.5, "ms"),
    "first": ("start until the first record is consumed", 400, "ms"),
    "group": ("a new group until its first record", 0.3, "s"),
    "memory": (
        f"memory for 1M records of {RECORD_BYTES} B",
        1.1 * STORED_BYTES * 1_000_000 / 1024**2,
        "MiB",
    ),
}


def rows(samples: Samples) -> list[Row]:
    """A row for each quantity and broker, ours first and with its aim."""
    found = []
    for key, (what, least) in RATES.items():
        for name, values in samples[key].items():
            aim = least if name == OURS else None
            found.append(Row.at_least(aim, f"{what}: {name}", values, "records/s"))
    for key, (what, most, unit) in TIMES.items():
        for name, values in samples[key].items():
            bound = most if name == OURS else None
            found.append(Row.at_most(bound, f"{what}: {name}", values, unit))
    return found
