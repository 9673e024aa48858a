"""Waiting until something holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Changes:
    """Those that wait until something holds; whoever changes anything says so."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], Callable[[], bool]] = {}

    def notify(self) -> None:
        """Something has changed: what is waited for is asked again."""
        for future, holds in list(self._waiting.items()):
            if not future.done() and holds():
                future.set_result(None)

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        """Return when `holds()`."""
        if holds():
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = holds
        try:
            await future
        finally:
            del self._waiting[future]
