"""`sim.handlers` of a synchronous simulator: the apps to which events are delivered."""

from __future__ import annotations

from collections.abc import Callable

from simulator.handlers import DeliveryReport, DeliverySettings, Handlers
from simulator.handlers.compatibility import EventFit, check_app
from simulator.loop_thread import LoopThread


class HandlersControl:
    """The same calls as `Handlers`, for code that is not asynchronous."""

    def __init__(self, thread: LoopThread, handlers: Callable[[], Handlers]) -> None:
        self._thread = thread
        self._handlers = handlers

    def add(self, target: str, settings: DeliverySettings = DeliverySettings()) -> None:
        """Deliver to `host:port` from now on; the app need not be there yet. See `Handlers.add`."""
        self._thread.call(lambda: self._handlers().add(target, settings))

    def remove(self, target: str) -> DeliveryReport:
        """Deliver no longer, and tell how it ended."""
        return self._thread.run(self._handlers().remove(target))

    def reports(self) -> list[DeliveryReport]:
        """How each target stands."""
        return self._thread.call(lambda: self._handlers().reports())

    def check(self, target: str, timeout: float = 5.0) -> list[EventFit]:
        """Ask an app by reflection how each event fits it; `ReflectionUnavailable`."""
        return self._thread.run(check_app(target, self._handlers().catalog, timeout))

    def wait_delivered(self, event_id: str, timeout: float = 5.0) -> None:
        """Return when every target has dealt with an event; see `Handlers.wait_delivered`."""
        self._thread.run(self._handlers().wait_delivered(event_id, timeout))

    def wait_idle(self, timeout: float = 5.0) -> None:
        """Return when every target has dealt with everything; see `Handlers.wait_idle`."""
        self._thread.run(self._handlers().wait_idle(timeout))
