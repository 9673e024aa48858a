"""Whether a run's events are what its script expects: watched as they come, never kept.

An observer counts; its memory does not grow with the run. Events that no expectation is about cost
one look into a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.scenario.deliveries import Deliveries, Hold
from simulator.scenario.expectations.delivered import DeliveredWatch, NothingDelivered
from simulator.scenario.expectations.watches import (
    AllWatch,
    CountWatch,
    EventWatch,
    OrderWatch,
    RefusalWatch,
    Verdict,
    Watch,
)
from simulator.scenario.near_miss import Conditions, Tally, id_forms
from simulator.scenario.script import Expectation, Match, Text, Value
from simulator.scenario.templates import Template, as_text

Resolve = Callable[[Text], str]
Render = Callable[[Value], object]


class ExpectationObserver:
    """Watches the events of one run on behalf of its expectations."""

    def __init__(
        self,
        expectations: Sequence[Expectation],
        resolve: Resolve,
        *,
        render: Render | None = None,
        users: Mapping[str, str] | None = None,
        deliveries: Deliveries | None = None,
    ) -> None:
        """Fill in what the expectations leave open; nothing has been seen yet.

        `resolve` turns the user of a match (a name, an id, or a template) into an id, or into a
        name of `users`. `render` fills in the values of fields that have templates in them; by
        default `resolve` does that for texts. `users` maps names to ids, so that texts can say
        `for bob`. `deliveries` are followed where an expectation is about them. Raises what
        `resolve` and `render` raise.
        """
        labels = {form: name for name, one in (users or {}).items() for form in id_forms(one)}
        self._label: Callable[[str], str] = lambda user_id: labels.get(user_id, user_id)
        self._resolve = resolve
        self._render = render
        self._users = users or {}
        self._deliveries = deliveries
        self._arrived = Tally()
        self._watches = [self._watch(expectation) for expectation in expectations]
        self._by_name: dict[str, list[EventWatch]] = {}
        self._always: list[EventWatch] = []
        self._of_refusals = [each for each in self._watches if isinstance(each, RefusalWatch)]
        for watch in self._watches:
            if not isinstance(watch, EventWatch):
                continue
            for name in watch.names():
                if name is None:
                    self._always.append(watch)
                else:
                    self._by_name.setdefault(name, []).append(watch)

    def observe(
        self, topic: str, name: str, user_id: str | None, event: Mapping[str, Any], time_ns: int
    ) -> None:
        """See one event: its topic, name, acting user, JSON value, and timestamp (ns)."""
        self._arrived.add(name)
        for watch in self._by_name.get(name, ()):
            watch.see(topic, name, user_id, event, time_ns)
        for watch in self._always:
            watch.see(topic, name, user_id, event, time_ns)

    def observe_refusal(self, user_id: str, reason: str) -> None:
        """See that the chat service did not do what a user asked for, and why."""
        for watch in self._of_refusals:
            watch.see(user_id, reason)

    def holds(self) -> list[Hold]:
        """What a story waits for before its expectations are judged."""
        watches = [each for each in self._watches if isinstance(each, DeliveredWatch)]
        return [hold for watch in watches if (hold := watch.hold()) is not None]

    def close(self) -> None:
        """Let go of what was only needed for verdicts."""
        for watch in self._watches:
            if isinstance(watch, DeliveredWatch):
                watch.close()

    def verdicts(self) -> list[Verdict]:
        """How each expectation stands now, in the script's order."""
        return [watch.verdict() for watch in self._watches]

    def _watch(self, expectation: Expectation) -> Watch:
        wanted = [self._conditions(match) for match in expectation.matches]
        if expectation.kind == "order":
            return OrderWatch(expectation, wanted, self._label)
        if expectation.kind == "all":
            return AllWatch(expectation, wanted, self._label)
        if expectation.kind == "refused":
            return RefusalWatch(expectation, wanted, self._label)
        if expectation.kind == "delivered":
            if self._deliveries is None:
                return NothingDelivered(expectation, wanted, self._label)
            target = None if expectation.to is None else as_text(self._rendered(expectation.to))
            return DeliveredWatch(expectation, wanted, self._label, self._deliveries, target)
        return CountWatch(expectation, wanted, self._label, self._arrived)

    def _conditions(self, match: Match) -> Conditions:
        user = None
        user_ids: frozenset[str] = frozenset()
        if match.user is not None:
            found = self._resolve(match.user)
            user_ids = id_forms(self._users.get(found, found))
            user = next((self._label(one) for one in user_ids if self._label(one) != one), found)
        where = {path: self._rendered(value) for path, value in match.fields.items()}
        return Conditions(match.event, match.topic, user, user_ids, where)

    def _rendered(self, value: Value) -> object:
        if self._render is not None:
            return self._render(value)
        return self._resolve(value) if isinstance(value, Template) else value
