"""What whoever starts the listener, or a client, can do wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from kio.schema.errors import ErrorCode  # takes long to import, and here it is only a type


class ListenerError(SimulatorError):
    """The base of this room's errors."""


class AddressUnavailable(ListenerError):
    """The listener cannot bind its address; the text names it and the option that changes it."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"cannot serve Kafka on {host}:{port}: {reason}; choose another port with --kafka-port "
            "on the command line or kafka_port= in Python (0 takes a free one)"
        )


class ProtocolViolation(ListenerError):
    """Bytes that cannot be answered; the connection is closed, as a real broker does."""


class Refused(ListenerError):
    """Part of a request gets the error `code` instead of a result, with `text` where it has one."""

    def __init__(self, code: ErrorCode, text: str | None = None) -> None:
        self.code = code
        self.text = text
        super().__init__(text or code.name)
