"""The brokers' clock: what happens when, and what it keeps."""

from __future__ import annotations

import asyncio

import pytest

from simulator.listeners.kafka.broker_clock import BrokerClock


@pytest.fixture
async def clock() -> BrokerClock:
    return BrokerClock(asyncio.get_running_loop())


async def test_a_jump_passes_timers_in_order_each_at_its_own_time(clock: BrokerClock) -> None:
    start, seen = clock.now_ms(), []

    def note() -> None:
        seen.append(clock.now_ms() - start)
        if len(seen) == 1:
            clock.call_at(start + 25_000, note)

    clock.call_at(start + 30_000, note)
    clock.call_at(start + 20_000, note)
    clock.call_at(start + 40_000, note)
    clock.jump(31_000)
    assert seen == [20_000, 25_000, 30_000]
    assert clock.now_ms() >= start + 31_000


async def test_a_timer_that_fails_does_not_stop_the_others(
    clock: BrokerClock, caplog: pytest.LogCaptureFixture
) -> None:
    called = asyncio.Event()
    now = clock.now_ms()
    clock.call_at(now, lambda: 1 // 0)
    clock.call_at(now + 1, called.set)
    async with asyncio.timeout(60):
        await called.wait()
    assert "ZeroDivisionError" in caplog.text


async def test_cancelled_timers_do_not_pile_up(clock: BrokerClock) -> None:
    called = []
    later = clock.now_ms() + 900_000
    clock.call_at(later, lambda: called.append("kept"))
    for _ in range(10_000):
        clock.call_at(later, lambda: called.append("cancelled")).cancel()
    assert len(clock) < 2000
    clock.jump(900_000)
    assert called == ["kept"]
    assert not len(clock)


async def test_nothing_is_called_after_the_close(clock: BrokerClock) -> None:
    called = []
    clock.call_at(clock.now_ms() + 10, lambda: called.append(1))
    clock.close()
    clock.jump(1000)
    assert not called
