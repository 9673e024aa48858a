"""Whether event handler apps have dealt with events as a script expects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from simulator.scenario.deliveries import Deliveries, DeliveryOutcome, Following, Hold
from simulator.scenario.expectations.watches import EventWatch, Watch, said_event, said_range
from simulator.scenario.near_miss import Conditions
from simulator.scenario.script import Expectation

MAX_FOLLOWED: Final = 100_000
"""Events that one expectation follows: each takes some memory until the play is forgotten."""


class _Followed(NamedTuple):
    """A published event."""

    user_id: str | None
    time_ns: int
    copies: int


class NothingDelivered(Watch):
    """Stands for a watch where there are no deliveries."""

    def judge(self) -> tuple[bool, str]:
        """It does not hold."""
        return False, "expected events to be delivered, but nothing is delivered here"


class DeliveredWatch(EventWatch):
    """Events that match, and what has become of each at the targets."""

    def __init__(
        self,
        expectation: Expectation,
        wanted: list[Conditions],
        label: Callable[[str], str],
        deliveries: Deliveries,
        target: str | None,
    ) -> None:
        """`target` is the one that counts; None: all."""
        super().__init__(expectation, wanted, label)
        self._deliveries = deliveries
        self._target = target
        self._events: dict[str, _Followed] = {}
        self._nameless = 0
        self._too_many = False

    @cached_property
    def _following(self) -> Following:
        """Begun with the first event: what never begins is never closed."""
        return self._deliveries.follow()

    def see(
        self, topic: str, name: str, user_id: str | None, event: Mapping[str, Any], time_ns: int
    ) -> None:
        """Follow an event that matches."""
        if not self.wanted[0].matches(topic, name, user_id, event):
            return
        event_id = event.get("id")
        if not isinstance(event_id, str):
            self._nameless += 1
            return
        known = self._events.get(event_id)
        if known is None and len(self._events) == MAX_FOLLOWED:
            self._too_many = True
            return
        copies = 1 if known is None else known.copies + 1
        self._events[event_id] = _Followed(user_id, time_ns, copies)
        self._following.want(event_id)

    def close(self) -> None:
        """Follow no longer, and forget the events."""
        if "_following" in vars(self):
            self._following.close()
        self._events.clear()

    def hold(self) -> Hold | None:
        """What to wait for before it is judged; None where waiting changes nothing."""
        if not self._events or self._too_many or self._over():
            return None
        return Hold(self._over, self.expectation.within)

    def judge(self) -> tuple[bool, str]:
        """Whether the events have met with what was expected."""
        said = _said(self.expectation.outcome)
        where = f" by {self._target}" if self._target else ""
        if self._too_many:
            text = f"more than {MAX_FOLLOWED:,} events are {self.wanted[0].said('such')}"
            return False, f"{text}; an expectation follows no more: name a user or a field"
        if not self._targets():
            text = f"expected {self.wanted[0].said('events')} to be {said}{where}"
            return False, f"{text}, but there is no target: a deliver step adds one"
        count = sum(each.copies for id, each in self._events.items() if self._is_so(id))
        return (self._judge_every if self.expectation.every else self._judge_count)(
            count, f"{said}{where}"
        )

    def _judge_every(self, count: int, said: str) -> tuple[bool, str]:
        what = self.wanted[0].said("events")
        total = sum(each.copies for each in self._events.values()) + self._nameless
        if count == total:
            return True, f"all of {total} {what} are {said}" if total else f"no {what} to deliver"
        wrong = total - count
        are = "is" if wrong == 1 else "are"
        text = f"expected all of {total} {what} to be {said}; {wrong} {are} not: {self._why()}"
        return False, text

    def _judge_count(self, count: int, said: str) -> tuple[bool, str]:
        at_least, at_most = self.expectation.at_least, self.expectation.at_most
        wanted = self.wanted[0].said("event" if 1 in (at_least, at_most) else "events")
        text = f"{said_range(at_least, at_most)} {wanted} to be {said}, saw {count}"
        if at_least <= count and (at_most is None or count <= at_most):
            return True, text
        why = f": {self._why()}" if count < at_least else ""
        return False, f"expected {text}{why}"

    def _why(self) -> str:
        """The first event that has met with something else, and what."""
        for event_id, (user_id, time_ns, _) in self._events.items():
            if not self._is_so(event_id):
                event = said_event(user_id, {"id": event_id}, time_ns, self.label)
                found = "; ".join(self._found(target, event_id) for target in self._targets())
                return f"the first is {event}, {found}"
        if self._nameless:
            return "it has no id, so that nobody knows what became of it"
        return "there are no others" if self._events else "none was published"

    def _found(self, target: str, event_id: str) -> str:
        outcome = self._following.outcome(target, event_id)
        if outcome is not None:
            return f"{_said(outcome)} by {target}"
        return f"not dealt with by {target}, which is {self._deliveries.standing(target)}"

    def _is_so(self, event_id: str) -> bool:
        """Whether an event has met with what is expected, at the targets taken together.

        It is handled when some target has handled it, and the others have too or do not implement
        it; anything else it is as soon as one target says so.
        """
        found = {self._following.outcome(target, event_id) for target in self._targets()}
        if self.expectation.outcome == "handled":
            return "handled" in found and found <= {"handled", "unimplemented"}
        return self.expectation.outcome in found

    def _targets(self) -> Collection[str]:
        return (self._target,) if self._target else self._deliveries.targets()

    def _over(self) -> bool:
        """Whether every target has dealt with every event, or is no target any more."""
        there = self._deliveries.targets()
        total = len(self._events)
        return all(
            target not in there or self._following.answered(target) == total
            for target in self._targets()
        )


def _said(outcome: DeliveryOutcome) -> str:
    return outcome.replace("_", " ")
