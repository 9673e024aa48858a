"""Events made by chance, from what their schemas say; always the same for the same chance.

A schema is compiled once into functions that draw values; events are then made at the speed at
which they can be validated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, reduce
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from simulator.catalog.errors import CatalogError
from simulator.catalog.examples import example_of
from simulator.catalog.generated_numbers import number
from simulator.catalog.generated_texts import text
from simulator.catalog.intersection import intersection
from simulator.catalog.message_type import MessageType
from simulator.catalog.pattern_characters import Unmakeable
from simulator.catalog.schemas import NAME, Schema, properties, types, walk

MAX_DEPTH: Final = 12
"""Objects inside one another; what lies deeper is left out, or as plain as it can be."""

_ATTEMPTS: Final = 20

_ALWAYS_ABOVE: Final = 2
"""Envelope and payload have all their fields; below, one in eight of the optional is left out."""

_LEFT_OUT: Final = 1 / 8

_MORE_ITEMS: Final = 3
"""Items of an array beyond those that it needs."""


class NotGenerated(CatalogError):
    """No legal event could be made from a schema; the text names a rule that was in the way."""


class Chance(Protocol):
    """Where everything random comes from."""

    @property
    def random(self) -> Callable[[], float]:
        """Draws a number in [0, 1)."""
        ...

    @property
    def bits(self) -> Callable[[int], int]:
        """Draws an integer of so many bits."""
        ...


_SPEAKS_OF: Final = (
    ("object", {"properties", "required"}),
    ("array", {"items", "minItems", "maxItems", "uniqueItems"}),
    ("string", {"pattern", "format", "minLength", "maxLength"}),
    ("number", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}),
)

Maker = Callable[[Chance], Any]
"""Makes values for one schema."""

_makers: WeakKeyDictionary[MessageType, Maker] = WeakKeyDictionary()


def generated_event(message: MessageType, chance: Chance) -> dict[str, Any]:
    """A legal event of a type; raises NotGenerated.

    Where chance does not meet a rule (a combination of fields), the example of the type stands in.
    """
    event = made_event(message, chance)
    if event is not None:
        return event
    example = message.example
    violations = message.violations(example)
    if violations:
        reasons = "".join(f"; {reason}" for reason in _reasons(message))
        raise NotGenerated(f"no legal {message.name} could be made: {violations[0]}{reasons}")
    return example


def made_event(message: MessageType, chance: Chance) -> dict[str, Any] | None:
    """The same, but None where chance does not meet a rule."""
    make = _makers.get(message)
    if make is None:
        make = _makers[message] = _event_maker(message)
    named = message.has_envelope
    is_valid = message.validator.is_valid
    for _ in range(_ATTEMPTS):
        event: Any = make(chance)
        if not isinstance(event, dict):
            continue
        if named:
            event[NAME] = message.name
        if is_valid(event):
            return event
    return None


def _event_maker(message: MessageType) -> Maker:
    try:
        return _maker({"type": "object", **message.schema}, 0, "")
    except Unmakeable:
        return lambda _: {}


def _reasons(message: MessageType) -> Iterator[str]:
    """Which texts cannot be made, and why."""
    for path, part in walk(message.schema):
        if (types(part) or _implied(part)) == ("string",):
            try:
                text(part, "")
            except Unmakeable as error:
                yield f"{path}: {error}"


def _maker(schema: Any, depth: int, name: str) -> Maker:
    """What makes values for a schema; `name` is that of the field."""
    if schema is False:
        raise Unmakeable("nothing is allowed here")
    if not isinstance(schema, dict):
        return lambda _: {}
    if "const" in schema:
        return _constant(schema["const"])
    for keyword in ("enum", "examples"):
        if schema.get(keyword):
            return _choice([_constant(value) for value in schema[keyword]])
    for keyword in ("oneOf", "anyOf"):
        if schema.get(keyword):
            rest = {key: part for key, part in schema.items() if key != keyword}
            parts = [intersection(rest, part) for part in schema[keyword]]
            return _possible([partial(_maker, part, depth, name) for part in parts])
    if "if" in schema:
        return _conditional(schema, depth, name)
    if schema.get("allOf"):
        rest = {key: part for key, part in schema.items() if key != "allOf"}
        return _maker(reduce(intersection, schema["allOf"], rest), depth, name)
    kinds = types(schema) or _implied(schema)
    if not kinds:
        return lambda _: example_of(schema)
    return _possible([partial(_maker_of, kind, schema, depth, name) for kind in kinds])


def _conditional(schema: Schema, depth: int, name: str) -> Maker:
    """Values that the condition is true for, and values that it may be false for."""
    rest = {key: part for key, part in schema.items() if key not in ("if", "then", "else")}
    holds = intersection(intersection(rest, schema["if"]), schema.get("then", True))
    fails = intersection(rest, schema.get("else", True))
    return _possible([partial(_maker, part, depth, name) for part in (holds, fails)])


def _implied(schema: Schema) -> tuple[str, ...]:
    """The type that a schema speaks of without naming it."""
    return next(((kind,) for kind, words in _SPEAKS_OF if words & schema.keys()), ())


def _maker_of(kind: str, schema: Schema, depth: int, name: str) -> Maker:
    match kind:
        case "object":
            return _object(schema, depth)
        case "array":
            return _array(schema, depth, name)
        case "string":
            return text(schema, name)
        case "integer" | "number":
            return number(schema, whole=kind == "integer")
        case "boolean":
            return lambda chance: chance.random() < 0.5
    return lambda _: None


def _constant(value: Any) -> Maker:
    if not isinstance(value, dict | list):
        return lambda _: value
    return lambda _: example_of({"const": value})


def _possible(alternatives: list[Callable[[], Maker]]) -> Maker:
    """A choice between those alternatives that values can be made for."""
    makers = []
    problem = Unmakeable("there is no alternative")
    for alternative in alternatives:
        try:
            makers.append(alternative())
        except Unmakeable as error:
            problem = error
    if not makers:
        raise problem
    return _choice(makers)


def _choice(makers: list[Maker]) -> Maker:
    if len(makers) == 1:
        return makers[0]
    count = len(makers)
    return lambda chance: makers[int(chance.random() * count)](chance)


def _object(schema: Schema, depth: int) -> Maker:
    known = properties(schema)
    required = set(schema.get("required", ()))
    makers = {}
    for key, part in known.items():
        if key in required or depth < MAX_DEPTH:
            try:
                makers[key] = _maker(part, depth + 1, key)
            except Unmakeable:
                if key in required:
                    raise
    makers |= {key: text({}, key) for key in sorted(required - makers.keys())}
    whole = tuple(makers.items())
    if depth < _ALWAYS_ABOVE:
        return lambda chance: {key: make(chance) for key, make in whole}
    parts = tuple((key, make, key in required) for key, make in whole)

    def make_object(chance: Chance) -> dict[str, Any]:
        random = chance.random
        return {key: make(chance) for key, make, needed in parts if needed or random() >= _LEFT_OUT}

    return make_object


def _array(schema: Schema, depth: int, name: str) -> Maker:
    items = schema.get("items", {"type": "string"})
    if isinstance(items, list):
        makers = [_maker(item, depth + 1, name) for item in items]
        return lambda chance: [make(chance) for make in makers]
    least = int(schema.get("minItems", 0))
    try:
        make = _maker(items, depth + 1, name)
    except Unmakeable:
        if least:
            raise
        return lambda _: []
    most = int(schema.get("maxItems", max(least, _MORE_ITEMS)))
    spread = min(most - least, _MORE_ITEMS) + 1 if depth < MAX_DEPTH else 1

    def make_array(chance: Chance) -> list[Any]:
        count = least + int(chance.random() * spread)
        return [make(chance) for _ in range(count)]

    if not schema.get("uniqueItems"):
        return make_array

    def make_set(chance: Chance) -> list[Any]:
        found: list[Any] = []
        wanted = least + int(chance.random() * spread)
        for _ in range(wanted * _ATTEMPTS):
            made = make(chance)
            if made not in found:
                found.append(made)
            if len(found) == wanted:
                break
        return found

    return make_set
