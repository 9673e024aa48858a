"""Real client libraries on the Kafka door: records and where to begin to read them."""

from __future__ import annotations

import pytest
from kafka_clients import Client, Draft

from simulator import Simulator

pytestmark = pytest.mark.timeout(600)  # the first test of a library builds its program


def test_what_is_sent_is_read_here(client: Client) -> None:
    drafts = [
        Draft("one", "k", 1500, (("a", "1"), ("a", "2"))),
        Draft("two", None, 1400),
        Draft(None, "tombstone", 1600),
    ]
    assert client.produce("t", drafts) == [0, 1, 2]
    assert client.open("t", "earliest").take(3) == [
        (0, offset, d.timestamp, d.key, d.value, d.headers) for offset, d in enumerate(drafts)
    ]


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_all_codecs(sim: Simulator, client: Client, codec: str) -> None:
    if codec in client.lacks:
        pytest.skip(client.lacks[codec])
    drafts = [Draft("text " * 200 + str(n), str(n)) for n in range(50)]
    assert client.produce("t", drafts, codec) == list(range(50))
    assert [event.record.value for event in sim.events("t")] == [
        (d.value or "").encode() for d in drafts
    ]
    for start, first in (("earliest", 0), ("offset", 30)):
        found = client.open("t", start, first).take(50 - first)
        assert [(r.offset, r.value) for r in found] == [
            (offset, drafts[offset].value) for offset in range(first, 50)
        ]


def test_starts(client: Client) -> None:
    client.produce("t", [Draft(str(n), None, 1000 + 10 * n) for n in range(20)], "gzip")
    for start, at, first in (
        ("earliest", 0, 0),
        ("offset", 7, 7),
        ("timestamp", 1071, 8),
        ("timestamp", 1190, 19),
    ):
        found = client.open("t", start, at).take(20 - first)
        assert [r.offset for r in found] == list(range(first, 20))
    reader = client.open("t", "latest")
    assert client.produce("t", [Draft("new")]) == [20]
    assert [r.value for r in reader.take(1)] == ["new"]


def test_events_of_a_story_are_read_at_the_same_offsets(sim: Simulator, client: Client) -> None:
    sim.play("rate_limited")
    events = sim.events("chat")
    found = client.open("chat", "earliest").take(len(events))
    assert [(r.offset, r.key, r.value) for r in found] == [
        (event.offset, event.key and event.key.decode(), (event.record.value or b"").decode())
        for event in events
    ]
