"""Documents as text: YAML 1.2's core schema, of which JSON is a part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

from simulator.catalog import core_schema

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


MAX_VALUES = 1_000_000
"""Values on one level of a document, with all aliases written out: a bound on documents that
multiply."""
MAX_DEPTH = 200
"""Lists and mappings inside one another."""

_TOO_MANY = f"more than {MAX_VALUES} values with all aliases written out"
_TOO_DEEP = f"nested more than {MAX_DEPTH} deep"


class _CoreLoader(_Base):  # type: ignore[misc]
    """PyYAML reads YAML 1.1, where `on` is true and `2019-08-24` a date; AsyncAPI is YAML 1.2."""

    merged = 0

    def flatten_mapping(self, node: Any) -> None:
        """Write merge keys (`<<`) out, in bounds: each can make a mapping ten times as long."""
        super().flatten_mapping(node)
        self.merged += len(node.value)
        if self.merged > MAX_VALUES:
            raise ValueError(_TOO_MANY)

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


def _any_of(texts: Iterable[str]) -> str:
    return "|".join(map(re.escape, texts))


_RESOLVERS = (
    ("null", _any_of(core_schema.NULLS), ["~", "n", "N", ""]),
    ("bool", _any_of((*core_schema.TRUE, *core_schema.FALSE)), list("tTfF")),
    ("int", core_schema.INTEGER, list("-+0123456789")),
    ("float", f"{core_schema.REAL}|{core_schema.NO_JSON_NUMBER}", list("-+0123456789.")),
    ("merge", "<<", ["<"]),
)
"""By tag: what a plain text looks like, and what it begins with. The first that fits counts."""

for _tag, _pattern, _first in _RESOLVERS:
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first
    )


def _construct_int(loader: Any, node: Any) -> int:
    return core_schema.integer(loader.construct_scalar(node))


_CoreLoader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def load(text: str) -> Any:
    """The document as dicts, lists and scalars.

    Raises `yaml.YAMLError`, or ValueError for a document beyond the bounds above.
    """
    _check_depth(text)
    document = yaml.load(text, Loader=_CoreLoader)
    _check_size(document)
    return document


def _check_depth(text: str) -> None:
    """Refuse what would overflow the stack: the loader is recursive, in C where it can be."""
    depth = 0
    for event in yaml.parse(text, Loader=_CoreLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(_TOO_DEEP)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_size(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            if len(below) > MAX_VALUES:
                raise ValueError(_TOO_MANY)
        if not below:
            return
        level = below
    raise ValueError(_TOO_DEEP)
