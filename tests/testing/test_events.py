from __future__ import annotations

from datetime import UTC, datetime

import pytest

from simulator.log import Record
from simulator.scenario.near_miss import Conditions
from simulator.testing.criteria import Criteria, all_forms
from simulator.testing.events import Event


def event(value: bytes | None, *, topic: str = "chat", unchecked: bool = False) -> Event:
    return Event(Record(topic, 0, 3, 1_767_225_600_250, b"k", value, (), 9, unchecked))


CONNECTED = (
    b'{"payload":{"userDisconnected":{"code":4000,"forced":true}},"id":"1","name":'
    b'"userDisconnected","namespace":"game","userId":"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",'
    b'"sessionId":"s","traceId":"t"}'
)


def test_reads_the_envelope_and_the_data() -> None:
    seen = event(CONNECTED)
    assert (seen.id, seen.name, seen.namespace) == ("1", "userDisconnected", "game")
    assert (seen.session_id, seen.trace_id) == ("s", "t")
    assert seen.data == {"code": 4000, "forced": True}
    assert seen["payload.userDisconnected.code"] == 4000
    assert seen.time == datetime(2026, 1, 1, 0, 0, 0, 250_000, UTC)
    assert (seen.topic, seen.partition, seen.offset, seen.key) == ("chat", 0, 3, b"k")


def test_a_missing_path_is_a_key_error_or_the_default() -> None:
    seen = event(b'{"a":[{"b":1}],"c":null}')
    assert seen["a.0.b"] == 1
    assert seen["c"] is None
    assert seen.get("a.1.b", "none") == "none"
    with pytest.raises(KeyError, match=r"a\.0\.x"):
        seen["a.0.x"]


def test_a_path_is_in_an_event_or_not_and_nothing_iterates_over_it() -> None:
    seen = event(b'{"a":{"b":null}}')
    assert "a.b" in seen
    assert "a.c" not in seen
    assert 0 not in seen
    with pytest.raises(TypeError, match="not iterable"):
        list(seen)  # type: ignore[call-overload]


@pytest.mark.parametrize("value", [None, b"", b"not json", b"[1]", b'"text"', b"\xff\xfe", b"{"])
def test_a_value_that_is_no_object_has_no_fields(value: bytes | None) -> None:
    seen = event(value, unchecked=True)
    assert seen.json == {}
    assert seen.name is None
    assert seen.data == {}
    assert "unchecked" in repr(seen)


def test_its_text_names_what_matters() -> None:
    text = repr(event(CONNECTED))
    assert text.startswith("<userDisconnected chat[0]@3 00:00:00.250 ")
    assert '"code":4000' in text


@pytest.mark.parametrize(
    ("timestamp", "time"),
    [
        (-1, "23:59:59.999"),
        (86_399_001, "23:59:59.001"),
        (2**63 - 1, "07:12:55.807"),
        (-(2**63), "16:47:04.192"),
    ],
)
def test_its_text_holds_for_any_timestamp_that_a_record_may_have(timestamp: int, time: str) -> None:
    assert f"@0 {time} " in repr(Event(Record("chat", 0, 0, timestamp, None, b"", (), 0, False)))


def test_its_time_is_exact_before_1970_too() -> None:
    seen = Event(Record("chat", 0, 0, -1, None, None, (), 0, False))
    assert seen.time == datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)
    with pytest.raises(OverflowError):
        _ = Event(Record("chat", 0, 0, 2**62, None, None, (), 0, False)).time


def test_two_readings_of_a_record_are_equal_and_no_other_thing_is() -> None:
    assert event(CONNECTED) == event(CONNECTED)
    assert len({event(CONNECTED), event(CONNECTED)}) == 1
    assert event(CONNECTED) != event(None)
    assert event(CONNECTED) != event(CONNECTED).record


USER = "aaaaaaaabbbb4ccc8dddeeeeeeeeeeee"


@pytest.mark.parametrize(
    ("conditions", "fits"),
    [
        (Conditions(), True),
        (Conditions(event="userDisconnected", topic="chat"), True),
        (Conditions(event="userConnected"), False),
        (Conditions(topic="personalChat"), False),
        (Conditions(user_ids=all_forms([USER])), True),
        (Conditions(user_ids=all_forms([USER.upper()])), True),
        (Conditions(user_ids=all_forms(["someone"])), False),
        (Conditions(where={"payload.userDisconnected.code": 4000}), True),
        (Conditions(where={"payload.userDisconnected.code": 4001}), False),
        (Conditions(where={"payload.userDisconnected.forced": True}), True),
        (Conditions(where={"payload.userDisconnected.forced": 1}), False),
        (Conditions(where={"payload.nothing": "x"}), False),
    ],
)
def test_criteria(conditions: Conditions, fits: bool) -> None:
    assert Criteria(conditions).matches(event(CONNECTED)) is fits


@pytest.mark.parametrize(("code", "fits"), [(3999, True), (4000, False)])
def test_a_predicate_must_hold_too(code: int, fits: bool) -> None:
    criteria = Criteria(matching=lambda seen: seen.data["code"] > code)
    assert criteria.matches(event(CONNECTED)) is fits


def test_criteria_read_as_a_phrase() -> None:
    conditions = Conditions("userConnected", "chat", "alice", where={"version": 1})
    assert str(Criteria(conditions)) == "userConnected for alice in topic chat with version = 1"
