"""What a broker knows of the client at the other end of a connection."""

from __future__ import annotations

from typing import Final

ANONYMOUS: Final = "User:ANONYMOUS"
"""The principal of a client that has not authenticated, as Kafka names it."""


class Session:
    """One connection's client; it lives as long as the connection."""

    __slots__ = ("principal", "software")

    def __init__(self) -> None:
        self.principal = ANONYMOUS
        self.software: tuple[str, str] | None = None  # name and version, once it has told (KIP-511)
