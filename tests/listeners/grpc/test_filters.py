from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf import json_format, struct_pb2
from grpc_rooms import ALICE, BOB, event

from simulator.catalog import Catalog
from simulator.listeners.grpc.errors import InvalidRequest
from simulator.listeners.grpc.filters import compile_filter, envelope
from simulator.v1 import record_pb2

CHAT = ("chat", "personalChat")


def the_filter(**fields: Any) -> record_pb2.Filter:
    """A filter; `fields` in it is a mapping from path to JSON value."""
    equal = [
        record_pb2.FieldEquals(
            path=path, value=json_format.Parse(orjson.dumps(value), struct_pb2.Value())
        )
        for path, value in fields.pop("fields", {}).items()
    ]
    return record_pb2.Filter(**fields, fields=equal)


def fits(value: object, *, topics: tuple[str, ...] = ("anything",), **fields: Any) -> bool:
    """Whether a record with this value passes a filter."""
    compiled = compile_filter(the_filter(**fields), topics, Catalog.builtin())
    if compiled is None:
        return True
    data = value if isinstance(value, bytes) or value is None else orjson.dumps(value)
    if compiled.tests_envelope and compiled.fitting([envelope(data)]) != [0]:
        return False
    return not compiled.tests_fields or compiled.fits(data)


def problems(*, topics: tuple[str, ...] = CHAT, **fields: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as raised:
        compile_filter(the_filter(**fields), topics, Catalog.builtin())
    return dict(raised.value.violations)


def test_an_empty_filter_is_none() -> None:
    assert compile_filter(record_pb2.Filter(), CHAT, Catalog.builtin()) is None


def test_names() -> None:
    names = ["userConnected", "userDisconnected"]
    assert fits(event("userConnected"), names=names)
    assert not fits(event("personalChatSent"), names=names)
    assert not fits({"name": 7}, names=names)
    assert not fits({}, names=names)


@pytest.mark.parametrize("wanted", [ALICE, ALICE.replace("-", ""), ALICE.upper()])
@pytest.mark.parametrize("seen", [ALICE, ALICE.replace("-", ""), ALICE.upper()])
def test_ids_are_the_same_in_every_form(wanted: str, seen: str) -> None:
    assert fits({"userId": seen}, user_ids=[BOB, wanted])
    assert fits({"a": seen}, fields={"a": wanted})
    assert not fits({"userId": BOB}, user_ids=[wanted])


def test_ids_that_are_no_uuids_are_texts() -> None:
    assert fits({"userId": "al-ice"}, user_ids=["al-ice"])
    assert not fits({"userId": "alice"}, user_ids=["al-ice"])
    assert not fits({"userId": "AL-ICE"}, user_ids=["al-ice"])
    assert not fits({"userId": 7}, user_ids=["7"])


def test_namespaces() -> None:
    assert fits({"namespace": "game"}, namespaces=["game", "other"])
    assert not fits({"namespace": "gam"}, namespaces=["game"])
    assert not fits({}, namespaces=["game"])


def test_all_lists_must_fit() -> None:
    seen = event("userDisconnected", namespace="game")
    seen["payload"]["userDisconnected"]["code"] = 4000
    wanted = {
        "names": ["userDisconnected"],
        "user_ids": [ALICE],
        "namespaces": ["game"],
        "fields": {"payload.userDisconnected.code": 4000},
    }
    assert fits(seen, topics=CHAT, **wanted)
    for key, other in {
        "names": ["userConnected"],
        "user_ids": [BOB],
        "namespaces": ["else"],
        "fields": {"payload.userDisconnected.code": 4001},
    }.items():
        assert not fits(seen, topics=CHAT, **(wanted | {key: other})), key


@pytest.mark.parametrize(
    ("seen", "wanted", "equal"),
    [
        (4000, 4000.0, True),
        (4000.0, 4000, True),
        (4000, 4001, False),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        (False, True, False),
        (0, False, False),
        ("4000", 4000, False),
        (4000, "4000", False),
        ("text", "text", True),
        ("text", "Text", False),
        (None, None, True),
        (0, None, False),
        ("", "", True),
        ([1, 2], [1, 2], True),
        ([1, 2], [2, 1], False),
        ([1, 2], [1], False),
        ([True], [1], False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": {"b": [None]}}, {"a": {"b": [None]}}, True),
        ([1], {"a": 1}, False),
        ({"a": 1}, [1], False),
        (0.1, 0.1, True),
        (2**53, float(2**53), True),
    ],
)
def test_equality_is_that_of_json(seen: object, wanted: object, equal: bool) -> None:
    assert fits({"field": seen}, fields={"field": wanted}) is equal


@pytest.mark.parametrize(
    ("path", "fitting"),
    [
        ("a.b", True),
        ("a.list.0", True),
        ("a.list.1", False),
        ("a.list.9", False),
        ("a.list[]", True),
        ("a.things.1.x", True),
        ("a.things[].x", True),
        ("a.b.c", False),
        ("a.list.b", False),
        ("a", False),
        ("b", False),
        ("a.nothing[]", False),
        ("a.b[]", False),
    ],
)
def test_paths(path: str, fitting: bool) -> None:
    seen = {"a": {"b": 5, "list": [5, 6], "things": [{"x": 1}, {"x": 5}], "5": 6}}
    assert fits(seen, fields={path: 5}) is fitting


def test_several_fields_must_all_fit() -> None:
    assert fits({"a": 1, "b": 2}, fields={"a": 1, "b": 2})
    assert not fits({"a": 1, "b": 2}, fields={"a": 1, "b": 3})


def test_an_absent_field_is_not_null() -> None:
    assert not fits({}, fields={"a": None})
    assert fits({"a": None}, fields={"a": None})


@pytest.mark.parametrize("value", [b"no json", b"", None, b"[1]", b"7", b"\xff"])
def test_values_that_are_no_object_never_fit(value: bytes | None) -> None:
    assert not fits(value, names=["x"])
    assert not fits(value, fields={"a": 1})


def test_escapes_in_json_do_not_hide_a_name() -> None:
    assert fits(rb'{"n\u0061me": "user\u0043onnected"}', names=["userConnected"])


def test_very_deep_json_is_no_problem() -> None:
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    assert not fits(deep, fields={"a": 1})
    assert fits(deep, fields={".".join(["a"] * 400): {"a": 1}}) is False


def test_an_unknown_name_is_answered_with_what_was_meant() -> None:
    found = problems(names=["userConnected", "userConected"], topics=("chat",))
    assert list(found) == ["filter.names[1]"]
    assert "did you mean userConnected" in found["filter.names[1]"]


def test_a_name_of_another_topic_is_unknown() -> None:
    (text,) = problems(names=["personalChatSent"], topics=("chat",)).values()
    assert "personalChatSent" in text
    assert "userChatRateLimited" in text  # what there is


def test_an_unknown_field_is_answered_with_what_was_meant() -> None:
    found = problems(fields={"payload.userDisconected.code": 1})
    assert "payload.userDisconnected.code" in found["filter.fields[0].path"]


def test_a_field_of_another_topic_is_unknown() -> None:
    wanted = the_filter(fields={"payload.personalChatSent.target_type": "user"})
    assert compile_filter(wanted, CHAT, Catalog.builtin()) is not None
    assert problems(fields={"payload.personalChatSent.target_type": "user"}, topics=("chat",))


@pytest.mark.parametrize(
    "path",
    [
        "payload.userConnected.whatever.below",  # free-form in the spec
        "payload.personalChatSent.target_members.0",
        "payload.personalChatSent.target_members[]",
        "spanContext",
    ],
)
def test_known_and_open_paths_are_accepted(path: str) -> None:
    assert compile_filter(the_filter(fields={path: 1}), CHAT, Catalog.builtin()) is not None


@pytest.mark.parametrize("path", ["payload.userDisconnected.code.x", "timestampUnixNano", "Name"])
def test_unknown_paths_are_refused(path: str) -> None:
    assert "filter.fields[0].path" in problems(fields={path: 1})


def test_with_an_untyped_topic_anything_may_be_asked() -> None:
    topics = ("chat", "anything")
    assert compile_filter(the_filter(names=["x"], fields={"y": 1}), topics, Catalog.builtin())


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a.[]", "x" * 2000])
def test_what_is_no_path(path: str) -> None:
    assert list(problems(fields={path: 1}, topics=("anything",))) == ["filter.fields[0].path"]


def test_a_missing_value_and_long_lists_and_all_mistakes_at_once() -> None:
    bare = record_pb2.Filter(
        names=["nope"], fields=[record_pb2.FieldEquals(path="name"), record_pb2.FieldEquals()]
    )
    with pytest.raises(InvalidRequest) as raised:
        compile_filter(bare, CHAT, Catalog.builtin())
    assert sorted(dict(raised.value.violations)) == [
        "filter.fields[0].value",
        "filter.fields[1].path",
        "filter.fields[1].value",
        "filter.names[0]",
    ]
    assert list(problems(user_ids=[ALICE] * 1001)) == ["filter.user_ids"]
