from __future__ import annotations

import asyncio

import pytest

from simulator.scenario.clock import RealClock, VirtualClock
from simulator.scenario.errors import ClockError, DurationError

SECOND = 1_000_000_000


def test_a_virtual_clock_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(5 * SECOND)
    assert clock.now_ns() == 5 * SECOND
    assert clock.rate is None
    assert clock.advance(SECOND) == 6 * SECOND
    assert clock.advance("1m30s") == 96 * SECOND
    assert clock.advance_to(100 * SECOND) == clock.now_ns() == 100 * SECOND


def test_timers_fire_in_order_of_time_then_of_making_and_see_their_own_time() -> None:
    clock = VirtualClock(0)
    seen: list[tuple[str, int]] = []
    for name, when in [("c", 30), ("a", 10), ("b1", 20), ("b2", 20), ("late", 41)]:
        clock.call_at(when, lambda name=name: seen.append((name, clock.now_ns())))
    clock.advance(40)
    assert seen == [("a", 10), ("b1", 20), ("b2", 20), ("c", 30)]
    assert clock.now_ns() == 40
    clock.advance(1)
    assert seen[-1] == ("late", 41)


def test_a_cancelled_timer_does_not_fire_and_cancelling_twice_is_harmless() -> None:
    clock = VirtualClock(0)
    seen: list[int] = []
    cancelled = clock.call_at(1, lambda: seen.append(1))
    fired = clock.call_at(2, lambda: seen.append(2))
    cancelled.cancel()
    cancelled.cancel()
    clock.advance(10)
    fired.cancel()
    clock.advance(10)
    assert seen == [2]


def test_a_timer_set_by_a_timer_fires_on_the_same_way_when_due() -> None:
    clock = VirtualClock(0)
    seen: list[int] = []

    def tick() -> None:
        seen.append(clock.now_ns())
        clock.call_at(clock.now_ns() + 10, tick)

    clock.call_at(10, tick)
    clock.advance(35)
    assert seen == [10, 20, 30]
    assert clock.now_ns() == 35


def test_a_timer_in_the_past_fires_at_the_next_move_without_turning_time_back() -> None:
    clock = VirtualClock(100)
    seen: list[int] = []
    clock.call_at(50, lambda: seen.append(clock.now_ns()))
    assert seen == []
    clock.advance(0)
    assert seen == [100]


def test_a_callback_that_raises_leaves_the_clock_at_its_time_and_later_timers_set() -> None:
    clock = VirtualClock(0)
    seen: list[int] = []

    def fail() -> None:
        raise RuntimeError("boom")

    clock.call_at(10, fail)
    clock.call_at(20, lambda: seen.append(clock.now_ns()))
    with pytest.raises(RuntimeError, match="boom"):
        clock.advance(30)
    assert clock.now_ns() == 10
    clock.advance(20)
    assert (seen, clock.now_ns()) == ([20], 30)


def test_a_callback_that_moves_the_clock_itself_never_turns_it_back() -> None:
    clock = VirtualClock(0)
    clock.call_at(10, lambda: clock.advance(100))
    assert clock.advance(20) == 110


def test_a_virtual_clock_refuses_to_run_backwards() -> None:
    clock = VirtualClock(100)
    with pytest.raises(ClockError, match="backwards"):
        clock.advance(-1)
    with pytest.raises(ClockError, match="backwards"):
        clock.advance_to(99)
    with pytest.raises(DurationError):
        clock.advance("5")
    assert clock.now_ns() == 100


def test_a_restarted_clock_begins_anew_without_timers() -> None:
    clock = VirtualClock(100)
    seen: list[int] = []
    clock.call_at(150, lambda: seen.append(1))
    clock.restart(10)
    assert clock.now_ns() == 10
    clock.advance(1000)
    assert seen == []


class Machine:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.ns = 123_456

    def __call__(self) -> int:
        return self.ns


@pytest.mark.parametrize(("rate", "elapsed"), [(1.0, 1_000), (20.0, 20_000), (0.25, 250)])
def test_a_real_clock_runs_at_its_rate_from_its_start(rate: float, elapsed: int) -> None:
    machine = Machine()
    clock = RealClock(rate, start_ns=SECOND, monotonic_ns=machine)
    assert (clock.rate, clock.now_ns()) == (rate, SECOND)
    machine.ns += 1_000
    assert clock.now_ns() == SECOND + elapsed


def test_a_real_clock_is_exact_after_a_long_time() -> None:
    machine = Machine()
    clock = RealClock(3.0, start_ns=1, monotonic_ns=machine)
    machine.ns += 10**18 + 1
    assert clock.now_ns() == 1 + 3 * (10**18 + 1)


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_real_clock_needs_a_positive_rate(rate: float) -> None:
    with pytest.raises(ClockError, match="rate"):
        RealClock(rate)


def test_a_real_clock_cannot_be_advanced_by_hand() -> None:
    with pytest.raises(ClockError, match="runs by itself"):
        RealClock().advance("1s")


async def test_a_timer_of_a_real_clock_fires_when_its_time_has_come() -> None:
    clock = RealClock(1000.0, start_ns=0)
    fired: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    clock.call_at(2_000_000_000, lambda: fired.set_result(clock.now_ns()))
    assert await asyncio.wait_for(fired, 5) >= 2_000_000_000


async def test_a_timer_of_a_real_clock_waits_on_if_the_loop_calls_early() -> None:
    machine = Machine()
    clock = RealClock(1.0, start_ns=0, monotonic_ns=machine)
    fired: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    # This machine's clock stands still while the loop's runs on, until it is moved below.
    clock.call_at(1_000, lambda: fired.set_result(clock.now_ns()))
    other = asyncio.Event()
    RealClock(1000.0, start_ns=0).call_at(5_000_000_000, other.set)
    await asyncio.wait_for(other.wait(), 5)
    assert not fired.done()
    machine.ns += 1_000
    assert await asyncio.wait_for(fired, 5) == 1_000


async def test_a_cancelled_timer_of_a_real_clock_does_not_fire() -> None:
    clock = RealClock(1000.0, start_ns=0)
    seen: list[int] = []
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    clock.call_at(1, lambda: seen.append(1)).cancel()
    clock.call_at(1_000_000_000, lambda: done.set_result(None))
    await asyncio.wait_for(done, 5)
    assert seen == []
