"""What a broker knows of the client at the other end of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simulator.listeners.kafka.authentication import Login

ANONYMOUS: Final = "User:ANONYMOUS"
"""The principal of a client that has not authenticated, as Kafka names it."""


class Session:
    """One connection's client; it lives as long as the connection.

    `login` is the client's way to its principal, where it needs one.
    """

    __slots__ = ("login", "principal", "software")

    def __init__(self, login: Login | None = None) -> None:
        self.principal = ANONYMOUS
        self.software: tuple[str, str] | None = None  # name and version, once it has told (KIP-511)
        self.login = login
