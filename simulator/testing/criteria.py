"""Which events a test is asking for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from simulator.scenario.near_miss import Conditions, id_forms
from simulator.testing.events import Event


@dataclass(frozen=True, slots=True)
class Criteria:
    """Conditions on the content of an event, and any predicate; both must hold."""

    conditions: Conditions = field(default_factory=Conditions)
    matching: Callable[[Event], object] | None = None

    def matches(self, event: Event) -> bool:
        """Whether an event meets them."""
        return self.meets_conditions(event) and (
            self.matching is None or bool(self.matching(event))
        )

    def meets_conditions(self, event: Event) -> bool:
        """Whether an event meets all but the predicate."""
        return self.conditions.matches(event.topic, event.name, event.user_id, event.json)

    def __str__(self) -> str:
        text = str(self.conditions)
        if self.matching is not None:
            text += f" matching {getattr(self.matching, '__name__', 'the predicate')}"
        return text


def all_forms(user_ids: Iterable[str]) -> frozenset[str]:
    """Return every way to write these ids: dashed and compact forms are the same id."""
    return frozenset(form for user_id in user_ids for form in id_forms(user_id))
