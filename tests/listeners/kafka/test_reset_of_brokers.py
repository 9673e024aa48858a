"""What a reset makes of brokers, replicas and producers: all is as at the start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kafka_batches import build_batch
from kafka_wire import INIT_PRODUCER_ID, PRODUCE, Wire, produce, seconds

from simulator import AsyncSimulator
from simulator.listeners.kafka import KafkaListener
from simulator.listeners.kafka.faults.actions import ClusterActions
from simulator.simulator import Settings


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(brokers=3, grpc_port=None)) as sim:
        yield sim


@pytest.fixture
def actions(sim: AsyncSimulator) -> ClusterActions:
    """What faults and stories act through."""
    assert isinstance(sim._kafka, KafkaListener)
    return sim._kafka.actions


def running(sim: AsyncSimulator) -> list[int]:
    return [broker.node_id for broker in sim.kafka.brokers() if broker.running]


async def test_a_restart_from_before_a_reset_does_not_come_after_it(
    sim: AsyncSimulator, actions: ClusterActions
) -> None:
    actions.stop_broker(2, restart_after_ms=60_000)
    await actions.settled()
    assert running(sim) == [1, 3]
    sim.reset()
    await sim.kafka_settled()
    await sim.kafka.stop_broker(2)
    sim.clock.advance("2m")
    await actions.settled()
    assert running(sim) == [1, 3]


@pytest.mark.parametrize("begun", [True, False])
async def test_a_broker_that_is_about_to_stop_runs_after_a_reset(
    sim: AsyncSimulator, actions: ClusterActions, begun: bool
) -> None:
    actions.stop_broker(2, None)
    if begun:
        actions.stop_broker(3, None)
        await asyncio.sleep(0)
    sim.reset()
    await sim.kafka_settled()
    await actions.settled()
    assert running(sim) == [1, 2, 3]


async def test_a_reset_undoes_reassignments_and_moves_of_the_controller(
    sim: AsyncSimulator,
) -> None:
    topic = sim.log.topic_names()[0]
    before = sim.kafka.place(topic)
    sim.kafka.move_replicas(topic, to=[3])
    sim.kafka.move_replicas(topic, to=[3, 2])
    await sim.kafka.stop_broker(1)
    await sim.kafka.start_broker(1)
    assert [broker.node_id for broker in sim.kafka.brokers() if broker.controller] == [2]
    await sim.kafka.stop_broker(1)  # so that not all can be undone at once
    sim.reset()
    await sim.kafka_settled()
    after = sim.kafka.place(topic)
    assert (after.leader, after.replicas) == (before.leader, before.replicas)
    assert sorted(after.isr) == sorted(before.isr)
    assert after.leader_epoch > before.leader_epoch
    assert [broker.node_id for broker in sim.kafka.brokers() if broker.controller] == [1]


async def test_producers_from_before_a_reset_go_on_and_later_ones_begin_at_0() -> None:
    errors = []
    async with (
        AsyncSimulator(Settings(kafka_port=0, grpc_port=None)) as sim,
        await Wire.connect(sim.bootstrap_servers) as wire,
    ):
        for name in ("before", "after"):
            answer = await wire.ask(
                INIT_PRODUCER_ID,
                5,
                transactional_id=name,
                transaction_timeout=seconds(60),
                producer_id=-1,
                producer_epoch=-1,
            )
            if name == "before":
                sim.reset()
                sim.create_topic("t")
            data = build_batch(
                [(6, None, b"v", ())],
                producer_id=answer.producer_id,
                producer_epoch=answer.producer_epoch,
                base_sequence=5,
                transactional=True,
            )
            body: dict[str, Any] = produce("t", data) | {"transactional_id": name}
            told = await wire.ask(PRODUCE, 12, **body)
            errors.append(told.responses[0].partition_responses[0].error_code.name)
    # The second is Kafka's rule for producers of transaction version 2 (KIP-890).
    assert errors == ["none", "out_of_order_sequence_number"]
