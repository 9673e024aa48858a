"""The clock of everything that a broker times for its clients: sessions, rebalances, transactions.

External clients time their own side by the real clock, so a broker's time runs with it. When a test
moves the simulator's clock by hand, it jumps along, and what falls due on the way happens. A story
that plays an hour in a moment does not move it: that would throw every client out of its group.
"""

from __future__ import annotations

import heapq
import logging
import time
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from itertools import count
from typing import Final

logger = logging.getLogger("simulator.kafka")

_FEW: Final = 1000
"""Timers that were cancelled and stay until they fall due; of more, those that do not count go."""


class BrokerTimer:
    """A call that is still to come."""

    __slots__ = ("_cancelled", "callback")

    def __init__(self, callback: Callable[[], object], cancelled: Callable[[], None]) -> None:
        """`cancelled` hears that it is not to be called."""
        self.callback: Callable[[], object] | None = callback
        self._cancelled = cancelled

    def cancel(self) -> None:
        """Do not call; harmless when it has been called."""
        if self.callback is not None:
            self.callback = None
            self._cancelled()


class BrokerClock:
    """Milliseconds of the event loop's clock, and of the jumps that were made."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._jumped = 0
        self._stepping: int | None = None  # the time while a jump passes a timer
        self._timers: list[tuple[int, int, BrokerTimer]] = []
        self._numbers = count()
        self._dead = 0  # of the timers, at most: those that were cancelled
        self._handle: TimerHandle | None = None

    def now_ms(self) -> int:
        """The time in milliseconds; only differences mean something."""
        if self._stepping is not None:
            return self._stepping
        return int(self._loop.time() * 1000) + self._jumped

    def wall_seconds(self, loop_time: float) -> float:
        """The seconds since the Unix epoch at a time of the event loop, by the machine's clock."""
        return time.time() - self._loop.time() + loop_time

    def call_at(self, when_ms: int, callback: Callable[[], object]) -> BrokerTimer:
        """Call `callback` once from the event loop when the clock reads `when_ms` or later."""
        timer = BrokerTimer(callback, self._cancelled)
        heapq.heappush(self._timers, (when_ms, next(self._numbers), timer))
        self._arm()
        return timer

    def jump(self, by_ms: int) -> None:
        """Move on at once; what falls due on the way is called in order, each at its own time."""
        target = self.now_ms() + by_ms
        self._run(target)
        self._jumped += by_ms
        self._arm()

    def close(self) -> None:
        """Call nothing any more."""
        self._timers.clear()
        self._arm()

    def __len__(self) -> int:
        """Timers that are kept, with some that were cancelled."""
        return len(self._timers)

    def _cancelled(self) -> None:
        self._dead += 1
        if self._dead > max(len(self._timers) // 2, _FEW):
            self._timers = [each for each in self._timers if each[2].callback is not None]
            heapq.heapify(self._timers)
            self._dead = 0

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if self._timers:
            delay = max(self._timers[0][0] - self.now_ms(), 0) / 1000
            self._handle = self._loop.call_later(delay, self._fire)

    def _fire(self) -> None:
        self._handle = None
        self._run(self.now_ms())
        self._arm()

    def _run(self, until: int) -> None:
        while self._timers and self._timers[0][0] <= until:
            due, _, timer = heapq.heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is None:
                continue
            self._stepping = max(due, self.now_ms())
            try:
                callback()
            except Exception:  # the other timers go on
                logger.exception("what a broker does at a time has failed")
            finally:
                self._stepping = None
