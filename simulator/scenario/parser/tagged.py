"""Mappings whose only key says what they are: steps and expectations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from simulator.scenario.parser.context import Context, suggestion
from simulator.scenario.parser.kinds import Kind, Schema
from simulator.scenario.parser.records import described
from simulator.scenario.script import Position
from simulator.scenario.wording import quoted
from simulator.scenario.yaml_nodes import MapNode, Node, ScalarNode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Variant:
    """What stands under one key, and what is built from it and the key's place."""

    description: str
    kind: Kind[Any]
    build: Callable[[Position, Any, Context], Any]


class Tagged(Kind[T]):
    """A mapping with exactly one of some keys."""

    def __init__(self, what: str, example: str, variants: Mapping[str, Variant]) -> None:
        """`what` is how messages and the schema call it."""
        self._what = what
        self._example = example
        self.variants = variants

    def _read(self, node: Node, context: Context) -> T:
        if isinstance(node, ScalarNode) and node.text in self.variants:
            raise context.reject(node, f"'{node.text}' needs a value; write '{node.text}: ...'")
        if not isinstance(node, MapNode):
            raise context.expected(f"a {self._what} such as '{self._example}'", node)
        if len(node.entries) != 1:
            raise context.reject(node, self._not_one(node))
        key, value = node.entries[0]
        variant = self.variants.get(key.text)
        if variant is None:
            hint = suggestion(key.text, self.variants)
            raise context.reject(key, f"unknown {self._what} {quoted(key.text)}{hint}")
        built: T = variant.build(key.at, variant.kind.read(value, context), context)
        return built

    def _not_one(self, node: MapNode) -> str:
        keys = ", ".join(quoted(key.text) for key, _ in node.entries[:5]) or "none"
        advice = "indent what belongs to it"
        if sum(key.text in self.variants for key, _ in node.entries) > 1:
            advice = "begin each with a '-' of its own"
        return f"a {self._what} has one key, found {keys}; {advice}"

    def _schema(self) -> Schema:
        return {"$ref": f"#/definitions/{self._what}"}

    def definition(self) -> Schema:
        """The schema itself."""
        return {
            "type": "object",
            "description": f"One {self._what}: a mapping with exactly one key.",
            "properties": {
                name: described(variant.kind.schema(), variant.description)
                for name, variant in self.variants.items()
            },
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        }
