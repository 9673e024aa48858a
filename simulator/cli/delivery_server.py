"""`simulator deliver` on a running simulator: its targets, over gRPC."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from typing import Final

import grpc

from simulator.cli.client import Client
from simulator.handlers import (
    DeliveryReport,
    DeliverySettings,
    DeliveryState,
    EventReport,
    NotDelivered,
)
from simulator.handlers.compatibility import EventFit, Fit
from simulator.v1 import handlers_pb2
from simulator.v1.handlers_pb2_grpc import HandlersStub

LOOK_EVERY_S: Final = 0.2

_COUNTS: Final = tuple(field.name for field in fields(EventReport))


class DeliveryClient(Client):
    """Calls about targets, to one simulator."""

    def __init__(self, target: str) -> None:
        """`target` is the `host:port` of the simulator."""
        super().__init__(target)
        self._handlers = HandlersStub(self.channel)

    @contextmanager
    def targets(self, targets: Sequence[str], settings: DeliverySettings) -> Iterator[None]:
        """Deliver to apps as long as this lasts; those that were targets before stay so."""
        with ExitStack() as added:
            for target in targets:
                if self._add(target, settings):
                    added.callback(self._remove, target)
            yield

    def _add(self, target: str, settings: DeliverySettings) -> bool:
        request = handlers_pb2.AddTargetRequest(target=target, settings=_message(settings))
        with self.answers():
            try:
                self._handlers.AddTarget(request)
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                    raise
                return False
        return True

    def _remove(self, target: str) -> None:
        with suppress(grpc.RpcError):  # the server may be gone, with its targets
            self._handlers.RemoveTarget(handlers_pb2.RemoveTargetRequest(target=target))

    def reports(self, targets: Sequence[str]) -> list[DeliveryReport]:
        """How some targets stand."""
        with self.answers():
            listed = self._handlers.ListTargets(handlers_pb2.ListTargetsRequest()).reports
        return [_report(each) for each in listed if each.target in targets]

    def wait_idle(
        self, targets: Sequence[str], timeout: float, look: Callable[[], None]
    ) -> list[DeliveryReport]:
        """Return when some targets have dealt with everything; raises NotDelivered."""
        deadline = time.monotonic() + timeout
        while True:
            reports = self.reports(targets)
            for target in set(targets).difference(report.target for report in reports):
                raise NotDelivered(f"{target} was removed before everything was delivered")
            if all(each.state is DeliveryState.IDLE and not each.lag for each in reports):
                return reports
            if time.monotonic() > deadline:
                raise NotDelivered(f"not everything was delivered within {timeout:g} s", late=True)
            look()
            time.sleep(LOOK_EVERY_S / 4)

    def check(self, target: str) -> list[EventFit]:
        """How each event that the simulator knows fits an app."""
        with self.answers():
            answer = self._handlers.CheckTarget(handlers_pb2.CheckTargetRequest(target=target))
        return [
            EventFit(fit.topic, fit.event, fit.service, _fit(fit.fit), tuple(fit.differences))
            for fit in answer.events
        ]


def _fit(number: handlers_pb2.EventFit.Fit.ValueType) -> Fit:
    return Fit(_words(handlers_pb2.EventFit.Fit.Name(number), "FIT_"))


def _words(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")


def _message(settings: DeliverySettings) -> handlers_pb2.DeliverySettings:
    """All settings, as the protocol has them."""
    chaos = settings.chaos
    return handlers_pb2.DeliverySettings(
        group=settings.group,
        topics=settings.topics,
        start=handlers_pb2.DeliverySettings.Start.Value(f"START_{settings.start.upper()}"),
        batch_size=settings.batch_size,
        ordered=settings.ordered,
        retried_codes=sorted(settings.retried_codes),
        retry_batch=settings.retry_batch,
        attempts=settings.attempts,
        backoff_ms=round(settings.backoff_s * 1000),
        max_backoff_ms=round(settings.max_backoff_s * 1000),
        deadline_ms=max(round(settings.deadline_s * 1000), 1),
        dead_letters=settings.dead_letters,
        trace_headers=settings.trace_headers,
        metadata=settings.metadata,
        chaos=handlers_pb2.Chaos(
            duplicate=chaos.duplicate,
            shuffle=chaos.shuffle,
            lose_first_answer=chaos.lose_first_answer,
            delay_ms=chaos.delay_ms,
        ),
    )


def _report(message: handlers_pb2.DeliveryReport) -> DeliveryReport:
    state = handlers_pb2.DeliveryReport.State.Name(message.state)
    return DeliveryReport(
        message.target,
        message.group,
        DeliveryState(_words(state, "STATE_")),
        message.reason,
        message.lag,
        {
            name: EventReport(**{field: getattr(counts, field) for field in _COUNTS})
            for name, counts in sorted(message.events.items())
        },
    )
