from __future__ import annotations

import uuid
from typing import Any

import orjson
import pytest
from stage import SECOND, START, new_log, read_all, script_of

from simulator.catalog import Catalog
from simulator.log import LogFull, TopicLog
from simulator.publishing import Publisher
from simulator.scenario.chat_service import SendOutcome
from simulator.scenario.clock import VirtualClock
from simulator.scenario.engine.cast import Cast
from simulator.scenario.envelope import EventStyle
from simulator.scenario.errors import ChatError, MessageTooLong, NotConnected, SessionRefused
from simulator.scenario.live_chat import LiveChat
from simulator.scenario.script import ServiceSettings


class Stage:
    """A chat service on a log and a clock of its own."""

    def __init__(self, *, max_bytes: int = 1 << 20, seed: int = 1, **settings: Any) -> None:
        self.log: TopicLog = new_log(max_bytes=max_bytes)
        self.clock = VirtualClock(START)
        publisher = Publisher(Catalog.builtin(), self.log, lambda: 0)
        self.chat = LiveChat(publisher, self.clock, ServiceSettings(**settings), seed)

    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(record.value or b"") for record in read_all(self.log)]

    def names(self) -> list[str]:
        return [event["name"] for event in self.events()]


def test_connect_send_and_disconnect_are_events_of_one_session_at_the_clocks_time() -> None:
    stage = Stage()
    session = stage.chat.connect("alice")
    stage.clock.advance("2s")
    result = stage.chat.send("alice", "hello", to="bob")
    stage.clock.advance("2s")
    stage.chat.disconnect("alice")
    connected, sent, left = stage.events()
    assert [event["name"] for event in (connected, sent, left)] == [
        "userConnected",
        "personalChatSent",
        "userDisconnected",
    ]
    assert [event["timestamp"][17:] for event in (connected, sent, left)] == [
        "00.000Z",
        "02.000Z",
        "04.000Z",
    ]
    assert {event["sessionId"] for event in (connected, sent, left)} == {session.session_id}
    assert {event["userId"] for event in (connected, sent, left)} == {session.user_id}
    assert len({event["traceId"] for event in (connected, sent, left)}) == 3
    assert result == (
        SendOutcome.SENT,
        sent["payload"]["personalChatSent"]["message_id"],
        0,
    )
    data = sent["payload"]["personalChatSent"]
    assert (data["payload"], data["target_type"]) == ("hello", "user")
    assert data["target_members"] == [session.user_id, data["target_id"]]
    assert left["payload"]["userDisconnected"] == {
        "reason": "normal closure",
        "code": 1000,
        "forced": False,
    }


def test_who_writes_to_oneself_is_listed_once() -> None:
    stage = Stage()
    session = stage.chat.connect("alice")
    stage.chat.send("alice", "note to self", to="alice")
    data = stage.events()[1]["payload"]["personalChatSent"]
    assert data["target_members"] == [session.user_id]


def test_names_stand_for_the_ids_that_a_story_with_the_same_seed_gives_them() -> None:
    stage = Stage(seed=5)
    stage.chat.connect("alice")
    stage.chat.send("alice", "hi", party="raid", members=["bob"])
    cast = Cast(script_of("parties: {raid: [alice, bob]}\nsteps: [connect: alice]"), 5)
    assert stage.chat.users == {name: cast.user(name) for name in ("alice", "bob")}
    data = stage.events()[1]["payload"]["personalChatSent"]
    assert data["target_id"] == cast.id_of("raid")
    assert data["target_type"] == "party"
    assert data["target_members"] == [cast.user("alice"), cast.user("bob")]


@pytest.mark.parametrize("form", [str, lambda one: one.hex])
def test_users_and_parties_can_be_said_by_uuid(form: Any) -> None:
    alice, bob, raid = (form(uuid.UUID(int=n << 64, version=4)) for n in (1, 2, 3))
    stage = Stage()
    assert stage.chat.connect(alice).user_id == alice
    stage.chat.send(alice, "hi", to=bob)
    stage.chat.send(alice, "hi", party=raid, members=[bob, alice, bob])
    to_bob, to_raid = (event["payload"]["personalChatSent"] for event in stage.events()[1:])
    assert to_bob["target_id"] == bob
    assert (to_raid["target_id"], to_raid["target_members"]) == (raid, [bob, alice])
    assert stage.chat.users == {}


def test_the_eleventh_message_is_limited_and_the_limit_eases_with_the_clock() -> None:
    stage = Stage()
    stage.chat.connect("alice")
    results = [stage.chat.send("alice", str(n), to="bob") for n in range(11)]
    assert [result.outcome for result in results] == [SendOutcome.SENT] * 10 + [
        SendOutcome.RATE_LIMITED
    ]
    assert results[-1] == (SendOutcome.RATE_LIMITED, None, 20007)
    assert stage.names()[-1] == "userChatRateLimited"
    stage.clock.advance("100ms")
    assert stage.chat.send("alice", "again", to="bob").outcome is SendOutcome.SENT


def test_a_muted_user_is_told_and_nobody_else() -> None:
    stage = Stage()
    stage.chat.connect("alice")
    stage.chat.mute("alice", 5 * SECOND)
    assert stage.chat.send("alice", "x", to="bob") == (SendOutcome.MUTED, None, 512017)
    assert stage.names() == ["userConnected"]
    stage.clock.advance("5s")
    assert stage.chat.send("alice", "x", to="bob").outcome is SendOutcome.SENT
    stage.chat.mute("alice")
    stage.chat.unmute("alice")
    assert stage.chat.send("alice", "x", to="bob").outcome is SendOutcome.SENT


def test_who_is_not_connected_can_neither_write_nor_leave() -> None:
    stage = Stage()
    for _ in range(2):
        with pytest.raises(NotConnected, match="alice is not connected: connect alice first"):
            stage.chat.send("alice", "x", to="bob")
        with pytest.raises(NotConnected, match="alice is not connected"):
            stage.chat.disconnect("alice")
        stage.chat.connect("alice")
        stage.chat.disconnect("alice", "kicked", 4022, True)
    data = stage.events()[1]["payload"]["userDisconnected"]
    assert data == {"reason": "kicked", "code": 4022, "forced": True}


def test_a_limit_that_disconnects() -> None:
    stage = Stage(rate_limit_messages=1, rate_limited_disconnects=True)
    stage.chat.connect("alice")
    stage.chat.send("alice", "1", to="bob")
    assert stage.chat.send("alice", "2", to="bob").outcome is SendOutcome.RATE_LIMITED
    assert stage.names()[-2:] == ["userChatRateLimited", "userDisconnected"]
    with pytest.raises(NotConnected):
        stage.chat.send("alice", "3", to="bob")


def test_a_message_that_is_too_long_is_refused() -> None:
    stage = Stage(max_message_length=3)
    stage.chat.connect("alice")
    with pytest.raises(MessageTooLong, match="4 characters are more than the 3 allowed"):
        stage.chat.send("alice", "four", to="bob")
    assert stage.names() == ["userConnected"]


def test_sessions_can_be_refused_with_the_codes_of_the_published_service() -> None:
    stage = Stage(max_users=1, multiple_sessions="refuse")
    stage.chat.connect("alice")
    with pytest.raises(SessionRefused, match="alice is connected already") as second:
        stage.chat.connect("alice")
    with pytest.raises(SessionRefused, match="bob is turned away") as full:
        stage.chat.connect("bob")
    assert (second.value.code, full.value.code) == (51005, 510012)
    assert stage.names() == ["userConnected", "userDisconnected"]


@pytest.mark.parametrize("target", [{}, {"to": "bob", "party": "raid"}, {"to": ""}, {"party": ""}])
def test_a_message_needs_one_clear_target(target: dict[str, str]) -> None:
    stage = Stage()
    stage.chat.connect("alice")
    with pytest.raises(ChatError):
        stage.chat.send("alice", "x", **target)
    with pytest.raises(ChatError, match="a user is needed"):
        stage.chat.connect("")
    assert stage.names() == ["userConnected"]


def test_an_error_of_the_log_leaves_everybody_as_before() -> None:
    stage = Stage(max_bytes=1500)
    stage.chat.connect("alice")
    stage.chat.connect("bob")
    with pytest.raises(LogFull):
        stage.chat.connect("carol")
    with pytest.raises(NotConnected):
        stage.chat.send("carol", "x", to="bob")
    with pytest.raises(LogFull):
        stage.chat.disconnect("alice")
    stage.log.delete_records("chat", 0, 2)
    stage.chat.disconnect("alice")
    assert stage.names() == ["userDisconnected"]


def play(chat: LiveChat) -> None:
    chat.connect("alice")
    chat.send("alice", "hi", to="bob")
    chat.disconnect("alice")


def test_the_same_calls_with_the_same_seed_give_the_same_bytes() -> None:
    one, other, third = Stage(), Stage(), Stage(seed=2)
    for stage in (one, other, third):
        play(stage.chat)
    assert read_all(one.log) == read_all(other.log) != read_all(third.log)
    ids = [event["id"] for event in one.events()]
    assert len(set(ids)) == 3


def test_reset_makes_it_new() -> None:
    stage = Stage()
    play(stage.chat)
    first = read_all(stage.log)
    stage.chat.connect("bob")
    stage.chat.reset()
    assert stage.chat.users == {}
    for topic in ("chat", "personalChat"):
        stage.log.delete_topic(topic)
        stage.log.create_topic(topic)
    play(stage.chat)
    again = read_all(stage.log)
    assert [record.value for record in again] == [record.value for record in first]


def test_a_kept_state_can_be_brought_back_any_number_of_times() -> None:
    stage = Stage(rate_limit_messages=2)
    stage.chat.connect("alice")
    stage.chat.send("alice", "1", to="bob")
    state = stage.chat.snapshot()
    for _ in range(2):
        assert stage.chat.send("alice", "2", to="bob").outcome is SendOutcome.SENT
        assert stage.chat.send("alice", "3", to="bob").outcome is SendOutcome.RATE_LIMITED
        stage.chat.disconnect("alice")
        stage.chat.connect("bob")
        stage.chat.restore(state)
        with pytest.raises(NotConnected):
            stage.chat.disconnect("bob")
    events = stage.events()
    rounds = [events[2:6], events[6:10]]
    assert rounds[0] == rounds[1]


def test_the_style_of_its_events_can_be_set() -> None:
    log = new_log()
    style = EventStyle("ns", "parent", "client", "compact", "seconds")
    publisher = Publisher(Catalog.builtin(), log, lambda: 0)
    LiveChat(publisher, VirtualClock(START), style=style).connect("alice")
    event = orjson.loads(read_all(log)[0].value or b"")
    assert event["namespace"] == "ns"
    assert event["parentNamespace"] == "parent"
    assert event["clientId"] == "client"
    assert event["timestamp"] == "2026-01-01T00:00:00Z"
    assert len(event["userId"]) == len(event["id"]) == 32
