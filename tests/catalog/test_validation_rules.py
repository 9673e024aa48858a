from __future__ import annotations

import math
import types
from collections import ChainMap, OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from uuid import uuid4

import orjson
import pytest
from documents import schema_catalog
from hypothesis import given
from hypothesis import strategies as st
from spec_events import EVENTS, TOPICS, example, with_value

from simulator.catalog import Catalog, InvalidEvent, Violation
from simulator.catalog.plain_json import MAX_DEPTH
from simulator.catalog.validation import MAX_VIOLATIONS

CATALOG = Catalog.builtin()
MESSAGE_ID = "payload.personalChatSent.message_id"
CODE = "payload.userDisconnected.code"

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["payload", "name", "id", "code", "timestamp", *EVENTS])
            | st.text(st.characters(codec="utf-8")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def violations(name: str, event: object) -> list[Violation]:
    """The violations, found in all the ways there are of asking."""
    message = CATALOG.find(name)
    found = message.violations(event)
    if found:
        with pytest.raises(InvalidEvent) as raised:
            CATALOG.check(message.channel, event)
        assert raised.value.topic == message.channel
        assert str(raised.value).startswith(f"invalid event for topic {message.channel}: ")
        assert all(str(violation) in str(raised.value) for violation in raised.value.violations)
    else:
        assert CATALOG.check(message.channel, event) is message
    return found


def only(name: str, event: object) -> Violation:
    (violation,) = violations(name, event)
    return violation


@pytest.mark.parametrize(
    "value",
    [
        "d7d9d9fd-478f-40e6-b651-49b7f19878a2",
        "D7D9D9FD-478F-40E6-B651-49B7F19878A2",
        "d7d9d9fd478f40e6b65149b7f19878a2",
        "00000000-0000-0000-0000-000000000000",
    ],
)
def test_uuids_with_dashes_and_without(value):
    event = with_value("personalChatSent", MESSAGE_ID, value)
    assert violations("personalChatSent", event) == []
    assert CATALOG.find("personalChatSent").is_valid(event)


@pytest.mark.parametrize(
    "value",
    [
        "string",
        "",
        "d7d9d9fd-478f-40e6-b651-49b7f19878a",
        "d7d9d9fd-478f-40e6-b651-49b7f19878a22",
        "d7d9d9fd-478f40e6-b651-49b7f19878a2",
        "g7d9d9fd-478f-40e6-b651-49b7f19878a2",
        "{d7d9d9fd-478f-40e6-b651-49b7f19878a2}",
        "d7d9d9fd-478f-40e6-b651-49b7f19878a2\n",
        " d7d9d9fd478f40e6b65149b7f19878a2",
        "d7d9d9fd478f40e6b65149b7f19878a2x",
        "\uff11" * 32,
    ],
)
def test_bad_uuids(value):
    event = with_value("personalChatSent", MESSAGE_ID, value)
    assert not CATALOG.find("personalChatSent").is_valid(event)
    violation = only("personalChatSent", event)
    assert violation.path == f"$.{MESSAGE_ID}"
    assert violation.value == value
    assert violation.rule == "format: uuid"
    assert "uuid" in violation.message
    assert value[:20].strip() in violation.message or not value.isascii()


@pytest.mark.parametrize(
    "value",
    [
        # RFC 3339, section 5.8: its own examples, a leap second in two time zones among them.
        "1985-04-12T23:20:50.52Z",
        "1996-12-19T16:39:57-08:00",
        "1990-12-31T23:59:60Z",
        "1990-12-31T15:59:60-08:00",
        "1937-01-01T12:00:27.87+00:20",
        # Section 5.6: "T" and "Z" may be lower case.
        "1985-04-12t23:20:50z",
        "2019-08-24T14:15:22.123456789Z",
        "2019-08-24T14:15:22-00:00",
        "2020-02-29T00:00:00Z",
    ],
)
def test_date_times(value):
    event = with_value("userConnected", "timestamp", value)
    assert violations("userConnected", event) == []
    assert CATALOG.find("userConnected").is_valid(event)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "now",
        "2019-08-24",
        "2019-08-24T14:15Z",
        "2019-08-24T14:15:22",  # no zone
        "2019-08-24T14:15:22+0100",
        "2019-08-24T14:15:22.Z",
        "2019-02-29T00:00:00Z",
        "2019-08-24T24:00:00Z",
        "2019-08-24T14:60:00Z",
        "2016-06-13T12:00:60Z",  # no leap second in the middle of a day
        "2019-13-01T00:00:00Z",
    ],
)
def test_bad_date_times(value):
    event = with_value("userConnected", "timestamp", value)
    assert not CATALOG.find("userConnected").is_valid(event)
    violation = only("userConnected", event)
    assert violation[:3] == ("$.timestamp", value, "format: date-time")
    assert "RFC 3339" in violation.message


@pytest.mark.parametrize("value", [0, -1, 4000, 4000.0, -(2**63), 2**63 - 1])
def test_integers(value):
    event = with_value("userDisconnected", CODE, value)
    assert violations("userDisconnected", event) == []
    assert CATALOG.find("userDisconnected").is_valid(event)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.5, "1.5"),
        ("1", 'the string "1"'),
        (True, "true"),
        (None, "null"),
        ([], "an array []"),
        ({"a": 1}, 'an object {"a": 1}'),
    ],
)
def test_what_is_no_integer(value, said):
    event = with_value("userDisconnected", CODE, value)
    assert not CATALOG.find("userDisconnected").is_valid(event)
    violation = only("userDisconnected", event)
    assert violation == (
        f"$.{CODE}",
        value,
        "type: integer",
        f"expected an integer, not {said}",
    )


@pytest.mark.parametrize("value", [2**63, 1e19, -1e19, 2**64 - 1])
def test_integers_beyond_64_bits(value):
    event = with_value("userDisconnected", CODE, value)
    assert not CATALOG.find("userDisconnected").is_valid(event)
    violation = only("userDisconnected", event)
    assert violation.path == f"$.{CODE}"
    assert violation.rule == "format: int64"
    assert "64 bits" in violation.message


@pytest.mark.parametrize(
    ("schema", "legal", "illegal", "rule"),
    [
        ({"type": "integer", "format": "int32"}, 2**31 - 1, 2**31, "format: int32"),
        ({"type": "integer", "format": "int32"}, -(2**31), -(2**31) - 1, "format: int32"),
        ({"type": "integer", "format": "int64"}, 2**63 - 1, 2**63, "format: int64"),
        ({"type": "integer", "maximum": 5}, 5, 6, "maximum"),
        ({"type": "string", "format": "uuid", "pattern": "^0"}, "0" * 32, "1" * 32, "pattern"),
        ({"type": "string", "format": "uuid", "pattern": "^0"}, "0" * 32, "00", "format: uuid"),
        ({"type": "string", "enum": ["a", "b"]}, "b", "c", "enum"),
        ({"type": "string", "minLength": 2}, "ab", "a", "minLength"),
        ({"type": "string", "format": "email"}, "a@example.com", "a", "format: email"),
        ({"type": "array", "maxItems": 1}, [1], [1, 2], "maxItems"),
        ({"type": ["integer", "null"]}, None, "1", "type: integer|null"),
        ({"oneOf": [{"type": "integer"}, {"type": "null"}]}, None, "1", "oneOf"),
        ({"type": "object", "required": ["a"]}, {"a": 1}, {"b": 1}, "required: a"),
        ({"type": "object", "additionalProperties": False}, {}, {"b": 1}, "additionalProperties"),
    ],
)
def test_rules_that_chat_events_do_not_have(schema, legal, illegal, rule):
    found = schema_catalog({"type": "object", "properties": {"value": schema}}).find("thing")
    assert found.violations({"value": legal}) == []
    (violation,) = found.violations({"value": illegal})
    assert violation.rule == rule
    assert violation.path.startswith("$.value")
    assert violation.message


@pytest.mark.parametrize(
    ("name", "path", "value", "rule"),
    [
        ("userDisconnected", "payload.userDisconnected.forced", "true", "type: boolean"),
        ("userDisconnected", "payload.userDisconnected.forced", 1, "type: boolean"),
        ("userDisconnected", "payload.userDisconnected.reason", 5, "type: string"),
        ("userDisconnected", "payload.userDisconnected", [], "type: object"),
        ("userDisconnected", "payload.userDisconnected", None, "type: object"),
        ("userDisconnected", "payload", "text", "type: object"),
        ("userConnected", "payload.userConnected", "text", "type: object"),
        ("userConnected", "id", 5, "type: string"),
        ("userConnected", "userId", None, "type: string"),
        ("userConnected", "version", "1", "type: integer"),
        ("personalChatSent", MESSAGE_ID, 5, "type: string"),
        ("personalChatSent", "payload.personalChatSent.target_members", "all", "type: array"),
    ],
)
def test_wrong_types(name, path, value, rule):
    event = with_value(name, path, value)
    assert not CATALOG.find(name).is_valid(event)
    violation = only(name, event)
    assert violation[:3] == (f"$.{path}", value, rule)


def test_items_of_arrays_are_named_by_index():
    event = with_value(
        "personalChatSent", "payload.personalChatSent.target_members", ["ann", 5, "bob", None]
    )
    found = violations("personalChatSent", event)
    assert [violation.path for violation in found] == [
        "$.payload.personalChatSent.target_members[1]",
        "$.payload.personalChatSent.target_members[3]",
    ]


@pytest.mark.parametrize("name", EVENTS)
def test_a_missing_payload_says_what_was_expected(name):
    event = example(name)
    del event["payload"]
    key = CATALOG.find(name).payload_key
    assert not CATALOG.find(name).is_valid(event)
    violation = only(name, event)
    assert violation.path == "$"
    assert violation.rule == "required: payload"
    assert violation.message == f"expected payload.{key} for {name}, found no payload"


def test_a_wrong_payload_key_says_what_was_expected():
    event = example("userChatRateLimited")
    event["payload"] = {"userChatRateLimited": event["payload"]["userDisconnected"]}
    violation = only("userChatRateLimited", event)
    assert violation.path == "$.payload"
    assert violation.rule == "required: userDisconnected"
    assert violation.message == (
        "expected payload.userDisconnected for userChatRateLimited, "
        "found payload.userChatRateLimited"
    )


def test_an_empty_payload_says_what_was_expected():
    violation = only("userConnected", example("userConnected", payload={}))
    assert violation.message == (
        "expected payload.userConnected for userConnected, found an empty payload"
    )


def test_the_name_of_another_event_is_no_field_value():
    event = with_value("userConnected", "name", "userDisconnected")
    message = CATALOG.find("userConnected")
    assert not message.is_valid(event)
    (violation,) = message.violations(event)
    assert violation == (
        "$.name",
        "userDisconnected",
        "const: userConnected",
        '"userDisconnected" is not the name of userConnected',
    )


def test_all_violations_are_reported_at_once():
    event = example("personalChatSent", version="1", timestamp="now")
    event["payload"]["personalChatSent"]["sender_id"] = "ann"
    found = {violation.path for violation in violations("personalChatSent", event)}
    assert found == {"$.version", "$.timestamp", "$.payload.personalChatSent.sender_id"}


def test_the_number_of_reported_violations_is_bounded():
    event = with_value(
        "personalChatSent", "payload.personalChatSent.target_members", list(range(1000))
    )
    assert len(violations("personalChatSent", event)) == MAX_VIOLATIONS


def test_long_values_are_shortened():
    event = with_value("personalChatSent", MESSAGE_ID, "x" * 100_000)
    violation = only("personalChatSent", event)
    assert len(violation.message) < 200
    assert "…" in violation.message


@pytest.mark.parametrize("value", [None, [], [1], "text", b"bytes", 5, 1.5, math.nan, True, 2**200])
def test_an_event_that_is_no_object(value):
    for topic in CATALOG.channels:
        with pytest.raises(InvalidEvent, match="expected an object"):
            CATALOG.check(topic, value)
    for message in CATALOG.messages:
        assert not message.is_valid(value)
        assert message.violations(value)[0].path == "$"
        assert message.near_misses(value) == []


class Colour(Enum):
    SNOW = math.nan


def nested(levels: int) -> object:
    value: object = "bottom"
    for _ in range(levels):
        value = {"deeper": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        2**64,
        -(2**63) - 1,
        10**1000,
        {1: "one"},
        {None: 1},
        {("a", "b"): 1},
        b"bytes",
        {1, 2},
        uuid4(),
        datetime.now(UTC),
        Decimal("NaN"),
        Decimal("1e400"),
        Colour.SNOW,
        object(),
        "\ud800",
        {"\udfff": 1},
        [[{"a": math.nan}]],
        nested(MAX_DEPTH),
        nested(100_000),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize(
    "path", ["unknown", "id", "payload.unknown", "payload.userConnected.free", "version"]
)
def test_what_json_cannot_hold_is_a_violation_wherever_it_is(path, value):
    event = with_value("userConnected", path, value)
    found = violations("userConnected", event)
    assert found
    assert all(violation.path.startswith(f"$.{path}") for violation in found)
    assert all(len(str(violation)) < 1000 for violation in found)


def test_depth_is_bounded_everywhere_alike():
    for path, level in (("a", 1), ("payload.a", 2), ("payload.userConnected.a", 3)):
        deepest = with_value("userConnected", path, nested(MAX_DEPTH - level))
        assert violations("userConnected", deepest) == []
        deeper = with_value("userConnected", path, nested(MAX_DEPTH - level + 1))
        assert "nested" in only("userConnected", deeper).message


def test_the_name_of_a_field_must_be_a_string():
    violation = only("userConnected", {**example("userConnected"), 1: 2})
    assert violation.path == "$"
    assert violation.rule == "json"


class Text(str):
    __slots__ = ()


class Number(IntEnum):
    ONE = 1


@pytest.mark.parametrize("kind", [OrderedDict, types.MappingProxyType, ChainMap])
def test_mappings_of_any_kind_are_events(kind):
    event = kind(example("userDisconnected", id=Text("a"), version=Number.ONE))
    assert violations("userDisconnected", event) == []
    assert CATALOG.find("userDisconnected").is_valid(event)
    bad = kind(example("userDisconnected", timestamp=Text("now"), version=Number.ONE))
    assert not CATALOG.find("userDisconnected").is_valid(bad)
    assert only("userDisconnected", bad).path == "$.timestamp"


def test_tuples_are_arrays():
    event = with_value("personalChatSent", "payload.personalChatSent.target_members", ("a", "b"))
    assert violations("personalChatSent", event) == []


def refusal(topic: str, event: object) -> tuple[Violation, ...] | None:
    """Why a check refuses an event, None where it does not."""
    try:
        CATALOG.check(topic, event)
    except InvalidEvent as error:
        return error.violations
    return None


@given(JSON)
def test_no_json_makes_a_check_crash(value):
    for topic in CATALOG.channels:
        assert refusal(topic, value) != ()


@given(
    st.sampled_from(EVENTS),
    st.sampled_from(["unknown", "id", "version", "timestamp", "payload", "payload.unknown"]),
    JSON | st.floats() | st.integers() | st.text() | st.dictionaries(st.integers(), JSON),
)
def test_all_questions_have_the_same_answer(name, path, value):
    event = with_value(name, path, value)
    message = CATALOG.find(name)
    found = message.violations(event)
    assert list(refusal(TOPICS[name], event) or ()) == found
    if not found:
        assert message.is_valid(event)
        orjson.loads(orjson.dumps(event))


@given(st.sampled_from(EVENTS), st.sampled_from(["id", "version", "payload"]), JSON)
def test_the_quick_question_agrees_on_json(name, path, value):
    event = with_value(name, path, value)
    message = CATALOG.find(name)
    assert message.is_valid(event) == (message.violations(event) == [])
