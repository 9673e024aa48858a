"""Lists and mappings as kinds: their keys, what each holds, and which of them go together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from simulator.scenario.parser.context import Context, Rejected, suggestion
from simulator.scenario.parser.kinds import (
    PARAMETER,
    KeyKind,
    Kind,
    Schema,
    alternatives,
    read_all,
)
from simulator.scenario.wording import quoted
from simulator.scenario.yaml_nodes import ListNode, MapNode, Node, describe
from simulator.suggestions import closest

T = TypeVar("T")

Values = Mapping[str, Any]
"""What a record was read into: a value for each key that was there."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record. A `scoped` one is read in the scope that the record makes."""

    kind: Kind[Any]
    description: str
    required: bool = False
    scoped: bool = False


@dataclass(frozen=True, slots=True)
class OneOf:
    """Of these keys at most one may be there, exactly one where it is `required`."""

    keys: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True)
class Short:
    """A record written short: a value of this kind alone stands for `key` with that value."""

    kind: Kind[Any]
    key: str
    accepts: Callable[[Node], bool] = lambda node: not isinstance(node, MapNode)


class Record(Kind[Values]):
    """A mapping with known keys."""

    def __init__(
        self,
        what: str,
        fields: Mapping[str, Field],
        *,
        one_of: tuple[OneOf, ...] = (),
        short: Short | None = None,
        scope: Callable[[MapNode, Context], Context] | None = None,
        other_words: Mapping[str, str] | None = None,
    ) -> None:
        """`what` is how messages call it; `scope` makes the context of scoped fields.

        `other_words` are no keys, but what people write instead of one, by that word.
        """
        self.what = what
        self.fields = fields
        self._one_of = one_of
        self._short = short
        self._scope = scope
        self._other_words = other_words or {}

    def _read(self, node: Node, context: Context) -> Values:
        if self._short is not None and self._short.accepts(node):
            return {self._short.key: self._short.kind.read(node, context)}
        if not isinstance(node, MapNode):
            listed = ", ".join(key for key in self.fields)
            raise context.expected(f"a mapping with {listed}", node)
        inner = context
        if self._scope is not None:
            inner = self._scope(node, context)
        failed = self.check_keys(node, context)
        values = {}
        for key, value in node.entries:
            field = self.fields.get(key.text)
            if field is not None:
                try:
                    values[key.text] = field.kind.read(value, inner if field.scoped else context)
                except Rejected:
                    failed = True
        if failed:
            raise Rejected
        return values

    def check_keys(self, node: MapNode, context: Context) -> bool:
        """Whether a mapping lacks keys, or has ones that it must not have; all are reported."""
        failed = False
        there = {key.text for key, _ in node.entries}
        for key, _ in node.entries:
            if key.text not in self.fields:
                word = self._other_words.get(key.text)
                hint = f" (did you mean '{word}'?)" if word else suggestion(key.text, self.fields)
                context.reject(key, f"unknown key {quoted(key.text)} in {self.what}{hint}")
                failed = True
                # A key that is misspelt is not missing as well.
                there.add(word or closest(key.text, self.fields) or key.text)
        for key_name, field in self.fields.items():
            if field.required and key_name not in there:
                context.reject(node, f"{self.what} lacks '{key_name}'")
                failed = True
        for group in self._one_of:
            found = [key.text for key, _ in node.entries if key.text in group.keys]
            listed = " or ".join(f"'{key}'" for key in group.keys)
            if len(found) > 1:
                both = " and ".join(f"'{key}'" for key in group.keys if key in found)
                extra = next(key for key, _ in node.entries if key.text == found[1])
                context.reject(extra, f"{self.what} takes only one of {both}")
                failed = True
            elif group.required and not there.intersection(group.keys):
                context.reject(node, f"{self.what} lacks {listed}")
                failed = True
        return failed

    def _schema(self) -> Schema:
        result: Schema = {"type": "object", "additionalProperties": False}
        result["properties"] = {
            key: described(field.kind.schema(), field.description)
            for key, field in self.fields.items()
        }
        required = [key for key, field in self.fields.items() if field.required]
        if required:
            result["required"] = required
        rules: list[Schema] = []
        for group in self._one_of:
            each: list[Schema] = [{"required": [key]} for key in group.keys]
            if not group.required:
                each.append({"not": {"anyOf": [{"required": [key]} for key in group.keys]}})
            rules.append({"oneOf": each})
        if rules:
            result["allOf"] = rules
        if self._short is not None:
            return alternatives(self._short.kind.schema(), result)
        return result


class ListOf(Kind[tuple[T, ...]]):
    """A list of values of one kind."""

    def __init__(self, item: Kind[T], what: str, minimum: int = 1, *, unique: bool = False) -> None:
        """`what` is how messages call the list; in a `unique` one no value comes twice."""
        self._item = item
        self._what = what
        self._minimum = minimum
        self._unique = unique

    def _read(self, node: Node, context: Context) -> tuple[T, ...]:
        if not isinstance(node, ListNode):
            raise context.expected(self._what, node)
        if len(node.items) < self._minimum:
            raise context.reject(node, f"expected {self._what}, found {describe(node)}")
        values = tuple(read_all(self._item, node.items, context))
        if self._unique:
            seen = set()
            for item, value in zip(node.items, values, strict=True):
                if value in seen:
                    raise context.reject(item, f"{quoted(str(value))} is here twice")
                seen.add(value)
        return values

    def _schema(self) -> Schema:
        items: Schema = {"type": "array", "items": self._item.schema()}
        if self._minimum:
            items["minItems"] = self._minimum
        if self._unique:
            items["uniqueItems"] = True
        return alternatives(items, PARAMETER)


class MapOf(Kind[dict[str, T]]):
    """A mapping from names, or from any texts, to values of one kind."""

    def __init__(self, value: Kind[T], what: str, key: KeyKind | None = None) -> None:
        """`what` is how messages call the mapping."""
        self._value = value
        self._what = what
        self._key = key

    def _read(self, node: Node, context: Context) -> dict[str, T]:
        if not isinstance(node, MapNode):
            raise context.expected(self._what, node)
        values: dict[str, T] = {}
        failed = False
        for key, value in node.entries:
            try:
                name = key.text if self._key is None else self._key.check(key, context)
                values[name] = self._value.read(value, context)
            except Rejected:
                failed = True
        if failed:
            raise Rejected
        return values

    def _schema(self) -> Schema:
        result: Schema = {"type": "object", "additionalProperties": self._value.schema()}
        if self._key is not None:
            result["propertyNames"] = self._key.schema()
        return result


def described(schema: Schema, description: str) -> Schema:
    """The schema with a description of its own, for editors to show."""
    return {"description": description, **{k: v for k, v in schema.items() if k != "description"}}
