"""Events made by chance, from what their schemas say; always the same for the same chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from simulator.catalog.errors import CatalogError
from simulator.catalog.examples import example_of
from simulator.catalog.message_type import MessageType
from simulator.catalog.schemas import NAME, has_envelope, properties, types

T = TypeVar("T")

MAX_DEPTH: Final = 12
"""Objects inside one another; what lies deeper is left out, or as plain as it can be."""

_ATTEMPTS: Final = 20

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_WORDS: Final = ("north", "gate", "hat", "sword", "river", "lamp", "green", "seven", "swift", "oak")
_FIRST_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)


class NotGenerated(CatalogError):
    """No legal event could be made from a schema; the text names a rule that was in the way."""


class Chance(Protocol):
    """Where everything random comes from."""

    def below(self, bound: int) -> int:
        """Return an integer in [0, bound)."""
        ...

    def random(self) -> float:
        """Return a number in [0, 1)."""
        ...


def generated_event(message: MessageType, chance: Chance) -> dict[str, Any]:
    """A legal event of a type; raises NotGenerated.

    Where chance does not meet a rule (a pattern, a combination of fields), the example of the type
    stands in.
    """
    maker = _Maker(chance)
    for _ in range(_ATTEMPTS):
        event = maker.value({"type": "object", **message.schema}, 0, "")
        if has_envelope(message.schema):
            event[NAME] = message.name
        if not message.violations(event):
            return dict(event)
    example = message.example
    violations = message.violations(example)
    if violations:
        raise NotGenerated(f"no legal {message.name} could be made: {violations[0]}")
    return example


class _Maker:
    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def _one_of(self, values: Sequence[T]) -> T:
        return values[self._chance.below(len(values))]

    def _often(self) -> bool:
        return self._chance.below(8) > 0

    def value(self, schema: Any, depth: int, name: str) -> Any:
        """A value for a schema; `name` is that of the field."""
        if not isinstance(schema, dict):
            return {}
        for keyword in ("const", "enum", "examples"):
            if keyword in schema:
                given = schema[keyword]
                return given if keyword == "const" else self._one_of(given)
        for keyword in ("oneOf", "anyOf"):
            if schema.get(keyword):
                rest = {key: part for key, part in schema.items() if key != keyword}
                return self.value({**rest, **self._one_of(schema[keyword])}, depth, name)
        kinds = types(schema) or (["object"] if properties(schema) else [])
        if not kinds:
            return example_of(schema)
        return self._of_kind(self._one_of(kinds), schema, depth, name)

    def _of_kind(self, kind: str, schema: Mapping[str, Any], depth: int, name: str) -> Any:
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth, name)
            case "string":
                return self._string(schema, name)
            case "integer" | "number":
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return bool(self._chance.below(2))
        return None

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        known = properties(schema)
        required = set(schema.get("required", ()))
        made = {
            key: self.value(part, depth + 1, key)
            for key, part in known.items()
            if key in required or (depth < MAX_DEPTH and (depth < 2 or self._often()))
        }
        for key in sorted(required - made.keys()):
            made[key] = self._words(1)
        return made

    def _array(self, schema: Mapping[str, Any], depth: int, name: str) -> list[Any]:
        items = schema.get("items", {"type": "string"})
        if isinstance(items, list):
            return [self.value(item, depth + 1, name) for item in items]
        least = int(schema.get("minItems", 0))
        most = int(schema.get("maxItems", max(least, 3)))
        count = 0 if depth >= MAX_DEPTH else least + self._chance.below(min(most - least, 3) + 1)
        found: list[Any] = []
        for _ in range(max(count, least)):
            made = self.value(items, depth + 1, name)
            if not schema.get("uniqueItems") or made not in found:
                found.append(made)
        return found

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        formatted = self._formatted(schema.get("format", ""))
        if formatted is not None:
            return formatted
        if "pattern" in schema:
            return str(example_of(schema))
        if name.lower().endswith("id"):
            text = f"{self._bits(64):016x}"
        else:
            text = self._words(1 + self._chance.below(3))
        least, most = int(schema.get("minLength", 0)), schema.get("maxLength")
        while len(text) < least:
            text += self._one_of(_LETTERS)
        return text if most is None else text[: int(most)]

    def _formatted(self, form: str) -> str | None:
        moment = _FIRST_DAY + timedelta(seconds=self._chance.below(365 * 86_400))
        word = self._one_of(_WORDS)
        match form:
            case "uuid":
                return str(UUID(int=self._bits(128), version=4))
            case "date-time":
                return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            case "date":
                return moment.strftime("%Y-%m-%d")
            case "time":
                return moment.strftime("%H:%M:%SZ")
            case "email" | "idn-email":
                return f"{word}@example.com"
            case "hostname" | "idn-hostname":
                return f"{word}.example.com"
            case "ipv4":
                return f"192.0.2.{1 + self._chance.below(254)}"
            case "ipv6":
                return f"2001:db8::{1 + self._chance.below(65_535):x}"
            case "uri" | "uri-reference" | "iri" | "iri-reference":
                return f"https://example.com/{word}"
        return None

    def _number(self, schema: Mapping[str, Any], *, whole: bool) -> int | float:
        least = schema.get("minimum", schema.get("exclusiveMinimum"))
        most = schema.get("maximum", schema.get("exclusiveMaximum"))
        if least is None:
            least = 0 if most is None or most >= 0 else most - 1000
        if most is None:
            most = least + 1000
        step = schema.get("multipleOf", 1 if whole else 0)
        if step:
            low = -(-least // step)
            high = most // step
            made = step * (low + self._chance.below(max(int(high - low), 0) + 1))
        else:
            made = least + (most - least) * self._chance.random()
        if made == schema.get("exclusiveMinimum"):
            made += step or (most - least) / 2
        if made == schema.get("exclusiveMaximum"):
            made -= step or (most - least) / 2
        return int(made) if whole else made

    def _words(self, count: int) -> str:
        return " ".join(self._one_of(_WORDS) for _ in range(count))

    def _bits(self, count: int) -> int:
        bits = 0
        for _ in range(count // 16):
            bits = bits << 16 | self._chance.below(65_536)
        return bits
