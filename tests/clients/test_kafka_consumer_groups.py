"""librdkafka in both protocols of groups: confluent-kafka as a member of consumer groups (KIP-848),
and with cooperative rebalancing in classic ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from toolchains import ON_CI, unavailable

from simulator import Simulator

PATIENCE = 60.0

NO_TOPIC = ("UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_PARTITION", "_UNKNOWN_TOPIC")
"""What librdkafka tells of a topic that is gone."""

PROTOCOLS = {
    "uniform": {"group.protocol": "consumer"},
    "range": {"group.protocol": "consumer", "group.remote.assignor": "range"},
    "cooperative": {"partition.assignment.strategy": "cooperative-sticky"},
}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """Members of consumer groups learn of changes with their heartbeats: often, here."""
    quick = {"group.consumer.min.heartbeat.interval.ms": 100}
    with Simulator(config={**quick, "group.consumer.heartbeat.interval.ms": 100}) as sim:
        sim.create_topic("t1", partitions=6)
        yield sim


@pytest.fixture(params=PROTOCOLS.values(), ids=PROTOCOLS)
def members(sim: Simulator, request: pytest.FixtureRequest) -> Iterator[Members]:
    members = Members(sim, request.param)
    yield members
    for consumer in members.consumers:
        consumer.close()


class Members:
    """Consumers of one group, polled in turn."""

    def __init__(self, sim: Simulator, protocol: dict[str, str]) -> None:
        self.sim = sim
        self.protocol = protocol
        self.consumers: list[Any] = []
        self.received: list[bytes] = []
        self.forgiven: tuple[str, ...] = ()

    def join(self, topic: str = "t1", **settings: str) -> Any:
        try:
            from confluent_kafka import Consumer
        except ImportError:
            unavailable("confluent-kafka is not installed", fail=ON_CI)
        consumer = Consumer(
            {
                "bootstrap.servers": self.sim.bootstrap_servers,
                "group.id": "g",
                "auto.offset.reset": "earliest",
                **self.protocol,
                **settings,
            }
        )
        consumer.subscribe([topic])
        self.consumers.append(consumer)
        return consumer

    def poll(self) -> None:
        for consumer in self.consumers:
            message = consumer.poll(0.02)
            if message is not None and message.error() is not None:
                assert message.error().name() in self.forgiven, message.error()
            elif message is not None:
                self.received.append(message.value())

    def settle(self, *shares: int) -> None:
        """Poll until the members have so many partitions each, all of them different ones."""
        end = time.monotonic() + PATIENCE
        assigned: list[set[tuple[str, int]]] = []
        while time.monotonic() < end:
            self.poll()
            assigned = [{(p.topic, p.partition) for p in c.assignment()} for c in self.consumers]
            distinct = len(set().union(*assigned)) == sum(shares)
            if distinct and sorted(map(len, assigned)) == sorted(shares):
                return
        raise AssertionError(f"members have {assigned}, not {shares}")

    def receive(self, values: set[bytes]) -> None:
        end = time.monotonic() + PATIENCE
        while set(self.received) != values and time.monotonic() < end:
            self.poll()
        assert set(self.received) == values

    def publish(self, *values: bytes) -> None:
        for number, value in enumerate(values):
            self.sim.publish("t1", value, partition=number % 6)


def test_three_share_and_one_leaves(sim: Simulator, members: Members) -> None:
    for _ in range(3):
        members.join()
    members.settle(2, 2, 2)
    members.consumers.pop().close()
    members.settle(3, 3)
    members.publish(b"1", b"2", b"3", b"4", b"5", b"6")
    members.receive({b"1", b"2", b"3", b"4", b"5", b"6"})
    (group,) = sim.groups()
    assert (len(group.members), group.state) == (2, "Stable")
    expected = "consumer" if "group.protocol" in members.protocol else "classic"
    assert group.kind == expected


def test_a_static_member_comes_back_to_its_partitions(members: Members) -> None:
    members.join(**{"group.instance.id": "one"})
    members.join(**{"group.instance.id": "two"})
    members.settle(3, 3)
    had = {(p.topic, p.partition) for p in members.consumers[0].assignment()}
    members.consumers.pop(0).close()
    back = members.join(**{"group.instance.id": "one"})
    members.settle(3, 3)
    assert {(p.topic, p.partition) for p in back.assignment()} == had


def test_members_read_on_after_a_reset(sim: Simulator, members: Members) -> None:
    for _ in range(2):
        members.join()
    members.settle(3, 3)
    members.publish(b"before")
    members.receive({b"before"})
    # A member may ask between these two, when there is no such topic.
    members.forgiven = NO_TOPIC
    sim.reset()
    sim.create_topic("t1", partitions=6)
    members.received.clear()
    members.publish(b"1", b"2", b"3", b"4", b"5", b"6")
    members.receive({b"1", b"2", b"3", b"4", b"5", b"6"})


def test_topics_that_an_expression_describes(sim: Simulator, members: Members) -> None:
    settings = {"topic.metadata.refresh.interval.ms": "100"}
    members.join("^t[0-9]+", **settings)
    members.settle(6)
    sim.create_topic("t22", partitions=2)
    members.settle(8)


def test_members_go_on_when_a_topic_is_deleted(sim: Simulator, members: Members) -> None:
    members.forgiven = NO_TOPIC
    sim.create_topic("t2", partitions=2)
    members.join("^t[0-9]+", **{"topic.metadata.refresh.interval.ms": "100"})
    members.settle(8)
    sim.delete_topic("t2")
    members.settle(6)
