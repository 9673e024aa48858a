"""Client libraries that speak the group protocol of KIP-848, on the Kafka door."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from kafka_clients import Client, Draft, settle

from simulator import Simulator

pytestmark = pytest.mark.timeout(600)  # the first test of a library builds its program


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """With quick heartbeats: in this protocol it is the broker that sets their pace."""
    interval = "group.consumer.heartbeat.interval.ms"
    with Simulator(
        kafka_port=0, config={interval: 100, interval.replace("consumer.", "consumer.min."): 100}
    ) as sim:
        yield sim


@pytest.fixture(params=["confluent-kafka", "kafka-clients", "@platformatic/kafka"])
def client(client_of: Callable[[str], Client], request: pytest.FixtureRequest) -> Client:
    return client_of(request.param)


def test_three_share_and_one_leaves(sim: Simulator, client: Client) -> None:
    sim.create_topic("t", partitions=6)
    members = [client.join("g", "t", protocol="consumer") for _ in range(3)]
    settle(members, [2, 2, 2])
    members.pop().close()
    settle(members, [3, 3])
    client.produce("t", [Draft(str(n), partition=n % 6) for n in range(60)])
    found = [record for member in members for record in member.take(30)]
    assert sorted(int(record.value or "") for record in found) == list(range(60))
    assert sim.kafka.requests(api="ConsumerGroupHeartbeat")
    assert not sim.kafka.requests(api="JoinGroup")


def test_a_group_resumes_where_it_committed(client: Client) -> None:
    client.produce("t", [Draft(str(n)) for n in range(10)])
    first = client.join("g", "t", protocol="consumer")
    assert [r.offset for r in first.take(10)] == list(range(10))
    first.commit("t", 7)
    first.close()
    second = client.join("g", "t", protocol="consumer")
    assert [r.offset for r in second.take(3)] == [7, 8, 9]
    other = client.join("other", "t", protocol="consumer")
    assert [r.offset for r in other.take(10)] == list(range(10))
