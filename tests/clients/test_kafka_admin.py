"""Real client libraries on the Kafka door: administration."""

from __future__ import annotations

import pytest
from kafka_clients import Client, Draft

pytestmark = pytest.mark.timeout(600)  # the first test of a library builds its program


def test_topics(client: Client) -> None:
    client.ask("create_topic", topic="t", partitions=2, config={"retention.ms": "1234567"})
    assert client.ask("topics")["t"] == 2
    client.ask("grow", topic="t", partitions=3)
    assert client.ask("topics")["t"] == 3
    assert client.produce("t", [Draft("in the new one", partition=2)]) == [0]
    client.ask("delete_topic", topic="t")
    assert "t" not in client.ask("topics")


def test_settings_of_a_topic(client: Client) -> None:
    client.ask("create_topic", topic="t", partitions=1, config={"retention.ms": "1234567"})
    assert client.ask("config", topic="t", name="retention.ms") == "1234567"
    client.ask("configure", topic="t", name="retention.ms", value="7654321")
    assert client.ask("config", topic="t", name="retention.ms") == "7654321"
    assert client.ask("config", topic="t", name="cleanup.policy") == "delete"


def test_groups(client: Client) -> None:
    client.produce("t", [Draft(str(n)) for n in range(3)])
    member = client.join("g", "t")
    member.take(3)
    member.commit("t", 2)
    member.close()
    assert "g" in client.ask("groups")
    assert client.ask("committed", group="g", topic="t") == 2
    if "delete_group" in client.lacks:
        pytest.skip(client.lacks["delete_group"])
    client.ask("delete_group", group="g")
    assert "g" not in client.ask("groups")
