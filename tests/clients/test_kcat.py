"""Debian's kcat on the Kafka door."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from builds import need
from kcat import PATIENCE, Kcat, Started

from simulator import Simulator


@pytest.fixture
def kcat(sim: Simulator, tmp_path: Path) -> Iterator[Kcat]:
    need("kcat")
    made = Kcat(sim.bootstrap_servers, tmp_path)
    yield made
    made.close()


def test_keys_headers_and_nulls(sim: Simulator, kcat: Kcat) -> None:
    sim.create_topic("t")
    produce = ("-P", "-t", "t", "-K", ":", "-Z", "-H", "a=1", "-H", "a=2", "-H", "empty")
    kcat.run(*produce, lines="k:one\n:two\ngone:\n")
    found = kcat.records("-C", "-t", "t", "-o", "beginning")
    assert [(r["offset"], r["key"], r["payload"]) for r in found] == [
        (0, "k", "one"),
        (1, None, "two"),
        (2, "gone", None),
    ]
    assert all(r["headers"] == ["a", "1", "a", "2", "empty", None] for r in found)
    assert [(e.key, e.record.value) for e in sim.events("t")] == [
        (b"k", b"one"),
        (None, b"two"),
        (b"gone", None),
    ]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_all_codecs(sim: Simulator, kcat: Kcat, codec: str) -> None:
    sim.create_topic("t")
    texts = ["text " * 200 + str(n) for n in range(20)]
    kcat.run("-P", "-t", "t", "-z", codec, lines="\n".join(texts) + "\n")
    assert [(e.record.value or b"").decode() for e in sim.events("t")] == texts
    found = kcat.records("-C", "-t", "t", "-o", "12")
    assert [(r["offset"], r["payload"]) for r in found] == list(enumerate(texts))[12:]


def test_starts(sim: Simulator, kcat: Kcat) -> None:
    sim.create_topic("t")
    for n in range(20):
        sim.publish("t", str(n), timestamp=1000 + 10 * n)
    for start, first in (("beginning", 0), ("7", 7), ("-2", 18), ("s@1071", 8)):
        found = kcat.records("-C", "-t", "t", "-o", start)
        assert [r["offset"] for r in found] == list(range(first, 20))
    assert kcat.run("-Q", "-t", "t:0:1071") == "t [0] offset 8\n"
    reader = kcat.start("-C", "-t", "t", "-o", "end")
    reader.wait_until_told("Reached end of topic t [0] at offset 20")
    sim.publish("t", b"new")
    assert [r["payload"] for r in reader.take(1)] == ["new"]


def test_three_share_and_one_leaves(sim: Simulator, kcat: Kcat) -> None:
    sim.create_topic("t", partitions=6)
    members = [kcat.start("-G", "g", "-X", "heartbeat.interval.ms=100", "t") for _ in range(3)]
    settle(members, [2, 2, 2])
    members.pop().stop()
    settle(members, [3, 3])


def settle(members: list[Started], expected: list[int]) -> None:
    end = time.monotonic() + PATIENCE
    while sorted(len(member.assigned()) for member in members) != expected:
        assert time.monotonic() < end, [member.told() for member in members]
        time.sleep(0.02)


def test_a_group_resumes_where_it_committed(sim: Simulator, kcat: Kcat) -> None:
    sim.create_topic("t")
    for n in range(10):
        sim.publish("t", str(n))
    group = ("-G", "g", "-X", "auto.offset.reset=earliest")
    assert [r["offset"] for r in kcat.records(*group, "-c", "7", "t")] == list(range(7))
    assert [r["offset"] for r in kcat.records(*group, "t")] == [7, 8, 9]


def test_metadata(sim: Simulator, kcat: Kcat) -> None:
    sim.create_topic("t", partitions=3)
    told = json.loads(kcat.run("-L", "-J"))
    assert [broker["name"] for broker in told["brokers"]] == [sim.bootstrap_servers]
    assert {each["topic"]: len(each["partitions"]) for each in told["topics"]}["t"] == 3


def test_a_transaction(sim: Simulator, kcat: Kcat) -> None:
    sim.create_topic("t")
    kcat.run("-P", "-t", "t", "-X", "transactional.id=tx", lines="one\ntwo\n")
    kcat.run("-P", "-t", "t", lines="last\n")
    found = kcat.records("-C", "-t", "t", "-o", "beginning", "-X", "isolation.level=read_committed")
    # The transaction ends with a marker that takes an offset.
    assert [(r["offset"], r["payload"]) for r in found] == [(0, "one"), (1, "two"), (3, "last")]
