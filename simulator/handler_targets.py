"""The event handler apps of a simulator, as its gRPC listener wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from simulator.listeners.grpc.errors import (
    FieldViolation,
    InvalidRequest,
    NoSuchTarget,
    TargetExists,
    WaitOver,
)

if TYPE_CHECKING:
    from simulator.handlers import Handlers
    from simulator.handlers.compatibility import EventFit


class HandlerTargets:
    """`Targets` of the listener; what is imported for deliveries is imported by the first call."""

    def __init__(self, handlers: Callable[[], Handlers]) -> None:
        """`handlers` are those of a simulator that runs."""
        self._handlers = handlers

    def add(self, target: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Deliver to an app; its report."""
        from simulator.delivery_settings import (
            Chaos,
            DeliverySettings,
            HandlerError,
            InvalidDeliverySetting,
            check_target,
        )

        handlers = self._handlers()
        try:
            chaos = Chaos(**settings.get("chaos", {}))
            wanted = DeliverySettings(**{**settings, "chaos": chaos})
        except InvalidDeliverySetting as error:
            raise InvalidRequest([FieldViolation(_field(error.setting), str(error))]) from None
        try:
            check_target(target)
        except HandlerError as error:
            raise InvalidRequest([FieldViolation("target", str(error))]) from None
        if target in handlers.deliveries:
            raise TargetExists(target)
        return handlers.add(target, wanted).report().to_json()

    async def remove(self, target: str) -> Mapping[str, Any]:
        """Deliver to it no longer; its report."""
        self._require(target)
        return (await self._handlers().remove(target)).to_json()

    def report(self, target: str) -> Mapping[str, Any]:
        """The report of one."""
        self._require(target)
        return self._handlers().report(target).to_json()

    def reports(self) -> list[Mapping[str, Any]]:
        """The reports of all."""
        return [report.to_json() for report in self._handlers().reports()]

    async def wait_delivered(self, event_id: str | None, timeout: float) -> None:
        """Return when an event, or everything, has been dealt with."""
        from simulator.handlers import NotDelivered

        try:
            if event_id is None:
                await self._handlers().wait_idle(timeout)
            else:
                await self._handlers().wait_delivered(event_id, timeout)
        except NotDelivered as error:
            if error.late:
                raise WaitOver(str(error)) from None
            raise

    async def check(self, target: str, timeout: float) -> list[EventFit]:
        """How each event fits an app."""
        from simulator.handlers.compatibility import check_app

        return await check_app(target, self._handlers().catalog, timeout)

    def _require(self, target: str) -> None:
        from simulator.handlers import TargetNotFound

        try:
            self._handlers().report(target)
        except TargetNotFound as error:
            raise NoSuchTarget(str(error)) from None


def _field(setting: str) -> str:
    """The field of a request that has a setting."""
    if setting == "delay_ms":
        return "settings.chaos.delay_ms"
    return f"settings.{setting.removesuffix('_s')}{'_ms' if setting.endswith('_s') else ''}"
