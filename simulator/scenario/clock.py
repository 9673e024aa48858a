"""Clocks, in nanoseconds since the Unix epoch: one that is moved by hand, one that runs.

Whatever is timed asks a `Clock` handed to it, never the machine. A story that plays in virtual
time moves a `VirtualClock` along; `RealClock` serves calls by hand and paced stories.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from typing import Protocol

from simulator.scenario.durations import parse_duration
from simulator.scenario.errors import ClockError

Callback = Callable[[], object]


class Timer(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """Do not call; harmless when it has been called or cancelled already."""


class Clock(Protocol):
    """What time it is, and a call when it will be a certain time."""

    @property
    def rate(self) -> float | None:
        """Clock seconds per real second; None when the clock moves only by hand."""

    def now_ns(self) -> int:
        """Return the time, in nanoseconds since the Unix epoch; it never decreases."""

    def call_at(self, when_ns: int, callback: Callback) -> Timer:
        """Call `callback` once when the clock reads `when_ns` or later."""


class VirtualTimer:
    """A timer of a `VirtualClock`."""

    __slots__ = ("callback", "when_ns")

    def __init__(self, when_ns: int, callback: Callback) -> None:
        self.when_ns = when_ns
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Do not call; the clock drops the entry when it comes across it."""
        self.callback = None


class VirtualClock:
    """A clock that stands still until it is moved; its timers fire as it passes them."""

    def __init__(self, start_ns: int) -> None:
        self._now = start_ns
        self._timers: list[tuple[int, int, VirtualTimer]] = []
        self._sequence = 0
        self._by_hand: list[Callable[[int], object]] = []

    @property
    def rate(self) -> None:
        """None: this clock has no pace of its own."""
        return

    def now_ns(self) -> int:
        """Return the time, in nanoseconds since the Unix epoch."""
        return self._now

    def call_at(self, when_ns: int, callback: Callback) -> VirtualTimer:
        """Call `callback` when the clock is moved to or past `when_ns`.

        Timers fire in order of their time, those of the same time in order of their making. One
        whose time has passed already fires at the next move, even a move by nothing.
        """
        timer = VirtualTimer(when_ns, callback)
        heapq.heappush(self._timers, (when_ns, self._sequence, timer))
        self._sequence += 1
        return timer

    def advance(self, duration: int | str) -> int:
        """Move on by nanoseconds or by a duration such as "31s"; return the new time.

        Each timer that falls due is called with `now_ns()` equal to its own time, also timers set
        by other timers on the way. Raises `ClockError` for a negative duration, and whatever a
        callback raises: the clock then stands at that timer's time, later timers are still set.
        """
        step = parse_duration(duration) if isinstance(duration, str) else duration
        if step < 0:
            raise ClockError(f"a clock does not run backwards: cannot advance by {step} ns")
        return self.advance_to(self._now + step)

    def advance_to(self, when_ns: int) -> int:
        """Move on to an instant as `advance` does; an instant in the past raises `ClockError`."""
        before = self._now
        self.follow(when_ns)
        for moved in self._by_hand:
            moved(self._now - before)
        return self._now

    def on_advance(self, callback: Callable[[int], object]) -> None:
        """Call `callback` with the nanoseconds of each move by hand; not where a story moves it."""
        self._by_hand.append(callback)

    def follow(self, when_ns: int) -> int:
        """Move on to the time of a story that plays; else as `advance_to`."""
        if when_ns < self._now:
            raise ClockError(
                f"a clock does not run backwards: it reads {self._now} ns, asked for {when_ns} ns"
            )
        timers = self._timers
        while timers and timers[0][0] <= when_ns:
            due, _, timer = heapq.heappop(timers)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self._now = max(self._now, due)
                callback()
        self._now = max(self._now, when_ns)
        return self._now

    def restart(self, when_ns: int) -> None:
        """Begin anew at any instant, also an earlier one; timers are forgotten."""
        self._timers.clear()
        self._now = when_ns


class RealTimer:
    """A timer of a `RealClock`, kept by the running event loop."""

    __slots__ = ("_callback", "_clock", "_handle", "_when_ns")

    def __init__(self, clock: RealClock, when_ns: int, callback: Callback) -> None:
        self._clock = clock
        self._when_ns = when_ns
        self._callback = callback
        self._handle = self._arm()

    def cancel(self) -> None:
        """Do not call."""
        self._handle.cancel()

    def _arm(self) -> asyncio.TimerHandle:
        delay = self._clock.real_seconds_until(self._when_ns)
        return asyncio.get_running_loop().call_later(delay, self._fire)

    def _fire(self) -> None:
        # The loop's clock may be a little ahead of this one: never call before the time.
        if self._clock.now_ns() < self._when_ns:
            self._handle = self._arm()
        else:
            self._callback()


class RealClock:
    """A clock that runs `rate` times as fast as real time, from `start_ns` (None: from now).

    It follows the machine's monotonic clock, so that changes of the wall clock do not move it.
    `monotonic_ns` replaces that clock.
    """

    def __init__(
        self,
        rate: float = 1.0,
        start_ns: int | None = None,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if not 0 < rate < float("inf"):
            raise ClockError(f"a clock needs a positive rate, got {rate}")
        self._rate = float(rate)
        self._numerator, self._denominator = self._rate.as_integer_ratio()
        self._monotonic_ns = monotonic_ns
        self._origin = monotonic_ns()
        self._start = time.time_ns() if start_ns is None else start_ns

    @property
    def rate(self) -> float:
        """Clock seconds per real second."""
        return self._rate

    def now_ns(self) -> int:
        """Return the time, in nanoseconds since the Unix epoch."""
        elapsed = self._monotonic_ns() - self._origin
        return self._start + elapsed * self._numerator // self._denominator

    def real_seconds_until(self, when_ns: int) -> float:
        """Return the real seconds until the clock reads `when_ns`; 0 when it has passed."""
        return max(0.0, (when_ns - self.now_ns()) / self._rate / 1e9)

    def call_at(self, when_ns: int, callback: Callback) -> RealTimer:
        """Call `callback` from the running event loop once the clock reads `when_ns` or later."""
        return RealTimer(self, when_ns, callback)

    def advance(self, duration: int | str) -> int:
        """Raise `ClockError`: this clock runs by itself."""
        raise ClockError(f"this clock runs by itself: it cannot be advanced by {duration}")
