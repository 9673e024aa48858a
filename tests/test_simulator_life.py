"""A simulator's settings, its beginning and its end."""

from __future__ import annotations

import asyncio
import socket
import threading
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import grpc
import pytest

from simulator import AsyncSimulator, Catalog, KafkaBroker, KafkaSecurity, Simulator, SimulatorError
from simulator.log import LogFull
from simulator.scenario.player import PlayState
from simulator.simulator import Settings
from simulator.v1 import broker_pb2, broker_pb2_grpc

CONNECTED = {"name": "userConnected", "payload": {"userConnected": {}}}


@pytest.fixture
def sim():
    with Simulator() as sim:
        yield sim


def test_the_listener_answers_as_soon_as_it_is_entered(sim: Simulator) -> None:
    with grpc.insecure_channel(sim.grpc_target) as channel:
        stub = broker_pb2_grpc.BrokerStub(channel)
        described = stub.DescribeTopics(broker_pb2.DescribeTopicsRequest(), timeout=60)
    assert [topic.topic for topic in described.topics] == ["chat", "personalChat"]


def test_its_text_says_whether_and_where_it_runs(sim: Simulator) -> None:
    assert (
        repr(sim)
        == f"<Simulator running, gRPC on {sim.grpc_target}, Kafka on {sim.bootstrap_servers}>"
    )
    sim.stop()
    assert repr(sim) == "<Simulator stopped>"
    assert repr(AsyncSimulator()) == "<AsyncSimulator stopped>"
    with Simulator(grpc_port=None, kafka_port=None) as other:
        assert repr(other) == "<Simulator running>"


def test_two_simulators_at_once_share_nothing() -> None:
    with Simulator() as one, Simulator() as other:
        one.publish("chat", CONNECTED)
        assert other.events() == []
        assert one.grpc_target != other.grpc_target


def test_a_port_in_use_says_which_and_what_to_do(sim: Simulator) -> None:
    port = int(sim.grpc_target.rpartition(":")[2])
    with pytest.raises(SimulatorError, match=rf"{port}.*grpc.port"):
        Simulator(grpc_port=port).start()


def test_after_the_end_every_call_is_a_clear_error() -> None:
    sim = Simulator()
    with pytest.raises(SimulatorError, match="not running"):
        sim.events()
    with sim, pytest.raises(SimulatorError, match="already"):
        sim.start()
    sim.stop()
    with pytest.raises(SimulatorError, match="not running"):
        sim.publish("chat", CONNECTED)
    with sim:
        assert sim.events() == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"speed": 0}, r"speed=0 .* None for virtual time"),
        ({"speed": float("nan")}, "speed=nan"),
        ({"grpc_port": 65_536}, r"grpc_port=65536 .* 1 to 65535"),
        ({"grpc_port": -1}, "grpc_port=-1"),
        ({"max_bytes": 0}, "max_bytes=0"),
        ({"brokers": 0}, "brokers=0 .* 1 to 100"),
        ({"brokers": []}, r"brokers=\[\]"),
        ({"brokers": [KafkaBroker(1), KafkaBroker(1)]}, "an id of its own"),
        ({"brokers": [KafkaBroker(-1)]}, "an id of its own"),
        ({"brokers": [KafkaBroker(1, 9), KafkaBroker(2, 9)]}, "a port of its own"),
        ({"brokers": 3, "kafka_port": 65_534}, "a port of its own"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_at_once(settings: dict, text: str) -> None:
    with pytest.raises(SimulatorError, match=text):
        Simulator(**settings)


async def test_a_start_that_failed_can_be_tried_again() -> None:
    async with Simulator() as other:
        port = int(other.grpc_target.rpartition(":")[2])
        again = Simulator(grpc_port=port)
        for _ in range(2):
            with pytest.raises(SimulatorError, match="in use"):
                await again.__aenter__()
        sim = AsyncSimulator(again.settings)
        with pytest.raises(SimulatorError, match="in use"):
            await sim.start()
        with pytest.raises(SimulatorError, match="not started"):
            _ = sim.grpc_target
    async with again as sim:
        assert sim.grpc_target == f"127.0.0.1:{port}"


async def test_a_start_that_is_cancelled_leaves_the_port_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    sim = AsyncSimulator(Settings(grpc_port=port))
    starting = asyncio.create_task(sim.start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    async with sim:
        assert sim.grpc_target == f"127.0.0.1:{port}"


async def test_it_can_be_started_once_at_a_time_and_keeps_its_records() -> None:
    sim = AsyncSimulator()
    await sim.stop()
    async with sim:
        sim.publish("chat", CONNECTED)
        with pytest.raises(SimulatorError, match="already"):
            await sim.start()
        async with grpc.aio.insecure_channel(sim.grpc_target) as channel:
            await channel.channel_ready()
    with pytest.raises(SimulatorError, match="not started"):
        _ = sim.grpc_target
    async with sim:
        assert len(sim.events("chat")) == 1


def test_a_simulator_that_is_stopped_while_somebody_waits_says_so() -> None:
    sim = Simulator(grpc_port=None).start()
    errors: list[str] = []

    def wait() -> None:
        try:
            sim.wait_for("chat", name="userConnected", matching=lambda _: waiting.set(), timeout=60)
        except SimulatorError as error:
            errors.append(str(error))

    waiting = threading.Event()
    sim.publish("chat", CONNECTED)
    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(60)
    sim.stop()
    thread.join(60)
    assert errors == ["the simulator was stopped during this call"]


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())  # of which some may be about to end
    with Simulator(grpc_port=None):
        assert len(set(threading.enumerate()) - before) == 1
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("start", ["yesterday", "2026-01-01T00:00:00", datetime(2026, 1, 1)])
def test_a_start_that_is_no_instant(start: object) -> None:
    with pytest.raises(SimulatorError, match="time"):
        Simulator(start=start).start()  # type: ignore[arg-type]


def test_every_setting_arrives() -> None:
    given = {
        "seed": 5,
        "start": "2026-03-01T18:00:00Z",
        "speed": 2.0,
        "validate": False,
        "host": "localhost",
        "grpc_port": None,
        "kafka_port": 9092,
        "brokers": 3,
        "config": {"num.partitions": 4},
        "security": KafkaSecurity(users={"alice": "secret"}),
        "kafka_validation": "mark",
        "handlers": ["127.0.0.1:6565"],
        "max_bytes": 1000,
        "catalog": Catalog.builtin(),
        "topic_prefix": "dev",
        "topic_separator": "-",
        "record_key": "userId",
        "extra_fields": True,
    }
    others = {"specs", "log", "log_topics"}
    assert {*given, *others} == {field.name for field in fields(Settings)}
    assert Simulator(**given).settings == Settings(**given)
    assert Simulator(specs=["a.yaml"]).settings == Settings(specs=["a.yaml"])
    cluster = {"log": "kafka://localhost:9092", "log_topics": ["orders"]}
    assert Simulator(**cluster).settings == Settings(**cluster)


def test_the_seed_decides_what_is_random() -> None:
    ids = []
    for seed in (1, 1, 2):
        with Simulator(seed=seed, grpc_port=None) as sim:
            ids.append(sim.chat.connect("alice"))
    assert ids[0] == ids[1]
    assert ids[0].user_id != ids[2].user_id
    assert ids[0].session_id != ids[2].session_id


def test_what_does_not_fit_is_refused_and_loses_nothing() -> None:
    with Simulator(max_bytes=250, grpc_port=None) as sim:
        sim.publish("chat", CONNECTED)
        with pytest.raises(LogFull, match="max_bytes is 250"):
            sim.publish("chat", CONNECTED)
        assert [event.offset for event in sim.events("chat")] == [0]


async def test_stories_go_at_the_simulators_speed_until_it_stops(tmp_path: Path) -> None:
    path = tmp_path / "story.yaml"
    path.write_text("users: [a]\nsteps:\n  - connect: a\n  - wait: 1h\n", encoding="utf-8")
    async with AsyncSimulator(Settings(speed=1, grpc_port=None)) as sim:
        play = sim.start_play(path)
        await sim.wait_for(name="userConnected", timeout=60)
        for _ in range(100):
            await asyncio.sleep(0)
        assert play.state is PlayState.RUNNING
    assert play.state is PlayState.STOPPED


async def test_memory_is_given_back_after_a_reset() -> None:
    async with AsyncSimulator(Settings(grpc_port=None)) as sim:
        for number in range(20_000):
            sim.log.append("chat", b"x", timestamp=number)
        sim.reset()
        assert sim.log.memory_held > 0
        for _ in range(20):
            await asyncio.sleep(0)
        assert sim.log.memory_held == 0
