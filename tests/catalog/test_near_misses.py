from __future__ import annotations

import pytest
from documents import event_schema, schema_catalog
from hypothesis import given
from hypothesis import strategies as st
from spec_events import EVENTS, TOPICS, example

from simulator.catalog import Catalog
from simulator.catalog.shapes import Shape
from simulator.suggestions import closest, did_you_mean

CATALOG = Catalog.builtin()


def misses(name: str, event: dict) -> list[tuple[str, str]]:
    assert CATALOG.check(TOPICS[name], event).name == name, "a near miss is legal"
    return [(miss.path, miss.suggestion) for miss in CATALOG.find(name).near_misses(event)]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("messageId", "message_id"),
        ("MESSAGE_ID", "message_id"),
        ("message-id", "message_id"),
        ("mesage_id", "message_id"),
        ("target_member", "target_members"),
        ("targetMembers", "target_members"),
        ("payloda", "payload"),
        ("sender_ids", "sender_id"),
    ],
)
def test_misspelt_fields_of_a_message(key, meant):
    event = example("personalChatSent")
    message = event["payload"]["personalChatSent"]
    message[key] = message.pop(meant)
    assert misses("personalChatSent", event) == [(path(key), meant)]


def path(key: str) -> str:
    parent = "$.payload.personalChatSent"
    return f"{parent}.{key}" if key.isidentifier() else f"{parent}[{key!r}]"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("parent_namespace", "parentNamespace"),
        ("userID", "userId"),
        ("user_id", "userId"),
        ("traceid", "traceId"),
        ("timestmap", "timestamp"),
        ("Version", "version"),
    ],
)
def test_misspelt_fields_of_the_envelope(key, meant):
    event = example("userConnected")
    event[key] = event.pop(meant)
    assert misses("userConnected", event) == [(f"$.{key}", meant)]


@pytest.mark.parametrize(
    "key",
    [
        # What some releases of the publisher add, and what is plainly something else.
        *("timestampUnixNano", "unionNamespace"),
        *("target_mbrs", "ip", "region", "to", "is", "", "ä", "x" * 10_000),
    ],
)
def test_fields_that_resemble_nothing(key):
    event = example("personalChatSent", **{key: 1})
    event["payload"]["personalChatSent"][key] = 1
    assert misses("personalChatSent", event) == []


def test_a_misspelt_field_beside_the_right_one_is_reported_too():
    event = example("userDisconnected")
    event["payload"]["userDisconnected"]["Reason"] = "again"
    assert misses("userDisconnected", event) == [("$.payload.userDisconnected.Reason", "reason")]


def test_free_form_objects_have_no_near_misses():
    event = example("userConnected")
    event["payload"]["userConnected"] = {"userid": 1, "payload": {"reasn": 2}}
    assert misses("userConnected", event) == []


def test_a_near_miss_says_what_was_meant():
    event = example("personalChatSent")
    event["payload"]["personalChatSent"]["messageId"] = "x"
    (miss,) = CATALOG.find("personalChatSent").near_misses(event)
    assert str(miss) == miss.message
    assert miss.message == (
        "$.payload.personalChatSent.messageId is no field of this event; did you mean message_id?"
    )


def test_items_of_arrays_are_looked_at():
    item = {"type": "object", "properties": {"score": {"type": "integer"}}}
    found = schema_catalog(event_schema(scores={"type": "array", "items": item})).find("thing")
    event = {"name": "thing", "payload": {"scores": [{"score": 1}, {"scroe": 2}, {"Score": 3}]}}
    assert found.violations(event) == []
    assert [(miss.path, miss.suggestion) for miss in found.near_misses(event)] == [
        ("$.payload.scores[1].scroe", "score"),
        ("$.payload.scores[2].Score", "score"),
    ]


def test_what_is_kept_of_unknown_fields_is_bounded():
    shape = Shape({"properties": {"known": {}}})
    assert list(shape.near_misses({f"other{number}": 1 for number in range(5000)})) == []
    assert len(shape._suggestions) < 2000


def test_many_different_unknown_fields_are_answered_alike():
    """More of them than answers are kept."""
    event = example("userConnected", **{f"unknown{number}": number for number in range(3000)})
    event["userID"] = event.pop("userId")
    assert (
        misses("userConnected", event) == [("$.userID", "userId")] == misses("userConnected", event)
    )


@given(
    st.sampled_from(EVENTS),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["payload", "userDisconnected", "id"]), inner)
        ),
    ),
)
def test_unchecked_events_do_not_crash(name, value):
    message = CATALOG.find(name)
    message.near_misses(value)
    message.near_misses({"payload": value, "idd": value, 5: value})


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("userConected", ["userConnected", "userDisconnected"], "userConnected"),
        ("UserConnected", ["userConnected", "userDisconnected"], "userConnected"),
        ("chta", ["chat", "personalChat"], "chat"),
        ("chat", ["chat"], None),
        ("chat", [], None),
        ("abc", ["xyz"], None),
        ("cat", ["dog", "cow"], None),
        ("test2", ["test1", "test3"], "test1"),
    ],
)
def test_closest(word, known, meant):
    assert closest(word, known) == meant
    assert closest(word, list(reversed(known))) == meant


def test_the_words_of_a_suggestion():
    assert did_you_mean("chat") == "; did you mean chat?"
    assert did_you_mean(None) == ""
