"""What a script declares before its steps: variables in an order that works, and corpora."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from simulator.scenario.parser.context import Context
from simulator.scenario.parser.kinds import JSON, Literal, NameKind
from simulator.scenario.parser.records import ListOf, MapOf
from simulator.scenario.script import Value
from simulator.scenario.templates import MAX_RENDERED, Template, as_text
from simulator.scenario.wording import shorten
from simulator.scenario.yaml_nodes import ListNode, MapNode, Node, ScalarNode

RESERVED = ("n", "now", "seed")
"""Names of templates that no variable can have."""

BUILT_IN_CORPORA = ("small_talk", "unicode")

_ID_LENGTH = 36

CORPORA = MapOf(
    ListOf(Literal(verbatim=True), "a list of texts"), "a mapping {name: [texts]}", NameKind()
)
VARIABLES = MapOf(JSON, "a mapping {name: value}", NameKind(reserved=RESERVED))


@cache
def built_in_corpus(name: str) -> tuple[str, ...]:
    """The texts of a corpus that comes with the simulator: one a line of its file."""
    file = Path(__file__).parents[1] / "corpora" / f"{name}.txt"
    return tuple(line for line in file.read_text("utf-8").split("\n") if line)


def names_in(node: Node) -> list[str]:
    """The names that a declaration tries to make, even where it fails."""
    if isinstance(node, ListNode):
        return [item.text for item in node.items if isinstance(item, ScalarNode)]
    return [key.text for key, _ in node.entries] if isinstance(node, MapNode) else []


def in_order(
    variables: Mapping[str, Value], places: Mapping[str, Node], context: Context
) -> dict[str, Value]:
    """The variables, each after those that it uses.

    Reports variables that use themselves, and values that come to more than 1 MiB in all.
    """
    uses = {name: set(_names(value)) & variables.keys() for name, value in variables.items()}
    try:
        order = list(TopologicalSorter(uses).static_order())
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        context.reject(
            places[cycle[0]], f"a variable cannot use itself: {shorten(' -> '.join(cycle), 200)}"
        )
        return dict(variables)
    sizes: dict[str, int] = {}
    total = 0
    for name in order:
        sizes[name] = _size(variables[name], sizes)
        total += sizes[name]
        if total > MAX_RENDERED:
            context.reject(places[name], "the variables come to more than 1 MiB in all")
            break
    return {name: variables[name] for name in order}


def templates_in(value: Value) -> Iterator[Template]:
    """All templates in a value, at any depth."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from templates_in(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from templates_in(item)


def _names(value: Value) -> Iterator[str]:
    for template in templates_in(value):
        for part in template.names:
            yield part.name.partition(".")[0]


def _size(value: Value, sizes: Mapping[str, int]) -> int:
    """How many characters a value comes to, given those of the variables that it uses."""
    if isinstance(value, Template):
        return sum(
            len(part) if isinstance(part, str) else sizes.get(part.name, _ID_LENGTH)
            for part in value.parts
        )
    if isinstance(value, tuple):
        return 2 + sum(1 + _size(item, sizes) for item in value)
    if isinstance(value, Mapping):
        return 2 + sum(2 + len(key) + _size(item, sizes) for key, item in value.items())
    return len(as_text(value))
