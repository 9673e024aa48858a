"""Event handler apps as a story sees them: whoever composes the simulator gives it some."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from simulator.delivery_settings import DeliverySettings

DeliveryOutcome = Literal["handled", "unimplemented", "given_up", "unreadable"]

OUTCOMES: Final[tuple[DeliveryOutcome, ...]] = (
    "handled",
    "unimplemented",
    "given_up",
    "unreadable",
)
"""What can become of an event at an app; the report of a delivery has the same names."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A story stands still until `over()`, at most for so many nanoseconds of real time."""

    over: Callable[[], bool]
    within_ns: int


class Following(Protocol):
    """What becomes of some events, from the moment on that it was asked for."""

    def want(self, event_id: str) -> None:
        """Follow this event."""
        ...

    def outcome(self, target: str, event_id: str) -> DeliveryOutcome | None:
        """What became of an event at a target; None while that is open."""
        ...

    def answered(self, target: str) -> int:
        """How many of the wanted events the target has dealt with."""
        ...

    def close(self) -> None:
        """Follow no longer."""
        ...


class Deliveries(Protocol):
    """What a story can do to deliveries. All errors are SimulatorErrors."""

    def add(self, target: str, settings: DeliverySettings) -> bool:
        """Deliver to `host:port`; False where that is done already, with the same settings."""
        ...

    def remove(self, target: str) -> None:
        """Begin to end a delivery; harmless where there is none."""
        ...

    def targets(self) -> Collection[str]:
        """All that events are delivered to now, whoever began it."""
        ...

    def standing(self, target: str) -> str:
        """How a delivery stands, in words: `backing off (userConnected: UNAVAILABLE: ...)`."""
        ...

    def settled(self, target: str) -> bool:
        """Whether a target has dealt with all that is there."""
        ...

    def follow(self) -> Following:
        """Begin to follow events."""
        ...

    async def wait(self, over: Callable[[], bool]) -> None:
        """Return when `over()`; it is asked again whenever something was delivered."""
        ...
