"""The composition root through its synchronous and asynchronous faces."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
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
from simulator.scenario.player import PlayState
from simulator.simulator import Settings
from simulator.snapshots import MAX_SNAPSHOTS, TooManySnapshots
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
        waiting.wait(60)
        sim.publish("chat", CONNECTED)

    thread = threading.Thread(target=publish)
    thread.start()
    waiting.set()
    assert sim.wait_for("chat", name="userConnected", timeout=60).offset == 0
    thread.join()


def test_waits_for_several(sim: Simulator) -> None:
    for _ in range(3):
        sim.publish("chat", CONNECTED)
    assert [e.offset for e in sim.wait_for_count(2, "chat", timeout=60)] == [0, 1]


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


# --- the chat service ----------------------------------------------------------------------


def test_drives_the_chat_service_by_hand(sim: Simulator) -> None:
    alice = sim.chat.connect("alice")
    sim.chat.send("alice", "hi", party="raid", members=("bob", "carol"))
    sim.chat.disconnect("alice", reason="server shutdown", code=4000, forced=True)
    _, sent, gone = sim.events(user="alice")
    assert sent["payload.personalChatSent.payload"] == "hi"
    assert len(sent["payload.personalChatSent.target_members"]) == 3
    assert gone.data == {"reason": "server shutdown", "code": 4000, "forced": True}
    assert {sent.session_id, gone.session_id} == {alice.session_id}


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


async def test_going_back_stops_stories(tmp_path: Path) -> None:
    path = story(tmp_path, "users: [a]\nsteps:\n  - connect: a\n  - wait: 1h\n  - disconnect: a\n")
    async with AsyncSimulator(Settings(speed=1, grpc_port=None)) as sim:
        kept = sim.snapshot()
        play = sim.start_play(path)
        await sim.wait_for(name="userConnected", timeout=60)
        sim.restore(kept)
        assert play.state is PlayState.STOPPED
        assert sim.events() == []


def test_there_is_a_bound_on_snapshots(sim: Simulator) -> None:
    for _ in range(MAX_SNAPSHOTS):
        kept = sim.snapshot()
    with pytest.raises(TooManySnapshots, match="drop those no longer needed"):
        sim.snapshot()
    sim.drop_snapshot(kept)
    with sim.fork():
        pass
    with sim.fork():
        pass


def test_a_snapshot_can_be_restored_twice_and_dropped(sim: Simulator) -> None:
    kept = sim.snapshot()
    for _ in range(2):
        sim.publish("chat", CONNECTED)
        sim.restore(kept)
        assert sim.events() == []
    sim.drop_snapshot(kept)
    with pytest.raises(SimulatorError, match=kept):
        sim.restore(kept)


# --- faces --------------------------------------------------------------------------------


async def test_the_asynchronous_face() -> None:
    async with Simulator() as sim:
        assert isinstance(sim, AsyncSimulator)
        waiting = asyncio.create_task(sim.wait_for("chat", name="userChatRateLimited", timeout=60))
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


# --- misuse --------------------------------------------------------------------------------


def test_a_misspelt_keyword_is_an_error_not_ignored(sim: Simulator) -> None:
    """`events(event=...)` once gave every event there was."""
    sim.publish("chat", CONNECTED)
    with pytest.raises(TypeError, match=r"unknown keyword 'nmae' .did you mean 'name'"):
        sim.events("chat", nmae="userConnected")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'event'"):
        sim.wait_for("chat", event="userConnected", timeout=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"'sede' .did you mean 'seed'"):
        sim.play("first_connect", sede=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"'keys' .did you mean 'key'"):
        sim.publish("chat", CONNECTED, keys="k")  # type: ignore[call-arg]
    assert len(sim.events()) == 1


def test_names_of_stories_with_different_seeds(sim: Simulator) -> None:
    sim.play("first_connect", seed=1)
    sim.play("first_connect", seed=2)
    ids = {event.user_id for event in sim.events(user="alice")}
    assert len(ids) == 2
    assert {sim.names()[user_id] for user_id in ids if user_id} == {"alice"}


def test_a_process_that_was_forked_is_told_so(sim: Simulator) -> None:
    """It once waited for ever for a thread that only the parent has."""
    if not hasattr(os, "fork"):
        pytest.skip("no fork on this platform")
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads, on purpose
        child = os.fork()
    if child == 0:
        try:
            sim.events()
        except SimulatorError as error:
            os.write(write, str(error).encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    assert b"the process that started it" in told


async def test_a_wait_that_blocks_the_loop_of_what_it_waits_for_says_so(sim: Simulator) -> None:
    with pytest.raises(WaitTimeout, match="blocked the running event loop"):
        sim.wait_for("chat", timeout=0.01)


def test_records_can_be_deleted_up_to_an_offset(sim: Simulator) -> None:
    for _ in range(3):
        sim.publish("chat", CONNECTED)
    assert sim.delete_records("chat", 2) == 2
    assert [event.offset for event in sim.events("chat")] == [2]
    with pytest.raises(SimulatorError, match="4"):
        sim.delete_records("chat", 4)


def test_the_simulators_seed_is_that_of_stories_without_one(sim: Simulator, tmp_path: Path) -> None:
    path = story(tmp_path, "users: [alice]\nsteps:\n  - connect: alice\n")
    assert sim.play(path).seed == 0
    with Simulator(seed=7, grpc_port=None) as seeded:
        assert seeded.play(path).seed == 7
        assert seeded.play(path, seed=8).seed == 8
        path.write_text("seed: 9\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
        assert seeded.play(path).seed == 9
        assert seeded.chat.connect("alice").user_id == seeded.events()[0].user_id
