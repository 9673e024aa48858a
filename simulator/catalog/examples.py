"""A legal event, made from what its schema says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.catalog.schemas import properties, types

_STRINGS = {
    "uuid": "00000000-0000-4000-8000-000000000000",
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "email": "user@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uri-reference": "/",
}


def example_of(schema: Any) -> Any:
    """An example value: the schema's own where it gives one, else the plainest of its type.

    Strings without a format are "string". So are those with a `pattern` for which no text is found,
    although it does not fit.
    """
    if not isinstance(schema, dict):
        return None
    for value in given(schema):
        return value
    kinds = types(schema)
    if "object" in kinds or (not kinds and properties(schema)):
        return {name: example_of(part) for name, part in _members(schema).items()}
    for key in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(key, [])[:1]:
            return example_of({**part, **({"type": kinds[0]} if kinds else {})})
    return _plainest(schema, kinds[0] if kinds else "object")


def given(schema: Mapping[str, Any]) -> list[Any]:
    """Values that the schema itself offers, the best first."""
    offered = [schema[key] for key in ("const", "example", "default") if key in schema]
    for key in ("examples", "enum"):
        if isinstance(schema.get(key), list):
            offered += schema[key][:1]
    return offered


def _members(schema: dict[str, Any]) -> dict[str, Any]:
    """The properties of an example: of alternatives, only those of the first."""
    members: dict[str, Any] = {}
    for key, count in (("allOf", None), ("oneOf", 1), ("anyOf", 1)):
        for part in schema.get(key, [])[:count]:
            if isinstance(part, dict):
                members |= _members(part)
    members.update(schema.get("properties", {}))
    return members


def _plainest(schema: Mapping[str, Any], kind: str) -> Any:
    if kind == "string" and "pattern" in schema:
        return _patterned(schema)
    if kind == "string":
        text = _STRINGS.get(schema.get("format", ""), "string")
        return text.ljust(schema.get("minLength", 0), "x")[: schema.get("maxLength")]
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "boolean":
        return True
    if kind == "array":
        items = schema.get("items")
        if isinstance(items, list):
            return [example_of(item) for item in items]
        count = max(1, schema.get("minItems", 0)) if schema.get("maxItems", 1) else 0
        return [example_of({"type": "string"} if items is None else items) for _ in range(count)]
    return None if kind == "null" else {}


def _patterned(schema: Mapping[str, Any]) -> str:
    from simulator.catalog.generated_patterns import LEAST
    from simulator.catalog.generated_texts import text
    from simulator.catalog.pattern_characters import Unmakeable

    try:
        return text(dict(schema), "")(LEAST)
    except Unmakeable:
        return "string"


def _number(schema: Mapping[str, Any]) -> Any:
    """Nought where it is allowed, else the bound that is nearest to it."""
    low = schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1)
    high = schema.get("maximum", schema.get("exclusiveMaximum", 1) - 1)
    step = schema.get("multipleOf", 1)
    if low > 0:
        return -(-low // step) * step
    return high // step * step if high < 0 else 0
