"""What whoever starts the listener, or a client, can do wrong."""

from __future__ import annotations

from simulator.errors import SimulatorError


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
