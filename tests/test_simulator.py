"""The composition root through its synchronous and asynchronous faces."""

from __future__ import annotations

import asyncio
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest

from simulator import (
    AsyncSimulator,
    InvalidEvent,
    PlayFailed,
    ScriptError,
    Simulator,
    SimulatorError,
    WaitTimeout,
)
from simulator.simulator import Settings
from simulator.v1 import broker_pb2, broker_pb2_grpc

CONNECTED = {"name": "userConnected", "payload": {"userConnected": {}}}


@pytest.fixture
def sim():
    with Simulator() as sim:
        yield sim


def story(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "story.yaml"
    path.write_text(text, encoding="utf-8")
    return path


# --- events --------------------------------------------------------------------------------


def test_plays_a_story_and_finds_its_events(sim: Simulator) -> None:
    outcome = sim.play("rate_limited")
    limited = sim.events("chat", name="userChatRateLimited", user="alice")
    assert limited
    assert {event.user_id for event in limited} == {sim.people()["alice"]}
    assert outcome.events["userChatRateLimited"] == len(limited)
    assert sim.events("chat", name="userChatRateLimited", user="bob") == []


def test_publishes_what_it_is_given(sim: Simulator) -> None:
    published = sim.publish(
        "chat", {**CONNECTED, "id": "e1", "timestamp": "2026-02-03T04:05:06.789Z"}
    )
    assert published.place.offset == 0
    (event,) = sim.events("chat")
    assert event.key == b"e1"
    assert event.time == datetime(2026, 2, 3, 4, 5, 6, 789_000, UTC)
    assert event.json["name"] == "userConnected"


def test_an_event_without_timestamp_gets_the_clocks(sim: Simulator) -> None:
    sim.clock.advance("90s")
    sim.publish("chat", CONNECTED)
    assert sim.events()[0].time == datetime(2026, 1, 1, 0, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("event", ["{", b"\xff", {**CONNECTED, "version": "1"}, {"x": object()}])
def test_refuses_what_is_no_event_and_keeps_nothing_of_it(sim: Simulator, event: object) -> None:
    with pytest.raises(InvalidEvent):
        sim.publish("chat", event)  # type: ignore[arg-type]
    assert sim.events() == []


def test_a_header_that_is_no_text_is_refused(sim: Simulator) -> None:
    with pytest.raises(SimulatorError, match=r"header value '\\ud800' is not valid Unicode"):
        sim.publish("chat", CONNECTED, headers={"trace": "\ud800"})
    assert sim.events() == []


def test_reports_a_field_that_looks_misspelt(sim: Simulator) -> None:
    published = sim.publish(
        "personalChat",
        {"name": "personalChatSent", "payload": {"personalChatSent": {"messageId": "1"}}},
    )
    (warning,) = published.warnings
    assert warning.suggestion == "message_id"


def test_unchecked_events_are_marked() -> None:
    with Simulator(validate=False) as sim:
        sim.publish("chat", "not json")
        sim.publish("chat", CONNECTED, validate=True)
        assert [event.unchecked for event in sim.events()] == [True, False]


def test_a_topic_without_messages_takes_anything(sim: Simulator) -> None:
    sim.create_topic("scores", partitions=3)
    sim.publish("scores", b"\x00\x01", key="k", headers={"h": "v", "none": None}, partition=2)
    sim.publish("scores", None, key=b"k", partition=2)
    first, second = sim.events("scores")
    assert (first.record.value, first.headers) == (b"\x00\x01", (("h", b"v"), ("none", None)))
    assert (second.record.value, second.offset, second.unchecked) == (None, 1, False)
    assert [topic.name for topic in sim.topics()] == ["chat", "personalChat", "scores"]
    sim.delete_topic("scores")
    with pytest.raises(SimulatorError, match="scores"):
        sim.events("scores")


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"topic": "personalchat"}, "personalChat"),
        ({"topic": "chat", "name": "userConected"}, "userConnected"),
        ({"topic": "chat", "name": "personalChatSent"}, "personalChat"),
        ({"name": "userConected"}, "userConnected"),
        ({"where": {"payload.userDisconnected.cod": 1}}, r"payload\.userDisconnected\.code"),
        ({"topic": "chat", "where": {"payload.personalChatSent.payload": ""}}, "no event of these"),
    ],
)
def test_a_misspelt_question_is_an_error_not_an_empty_answer(
    sim: Simulator, arguments: dict[str, str], hint: str
) -> None:
    with pytest.raises(SimulatorError, match=hint):
        sim.events(**arguments)  # type: ignore[arg-type]
    with pytest.raises(SimulatorError, match=hint):
        sim.wait_for(**arguments, timeout=0)  # type: ignore[arg-type]


def test_fields_of_any_depth_can_be_asked_for(sim: Simulator) -> None:
    sim.publish(
        "personalChat",
        {
            "name": "personalChatSent",
            "payload": {"personalChatSent": {"target_members": ["a", "b"]}},
        },
        validate=False,
    )
    members = "payload.personalChatSent.target_members"
    assert len(sim.events(where={f"{members}.1": "b"})) == 1
    assert sim.events(where={f"{members}.2": "b"}) == []
    assert sim.events("chat", where={"payload.userConnected.any.thing": 1}) == []


def test_a_topic_without_messages_can_be_asked_for_anything(sim: Simulator) -> None:
    sim.create_topic("scores")
    sim.publish("scores", {"name": "scored", "points": 3})
    assert len(sim.events(name="scored", where={"points": 3})) == 1
    assert sim.wait_for("scores", where={"points": 3}, timeout=0)["points"] == 3


# --- waiting -------------------------------------------------------------------------------


def test_waits_for_an_event_of_another_thread(sim: Simulator) -> None:
    waiting = threading.Event()

    def publish() -> None:
        waiting.wait(5)
        sim.publish("chat", CONNECTED)

    thread = threading.Thread(target=publish)
    thread.start()
    waiting.set()
    assert sim.wait_for("chat", name="userConnected", timeout=5).offset == 0
    thread.join()


def test_waits_for_several(sim: Simulator) -> None:
    for _ in range(3):
        sim.publish("chat", CONNECTED)
    assert [e.offset for e in sim.wait_for_count(2, "chat", timeout=5)] == [0, 1]


def test_a_time_out_says_what_arrived_instead(sim: Simulator, tmp_path: Path) -> None:
    path = story(
        tmp_path,
        "users: [alice, bob]\n"
        "steps:\n"
        "  - connect: [alice, bob]\n"
        "  - rate_limit: bob\n"
        "  - rate_limit: bob\n",
    )
    sim.play(path)
    with pytest.raises(WaitTimeout) as caught:
        sim.wait_for("chat", name="userChatRateLimited", user="alice", timeout=0.01)
    assert isinstance(caught.value, AssertionError)
    assert "2 userChatRateLimited arrived, both for bob" in str(caught.value)


# --- stories -------------------------------------------------------------------------------


def test_a_script_that_does_not_parse(sim: Simulator, tmp_path: Path) -> None:
    path = story(tmp_path, "users: [alice]\nsteps:\n  - connect: alcie\n")
    with pytest.raises(ScriptError, match=r"story\.yaml:3:14: .*did you mean 'alice'"):
        sim.play(path)


def test_an_expectation_that_does_not_hold(sim: Simulator, tmp_path: Path) -> None:
    path = story(
        tmp_path,
        "users: [alice]\nsteps:\n  - connect: alice\n"
        "expect:\n  - none: {event: userConnected, user: alice}\n",
    )
    with pytest.raises(PlayFailed, match=r"story\.yaml:5"):
        sim.play(path)
    assert not sim.play(path, check=False).passed
    assert len(sim.events(name="userConnected")) == 2


def test_an_hour_passes_at_once(sim: Simulator, tmp_path: Path) -> None:
    path = story(tmp_path, "users: [a]\nsteps:\n  - connect: a\n  - wait: 1h\n  - disconnect: a\n")
    sim.play(path)
    first, last = sim.events()
    assert last.timestamp - first.timestamp == 3_600_000


def test_same_script_seed_and_start_give_the_same_bytes() -> None:
    runs = []
    for _ in range(2):
        with Simulator(grpc_port=None) as sim:
            sim.play("rate_limited", seed=7)
            runs.append([event.record for event in sim.events()])
    assert runs[0] == runs[1]
    with Simulator(grpc_port=None) as sim:
        sim.play("rate_limited", seed=8)
        assert [event.record for event in sim.events()] != runs[0]


# --- back in time --------------------------------------------------------------------------


def test_reset_makes_it_as_new(sim: Simulator) -> None:
    sim.play("rate_limited")
    first = [event.record for event in sim.events()]
    sim.chat.connect("alice")
    sim.create_topic("scores")
    sim.reset()
    assert sim.events() == []
    assert sim.people() == {}
    assert [topic.name for topic in sim.topics()] == ["chat", "personalChat"]
    sim.play("rate_limited")
    again = [event.record for event in sim.events()]
    assert [(r.offset, r.value) for r in again] == [(r.offset, r.value) for r in first]


def test_fork_undoes_events_clock_and_chat(sim: Simulator) -> None:
    sim.chat.connect("alice")
    before = sim.events()
    time = sim.clock.now_ns()
    with pytest.raises(RuntimeError), sim.fork():  # noqa: PT012 - the block's end undoes it
        sim.chat.connect("bob")
        sim.clock.advance("1h")
        sim.delete_topic("personalChat")
        assert len(sim.events()) == 2
        raise RuntimeError
    assert sim.events() == before
    assert sim.clock.now_ns() == time
    with pytest.raises(SimulatorError, match="bob"):
        sim.chat.send("bob", "hi", to="alice")
    sim.chat.send("alice", "hi", to="bob")


def test_a_snapshot_can_be_restored_twice_and_dropped(sim: Simulator) -> None:
    kept = sim.snapshot()
    for _ in range(2):
        sim.publish("chat", CONNECTED)
        sim.restore(kept)
        assert sim.events() == []
    sim.drop_snapshot(kept)
    with pytest.raises(SimulatorError, match=kept):
        sim.restore(kept)


# --- life ----------------------------------------------------------------------------------


def test_the_listener_answers_as_soon_as_it_is_entered(sim: Simulator) -> None:
    with grpc.insecure_channel(sim.grpc_target) as channel:
        stub = broker_pb2_grpc.BrokerStub(channel)
        described = stub.DescribeTopics(broker_pb2.DescribeTopicsRequest(), timeout=5)
    assert [topic.topic for topic in described.topics] == ["chat", "personalChat"]


def test_its_text_says_whether_and_where_it_runs(sim: Simulator) -> None:
    assert repr(sim) == f"<Simulator running, gRPC on {sim.grpc_target}>"
    sim.stop()
    assert repr(sim) == "<Simulator stopped>"
    assert repr(AsyncSimulator()) == "<AsyncSimulator stopped>"
    with Simulator(grpc_port=None) as other:
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
            sim.wait_for("chat", name="userConnected", matching=lambda _: waiting.set(), timeout=30)
        except SimulatorError as error:
            errors.append(str(error))

    waiting = threading.Event()
    sim.publish("chat", CONNECTED)
    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(5)
    sim.stop()
    thread.join(5)
    assert errors == ["the simulator was stopped during this call"]


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    with Simulator(grpc_port=None):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.parametrize("start", ["yesterday", "2026-01-01T00:00:00", datetime(2026, 1, 1)])
def test_a_start_that_is_no_instant(start: object) -> None:
    with pytest.raises(SimulatorError, match="time"):
        Simulator(start=start).start()  # type: ignore[arg-type]


async def test_the_asynchronous_face() -> None:
    async with Simulator() as sim:
        assert isinstance(sim, AsyncSimulator)
        waiting = asyncio.create_task(sim.wait_for("chat", name="userChatRateLimited"))
        await sim.play("rate_limited")
        assert (await waiting).user_id == sim.people()["alice"]
        async with sim.fork():
            sim.publish("chat", CONNECTED)
        async with grpc.aio.insecure_channel(sim.grpc_target) as channel:
            stub = broker_pb2_grpc.BrokerStub(channel)
            request = broker_pb2.SubscribeRequest(topics=["chat"], stop_at_end=True)
            records = [r async for response in stub.Subscribe(request) for r in response.records]
        assert len(records) == len(sim.events("chat"))
        sim.reset()
        assert sim.events() == []


def test_retention_by_age_acts_on_a_topic_that_a_client_created(sim: Simulator) -> None:
    with grpc.insecure_channel(sim.grpc_target) as channel:
        stub = broker_pb2_grpc.BrokerStub(channel)
        retention = broker_pb2.Retention(max_age_ms=60_000)
        stub.CreateTopic(broker_pb2.CreateTopicRequest(topic="short", retention=retention))
        sim.publish("short", b"x")
        sim.clock.advance("2m")
        described = stub.DescribeTopics(broker_pb2.DescribeTopicsRequest(topics=["short"]))
    (partition,) = described.topics[0].partitions
    assert (partition.start_offset, partition.end_offset) == (1, 1)
