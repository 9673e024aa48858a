"""`simulator.v1.Handlers`: the event handler apps to which events are delivered, over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from simulator.listeners.grpc.calls import Answers
from simulator.listeners.grpc.errors import NoHandlers, NoSuchTarget
from simulator.listeners.grpc.requests import Checks
from simulator.v1 import handlers_pb2

DEFAULT_TIMEOUT_MS: Final = 5000
MAX_TIMEOUT_MS: Final = 3_600_000
DEFAULT_INTERVAL_MS: Final = 200
MIN_INTERVAL_MS: Final = 50
MAX_INTERVAL_MS: Final = 60_000

_STARTS: Final = {
    handlers_pb2.DeliverySettings.START_EARLIEST: "earliest",
    handlers_pb2.DeliverySettings.START_LATEST: "latest",
}
_IN_MS: Final = ("backoff", "max_backoff", "deadline")


class Fit(Protocol):
    """How one event fits an app."""

    @property
    def topic(self) -> str:
        """Where it is."""
        ...

    @property
    def event(self) -> str:
        """Its name."""
        ...

    @property
    def service(self) -> str:
        """Full name of the service that takes it."""
        ...

    @property
    def fit(self) -> Any:
        """An enum; the value is a name in words."""
        ...

    @property
    def differences(self) -> Sequence[str]:
        """What differs."""
        ...


class Targets(Protocol):
    """The targets, as the composition root has them. Reports are plain JSON values.

    NoSuchTarget, TargetExists, WaitOver and InvalidRequest are what they raise, beside errors that
    are nobody's fault.
    """

    def add(self, target: str, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Deliver to an app; its report."""
        ...

    async def remove(self, target: str) -> Mapping[str, Any]:
        """Deliver to it no longer; its report."""
        ...

    def report(self, target: str) -> Mapping[str, Any]:
        """The report of one."""
        ...

    def reports(self) -> list[Mapping[str, Any]]:
        """The reports of all."""
        ...

    async def wait_delivered(self, event_id: str | None, timeout: float) -> None:
        """Return when an event, or everything, has been dealt with."""
        ...

    async def check(self, target: str, timeout: float) -> Sequence[Fit]:
        """How each event fits an app."""
        ...


class HandlersServicer:
    """One method for each of the service."""

    def __init__(self, targets: Targets | None) -> None:
        """Without targets every call fails."""
        self._maybe = targets

    @property
    def _targets(self) -> Targets:
        if self._maybe is None:
            raise NoHandlers
        return self._maybe

    async def add_target(
        self, request: handlers_pb2.AddTargetRequest
    ) -> handlers_pb2.AddTargetResponse:
        """Deliver to an app."""
        settings = _settings(request.settings) if request.HasField("settings") else {}
        report = self._targets.add(_target(request.target), settings)
        return handlers_pb2.AddTargetResponse(report=_report(report))

    async def list_targets(
        self, request: handlers_pb2.ListTargetsRequest
    ) -> handlers_pb2.ListTargetsResponse:
        """Tell the targets."""
        return handlers_pb2.ListTargetsResponse(reports=map(_report, self._targets.reports()))

    async def remove_target(
        self, request: handlers_pb2.RemoveTargetRequest
    ) -> handlers_pb2.RemoveTargetResponse:
        """Deliver to an app no longer."""
        report = await self._targets.remove(_target(request.target))
        return handlers_pb2.RemoveTargetResponse(report=_report(report))

    async def get_report(
        self, request: handlers_pb2.GetReportRequest
    ) -> handlers_pb2.GetReportResponse:
        """Tell how a delivery stands."""
        report = self._targets.report(_target(request.target))
        return handlers_pb2.GetReportResponse(report=_report(report))

    async def watch_report(self, request: handlers_pb2.WatchReportRequest) -> Answers:
        """Tell how a delivery stands, until it ends."""
        checks = Checks()
        interval = request.interval_ms or DEFAULT_INTERVAL_MS
        checks.require(
            MIN_INTERVAL_MS <= interval <= MAX_INTERVAL_MS,
            "interval_ms",
            f"is {interval}, use {MIN_INTERVAL_MS} to {MAX_INTERVAL_MS}",
        )
        checks.done()
        told = None
        report = _report(self._targets.report(_target(request.target)))
        while True:
            if report != told:
                yield handlers_pb2.WatchReportResponse(report=report)
                told = report
            await asyncio.sleep(interval / 1000)
            try:
                report = _report(self._targets.report(request.target))
            except NoSuchTarget:
                return

    async def wait_delivered(
        self, request: handlers_pb2.WaitDeliveredRequest
    ) -> handlers_pb2.WaitDeliveredResponse:
        """Answer once an event, or everything, has been dealt with."""
        event_id = request.event_id if request.HasField("event_id") else None
        targets = self._targets
        await targets.wait_delivered(event_id, _timeout(request.timeout_ms))
        return handlers_pb2.WaitDeliveredResponse(reports=map(_report, targets.reports()))

    async def check_target(
        self, request: handlers_pb2.CheckTargetRequest
    ) -> handlers_pb2.CheckTargetResponse:
        """Tell how each event fits an app."""
        fits = await self._targets.check(_target(request.target), _timeout(request.timeout_ms))
        return handlers_pb2.CheckTargetResponse(events=map(_fit, fits))


def _target(target: str) -> str:
    checks = Checks()
    checks.name(target, "target", "the address of the app: host:port")
    checks.done()
    return target


def _timeout(milliseconds: int) -> float:
    checks = Checks()
    checks.not_negative(milliseconds, "timeout_ms")
    checks.require(milliseconds <= MAX_TIMEOUT_MS, "timeout_ms", f"is over {MAX_TIMEOUT_MS}")
    checks.done()
    return (milliseconds or DEFAULT_TIMEOUT_MS) / 1000


def _settings(message: handlers_pb2.DeliverySettings) -> dict[str, Any]:
    """Those that are set, by the names and in the units of Python."""
    given: dict[str, Any] = {field.name: value for field, value in message.ListFields()}
    for name in _IN_MS:
        if f"{name}_ms" in given:
            given[f"{name}_s"] = given.pop(f"{name}_ms") / 1000
    if "start" in given:
        given["start"] = _STARTS.get(given["start"], str(given["start"]))
    if "topics" in given:
        given["topics"] = tuple(given["topics"])
    if "retried_codes" in given:
        given["retried_codes"] = frozenset(given["retried_codes"])
    if "metadata" in given:
        given["metadata"] = dict(given["metadata"])
    if "chaos" in given:
        given["chaos"] = {field.name: value for field, value in message.chaos.ListFields()}
    return given


def _report(report: Mapping[str, Any]) -> handlers_pb2.DeliveryReport:
    return handlers_pb2.DeliveryReport(
        target=report["target"],
        group=report["group"],
        state=handlers_pb2.DeliveryReport.State.Value(f"STATE_{_enum_name(report['state'])}"),
        reason=report["reason"],
        lag=report["lag"],
        events={
            name: handlers_pb2.EventReport(**counts) for name, counts in report["events"].items()
        },
        total=handlers_pb2.EventReport(**report["total"]),
    )


def _fit(fit: Fit) -> handlers_pb2.EventFit:
    return handlers_pb2.EventFit(
        topic=fit.topic,
        event=fit.event,
        service=fit.service,
        fit=handlers_pb2.EventFit.Fit.Value(f"FIT_{_enum_name(fit.fit.value)}"),
        differences=fit.differences,
    )


def _enum_name(words: str) -> str:
    return words.upper().replace(" ", "_")
