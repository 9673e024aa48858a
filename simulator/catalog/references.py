"""`$ref`s of a document, and schemas with every `$ref` replaced by what it points at.

AsyncAPI 2.x takes references from JSON Reference and JSON Pointer (RFC 6901): `#/a/b`, with `~1`
for `/`, `~0` for `~`, and percent-encoding, and `other.yaml#/a/b` in a file beside the document.
What stands beside a `$ref` is ignored. A place in another file begins with the name of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from simulator.catalog.errors import InvalidDocument
from simulator.catalog.schemas import SCHEMA_LISTS, SCHEMA_MAPS, SCHEMA_VALUES
from simulator.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from simulator.catalog.referenced_files import ReferencedFiles

MAX_DEPTH = 64
"""Schemas inside schemas; the deepest of the platform's catalogue has a dozen."""
MAX_NODES = 100_000
"""Schemas of one document with all references inlined: a bound on documents that multiply."""


class References:
    """Finds what a reference of one document points at."""

    def __init__(
        self, document: Mapping[str, Any], source: str, files: ReferencedFiles | None = None
    ) -> None:
        """`source` names the document in errors; `files` are those that it may refer to."""
        self._document = document
        self._files = files
        self._source = source
        self._resolved: dict[str, tuple[Any, int]] = {}  # schema, number of schemas in it
        self._open: list[str] = []
        self._nodes = 0
        self._depth = 0

    @property
    def exhausted(self) -> bool:
        """Whether the document has more schemas than any may have."""
        return self._nodes > MAX_NODES

    def follow(self, node: Any, place: str) -> tuple[Any, str]:
        """What `node` stands for and its place, after all references in a row."""
        seen = [place]
        while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            reference = _whole(node["$ref"], place)
            node = self._target(reference, place)
            if reference in seen:
                raise self._error(place, f"$ref {reference} leads back to itself")
            seen.append(reference)
            place = reference
        return node, place

    def schema(self, node: Any, place: str) -> Any:
        """The schema with all references inlined; one `$ref` gives the same object every time."""
        self._nodes += 1
        if self.exhausted:
            raise self._error(place, f"more than {MAX_NODES} schemas when references are inlined")
        if isinstance(node, bool):
            return node
        if not isinstance(node, Mapping):
            raise self._error(place, f"a schema is a mapping, not {node!r:.60}")
        if self._depth > MAX_DEPTH:
            raise self._error(place, f"schemas nested more than {MAX_DEPTH} deep")
        reference = node.get("$ref")
        if isinstance(reference, str):
            return self._referenced(_whole(reference, place), place)
        self._depth += 1
        try:
            return {
                key: self._keyword(key, value, f"{place}/{escape(key)}")
                for key, value in node.items()
            }
        finally:
            self._depth -= 1

    def _referenced(self, reference: str, place: str) -> Any:
        if reference in self._open:
            cycle = " -> ".join([*self._open[self._open.index(reference) :], reference])
            raise self._error(place, f"recursive schemas are not supported: {cycle}")
        if reference in self._resolved:
            schema, nodes = self._resolved[reference]
            self._nodes += nodes
            return schema
        before = self._nodes
        self._open.append(reference)
        try:
            schema = self.schema(self._target(reference, place), reference)
        finally:
            self._open.pop()
        self._resolved[reference] = (schema, self._nodes - before)
        return schema

    def _keyword(self, key: Any, value: Any, place: str) -> Any:
        if not isinstance(key, str):
            raise self._error(place, f"the name {key!r} is not a string; put it in quotes")
        if key in SCHEMA_LISTS and isinstance(value, list):
            return [self.schema(part, f"{place}/{index}") for index, part in enumerate(value)]
        if key in SCHEMA_MAPS and isinstance(value, Mapping):
            return {
                self._name(name, place): self._member(name, part, place)
                for name, part in value.items()
            }
        if key in SCHEMA_VALUES:
            return self.schema(value, place)
        return value

    def _member(self, name: str, part: Any, place: str) -> Any:
        inside = f"{place}/{escape(name)}"
        return part if isinstance(part, list) else self.schema(part, inside)

    def _name(self, name: Any, place: str) -> str:
        if not isinstance(name, str):
            raise self._error(place, f"the name {name!r} is not a string; put it in quotes")
        return name

    def _target(self, reference: str, place: str) -> Any:
        file, _, pointer = reference.partition("#")
        node: Any = self._opened(file, reference, place) if file else self._document
        for token in unquote(pointer).split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(node, Mapping) and name in node:
                node = node[name]
            elif isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            else:
                names = node if isinstance(node, Mapping) else ()
                known = [key for key in names if isinstance(key, str)]
                hint = did_you_mean(closest(name, known))
                raise self._error(place, f"$ref {reference}: there is no {name!r}{hint}")
        return node

    def _opened(self, file: str, reference: str, place: str) -> Any:
        from simulator.catalog.referenced_files import CannotOpen

        if self._files is None:
            reason = "only references inside the document (#/...) are followed"
            raise self._error(place, f"$ref {reference}: {reason}")
        try:
            return self._files.open(file)
        except CannotOpen as error:
            raise self._error(place, f"$ref {reference}: {error}") from None

    def _error(self, place: str, reason: str) -> InvalidDocument:
        return InvalidDocument(self._source, place, reason)


def _whole(reference: str, place: str) -> str:
    """A reference from the document's own folder, whichever file it stands in."""
    file, _, pointer = reference.partition("#")
    base = place.partition("#")[0]
    if not file:
        return f"{base}#{pointer}"
    from simulator.catalog.referenced_files import joined

    return f"{joined(base, file)}#{pointer}"


def escape(token: object) -> str:
    """A name as a token of a JSON pointer."""
    return str(token).replace("~", "~0").replace("/", "~1")
