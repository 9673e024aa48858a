from __future__ import annotations

import pytest
from documents import event_schema, schema_catalog

from simulator.catalog.examples import example_of


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "minLength": 8}, "stringxx"),
        ({"type": "string", "maxLength": 3}, "str"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"type": "string", "const": "c"}, "c"),
        ({"type": "string", "default": "d", "examples": ["e"]}, "d"),
        ({"type": "string", "examples": ["e", "f"]}, "e"),
        ({"type": "string", "example": "g"}, "g"),
        ({"type": "integer"}, 0),
        ({"type": "integer", "minimum": 7}, 7),
        ({"type": "integer", "minimum": 7, "multipleOf": 5}, 10),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "integer", "exclusiveMinimum": 0}, 1),
        ({"type": "integer", "exclusiveMaximum": 0}, -1),
        ({"type": "number"}, 0),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 0),
        ({"type": "object"}, {}),
        ({}, {}),
        (True, None),
        ({"type": "array"}, ["string"]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"type": "array", "items": [{"type": "integer"}, {"type": "null"}]}, [0, None]),
        ({"type": "array", "maxItems": 0}, []),
        ({"properties": {"a": {"type": "integer"}}}, {"a": 0}),
        ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 0),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "null"}},
                "oneOf": [{"properties": {"b": {"type": "null"}}}, {"properties": {"c": {}}}],
            },
            {"a": None, "b": None},
        ),
    ],
)
def test_examples(schema, value):
    assert example_of(schema) == value


@pytest.mark.parametrize(
    "name",
    [
        "uuid",
        "date-time",
        "date",
        "time",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "uri",
        "uri-reference",
    ],
)
def test_examples_of_formats_are_legal(name):
    found = schema_catalog(event_schema(value={"type": "string", "format": name})).find("thing")
    assert found.violations(found.example) == []
    broken = {**found.example, "payload": {"value": "\\ : \\"}}
    assert [violation.rule for violation in found.violations(broken)] == [f"format: {name}"]


def test_the_name_of_an_example_is_that_of_the_event():
    assert schema_catalog(event_schema()).find("thing").example["name"] == "thing"
    bare = schema_catalog({"type": "object", "properties": {"name": {"type": "string"}}})
    assert bare.find("thing").example == {"name": "string"}


def test_items_of_an_example_are_separate():
    items = {"type": "object", "properties": {"a": {"type": "integer"}}}
    found = schema_catalog({"properties": {"l": {"type": "array", "minItems": 2, "items": items}}})
    example = found.find("thing").example
    example["l"][0]["a"] = 5
    assert example["l"][1] == {"a": 0}
