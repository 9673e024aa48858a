"""Two schemas as one that values can be made for; the validator has the last word on the values.

Unlike the merging of `schemas`, which keeps the meaning, this may lose some: of two patterns, for
instance, the first one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from simulator.catalog.schemas import Schema, is_annotation, types

_HIGHER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_LOWER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_ALTERNATIVES: Final = ("oneOf", "anyOf", "allOf", "if")


def intersection(first: Any, second: Any) -> Any:
    """A schema for values that fit both; booleans are schemas, too."""
    if first is False or second is False:
        return False
    if not isinstance(first, dict) or not isinstance(second, dict):
        return first if isinstance(first, dict) else second
    both = dict(first)
    apart = any(key in first and key in second for key in _ALTERNATIVES)
    for key, value in second.items():
        if apart and key in (*_ALTERNATIVES, "then", "else"):
            continue
        if key not in both:
            both[key] = value
        elif not is_annotation(key):
            both[key] = _rule(key)(both[key], value)
    if apart:
        rest = {key: second[key] for key in (*_ALTERNATIVES, "then", "else") if key in second}
        both["allOf"] = [*first.get("allOf", []), rest]
    return both


def _rule(key: str) -> Callable[[Any, Any], Any]:
    if key in _HIGHER:
        return max
    if key in _LOWER:
        return min
    return _RULES.get(key, lambda first, _: first)


def _properties(first: Mapping[str, Any], second: Mapping[str, Any]) -> Schema:
    more = {name: intersection(first.get(name, True), part) for name, part in second.items()}
    return {**first, **more}


def _enum(first: list[Any], second: list[Any]) -> list[Any]:
    return [value for value in first if value in second] or first


def _type(first: Any, second: Any) -> list[str]:
    one, other = types({"type": first}), types({"type": second})
    both = [kind for kind in one if kind in other or (kind == "integer" and "number" in other)]
    if "number" in one and "integer" in other and "integer" not in both:
        both.append("integer")
    return both or list(one)


_RULES: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "properties": _properties,
    "required": lambda first, second: [*first, *(name for name in second if name not in first)],
    "enum": _enum,
    "type": _type,
    "items": intersection,
}
