"""The tree of a YAML document, each node with its place: what the parser reads scripts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from simulator.scenario.script import Position
from simulator.scenario.wording import quoted

Plain = None | bool | int | float | str


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """What all nodes have: a place (lines and columns from 1) and how much lies below.

    `size` counts the node and all below it, `height` the lists and mappings inside one another; a
    node that aliases repeat counts each time.
    """

    file: str
    line: int
    column: int
    size: int
    height: int

    @property
    def at(self) -> Position:
        """The node's place."""
        return Position(self.file, self.line, self.column)


@dataclass(frozen=True, slots=True, eq=False)
class ScalarNode(Node):
    """A single value. `text` is how it was written, without quotes.

    `inset` is how many columns after the node's place its text begins, None where offsets in the
    text are not columns (several lines, escapes).
    """

    value: Plain
    text: str
    quoted: bool
    inset: int | None = None

    def at_offset(self, offset: int) -> Position:
        """The place of a character of the text, as near as it is known."""
        shift = 0 if self.inset is None else self.inset + offset
        return Position(self.file, self.line, self.column + shift)


@dataclass(frozen=True, slots=True, eq=False)
class ListNode(Node):
    """A sequence."""

    items: tuple[Node, ...]


class Entry(NamedTuple):
    """One key of a mapping with its value."""

    key: ScalarNode
    value: Node


@dataclass(frozen=True, slots=True, eq=False)
class MapNode(Node):
    """A mapping; keys are texts, as written, and each occurs once."""

    entries: tuple[Entry, ...]

    def get(self, key: str) -> Node | None:
        """The value of a key, None where it is absent."""
        for entry in self.entries:
            if entry.key.text == key:
                return entry.value
        return None


def describe(node: Node) -> str:
    """What a node is, in words for an error message."""
    if isinstance(node, ListNode):
        return "a list" if node.items else "an empty list"
    if isinstance(node, MapNode):
        return "a mapping" if node.entries else "an empty mapping"
    assert isinstance(node, ScalarNode)
    return describe_value(node.value)


def describe_value(value: object) -> str:
    """What a value is, in words for an error message; long texts are cut."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return f"the text {quoted(str(value))}"


def scalars(node: Node) -> Iterator[ScalarNode]:
    """All single values at or below a node, keys left out; shared nodes come up once."""
    seen: set[int] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, ScalarNode):
            yield current
        elif isinstance(current, ListNode):
            waiting.extend(current.items)
        elif isinstance(current, MapNode):
            waiting.extend(entry.value for entry in current.entries)
