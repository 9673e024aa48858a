"""A client that speaks old versions of the group APIs, whatever the broker offers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kafka_clients import Client, Draft

from simulator import Simulator

pytestmark = pytest.mark.timeout(600)  # the first test of a library builds its program


def test_kafka_go_reads_in_a_group(sim: Simulator, client_of: Callable[[str], Client]) -> None:
    sim.create_topic("t")
    client = client_of("kafka-go")
    client.produce("t", [Draft(str(n)) for n in range(10)])
    first = client.join("g", "t")
    assert [(r.offset, r.value) for r in first.take(10)] == [(n, str(n)) for n in range(10)]
    first.commit("t", 7)
    first.close()
    second = client.join("g", "t")
    assert [r.offset for r in second.take(3)] == [7, 8, 9]
    second.close()
    spoken = {(each.api, each.version) for each in sim.kafka.requests()}
    assert spoken >= {
        ("FindCoordinator", 0),
        ("JoinGroup", 2),
        ("SyncGroup", 0),
        ("OffsetFetch", 1),
        ("OffsetCommit", 2),
        ("LeaveGroup", 0),
    }
