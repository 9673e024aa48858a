"""What becomes of the events that somebody follows, at every target."""

from __future__ import annotations

from simulator.handlers.report import Outcome


class Following:
    """Outcomes of the wanted events, from the moment on that they are wanted."""

    __slots__ = ("_outcomes", "_wanted")

    def __init__(self) -> None:
        self._wanted: set[str] = set()
        self._outcomes: dict[str, dict[str, Outcome]] = {}

    def want(self, event_id: str) -> None:
        """Follow this event."""
        self._wanted.add(event_id)

    def note(self, target: str, event_id: str, outcome: Outcome) -> None:
        """A target has dealt with an event; one that was handled once stays so."""
        if event_id not in self._wanted:
            return
        outcomes = self._outcomes.setdefault(target, {})
        if outcomes.get(event_id) is not Outcome.HANDLED:
            outcomes[event_id] = outcome

    def outcome(self, target: str, event_id: str) -> Outcome | None:
        """What became of an event at a target; None while that is open."""
        return self._outcomes.get(target, {}).get(event_id)

    def answered(self, target: str) -> int:
        """How many of the wanted events a target has dealt with."""
        return len(self._outcomes.get(target, ()))
