"""Ports where nobody listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else is given as long as this lasts.

    A port that was free a moment ago may be anybody's: another worker's, or the very port that the
    client connects from, which then talks to itself.
    """
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
