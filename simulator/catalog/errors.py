"""What can be wrong with an event, or with a document that says which events exist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from simulator.errors import SimulatorError


class Violation(NamedTuple):
    """One rule that an event breaks.

    `path` is a JSON path such as `$.payload.userDisconnected.code`, `value` what is there, `rule`
    the keyword and its operand (`type: integer`, `format: uuid`), `message` a sentence that names
    the value and what was expected.
    """

    path: str
    value: object
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class CatalogError(SimulatorError):
    """The base of this room's errors."""


class InvalidEvent(CatalogError):
    """An event that its topic must not carry, with every rule that it breaks."""

    def __init__(self, topic: str, violations: Sequence[Violation]) -> None:
        """`violations` has at least one entry."""
        self.topic = topic
        self.violations = tuple(violations)
        lines = [str(violation) for violation in self.violations]
        head = f"invalid event for topic {topic}: "
        super().__init__(head + (lines[0] if len(lines) == 1 else "\n  ".join(["", *lines])))


class UnknownEvent(CatalogError):
    """No event has this name, or this topic does not carry it."""


class UnknownField(CatalogError):
    """No event that is meant has a field of this path."""


class AmbiguousEvent(CatalogError):
    """Several topics carry an event of this name; `topics` names them."""

    def __init__(self, name: str, topics: Sequence[str]) -> None:
        self.name = name
        self.topics = tuple(topics)
        super().__init__(f"{name} is an event of several topics, say which: {', '.join(topics)}")


class ConversionError(CatalogError):
    """An event that has no form in protobuf, or bytes that are no such event.

    `path` is the JSON path of what cannot be converted.
    """

    def __init__(self, message_name: str, path: str, reason: str) -> None:
        self.path = path
        super().__init__(f"cannot convert {message_name}: {path}: {reason}")


class InvalidDocument(CatalogError):
    """A document that is no AsyncAPI 2.x, or uses what this reader does not know.

    `source` names the document, `place` is a JSON pointer into it, such as
    `#/components/messages/userConnected`.
    """

    def __init__(self, source: str, place: str, reason: str) -> None:
        self.source = source
        self.place = place
        super().__init__(f"{source}: {place}: {reason}")
