"""What a delivery has done so far: counts and latencies of every event type, and single events."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Final

KEPT_LATENCIES: Final = 4_000
"""Of each event type; p50 and p99 are those of the last so many calls."""

KEPT_EVENTS: Final = 100_000
"""Events whose outcome is remembered, the last ones."""


class DeliveryState(Enum):
    """What a delivery is doing."""

    IDLE = "idle"
    DELIVERING = "delivering"
    BACKING_OFF = "backing off"
    STOPPED = "stopped"


class Outcome(Enum):
    """What became of an event; the columns of a report are called the same."""

    HANDLED = "handled"
    UNIMPLEMENTED = "unimplemented"
    FAILED = "given_up"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class EventReport:
    """One event type: calls that were `sent`, `failed`, were `retried` (attempts behind the first)
    or `duplicate` (of an event that was dealt with); events that were `handled`, `unimplemented`,
    `given_up` or `unreadable`; latency of the calls in milliseconds. Each call is one of handled,
    unimplemented, duplicate, failed."""

    sent: int = 0
    handled: int = 0
    failed: int = 0
    retried: int = 0
    duplicate: int = 0
    unimplemented: int = 0
    given_up: int = 0
    unreadable: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A delivery at one moment. `reason` says why it backs off, or else what was given up last, and
    why. `lag` counts what is to come."""

    target: str
    group: str
    state: DeliveryState
    reason: str
    lag: int
    events: Mapping[str, EventReport]

    @property
    def standing(self) -> str:
        """The state and its reason: `backing off (userConnected: UNAVAILABLE: ...)`."""
        return self.state.value + (f" ({self.reason})" if self.reason else "")

    @property
    def total(self) -> EventReport:
        """The counts of all event types; latencies are the largest of any."""
        totals = EventReport()
        if self.events:
            rows = [asdict(report) for report in self.events.values()]
            totals = EventReport(
                **{
                    name: (max if name.endswith("_ms") else sum)(row[name] for row in rows)
                    for name in rows[0]
                }
            )
        return totals

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "target": self.target,
            "group": self.group,
            "state": self.state.value,
            "reason": self.reason,
            "lag": self.lag,
            "events": {name: asdict(report) for name, report in self.events.items()},
            "total": asdict(self.total),
        }


class Tally:
    """Counts one event type."""

    __slots__ = ("_counts", "_latencies", "_longest")

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._latencies: deque[float] = deque(maxlen=KEPT_LATENCIES)
        self._longest = 0.0

    def add(self, what: str, count: int = 1) -> None:
        """Count; `what` is a field of EventReport."""
        self._counts[what] = self._counts.get(what, 0) + count

    def took(self, milliseconds: float) -> None:
        """A call was answered after so long."""
        self._latencies.append(milliseconds)
        self._longest = max(self._longest, milliseconds)

    def report(self) -> EventReport:
        """The counts as they are."""
        ordered = sorted(self._latencies)
        middle = tail = 0.0
        if ordered:
            middle = ordered[len(ordered) // 2]
            tail = ordered[min(len(ordered) * 99 // 100, len(ordered) - 1)]
        return EventReport(**self._counts, p50_ms=middle, p99_ms=tail, max_ms=self._longest)


class Outcomes:
    """What became of single events, by their ids; the oldest are forgotten."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Outcome] = OrderedDict()

    def note(self, event_id: str, outcome: Outcome) -> None:
        """Remember; an event that was handled once stays so."""
        if self._kept.get(event_id) is not Outcome.HANDLED:
            self._kept[event_id] = outcome
        self._kept.move_to_end(event_id)
        if len(self._kept) > KEPT_EVENTS:
            self._kept.popitem(last=False)

    def of(self, event_id: str) -> Outcome | None:
        """What became of an event; None while that is open."""
        return self._kept.get(event_id)
