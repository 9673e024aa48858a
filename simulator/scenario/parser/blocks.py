"""`use`: the steps of a named block, written in where they are used."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from simulator.scenario.parser.context import Binding, Context, suggestion
from simulator.scenario.parser.declarations import RESERVED
from simulator.scenario.parser.kinds import Kind, Literal, NameKind, Schema
from simulator.scenario.parser.records import Field, MapOf, Record, Short, Values
from simulator.scenario.script import Position
from simulator.scenario.wording import quoted
from simulator.scenario.yaml_nodes import Node, scalars

T = TypeVar("T")


class _BlockRef(Kind[tuple[Node, str]]):
    """The name of a block, with its place."""

    def _read(self, node: Node, context: Context) -> tuple[Node, str]:
        name = Literal().read(node, context)
        blocks = context.state.blocks
        if name not in blocks:
            # What an unknown block would have published is unknown, too.
            context.state.vocabulary.allow_anything()
            hint = suggestion(name, blocks)
            raise context.state.unknown(node.at, f"unknown block {quoted(name)}{hint}")
        if name in context.blocks:
            chain = " -> ".join([*context.blocks[context.blocks.index(name) :], name])
            raise context.reject(node, f"block '{name}' uses itself: {chain}")
        return node, name

    def _schema(self) -> Schema:
        return {"type": "string"}


class _Unread(Kind[Binding]):
    """Any value, read where the block puts it."""

    def read(self, node: Node, context: Context) -> Binding:
        return Binding(node, context)

    def _read(self, node: Node, context: Context) -> Binding:
        return Binding(node, context)

    def _schema(self) -> Schema:
        return {}


USE = Record(
    "use",
    {
        "block": Field(_BlockRef(), "A block's name.", required=True),
        "with": Field(
            MapOf(_Unread(), "a mapping {name: value}", NameKind(reserved=RESERVED)),
            "What ${name} stands for in the block's steps.",
        ),
    },
    short=Short(_BlockRef(), "block"),
)


def expand(steps: Kind[T], at: Position, values: Values, context: Context) -> T:
    """The block's steps with the values filled in; raises Rejected."""
    place, name = values["block"]
    block = context.state.blocks[name]
    given: dict[str, Binding] = values.get("with", {})
    context.state.used_blocks.add(name)
    context.spend(place, block.size)
    _check_given(name, block, given, context)
    inner = replace(
        context,
        bindings=given,
        blocks=(*context.blocks, name),
        used_at=at,
    )
    return steps.read(block, inner)


def _check_given(name: str, block: Node, given: dict[str, Binding], context: Context) -> None:
    """Report values that the block has no use for."""
    if not given:
        return
    texts = [scalar.text for scalar in scalars(block) if "${" in scalar.text]
    for key, binding in given.items():
        if not any(f"${{{key}}}" in text or f"${{{key}.id}}" in text for text in texts):
            context.reject(binding.node, f"block '{name}' has no ${{{key}}} to fill in")
