"""Which events a test is asking for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.testing.events import Event


def same_id(one: str | None, other: str | None) -> bool:
    """Whether two ids are the same id: dashes and case do not count."""
    return one is not None and other is not None and _plain(one) == _plain(other)


@dataclass(frozen=True, slots=True)
class Criteria:
    """Conditions that an event must all meet; those left at None do not count.

    `user_id` is compared as an id (dashed and compact forms are equal), `user` is how the test
    called that user. `where` maps dotted paths to values; `matching` is any predicate.
    """

    name: str | None = None
    topic: str | None = None
    user: str | None = None
    user_id: str | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    matching: Callable[[Event], object] | None = None

    def matches(self, event: Event) -> bool:
        """Whether an event meets all conditions."""
        return (
            (self.topic is None or event.topic == self.topic)
            and (self.name is None or event.name == self.name)
            and (self.user_id is None or same_id(event.user_id, self.user_id))
            and all(_equal(event.get(path), value) for path, value in self.where.items())
            and (self.matching is None or bool(self.matching(event)))
        )

    def __str__(self) -> str:
        parts = [self.name or "any event"]
        if self.user is not None:
            parts.append(f"for {self.user}")
        if self.topic is not None:
            parts.append(f"on {self.topic}")
        if self.where:
            parts.append("with " + ", ".join(f"{k} = {v!r}" for k, v in self.where.items()))
        if self.matching is not None:
            parts.append(f"matching {getattr(self.matching, '__name__', 'the predicate')}")
        return " ".join(parts)


def _equal(seen: object, wanted: object) -> bool:
    """Equality of JSON values: true is not 1."""
    return isinstance(seen, bool) == isinstance(wanted, bool) and seen == wanted


def _plain(text: str) -> str:
    return text.replace("-", "").lower()
