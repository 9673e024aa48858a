"""Events for schemas that are put together: allOf, oneOf, anyOf, if, const, null, odd bounds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from documents import schema_catalog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from simulator.catalog.generation import NotGenerated, generated_event
from simulator.catalog.intersection import intersection
from simulator.scenario.randomness import Randomness

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}


def check(schema: dict[str, Any], seeds: int = 20) -> list[dict[str, Any]]:
    """Make events, and the plain example, and let another library look at them."""
    message = schema_catalog(schema).find("thing")
    events = [generated_event(message, Randomness(seed)) for seed in range(seeds)]
    judge = Draft7Validator(schema, format_checker=FormatChecker())
    for event in [*events, message.example]:
        judge.validate(event)
        assert message.violations(event) == []
    return events


def fields(required: bool = True, **properties: Any) -> dict[str, Any]:
    return {"properties": properties, "required": sorted(properties) if required else []}


@pytest.mark.parametrize(
    "schema",
    [
        {"minimum": 3, "allOf": [{"type": "integer"}, {"maximum": 4}, {"multipleOf": 2}]},
        {"allOf": [{"type": ["integer", "string"]}, {"type": ["string", "null"]}]},
        {"allOf": [{"type": "number"}, {"type": "integer"}, {"minimum": 0.5, "maximum": 1.5}]},
        {"allOf": [{"minLength": 20}, {"maxLength": 21}, {"pattern": "^[a-c]+$"}]},
        {"allOf": [{"enum": [1, 2, 3]}, {"enum": [3, 4]}]},
        {"allOf": [fields(a=TEXT), {**fields(a={"minLength": 9}, b=WHOLE)}]},
        {"allOf": [{"oneOf": [fields(a=TEXT), fields(b=TEXT)]}, {"oneOf": [fields(c=WHOLE)]}]},
        {"oneOf": [{"type": "string", "format": "ipv6"}, {"type": "null"}]},
        {"anyOf": [{"type": "string", "maxLength": 3}, WHOLE, {"const": {"a": [1]}}]},
        {"type": "object", **fields(a=TEXT), "oneOf": [fields(b=TEXT), fields(c=WHOLE)]},
        {"if": fields(a={"const": 1}), "then": fields(b=TEXT), "else": fields(c=TEXT)},
        {**fields(a={"enum": [1, 2]}), "if": fields(a={"const": 1}), "then": fields(b=TEXT)},
        {"not": {"required": ["z"]}, **fields(a=TEXT)},
        {"const": None},
        {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True},
        {"minItems": 2},
        {"minimum": 5.5},
        {"maxLength": 2},
    ],
    ids=str,
)
def test_what_is_put_together(schema: dict[str, Any]) -> None:
    check({"type": "object", **fields(value=schema)})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 2**63 - 8},
        {"type": "integer", "maximum": -(2**63) + 3},
        {"type": "integer", "format": "int32", "minimum": 2**31 - 5},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1e-300},
        {"type": "number", "minimum": 1e300, "maximum": 1e308},
        {"type": "number", "multipleOf": 0.25},
        {"type": "integer", "multipleOf": 7, "minimum": 100},
        *(
            {"type": "string", "format": form}
            for form in ("duration", "json-pointer", "relative-json-pointer", "regex")
        ),
        {"type": "string", "format": "uri-template"},
        {"type": "string", "format": "date-time", "example": "soon"},
        {"type": "string", "format": "date", "default": "x"},
    ],
    ids=str,
)
def test_odd_values(schema: dict[str, Any]) -> None:
    check({"type": "object", **fields(value=schema)})


def test_multiples_of_a_hundredth_have_two_digits() -> None:
    schema = {"type": "number", "multipleOf": 0.01}
    message = schema_catalog(fields(price=schema)).find("thing")
    for seed in range(50):
        event = generated_event(message, Randomness(seed))
        assert Decimal(str(event["price"])) % Decimal("0.01") == 0
        assert message.violations(event) == []


def test_a_uuid_of_32_characters_has_no_dashes() -> None:
    schema = {"type": "string", "format": "uuid", "maxLength": 32}
    message = schema_catalog(fields(id=schema)).find("thing")
    event = generated_event(message, Randomness(0))
    assert len(event["id"]) == 32
    assert message.violations(event) == []


def test_every_alternative_is_taken() -> None:
    schema = {"type": "object", "oneOf": [fields(a=TEXT), fields(b=WHOLE), fields(c=TEXT)]}
    assert {key for event in check(schema, 50) for key in event} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (False, r"\$: is not allowed"),
        (fields(at={"type": "string", "format": "date", "maxLength": 5}), "at: no text of format"),
        (fields(never=False), "thing"),
    ],
)
def test_what_cannot_be_is_told(schema: Any, reason: str) -> None:
    message = schema_catalog({"allOf": [schema]}).find("thing")
    with pytest.raises(NotGenerated, match=reason):
        generated_event(message, Randomness(0))


bounds = st.dictionaries(
    st.sampled_from(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]),
    st.integers(-20, 20),
)
ranges = bounds.map(lambda given: {"type": "integer", **given})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ranges, bounds, st.integers(-60, 60))
def test_an_intersection_means_both(
    first: dict[str, Any], second: dict[str, Any], value: int
) -> None:
    both = Draft7Validator({"allOf": [first, second]}).is_valid(value)
    assert Draft7Validator(intersection(first, second)).is_valid(value) == both


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ranges, min_size=1, max_size=3), st.sampled_from(["allOf", "anyOf", "oneOf"]))
def test_ranges_that_meet(parts: list[dict[str, Any]], keyword: str) -> None:
    value = {keyword: parts}
    judge = Draft7Validator(value)
    if keyword == "allOf" and any(map(judge.is_valid, range(-1200, 1200))):
        check({"type": "object", **fields(value=value)}, 5)
    elif keyword == "anyOf" and any(Draft7Validator(parts[0]).is_valid(n) for n in range(-25, 25)):
        check({"type": "object", **fields(value={keyword: parts[:1]})}, 5)
