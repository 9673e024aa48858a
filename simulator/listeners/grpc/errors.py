"""What a gRPC client, or whoever starts the listener, can do wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from simulator.errors import SimulatorError


class ListenerError(SimulatorError):
    """The base of this room's errors."""


class AddressUnavailable(ListenerError):
    """The listener cannot bind its address; the text names it and the option that changes it."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"cannot serve gRPC on {host}:{port}: {reason}; choose another port with --grpc-port "
            "on the command line or grpc_port= in Python (0 takes a free one)"
        )


class ShuttingDown(ListenerError):
    """The call came when the listener was stopping; nothing of it was done."""

    def __init__(self) -> None:
        super().__init__("the simulator is shutting down")


class FieldViolation(NamedTuple):
    """One field of a request, by its path (`records[2].json`), and what is wrong with it."""

    field: str
    description: str


class InvalidRequest(ListenerError):
    """Fields of a request have values that make no sense; all of them are listed."""

    def __init__(self, violations: Iterable[FieldViolation]) -> None:
        self.violations = tuple(violations)
        super().__init__("; ".join(f"{field}: {text}" for field, text in self.violations))


class FieldError(ListenerError):
    """An error of another room, and the field of the request that caused it."""

    def __init__(self, field: str, cause: SimulatorError, note: str = "") -> None:
        self.field = field
        self.cause = cause
        super().__init__(f"{field}: {cause}{note}")


class NoKafka(ListenerError):
    """The call is about Kafka brokers, and this simulator has none."""

    def __init__(self) -> None:
        super().__init__("this simulator has no Kafka listener")


class NoHandlers(ListenerError):
    """The call is about event handler apps, and this simulator delivers to none."""

    def __init__(self) -> None:
        super().__init__("this simulator delivers no events")


class NoSuchEvent(ListenerError):
    """The catalogue has no such topic or event; the text may name one that was meant."""


class NoSuchTarget(ListenerError):
    """Nothing is delivered to this address; the text may name one that was meant."""


class TargetExists(ListenerError):
    """Events are delivered to this address already."""

    def __init__(self, target: str) -> None:
        super().__init__(f"{target} is a target already; remove it first")


class WaitOver(ListenerError):
    """What a call waited for did not come in time; the text says what came instead."""


class SubscriptionEnded(ListenerError):
    """A subscription cannot go on, since a topic of it was deleted."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"topic {topic!r} was deleted while it was subscribed to; "
            "subscribe again once it has been created again"
        )


class NotPublishedYet(ListenerError):
    """A group acknowledges a record that does not exist."""

    def __init__(self, topic: str, partition: int, offset: int, end: int) -> None:
        super().__init__(
            f"offset {offset} of topic {topic!r} partition {partition} is not published yet; "
            + (f"the last one is {end - 1}" if end else "the partition is empty")
        )
