"""Real client libraries on the Kafka door, each through what users do with them."""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Iterator

import pytest
from kafka_clients import CLIENTS, Client, Draft, Start, read, settle

from simulator import Simulator

# The libraries do not close all of their sockets.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(kafka_port=0) as sim:
        yield sim


@pytest.fixture(params=CLIENTS)
def client(sim: Simulator, request: pytest.FixtureRequest) -> Iterator[Client]:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    made: Client = CLIENTS[request.param](sim.bootstrap_servers)
    yield made
    made.close()
    gc.collect()  # what the libraries leave open is told here, where it is ignored


def test_what_is_sent_is_read_here(sim: Simulator, client: Client) -> None:
    drafts = [
        Draft(b"one", b"k", 1500, (("a", b"1"), ("a", b"2"))),
        Draft(b"two", None, 1400),
        Draft(None, b"tombstone", 1600),
    ]
    assert client.produce("t", drafts) == [0, 1, 2]
    reader = client.reader("t", Start("earliest"))
    assert read(reader, 3) == [
        (0, offset, d.timestamp, d.key, d.value, d.headers) for offset, d in enumerate(drafts)
    ]
    reader.close()


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_all_codecs(client: Client, codec: str) -> None:
    drafts = [Draft(b"text " * 200 + b"%d" % n, b"%d" % n) for n in range(50)]
    assert client.produce("t", drafts, codec) == list(range(50))
    for start, expected in ((Start("earliest"), 0), (Start("offset", 30), 30)):
        reader = client.reader("t", start)
        found = read(reader, 50 - expected)
        assert [r.value for r in found] == [d.value for d in drafts[expected:]]
        reader.close()


def test_starts(client: Client) -> None:
    client.produce("t", [Draft(b"%d" % n, None, 1000 + 10 * n) for n in range(20)], "gzip")
    for start, first in (
        (Start("earliest"), 0),
        (Start("offset", 7), 7),
        (Start("timestamp", 1071), 8),
        (Start("timestamp", 1190), 19),
    ):
        reader = client.reader("t", start)
        assert [r.offset for r in read(reader, 20 - first)] == list(range(first, 20))
        reader.close()
    reader = client.reader("t", Start("latest"))
    assert client.produce("t", [Draft(b"new")]) == [20]
    assert [r.value for r in read(reader, 1)] == [b"new"]
    reader.close()


def test_events_of_a_story_are_read_at_the_same_offsets(sim: Simulator, client: Client) -> None:
    sim.play("rate_limited")
    events = sim.events("chat")
    reader = client.reader("chat", Start("earliest"))
    found = read(reader, len(events))
    assert [(r.offset, r.key, r.value) for r in found] == [
        (event.offset, event.key, event.record.value) for event in events
    ]
    reader.close()


def test_three_share_and_one_leaves(sim: Simulator, client: Client) -> None:
    sim.create_topic("t", partitions=6)
    client.produce("t", [Draft(b"%d" % n, partition=n % 6) for n in range(60)])
    members = [client.member("g", "t") for _ in range(3)]
    settle(members, [2, 2, 2])
    members.pop().close()
    settle(members, [3, 3])
    for member in members:
        member.close()


def test_a_group_resumes_where_it_committed(sim: Simulator, client: Client) -> None:
    client.produce("t", [Draft(b"%d" % n) for n in range(10)])
    first = client.member("g", "t")
    assert [r.offset for r in read(first, 10)] == list(range(10))
    first.commit()
    first.close()
    client.produce("t", [Draft(b"more")])
    second = client.member("g", "t")
    assert [r.offset for r in read(second, 1)] == [10]
    second.close()
    other = client.member("other", "t")
    assert [r.offset for r in read(other, 11)] == list(range(11))
    other.close()
