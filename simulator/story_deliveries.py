"""Event handler apps as stories act on them: at once, and without waiting for anything."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from simulator.delivery_settings import DeliverySettings
from simulator.scenario.deliveries import DeliveryOutcome

if TYPE_CHECKING:
    from simulator.handlers import Handlers


class StoryDeliveries:
    """`scenario.deliveries.Deliveries` of a simulator."""

    def __init__(self, handlers: Callable[[], Handlers]) -> None:
        """`handlers` are those of a simulator that runs; what they need is imported then."""
        self._handlers = handlers

    def add(self, target: str, settings: DeliverySettings) -> bool:
        """Deliver to `host:port`; False where that is done already, with the same settings."""
        handlers = self._handlers()
        known = handlers.deliveries.get(target)
        if known is not None and known.settings == settings:
            return False
        handlers.add(target, settings)
        return True

    def remove(self, target: str) -> None:
        """Begin to end a delivery."""
        self._handlers().discard(target)

    def targets(self) -> Collection[str]:
        """All that events are delivered to now."""
        return self._handlers().deliveries.keys()

    def standing(self, target: str) -> str:
        """How a delivery stands, in words."""
        delivery = self._handlers().deliveries.get(target)
        return "no target" if delivery is None else delivery.report().standing

    def settled(self, target: str) -> bool:
        """Whether a target has dealt with all that is there, or is none any more."""
        delivery = self._handlers().deliveries.get(target)
        return delivery is None or delivery.idle

    def follow(self) -> StoryFollowing:
        """Begin to follow events."""
        return StoryFollowing(self._handlers())

    async def wait(self, over: Callable[[], bool]) -> None:
        """Return when `over()`."""
        await self._handlers().wait(over)


class StoryFollowing:
    """`scenario.deliveries.Following`."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers
        self._following = handlers.follow()
        self.want = self._following.want
        self.answered = self._following.answered

    def outcome(self, target: str, event_id: str) -> DeliveryOutcome | None:
        """What became of an event at a target, as a story calls it."""
        outcome = self._following.outcome(target, event_id)
        return None if outcome is None else outcome.value

    def close(self) -> None:
        """Follow no longer."""
        self._handlers.unfollow(self._following)
