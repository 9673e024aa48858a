"""`sim.handlers` of a synchronous simulator: the apps to which events are delivered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Self

from simulator.catalog import Catalog
from simulator.errors import SimulatorError
from simulator.handlers import DeliveryReport, DeliverySettings, HandlerError, Handlers
from simulator.handlers.compatibility import EventFit, check_app
from simulator.handlers.hosting import HostedApp
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

    def report(self, target: str) -> DeliveryReport:
        """How one target stands; raises HandlerError."""
        return self._thread.call(lambda: self._handlers().report(target))

    def check(self, target: str, timeout: float = 5.0) -> list[EventFit]:
        """Ask an app by reflection how each event fits it; `ReflectionUnavailable`."""
        return self._thread.run(check_app(target, self._handlers().catalog, timeout))

    def wait_delivered(self, event_id: str, timeout: float = 5.0) -> None:
        """Return when every target has dealt with an event; see `Handlers.wait_delivered`."""
        self._thread.run(self._handlers().wait_delivered(event_id, timeout))

    def wait_idle(self, timeout: float = 5.0, target: str | None = None) -> None:
        """Return when a target, or every one, has dealt with everything; `Handlers.wait_idle`."""
        self._thread.run(self._handlers().wait_idle(timeout, target))

    def host(
        self,
        *servicers: object,
        settings: DeliverySettings = DeliverySettings(),
        **functions: Callable[..., Any],
    ) -> HostedHandler:
        """Serve handlers in this process, on a free port, and deliver to them from now on.

        `servicers` are objects of classes derived from generated ones; a keyword is the name of an
        event, and its value a function of the message, or of the message and the context. Each may
        be asynchronous. Raises NoHandler.
        """
        hosted = HostedHandler(self, self._thread.call(lambda: self._handlers().catalog))
        try:
            hosted.start(servicers, functions, settings)
        except BaseException:
            hosted.close()
            raise
        return hosted


class HostedHandler:
    """Handlers that run in this process, as a target of its own; a context manager."""

    def __init__(self, control: HandlersControl, catalog: Catalog) -> None:
        """`HandlersControl.host` makes them."""
        self._control = control
        # A loop of their own: what they do does not hold up the simulator, and they may call it.
        self._thread = LoopThread("event-handler")
        self._app = self._thread.call(lambda: HostedApp(catalog))
        self._target: str | None = None
        self._last: DeliveryReport | None = None
        self._closed = False

    def start(
        self,
        servicers: tuple[object, ...],
        functions: Mapping[str, Callable[..., Any]],
        settings: DeliverySettings,
    ) -> None:
        """Serve, and become a target."""
        self._thread.call(lambda: self._app.add(servicers, functions))
        target = self._thread.run(self._app.start())
        self._control.add(target, settings)
        self._target = target

    @property
    def target(self) -> str:
        """Where it listens: `host:port`."""
        if self._target is None:
            raise HandlerError("this handler is closed")
        return self._target

    @property
    def report(self) -> DeliveryReport:
        """How the delivery to it stands, or how it ended."""
        return self._last or self._control.report(self.target)

    def wait(self, timeout: float = 5.0) -> DeliveryReport:
        """Return when everything that is there has been dealt with; raises NotDelivered."""
        self._control.wait_idle(timeout, self.target)
        return self.report

    def close(self) -> None:
        """Deliver to it no longer, and end its server; a second call does nothing, and neither does
        one that comes when the simulator is closed or the target is removed."""
        target, self._target = self._target, None
        try:
            if target is not None:
                with suppress(SimulatorError):
                    self._last = self._control.remove(target)
        finally:
            if not self._closed:
                self._closed = True
                self._thread.run(self._app.stop())
                self._thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
