"""Kinds of values: each reads a node into a value and says in JSON Schema what it accepts.

Having both in one object is what keeps the shipped schema and the parser in step.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Any, Generic, TypeVar

from simulator.scenario.durations import PATTERN, format_duration, parse_duration
from simulator.scenario.errors import DurationError
from simulator.scenario.parser.context import Context, Rejected, suggestion
from simulator.scenario.script import Span, Text, Value
from simulator.scenario.templates import Template
from simulator.scenario.yaml_nodes import ListNode, MapNode, Node, ScalarNode, describe

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Schema = dict[str, Any]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
"""What users, parties, variables, corpora, blocks and crowds can be called."""

MAX_NAME = 64

PARAMETER: Schema = {"$ref": "#/definitions/parameter"}
"""In a block, `${name}` can stand for a value of any kind."""


class Kind(ABC, Generic[T_co]):
    """A kind of value."""

    def read(self, node: Node, context: Context) -> T_co:
        """The value of a node. Raises Rejected, with the problems reported, where it has none."""
        node, context = context.resolve(node)
        if isinstance(node, ScalarNode):
            return self._read(node, context)
        context.enter(node)
        try:
            return self._read(node, context)
        finally:
            context.leave()

    def schema(self) -> Schema:
        """The kind in JSON Schema (draft 7)."""
        return self._schema()

    @abstractmethod
    def _read(self, node: Node, context: Context) -> T_co:
        """Read a node that is no bound name."""

    @abstractmethod
    def _schema(self) -> Schema: ...


class TextKind(Kind[Text]):
    """A text; names in it are filled in when the story runs."""

    def _read(self, node: Node, context: Context) -> Text:
        if isinstance(node, ScalarNode):
            value = context.text(node)
            if isinstance(value, (str, Template)):
                return value
            if value is not None:
                raise context.reject(
                    node, f"expected a text, found {describe(node)}; put it in quotes"
                )
        raise context.expected("a text", node)

    def _schema(self) -> Schema:
        return {"type": "string"}


class Literal(Kind[str]):
    """A text in which nothing is filled in; `verbatim` ones may even have a `${` in them."""

    def __init__(self, *, verbatim: bool = False) -> None:
        self._verbatim = verbatim

    def _read(self, node: Node, context: Context) -> str:
        if isinstance(node, ScalarNode) and self._verbatim and isinstance(node.value, str):
            return node.value
        value = TEXT.read(node, context)
        if isinstance(value, Template):
            raise context.expected("a plain text", node)
        return value

    def _schema(self) -> Schema:
        return {"type": "string"}


class KeyKind(Kind[str]):
    """A text that can also be the key of a mapping."""

    def check(self, node: ScalarNode, context: Context) -> str:
        """The text that a key gives: keys are texts, whatever they look like."""
        return self._check(node, context)

    @abstractmethod
    def _check(self, node: ScalarNode, context: Context) -> str: ...


class NameKind(KeyKind):
    """A name that is declared here."""

    def __init__(self, reserved: Collection[str] = ()) -> None:
        self._reserved = reserved

    def _read(self, node: Node, context: Context) -> str:
        if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
            raise context.expected("a name", node)
        return self._check(node, context)

    def _check(self, node: ScalarNode, context: Context) -> str:
        name = node.text
        if len(name) > MAX_NAME or not NAME.fullmatch(name):
            raise context.reject(
                node,
                f"expected a name of letters, digits, '_' and '-' (at most {MAX_NAME}),"
                f" found {describe(node)}",
            )
        if name in self._reserved:
            raise context.reject(node, f"'{name}' has a meaning of its own; choose another name")
        return name

    def _schema(self) -> Schema:
        result: Schema = {"type": "string", "pattern": f"^{NAME.pattern}$", "maxLength": MAX_NAME}
        if self._reserved:
            result["not"] = {"enum": sorted(self._reserved)}
        return result


class Integer(Kind[int]):
    """A whole number between two bounds, by default those of 64 bits."""

    def __init__(self, minimum: int = -(2**63), maximum: int = 2**63 - 1) -> None:
        self._minimum = minimum
        self._maximum = maximum

    def _read(self, node: Node, context: Context) -> int:
        if not isinstance(node, ScalarNode) or type(node.value) is not int:
            raise context.expected("a whole number", node)
        if node.value < self._minimum:
            raise context.reject(node, f"expected at least {self._minimum}, found {node.value}")
        if node.value > self._maximum:
            raise context.reject(node, f"expected at most {self._maximum}, found {node.value}")
        return node.value

    def _schema(self) -> Schema:
        return alternatives(
            {"type": "integer", "minimum": self._minimum, "maximum": self._maximum}, PARAMETER
        )


class PositiveNumber(Kind[float]):
    """A number above zero."""

    def _read(self, node: Node, context: Context) -> float:
        if not isinstance(node, ScalarNode) or type(node.value) not in (int, float):
            raise context.expected("a number", node)
        value = node.value
        assert isinstance(value, (int, float))
        if value <= 0:
            raise context.reject(node, f"expected a number above 0, found {value}")
        return float(value)

    def _schema(self) -> Schema:
        return alternatives({"type": "number", "exclusiveMinimum": 0}, PARAMETER)


class Boolean(Kind[bool]):
    """True or false."""

    def _read(self, node: Node, context: Context) -> bool:
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return node.value
        raise context.expected("true or false", node)

    def _schema(self) -> Schema:
        return alternatives({"type": "boolean"}, PARAMETER)


class Choice(Kind[Any]):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def _read(self, node: Node, context: Context) -> str:
        if isinstance(node, ScalarNode) and node.value in self._words:
            return str(node.value)
        listed = " or ".join([", ".join(self._words[:-1]), self._words[-1]])
        hint = ""
        if isinstance(node, ScalarNode):
            hint = suggestion(node.text, self._words, listed=False)
        raise context.reject(node, f"expected {listed}, found {describe(node)}{hint}")

    def _schema(self) -> Schema:
        return alternatives({"enum": list(self._words)}, PARAMETER)


class Duration(Kind[int]):
    """A duration with units, in nanoseconds."""

    def __init__(self, minimum: int = 0) -> None:
        self._minimum = minimum

    def _read(self, node: Node, context: Context) -> int:
        what = "a duration such as 250ms, 5s or 1m30s"
        value = context.text(node) if isinstance(node, ScalarNode) else None
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            unit = f"add a unit: {value}s, {value}ms"
            raise context.reject(node, f"expected {what}, found {describe(node)}; {unit}")
        if not isinstance(value, str):
            raise context.expected(what, node)
        try:
            duration = parse_duration(value)
        except DurationError as error:
            raise context.reject(node, str(error)) from None
        if duration < self._minimum:
            raise context.reject(node, f"expected at least {format_duration(self._minimum)}")
        return duration

    def _schema(self) -> Schema:
        return {"$ref": "#/definitions/duration"}


class SpanKind(Kind[Span]):
    """A duration, or `[low, high]`."""

    def _read(self, node: Node, context: Context) -> Span:
        if not isinstance(node, ListNode):
            duration = DURATION.read(node, context)
            return Span(duration, duration)
        low, high = read_pair(node, DURATION, context, "two durations, [low, high]")
        return Span(low, high)

    def _schema(self) -> Schema:
        return alternatives(DURATION.schema(), pair_schema(DURATION))


class LengthKind(Kind[tuple[int, int]]):
    """A number of characters, or `[low, high]`."""

    _number = Integer(1, 1024 * 1024)

    def _read(self, node: Node, context: Context) -> tuple[int, int]:
        if not isinstance(node, ListNode):
            length = self._number.read(node, context)
            return length, length
        return read_pair(node, self._number, context, "two lengths, [low, high]")

    def _schema(self) -> Schema:
        return alternatives(self._number.schema(), pair_schema(self._number))


class JsonKind(Kind[Value]):
    """Any value with a form in JSON; names in its texts are filled in."""

    def _read(self, node: Node, context: Context) -> Value:
        if isinstance(node, ScalarNode):
            return context.text(node)
        if isinstance(node, ListNode):
            return tuple(read_all(self, node.items, context))
        assert isinstance(node, MapNode)
        values = read_all(self, [entry.value for entry in node.entries], context)
        return {entry.key.text: value for entry, value in zip(node.entries, values, strict=True)}

    def _schema(self) -> Schema:
        return {}


def read_all(kind: Kind[T], nodes: Sequence[Node], context: Context) -> list[T]:
    """The values of all nodes; raises Rejected after all have been looked at."""
    values = []
    failed = False
    for node in nodes:
        try:
            values.append(kind.read(node, context))
        except Rejected:
            failed = True
    if failed:
        raise Rejected
    return values


def read_pair(node: ListNode, kind: Kind[int], context: Context, what: str) -> tuple[int, int]:
    """The two bounds of a range, the lower one first."""
    if len(node.items) != 2:
        raise context.reject(node, f"expected {what}, found {len(node.items)} values")
    low, high = read_all(kind, node.items, context)
    if low > high:
        raise context.reject(node, f"expected {what}, found the higher one first")
    return low, high


def pair_schema(kind: Kind[Any]) -> Schema:
    """The schema of a range."""
    return {"type": "array", "items": kind.schema(), "minItems": 2, "maxItems": 2}


def alternatives(*schemas: Schema) -> Schema:
    """A schema that accepts what one of some accepts."""
    flat: list[Schema] = []
    for schema in schemas:
        options = schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
        flat.extend(option for option in options if option not in flat)
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


DEFINITIONS: dict[str, Schema] = {
    "parameter": {
        "type": "string",
        "pattern": r"^\$\{[^{}]+\}$",
        "description": "In a block: a value that `use` gives under this name.",
    },
    "duration": {
        "anyOf": [
            {
                "type": "string",
                "pattern": f"^(?=[0-9]){PATTERN}$",
                "description": "A duration: 250ms, 5s, 1m30s, 2h, 1d (also us, ns).",
            },
            PARAMETER,
        ]
    },
}

TEXT = TextKind()
DURATION = Duration()
SPAN = SpanKind()
LENGTH = LengthKind()
BOOLEAN = Boolean()
CODE = Integer()
JSON = JsonKind()
