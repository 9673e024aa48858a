"""JSON events to protobuf and back. Wire values are written out by hand from the protobuf encoding
(https://protobuf.dev/programming-guides/encoding/) and the field numbers of the published file."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from spec_events import EVENTS, TOPICS, example, with_value

from simulator.catalog import Catalog, ConversionError
from simulator.catalog.json_values import MAX_STRUCT_DEPTH

CATALOG = Catalog.builtin()
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
FILLED = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)
STRUCTS = st.dictionaries(
    TEXT,
    st.recursive(
        st.none() | st.booleans() | DOUBLES | TEXT,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
ENVELOPES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("id", "namespace", "parentNamespace", "clientId", "userId", "traceId", "sessionId"),
            FILLED,
        ),
        "version": st.integers(-(2**63), 2**63 - 1).filter(bool),
        "timestamp": st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
        "spanContext": FILLED,
    },
)
DISCONNECTIONS = st.fixed_dictionaries(
    {"reason": TEXT, "code": st.integers(-(2**63), 2**63 - 1), "forced": st.booleans()}
)
PAYLOADS = {
    "personalChatSent": st.fixed_dictionaries(
        {"payload": TEXT, "target_type": TEXT, "target_members": st.lists(TEXT, max_size=3)},
        optional=dict.fromkeys(("message_id", "sender_id", "target_id"), st.uuids().map(str)),
    ),
    "userConnected": STRUCTS,
    "userDisconnected": DISCONNECTIONS,
    "userChatRateLimited": DISCONNECTIONS,
}


@st.composite
def events(draw: Any) -> tuple[str, dict[str, Any]]:
    """A legal event that protobuf can hold: no zeros in the envelope, no gaps in the payload."""
    name = draw(st.sampled_from(EVENTS))
    key = CATALOG.find(name).payload_key
    return name, {**draw(ENVELOPES), "name": name, "payload": {key: draw(PAYLOADS[name])}}


@given(events())
def test_json_survives_protobuf(named):
    name, event = named
    before = copy.deepcopy(event)
    message = CATALOG.find(name)
    assert message.violations(event) == []
    data = message.to_proto(event).SerializeToString(deterministic=True)
    assert message.from_proto(data) == event == before
    assert message.from_proto(message.to_proto(event)) == event
    again = message.to_proto(message.from_proto(data)).SerializeToString(deterministic=True)
    assert again == data


@given(events())
def test_protobufs_own_json_reads_and_writes_the_same(named):
    """Against json_format: what we write parses there, what it writes parses here."""
    name, event = named
    message = CATALOG.find(name)
    ours = message.to_proto(event)
    assert json_format.ParseDict(event, type(ours)()) == ours
    theirs = json_format.MessageToDict(ours)
    assert message.to_proto(theirs) == ours
    full = json_format.MessageToDict(ours, always_print_fields_with_no_presence=True)
    back = message.from_proto(ours)
    for path in message.fields:
        found, printed = value_at(back, path), value_at(full, path)
        if found is not None and not isinstance(found, dict):
            assert found == (int(printed) if isinstance(found, int) else printed)


def value_at(event: Any, path: str) -> Any:
    for part in path.split("."):
        event = event.get(part) if isinstance(event, dict) else None
    return event


@pytest.mark.parametrize("name", EVENTS)
def test_the_specifications_examples_survive(name):
    event = example(name, version=1)
    assert CATALOG.find(name).from_proto(CATALOG.find(name).to_proto(event)) == event


def test_the_bytes_of_a_disconnection():
    event = {
        "payload": {"userDisconnected": {"reason": "bye", "code": 4000, "forced": True}},
        "id": "i",
        "version": 1,
        "name": "userDisconnected",
        "spanContext": "s",
    }
    inner = b"\x0a\x03bye" + b"\x10\xa0\x1f" + b"\x18\x01"
    payload = b"\x0a" + bytes([len(inner)]) + inner
    expected = (
        *(b"\x0a", bytes([len(payload)]), payload),
        *(b"\x12\x01i", b"\x18\x01", b"\x22\x10userDisconnected", b"\x62\x01s"),
    )
    message = CATALOG.find("userDisconnected")
    assert message.to_proto(event).SerializeToString() == b"".join(expected)
    assert message.from_proto(b"".join(expected)) == event


def test_the_bytes_of_an_empty_connection():
    """An object that is there but empty is not the same as one that is absent."""
    message = CATALOG.find("userConnected")
    data = message.to_proto({"payload": {"userConnected": {}}}).SerializeToString()
    assert data == b"\x0a\x02\x0a\x00"
    assert message.from_proto(data) == {"payload": {"userConnected": {}}}
    assert message.from_proto(b"\x0a\x00") == {"payload": {}}
    assert message.from_proto(b"") == {}


def test_zeros_are_written_in_the_payload_and_left_out_of_the_envelope():
    event = {
        "payload": {"userDisconnected": {"reason": "", "code": 0, "forced": False}},
        "version": 0,
        "userId": "",
    }
    message = CATALOG.find("userDisconnected")
    data = message.to_proto(event).SerializeToString()
    assert data == b"\x0a\x02\x0a\x00"
    assert message.from_proto(data) == {"payload": event["payload"]}


def test_a_zero_that_the_schema_forbids_is_left_out():
    message = CATALOG.find("personalChatSent")
    event = message.from_proto(b"\x0a\x02\x0a\x00")
    assert event == {
        "payload": {"personalChatSent": {"payload": "", "target_type": "", "target_members": []}}
    }
    assert message.violations(event) == []


@pytest.mark.parametrize(
    ("given_code", "code"),
    [
        (4000, 4000),
        ("4000", 4000),
        ("-1", -1),
        (4000.0, 4000),
        (2**63 - 1, 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        ("007", 7),
    ],
)
def test_integers_as_number_or_text(given_code, code):
    message = CATALOG.find("userDisconnected")
    event = with_value("userDisconnected", "payload.userDisconnected.code", given_code)
    back = message.from_proto(message.to_proto(event))["payload"]["userDisconnected"]["code"]
    assert back == code
    assert type(back) is int


@pytest.mark.parametrize(
    ("value", "back"),
    [
        (1, 1),
        (1.0, 1),
        (1.5, 1.5),
        (2**53, 2**53),
        (-(2**53), -(2**53)),
        (1e300, 1e300),
        (True, True),
        (None, None),
        ("1", "1"),
        ([], []),
        ({}, {}),
        ([1, [2.0, {"a": None}]], [1, [2, {"a": None}]]),
    ],
)
def test_values_of_a_struct(value, back):
    message = CATALOG.find("userConnected")
    event = with_value("userConnected", "payload.userConnected", {"x": value})
    found = message.from_proto(message.to_proto(event))["payload"]["userConnected"]["x"]
    assert found == back
    assert type(found) is type(back)


def test_the_keys_of_a_struct_come_back_in_order():
    message = CATALOG.find("userConnected")
    event = with_value("userConnected", "payload.userConnected", dict.fromkeys("hgfedcba", 1))
    assert list(message.from_proto(message.to_proto(event))["payload"]["userConnected"]) == [
        *"abcdefgh"
    ]


def test_minus_nought_stays_a_double():
    message = CATALOG.find("userConnected")
    event = with_value("userConnected", "payload.userConnected", {"x": -0.0})
    found = message.from_proto(message.to_proto(event))["payload"]["userConnected"]["x"]
    assert math.copysign(1, found) == -1


def test_fields_that_the_message_does_not_know_are_dropped():
    event = example("userDisconnected", version=1)
    more = copy.deepcopy(event) | {"timestampUnixNano": 5, "unionNamespace": "u", "x": {1: {2}}}
    more["payload"]["userDisconnected"]["cod"] = "text"
    message = CATALOG.find("userDisconnected")
    assert message.from_proto(message.to_proto(more)) == event


@pytest.mark.parametrize("key", ["messageId", "MessageId", "personal_chat_sent"])
def test_fields_are_known_by_their_json_names_only(key):
    message = CATALOG.find("personalChatSent")
    event = {"payload": {"personalChatSent": {key: "x", "target_type": "user"}}}
    sent = message.to_proto(event).payload.personal_chat_sent
    assert (sent.message_id, sent.target_type) == ("", "user")


def test_protobuf_names_are_no_json_names():
    message = CATALOG.find("userConnected")
    assert not message.to_proto({"parent_namespace": "x"}).ListFields()
    assert not message.to_proto({"payload": {"user_connected": {}}}).payload.ListFields()
    assert message.to_proto({"parentNamespace": "x"}).parent_namespace == "x"


def test_null_is_absent():
    message = CATALOG.find("userDisconnected")
    event = {"payload": {"userDisconnected": {"reason": None, "code": 1}}, "id": None}
    assert message.to_proto(event) == message.to_proto(
        {"payload": {"userDisconnected": {"code": 1}}}
    )
    assert not message.to_proto({"payload": None}).HasField("payload")


@pytest.mark.parametrize(
    ("name", "path", "value", "at"),
    [
        ("userDisconnected", "payload.userDisconnected.code", "4e3", None),
        ("userDisconnected", "payload.userDisconnected.code", "", None),
        ("userDisconnected", "payload.userDisconnected.code", " 1", None),
        ("userDisconnected", "payload.userDisconnected.code", "\u0661", None),
        ("userDisconnected", "payload.userDisconnected.code", "9" * 10_000, None),
        ("userDisconnected", "payload.userDisconnected.code", 2**63, None),
        ("userDisconnected", "payload.userDisconnected.code", 1.5, None),
        ("userDisconnected", "payload.userDisconnected.code", math.nan, None),
        ("userDisconnected", "payload.userDisconnected.code", True, None),
        ("userDisconnected", "payload.userDisconnected.code", [], None),
        ("userDisconnected", "payload.userDisconnected.forced", 1, None),
        ("userDisconnected", "payload.userDisconnected.forced", "true", None),
        ("userDisconnected", "payload.userDisconnected", [], None),
        ("userDisconnected", "payload", 5, None),
        ("userDisconnected", "id", 5, None),
        ("userDisconnected", "id", b"bytes", None),
        ("userDisconnected", "id", "\ud800", None),
        ("userDisconnected", "payload.userDisconnected.reason", "\ud800", None),
        ("personalChatSent", "payload.personalChatSent.target_members", "ann", None),
        ("personalChatSent", "payload.personalChatSent.target_members", ["ann", 5], "[1]"),
        ("personalChatSent", "payload.personalChatSent.target_members", [None], "[0]"),
        ("personalChatSent", "payload.personalChatSent.target_members", ["", "\ud800"], "[1]"),
        ("userConnected", "payload.userConnected", "text", None),
        ("userConnected", "payload.userConnected", [{}], None),
        ("userConnected", "payload.userConnected", {"a": {"b": [1, math.nan]}}, ".a.b[1]"),
        ("userConnected", "payload.userConnected", {"a": 10**400}, ".a"),
        ("userConnected", "payload.userConnected", {"a": {1}}, ".a"),
        ("userConnected", "payload.userConnected", {"a": "\ud800"}, ".a"),
        ("userConnected", "payload.userConnected", {"\ud800": 1}, None),
        ("userConnected", "payload.userConnected", {1: 1}, None),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_the_path(name, path, value, at):
    with pytest.raises(ConversionError) as raised:
        CATALOG.find(name).to_proto(with_value(name, path, value))
    assert raised.value.path == f"$.{path}{at or ''}"
    assert f"cannot convert {name}: {raised.value.path}: " in str(raised.value)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("event", [None, 5, "text", [], math.nan])
def test_what_is_no_event_does_not_fit_either(event):
    for message in CATALOG.messages:
        with pytest.raises(ConversionError, match="expected an object"):
            message.to_proto(event)


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = {"deeper": value}
    return value


def test_a_struct_is_as_deep_as_protobuf_can_read():
    message = CATALOG.find("userConnected")
    deep = with_value("userConnected", "payload.userConnected", nested(MAX_STRUCT_DEPTH))
    deep["version"] = 1
    assert message.from_proto(message.to_proto(deep).SerializeToString()) == deep
    for levels in (MAX_STRUCT_DEPTH + 1, 100_000):
        with pytest.raises(ConversionError, match="nested more than"):
            message.to_proto(with_value("userConnected", "payload.userConnected", nested(levels)))


@given(
    st.sampled_from(EVENTS),
    st.sampled_from(["payload", "id", "version", "payload.unknown"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["userDisconnected", "userConnected", "code", "reason"])
                | st.integers(),
                inner,
                max_size=3,
            )
        ),
    ),
)
def test_unchecked_events_convert_or_say_why_not(name, path, value):
    message = CATALOG.find(name)
    try:
        converted = message.to_proto(with_value(name, path, value))
    except ConversionError as error:
        refused = error
    else:
        refused = None
        message.from_proto(converted.SerializeToString())
    assert refused is None or refused.path.startswith("$")


@given(st.sampled_from(EVENTS), st.binary(max_size=60))
def test_any_bytes_parse_or_are_refused(name, data):
    message = CATALOG.find(name)
    try:
        event = message.from_proto(data)
    except ConversionError as error:
        assert message.proto_name in str(error)  # noqa: PT017
    else:
        assert isinstance(event, dict)


def test_another_events_message_is_refused():
    message = CATALOG.find("userConnected").to_proto(example("userConnected"))
    with pytest.raises(ConversionError) as raised:
        CATALOG.find("userDisconnected").from_proto(message)
    assert "expected accelbyte.chat.chat.v1.UserDisconnected" in str(raised.value)
    assert "not accelbyte.chat.chat.v1.UserConnected" in str(raised.value)


def test_without_descriptors_there_is_no_typed_form():
    from simulator.catalog.catalog import _shipped

    bare = Catalog.from_text(_shipped("chat-events.yaml").decode(), "chat-events.yaml")
    for message in bare.messages:
        assert bare.check(message.channel, message.example) is message
        assert message.service_name == CATALOG.find(message.name).service_name
        assert message.proto_name == CATALOG.find(message.name).proto_name
        for convert in (message.to_proto, message.from_proto):
            with pytest.raises(ConversionError, match="no protobuf descriptor of accelbyte"):
                convert(message.example if convert == message.to_proto else b"")
    assert list(bare.descriptor_set.file) == []
    with pytest.raises(KeyError):
        bare.pool.FindMessageTypeByName("accelbyte.chat.chat.v1.UserConnected")


def test_the_descriptor_set_holds_the_file_and_its_imports():
    assert [file.name for file in CATALOG.descriptor_set.file] == [
        "google/protobuf/any.proto",
        "google/protobuf/empty.proto",
        "google/protobuf/struct.proto",
        "accelbyte/chat/chat/v1/chat.proto",
    ]
    for message in CATALOG.messages:
        service = CATALOG.pool.FindServiceByName(message.service_name)
        method = service.methods_by_name["OnMessage"]
        assert method.input_type.full_name == message.proto_name
        assert method.output_type.full_name == "google.protobuf.Empty"
        assert TOPICS[message.name] == message.channel
