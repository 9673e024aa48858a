from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from documents import event_schema, schema_catalog
from hypothesis import given
from hypothesis import strategies as st

from simulator.catalog.schemas import Field, is_free_form, merge_all_of


@pytest.mark.parametrize(
    ("schema", "merged"),
    [
        ({"allOf": []}, {}),
        ({"allOf": [True, {}]}, {}),
        ({"allOf": [{"type": "string"}], "type": "string"}, {"type": "string"}),
        (
            {"type": "object", "allOf": [{"properties": {"a": {}}}], "properties": {"b": {}}},
            {"type": "object", "properties": {"b": {}, "a": {}}},
        ),
        (
            {"allOf": [{"required": ["a", "b"]}, {"required": ["b", "c"]}]},
            {"required": ["a", "b", "c"]},
        ),
        (
            {
                "allOf": [
                    {"properties": {"a": {"type": "string", "description": "first"}}},
                    {"properties": {"a": {"minLength": 1, "description": "second"}}},
                ]
            },
            {"properties": {"a": {"type": "string", "minLength": 1, "description": "first"}}},
        ),
        # What cannot be said in one schema stays apart.
        (
            {"allOf": [{"minimum": 1}, {"minimum": 2}]},
            {"minimum": 1, "allOf": [{"minimum": 2}]},
        ),
        (
            {"properties": {"a": {}}, "allOf": [{"additionalProperties": False}]},
            {"properties": {"a": {}}, "allOf": [{"additionalProperties": False}]},
        ),
        (
            {"additionalProperties": False, "allOf": [{"properties": {"a": {}}}]},
            {"additionalProperties": False, "allOf": [{"properties": {"a": {}}}]},
        ),
        ({"allOf": [False]}, {"allOf": [False]}),
        (
            {"allOf": [{"type": "integer"}, {"allOf": [{"minimum": 1}, {"minimum": 2}]}]},
            {"type": "integer", "allOf": [{"minimum": 1, "allOf": [{"minimum": 2}]}]},
        ),
        (
            {"properties": {"a": {"items": {"allOf": [{"type": "string"}]}}}},
            {"properties": {"a": {"items": {"type": "string"}}}},
        ),
    ],
)
def test_merging(schema, merged):
    assert merge_all_of(schema) == merged


NAMES = st.sampled_from("abc")
SCALARS = st.one_of(
    st.just({"type": "integer"}),
    st.just({"type": "string"}),
    st.builds(lambda n: {"minimum": n}, st.integers(-2, 2)),
    st.builds(
        lambda values: {"enum": values}, st.lists(st.integers(-2, 2), min_size=1, max_size=2)
    ),
    st.booleans(),
)
SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "allOf": st.lists(inner, min_size=1, max_size=3),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "additionalProperties": inner,
            "required": st.lists(NAMES, unique=True, max_size=2),
            "items": inner,
            "type": st.sampled_from(["object", "array", "integer"]),
        },
    ),
    max_leaves=8,
)
VALUES = st.recursive(
    st.integers(-3, 3) | st.just("x"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)


@given(SCHEMAS, st.lists(VALUES, min_size=1, max_size=8))
def test_merging_keeps_the_meaning(schema, values):
    before = jsonschema_rs.Draft7Validator(schema)
    after = jsonschema_rs.Draft7Validator(merge_all_of(schema))
    assert [after.is_valid(value) for value in values] == [
        before.is_valid(value) for value in values
    ]


def fields(**properties: Any) -> dict[str, tuple[str, str, str]]:
    found = schema_catalog({"type": "object", "properties": properties}).find("thing").fields
    return {path: tuple(field)[1:] for path, field in found.items()}


def test_fields_of_all_kinds():
    assert fields(
        text={"type": "string", "format": "uuid", "description": "An id."},
        either={"type": ["string", "null"]},
        anything={},
        list={
            "type": "array",
            "items": {"type": "object", "properties": {"n": {"type": "number"}}},
        },
        grid={"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        untyped={"properties": {"inner": {"type": "boolean"}}},
        choice={"oneOf": [{"properties": {"a": {"type": "null"}}}, {"properties": {"b": {}}}]},
    ) == {
        "text": ("string", "uuid", "An id."),
        "either": ("string|null", "", ""),
        "anything": ("any", "", ""),
        "list": ("array", "", ""),
        "list[]": ("object", "", ""),
        "list[].n": ("number", "", ""),
        "grid": ("array", "", ""),
        "grid[]": ("array", "", ""),
        "grid[][]": ("integer", "", ""),
        "untyped": ("object", "", ""),
        "untyped.inner": ("boolean", "", ""),
        "choice": ("object", "", ""),
        "choice.a": ("null", "", ""),
        "choice.b": ("any", "", ""),
    }


def test_a_field_without_words_has_empty_ones():
    assert Field("a", "string") == ("a", "string", "", "")


@pytest.mark.parametrize(
    ("schema", "free"),
    [
        ({"type": "object"}, True),
        ({"type": "object", "additionalProperties": True}, True),
        ({"type": "object", "additionalProperties": {"type": "string"}}, True),
        ({}, True),
        ({"type": "object", "additionalProperties": False}, False),
        ({"type": "object", "properties": {"a": {}}}, False),
        ({"type": "string"}, False),
        ({"type": "array"}, False),
        (True, False),
    ],
)
def test_free_form_objects(schema, free):
    assert is_free_form(schema) is free


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        ({"one": {"type": "object"}}, "one"),
        ({"one": {"type": "object"}, "two": {"type": "object"}}, None),
        ({}, None),
    ],
)
def test_the_payload_key_is_the_only_property_of_the_payload(payload, key):
    found = schema_catalog(event_schema(**payload))
    assert found.find("thing").payload_key == key
    event = {"name": "thing", "payload": {key: {} for key in payload}}
    assert found.check("things", event).name == "thing"
    without = found.find("thing").violations({"name": "thing"})
    assert [violation.rule for violation in without] == ["required: payload"]


def test_an_event_without_an_envelope_needs_no_payload():
    found = schema_catalog({"type": "object", "properties": {"name": {"type": "string"}}})
    assert found.find("thing").payload_key is None
    assert found.check("things", {"name": "Ann"}) is found.find("thing")
    assert found.check("things", {}) is found.find("thing")
