"""Names that the platform derives from other names."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[^0-9A-Za-z]+")


def pascal(name: str) -> str:
    """`deletion_account` -> `DeletionAccount`: split on non-alphanumerics, first letters raised."""
    return "".join(part[:1].upper() + part[1:] for part in _SEPARATORS.split(name))


def service(channel: str, event: str) -> str:
    """The name, without package, of the gRPC service that takes an event of a channel."""
    return f"{pascal(channel)}{pascal(event)}Service"
