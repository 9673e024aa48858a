"""Real client libraries on the Kafka door: transactions."""

from __future__ import annotations

import pytest
from kafka_clients import Client, Draft

pytestmark = pytest.mark.timeout(600)  # the first test of a library builds its program


def test_only_what_was_committed_is_read(client: Client) -> None:
    for name, commit in (("first", True), ("second", False), ("third", True)):
        drafts = [Draft(f"{name} {n}") for n in range(3)]
        client.ask(
            "transact",
            transaction="tx",
            topic="t",
            records=[draft._asdict() for draft in drafts],
            commit=commit,
        )
    client.produce("t", [Draft("last")])
    kept = client.open("t", "earliest", committed=True).take(7)
    assert [r.value for r in kept] == [
        *(f"first {n}" for n in range(3)),
        *(f"third {n}" for n in range(3)),
        "last",
    ]
    # Each transaction ends with a marker that takes an offset.
    assert [r.offset for r in kept] == [0, 1, 2, 8, 9, 10, 12]
    everything = client.open("t", "earliest").take(10)
    assert [r.offset for r in everything] == [0, 1, 2, 4, 5, 6, 8, 9, 10, 12]


def test_offsets_are_committed_with_the_records(client: Client) -> None:
    client.produce("source", [Draft(text) for text in ("a", "b", "c", "d")])
    client.ask("relay", transaction="tx", group="g", source="source", target="target", count=3)
    copied = client.open("target", "earliest", committed=True).take(3)
    assert [r.value for r in copied] == ["A", "B", "C"]
    assert [r.value for r in client.join("g", "source").take(1)] == ["d"]
