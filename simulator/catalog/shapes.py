"""Which keys an event may be expected to have: what a validator says nothing about.

Additional properties are legal everywhere, so a misspelt field passes validation. A `Shape` finds
keys that the schema does not know, and is quick to say that there are none, which is so for nearly
every event. Values below unknown keys and in free-form objects are not looked at by the validator
either; a clean event has none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from simulator.catalog.plain_json import MAX_DEPTH, member
from simulator.catalog.schemas import properties, types
from simulator.suggestions import closest

_SCALARS = frozenset(["string", "integer", "number", "boolean", "null"])
_CACHED_KEYS = 1024
"""Answers kept per object of a schema; unknown keys are few, unless someone sends garbage."""


class NearMiss(NamedTuple):
    """A field that is legal, since additional properties are, but looks like a misspelt one.

    `path` is its JSON path, `suggestion` the known name of a field in the same object, `message` a
    sentence that names both.
    """

    path: str
    suggestion: str
    message: str

    def __str__(self) -> str:
        return self.message


class Shape:
    """The keys of one object of a schema, and the shapes of what is below them.

    A schema that knows no fields, such as that of a free-form object, has a shape without keys:
    only an empty container or a scalar is clean there.
    """

    __slots__ = ("_children", "_known", "_suggestions")

    def __init__(self, schema: Any) -> None:
        """`schema` is that of an object, of an array's items, or of anything else."""
        known = properties(schema)
        self._known = frozenset(known)
        self._suggestions: dict[str, str | None] = {}
        self._children: tuple[tuple[str, Shape, bool], ...] = tuple(
            (name, Shape(items), items is not part)
            for name, part in known.items()
            if (items := _inner(part)) is not None
        )

    def is_clean(self, value: Any) -> bool:
        """Whether there is nothing in a valid value that the schema does not know."""
        if type(value) is not dict:
            return not value or value is True
        if not self._known.issuperset(value):
            return False
        for name, shape, many in self._children:
            inner = value.get(name)
            if inner is not None and not (
                all(map(shape.is_clean, inner)) if many else shape.is_clean(inner)
            ):
                return False
        return True

    def unknown_parts(self, value: Any, depth: int = MAX_DEPTH) -> Iterator[tuple[Any, int]]:
        """What a validator has not looked at in a valid value, and how deep each part may go."""
        if type(value) is not dict:
            yield value, depth
            return
        unknown = {key: part for key, part in value.items() if key not in self._known}
        if unknown:
            yield unknown, depth
        for name, shape, many in self._children:
            if (inner := value.get(name)) is not None:
                below = depth - 2 if many else depth - 1
                for part in inner if many else (inner,):
                    yield from shape.unknown_parts(part, below)

    def near_misses(self, value: Any, path: str = "$") -> Iterator[NearMiss]:
        """The unknown keys that are close to a known key of the same object."""
        if not isinstance(value, Mapping):
            return
        if self._known:
            for key in value:
                if key not in self._known and (suggestion := self._suggestion(key)):
                    where = member(path, key)
                    message = f"{where} is no field of this event; did you mean {suggestion}?"
                    yield NearMiss(where, suggestion, message)
        for name, shape, many in self._children:
            inner = value.get(name)
            if not many:
                yield from shape.near_misses(inner, member(path, name))
            elif isinstance(inner, list | tuple):
                for index, item in enumerate(inner):
                    yield from shape.near_misses(item, f"{member(path, name)}[{index}]")

    def _suggestion(self, key: Any) -> str | None:
        if key in self._suggestions:
            return self._suggestions[key]
        found = closest(key, self._known, edits=2) if isinstance(key, str) else None
        if len(self._suggestions) >= _CACHED_KEYS:
            self._suggestions.clear()
        self._suggestions[key] = found
        return found


def _inner(schema: Any) -> Any:
    """What has a shape below a property: its own schema, its items', or None for scalars.

    An array of arrays counts as one whose items know nothing.
    """
    kinds = types(schema)
    if kinds and _SCALARS.issuperset(kinds):
        return None
    if kinds != ("array",):
        return schema
    items = schema.get("items")
    inner = types(items)
    if inner and _SCALARS.issuperset(inner):
        return None
    return items if isinstance(items, dict) else schema
