"""`groups()`: one view of the groups of Kafka's clients and of gRPC subscribers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from simulator import AsyncSimulator, Simulator
from simulator.log.consumer_messages import ConsumerBeat
from simulator.log.group_info import GroupInfo, GroupMember, GroupOffset
from simulator.log.group_messages import JoinRequest, JoinResult
from simulator.log.groups import Commit
from simulator.simulator import Settings


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(grpc_port=None)) as sim:
        sim.create_topic("t", partitions=2)
        for partition in (0, 0, 1):
            sim.publish("t", b"v", partition=partition)
        yield sim


def coordinator(sim: AsyncSimulator) -> Any:
    assert sim._kafka is not None
    return sim._kafka.cluster.groups


async def test_offsets_and_lag(sim: AsyncSimulator) -> None:
    sim.log.groups.commit("g", "t", 0, 0)
    sim.log.groups.store("g", "t", 1, Commit(1, 0, "where"))
    sim.log.groups.store("ahead", "t", 1, Commit(99))
    ahead, found = sim.groups()
    assert found == GroupInfo(
        "g",
        "classic",
        "Empty",
        (),
        (GroupOffset("t", 0, 0, 2, ""), GroupOffset("t", 1, 1, 0, "where")),
    )
    assert (found.lag, ahead.lag) == (2, 0)


async def test_members_of_a_consumer_group(sim: AsyncSimulator) -> None:
    beat = ConsumerBeat(
        "m", 0, "i", None, 1000, ("t",), owned=frozenset(), client_id="c", client_host="h"
    )
    coordinator(sim).consumer_heartbeat("g", beat)
    (found,) = sim.groups()
    assert (found.kind, found.state) == ("consumer", "Stable")
    assert found.members == (GroupMember("m", "c", "i", (("t", 0), ("t", 1))),)


async def test_members_of_a_classic_group(sim: AsyncSimulator) -> None:
    answers: list[JoinResult] = []
    request = JoinRequest("", None, "c", "h", "consumer", (("range", b""),), 10_000, 10_000)
    coordinator(sim).join("g", request, answers.append)
    (found,) = sim.groups()
    member = answers[0].member_id
    assert (found.kind, found.state) == ("classic", "CompletingRebalance")
    assert found.members == (GroupMember(member, "c", None, ()),)
    # Version 0 of Kafka's ConsumerProtocol: topic "t" with partition 1, and no user data.
    assignment = b"\0\0" + b"\0\0\0\1" + b"\0\1t" + b"\0\0\0\1" + b"\0\0\0\1" + b"\xff" * 4
    coordinator(sim).sync("g", member, None, 1, (None, None), {member: assignment}, lambda _: None)
    (found,) = sim.groups()
    assert found.state == "Stable"
    assert found.members[0].assignment == (("t", 1),)


async def test_subscribers_of_the_grpc_door(sim: AsyncSimulator) -> None:
    sim.log.groups.join("g", "s1", [("t", 0), ("t", 1)])
    sim.log.groups.join("g", "s2", [("t", 0), ("t", 1)])
    (found,) = sim.groups()
    assert (found.kind, found.state) == ("classic", "Stable")
    assert found.members == (
        GroupMember("s1", "grpc", None, (("t", 0),)),
        GroupMember("s2", "grpc", None, (("t", 1),)),
    )


@pytest.mark.parametrize("kafka_port", [0, None])
def test_without_asyncio_and_without_kafka(kafka_port: int | None) -> None:
    with Simulator(grpc_port=None, kafka_port=kafka_port) as sim:
        assert sim.groups() == []
        sim.publish("chat", "{}", validate=False)
        sim._sim.log.groups.commit("g", "chat", 0, 0)
        (found,) = sim.groups()
        assert (found.name, found.state, found.lag) == ("g", "Empty", 1)
