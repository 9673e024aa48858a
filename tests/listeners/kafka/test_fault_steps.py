"""Stories that act on the brokers, with a real consumer on the other side."""

from __future__ import annotations

import asyncio

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from kafka_batches import build_batch
from kafka_wire import PRODUCE, Wire, produce

from simulator import AsyncSimulator
from simulator.scenario import parse_script
from simulator.scenario.player import PlayState
from simulator.settings import Settings


async def test_consumer_reads_everything_through_an_outage() -> None:
    async with AsyncSimulator(Settings(brokers=2)) as sim:
        reading = AIOKafkaConsumer(
            "personalChat",
            bootstrap_servers=sim.bootstrap_servers,
            group_id="g",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            retry_backoff_ms=10,
        )
        async with reading:
            outcome = await sim.play("broker_outage")
            texts = [
                orjson.loads(message.value)["payload"]["personalChatSent"]["payload"]
                for message in [await asyncio.wait_for(reading.getone(), 60) for _ in range(6)]
                if message.value is not None
            ]
        assert outcome.warnings == ()
        assert texts[0] == "everything fine here"
        assert texts[-1] == "all of it arrived"
        assert all(info.running for info in sim.kafka.brokers())
        assert sim.kafka.place("personalChat").leader_epoch > 0
        assert sim.kafka.faults() == []


async def test_fault_of_a_story_outlives_it(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    text = "steps: [fault: {api: Produce, topic: t, error: NOT_ENOUGH_REPLICAS}]"
    await sim.play(parse_script(text, catalog=sim.catalog))
    answer = await wire.ask(PRODUCE, 9, **produce("t", build_batch([(5, None, b"v", ())])))
    (partition,) = answer.responses[0].partition_responses
    assert partition.error_code.name == "not_enough_replicas"
    await sim.play(parse_script("steps: [fault: off]", catalog=sim.catalog))
    assert len(sim.kafka.faults()) == 1  # of another story
    sim.kafka.clear_faults()


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("broker: {stop: 7}", "there is no broker 7"),
        ("leader: {topic: t, partition: 9}", "partition"),
        ("leader: {group: g, to: 7}", "there is no broker 7"),
        ("fault: {topic: none, cut: 0}", "does not exist"),
        ("fault: {api: ShareFetch, cut: 0}", "not served"),
    ],
)
async def test_what_is_not_there_is_an_error_of_the_step(
    sim: AsyncSimulator, step: str, told: str
) -> None:
    sim.create_topic("t")
    script = parse_script(f"steps:\n  - {step}\n", file="x.yaml", catalog=sim.catalog)
    outcome = await sim.play(script, check=False)
    assert outcome.state is PlayState.ERROR
    (problem,) = outcome.problems
    assert problem.startswith("x.yaml:2:")
    assert told in problem


async def test_all_brokers_stop_and_start(sim: AsyncSimulator, wire: Wire) -> None:
    await sim.play(parse_script("steps: [broker: stop]", catalog=sim.catalog))
    assert await wire.closed()
    await sim.play(parse_script("steps: [broker: start]", catalog=sim.catalog))
    address = sim.bootstrap_servers
    for _ in range(1000):
        if all(info.running for info in sim.kafka.brokers()):
            break
        await asyncio.sleep(0)
    async with await Wire.connect(address) as again:
        sim.create_topic("t")
        answer = await again.ask(PRODUCE, 9, **produce("t", build_batch([(5, None, b"v", ())])))
        assert answer.responses[0].partition_responses[0].error_code.name == "none"


async def test_at_a_pace_the_broker_is_away_for_as_long_as_the_story_says(
    sim: AsyncSimulator,
) -> None:
    script = parse_script("steps: [broker: stop, wait: 300ms, broker: start]", catalog=sim.catalog)
    address = sim.bootstrap_servers
    play = sim.start_play(script, speed=1)
    states = set()
    while not play.ended:
        states.add(sim.kafka.brokers()[0].running)
        await asyncio.sleep(0)
    assert states == {True, False}
    assert play.outcome.passed
    while not sim.kafka.brokers()[0].running:  # noqa: ASYNC110
        await asyncio.sleep(0)
    async with await Wire.connect(address):
        pass
