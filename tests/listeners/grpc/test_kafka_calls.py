"""`simulator.v1.Kafka`: faults and observation of the Kafka brokers, with a real Kafka client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from grpc_rooms import Server, fails, violations

from simulator import AsyncSimulator
from simulator.settings import Settings
from simulator.v1 import kafka_pb2, kafka_pb2_grpc

Code = grpc.StatusCode


class Door:
    """A simulator of two brokers, and its service."""

    def __init__(self, sim: AsyncSimulator, channel: Any) -> None:
        self.sim = sim
        self.kafka = kafka_pb2_grpc.KafkaStub(channel)

    async def add(self, **rule: Any) -> Any:
        return (
            await self.kafka.AddFault(kafka_pb2.AddFaultRequest(rule=kafka_pb2.FaultRule(**rule)))
        ).fault

    async def produce(self, value: bytes) -> None:
        servers = self.sim.bootstrap_servers
        async with AIOKafkaProducer(bootstrap_servers=servers, retry_backoff_ms=10) as producer:
            await producer.send_and_wait("t", value)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with (
        AsyncSimulator(Settings(brokers=2)) as sim,
        grpc.aio.insecure_channel(sim.grpc_target) as channel,
    ):
        sim.create_topic("t")
        yield Door(sim, channel)


async def test_a_fault_fires_and_tells_how_often(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    fault = await door.add(api="Produce", topic="t", times=2, error="NOT_ENOUGH_REPLICAS")
    assert (fault.id, fault.fired, fault.rule.topic) == (1, 0, "t")
    await door.produce(b"v")
    caplog.clear()  # the client warns of what it retries
    listed = await door.kafka.ListFaults(kafka_pb2.ListFaultsRequest())
    assert [(each.id, each.fired, each.seen) for each in listed.faults] == [(1, 2, 2)]
    assert listed.faults[0].rule == fault.rule
    assert [event.record.value for event in door.sim.events("t")] == [b"v"]
    removed = await door.kafka.RemoveFault(kafka_pb2.RemoveFaultRequest(id=1))
    assert [each.fired for each in removed.faults] == [2]
    listed = await door.kafka.ListFaults(kafka_pb2.ListFaultsRequest())
    assert list(listed.faults) == []


async def test_every_field_of_a_rule_comes_back(door: Door) -> None:
    rules: list[dict[str, Any]] = [
        {"api": "Produce", "client_id": "c", "broker": 1, "topic": "t", "partition": 0},
        {"group": "g", "transactional_id": "x", "nth": 2},
        {"every": 2, "delay_ms": 5, "throttle_ms": 6},
        {"probability": 0.5, "drop": kafka_pb2.FaultRule.DROP_AFTER},
        {"cut": 0, "stop_broker": -1, "restart_after_ms": 5},
        {"move_leader": 2, "move_coordinator": -1, "expire_session": True},
        {"fence_producer": True, "duplicate": True},
    ]
    for rule in rules:
        effects = {"drop", "cut", "delay_ms", "move_leader", "fence_producer"}
        given = rule if effects & rule.keys() else {**rule, "error": "REQUEST_TIMED_OUT"}
        assert (await door.add(**given)).rule == kafka_pb2.FaultRule(**given)
    removed = await door.kafka.RemoveFault(kafka_pb2.RemoveFaultRequest(all=True))
    assert len(removed.faults) == len(rules)
    assert door.sim.kafka.faults() == []


@pytest.mark.parametrize(
    ("rule", "code", "told"),
    [
        ({}, Code.INVALID_ARGUMENT, "does something"),
        ({"api": "Prodce", "cut": 1}, Code.INVALID_ARGUMENT, "did you mean Produce"),
        ({"error": "NOT_ENOUGH"}, Code.INVALID_ARGUMENT, "no Kafka error"),
        ({"topic": "chatt", "cut": 1}, Code.NOT_FOUND, "did you mean 'chat'"),
        ({"topic": "t", "partition": 9, "cut": 1}, Code.NOT_FOUND, "partition"),
        ({"stop_broker": 9}, Code.NOT_FOUND, "no broker 9"),
    ],
)
async def test_rules_that_cannot_be(
    door: Door, rule: dict[str, Any], code: grpc.StatusCode, told: str
) -> None:
    failure = await fails(
        door.add(**rule),
        code,
    )
    assert told in (failure.details() or "")
    assert list(violations(failure)) == ["rule"]


async def test_requests_are_listed_and_waited_for(door: Door) -> None:
    await door.produce(b"v")
    conditions = kafka_pb2.RequestConditions(api="Produce", topic="t")
    answer = await door.kafka.ListRequests(
        kafka_pb2.ListRequestsRequest(conditions=conditions, details=True)
    )
    (request,) = answer.requests
    assert (request.api, request.answered, list(request.errors)) == ("Produce", True, [])
    assert (request.partitions[0].partition, request.partitions[0].records) == (0, 1)
    assert request.request["acks"] in (1, -1)
    assert request.time.seconds > 1_700_000_000
    waited = await door.kafka.WaitForRequest(kafka_pb2.WaitForRequestRequest(conditions=conditions))
    assert waited.request.number == request.number
    assert not waited.request.HasField("request")
    failure = await fails(
        door.kafka.WaitForRequest(
            kafka_pb2.WaitForRequestRequest(
                conditions=kafka_pb2.RequestConditions(api="Produce", after=request.number),
                timeout_ms=1,
            )
        ),
        Code.DEADLINE_EXCEEDED,
    )
    assert "none came" in (failure.details() or "")
    await fails(
        door.kafka.ListRequests(
            kafka_pb2.ListRequestsRequest(conditions=kafka_pb2.RequestConditions(api="x"))
        ),
        Code.INVALID_ARGUMENT,
    )
    await fails(
        door.kafka.ListRequests(kafka_pb2.ListRequestsRequest(limit=9999)),
        Code.INVALID_ARGUMENT,
    )


async def test_commits_are_waited_for(door: Door) -> None:
    request = kafka_pb2.WaitForCommitRequest(group="g", topic="t", offset=0, timeout_ms=1)
    failure = await fails(
        door.kafka.WaitForCommit(request),
        Code.DEADLINE_EXCEEDED,
    )
    assert "no such group" in (failure.details() or "")
    door.sim.log.groups.commit("g", "t", 0, 0)
    assert (await door.kafka.WaitForCommit(request)).offset == 0
    await fails(
        door.kafka.WaitForCommit(kafka_pb2.WaitForCommitRequest(group="g", topic="none")),
        Code.NOT_FOUND,
    )
    await fails(
        door.kafka.WaitForCommit(kafka_pb2.WaitForCommitRequest(topic="t")),
        Code.INVALID_ARGUMENT,
    )


async def test_brokers_stop_start_and_hand_over(door: Door) -> None:
    async def running() -> list[bool]:
        answer = await door.kafka.DescribeBrokers(kafka_pb2.DescribeBrokersRequest())
        return [each.running for each in answer.brokers]

    await door.kafka.StopBroker(kafka_pb2.StopBrokerRequest(node_id=2))
    assert await running() == [True, False]
    assert door.sim.kafka.place("t").leader == 1
    await fails(
        door.kafka.MoveLeader(kafka_pb2.MoveLeaderRequest(topic="t", to=2)),
        Code.FAILED_PRECONDITION,
    )
    await door.kafka.StartBroker(kafka_pb2.StartBrokerRequest(node_id=2))
    assert await running() == [True, True]
    moved = await door.kafka.MoveLeader(kafka_pb2.MoveLeaderRequest(topic="t", to=2))
    assert (moved.leader, door.sim.kafka.place("t").leader) == (2, 2)
    for node_id in (1, 2):
        await door.kafka.MoveCoordinator(kafka_pb2.MoveCoordinatorRequest(group="g", to=node_id))
        assert door.sim.kafka.coordinator(group="g") == node_id
    await fails(
        door.kafka.StopBroker(kafka_pb2.StopBrokerRequest(node_id=7)),
        Code.NOT_FOUND,
    )
    await fails(
        door.kafka.MoveCoordinator(kafka_pb2.MoveCoordinatorRequest(to=1)),
        Code.INVALID_ARGUMENT,
    )


async def test_producers_are_fenced_and_sessions_expire(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    fencing = kafka_pb2.FenceProducerRequest(transactional_id="x")
    await fails(door.kafka.FenceProducer(kafka_pb2.FenceProducerRequest()), Code.INVALID_ARGUMENT)
    await fails(door.kafka.FenceProducer(fencing), Code.FAILED_PRECONDITION)
    servers = door.sim.bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id="x") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait("t", b"never")
        await door.kafka.FenceProducer(fencing)
        with pytest.raises(ProducerFenced):
            await producer.commit_transaction()
    assert door.sim.events("t") == []

    expiring = kafka_pb2.ExpireSessionRequest(group="g")
    await fails(door.kafka.ExpireSession(expiring), Code.FAILED_PRECONDITION)
    seldom = {"heartbeat_interval_ms": 300_000, "session_timeout_ms": 900_000}  # so it learns late
    async with AIOKafkaConsumer("t", bootstrap_servers=servers, group_id="g", **seldom):
        await door.kafka.ExpireSession(expiring)
        assert door.sim.groups()[0].members == ()
    caplog.clear()  # the consumer complains that it is out


async def test_without_kafka_every_call_says_so(server: Server) -> None:
    stub = kafka_pb2_grpc.KafkaStub(server.channel)
    failure = await fails(
        stub.ListFaults(kafka_pb2.ListFaultsRequest()),
        Code.FAILED_PRECONDITION,
    )
    assert "no Kafka listener" in (failure.details() or "")
    async with (
        AsyncSimulator(Settings(kafka_port=None)) as sim,
        grpc.aio.insecure_channel(sim.grpc_target) as channel,
    ):
        await fails(
            kafka_pb2_grpc.KafkaStub(channel).DescribeBrokers(kafka_pb2.DescribeBrokersRequest()),
            Code.FAILED_PRECONDITION,
        )
