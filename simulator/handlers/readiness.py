"""Waiting for a log that follows another: until a group's place is known, and read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from simulator.errors import SimulatorError


class Ready(Protocol):
    """Has a log that follows another know where a group has come to, and be there itself."""

    async def __call__(self, group: str, *, whole: bool) -> None:
        """`whole`: and have all that was there. Raises a SimulatorError where that cannot be."""


class Readiness:
    """Whether a log has what a group is to read, for one that follows another."""

    def __init__(
        self, ready: Ready, group: str, pause_s: float, tell: Callable[[str], None]
    ) -> None:
        """`tell` hears why it takes longer, and nothing more once it is there."""
        self._ready = ready
        self._group = group
        self._pause_s = pause_s
        self._tell = tell
        self._task: asyncio.Task[None] | None = None

    @property
    def behind(self) -> bool:
        """Whether it is still being read what was there at the start."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin to look whether all is there."""
        self._task = asyncio.get_running_loop().create_task(self.reached(whole=True))
        self._task.add_done_callback(lambda _: self._tell(""))

    async def stop(self) -> None:
        """Look no longer."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def reached(self, *, whole: bool) -> None:
        """Return when the log is there, however long that takes."""
        while True:
            try:
                await self._ready(self._group, whole=whole)
            except SimulatorError as error:
                self._tell(str(error))
                await asyncio.sleep(self._pause_s)
            else:
                self._tell("")
                return
