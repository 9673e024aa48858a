"""Events made by chance from any schema are legal, the same for a seed, and survive protobuf."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from simulator.catalog import Catalog
from simulator.catalog.generation import NotGenerated, generated_event
from simulator.scenario.randomness import Randomness

FORMATS = ("uuid", "date-time", "date", "email", "ipv4", "ipv6", "uri", "hostname")
names = st.from_regex(r"[a-z][a-zA-Z]{0,8}", fullmatch=True)


def numbers(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    low = st.integers(-1000, 1000)
    return st.builds(
        lambda low, width, parts: {
            "type": kind,
            **{
                key: value
                for key, value in (("minimum", low), ("maximum", low + width))
                if key in parts
            },
        },
        low,
        st.integers(0, 500),
        st.sets(st.sampled_from(["minimum", "maximum"])),
    )


strings = st.one_of(
    st.just({"type": "string"}),
    st.builds(lambda form: {"type": "string", "format": form}, st.sampled_from(FORMATS)),
    st.builds(
        lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more},
        st.integers(0, 40),
        st.integers(0, 5),
    ),
    st.builds(lambda values: {"type": "string", "enum": values}, st.lists(names, min_size=1)),
)
leaves = st.one_of(strings, numbers("integer"), numbers("number"), st.just({"type": "boolean"}))


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    arrays = st.builds(
        lambda items, low, more: {
            "type": "array",
            "items": items,
            "minItems": low,
            "maxItems": low + more,
        },
        inner,
        st.integers(0, 3),
        st.integers(0, 3),
    )
    objects = st.dictionaries(names, inner, max_size=4).flatmap(
        lambda known: st.builds(
            lambda required: {
                "type": "object",
                "properties": known,
                "required": sorted(required),
                "additionalProperties": False,
            },
            st.sets(st.sampled_from(sorted(known))) if known else st.just(set()),
        )
    )
    return st.one_of(arrays, objects, st.builds(lambda a, b: {"oneOf": [a]}, inner, inner))


schemas = st.dictionaries(names, st.recursive(leaves, containers, max_leaves=8), max_size=5)


def catalog_with(properties: dict[str, Any]) -> Catalog:
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    document = {
        "asyncapi": "2.6.0",
        "channels": {"things": {"publish": {"message": {"messageId": "made", "payload": schema}}}},
    }
    return Catalog.from_text(json.dumps(document), "generated.json")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(schemas, st.integers(0, 1000))
def test_what_is_made_is_legal_and_repeats(properties: dict[str, Any], seed: int) -> None:
    message = catalog_with(properties).find("made")
    event = generated_event(message, Randomness(seed))
    assert event == generated_event(message, Randomness(seed))
    assert message.violations(event) == []
    Draft7Validator(message.schema, format_checker=FormatChecker()).validate(event)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(schemas.filter(bool), st.integers(0, 1000), st.data())
def test_one_wrong_value_is_refused(
    properties: dict[str, Any], seed: int, data: st.DataObject
) -> None:
    message = catalog_with(properties).find("made")
    event = generated_event(message, Randomness(seed))
    field = data.draw(st.sampled_from(sorted(properties)))
    event[field] = None
    violations = message.violations(event)
    assert violations
    assert all(each.path.startswith(f"$.{field}") for each in violations)


@pytest.mark.parametrize("name", [message.name for message in Catalog.builtin().messages])
def test_chat_events_survive_protobuf(name: str) -> None:
    message = Catalog.builtin().find(name)
    chance = Randomness(1)
    for _ in range(50):
        event = generated_event(message, chance)
        again = message.from_proto(message.to_proto(event))
        assert message.violations(again) == []
        assert message.to_proto(again) == message.to_proto(event)


def test_different_seeds_give_different_events() -> None:
    message = Catalog.builtin().find("personalChatSent")
    assert len({json.dumps(generated_event(message, Randomness(n))) for n in range(20)}) == 20


def test_examples_of_a_schema_come_before_its_pattern() -> None:
    schema = {"code": {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["ABC"]}}
    assert generated_event(catalog_with(schema).find("made"), Randomness(0)) == {"code": "ABC"}


def test_what_cannot_be_is_told() -> None:
    schema = {"n": {"type": "integer", "minimum": 5, "maximum": 1}}
    message = catalog_with(schema).find("made")
    message.schema["required"] = ["n"]
    with pytest.raises(NotGenerated, match="made"):
        generated_event(message, Randomness(0))
