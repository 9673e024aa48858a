from __future__ import annotations

import asyncio

from simulator import Retention, Simulator
from simulator.log import TopicLog
from simulator.retention_timer import RetentionTimer
from simulator.scenario.clock import RealClock, VirtualClock

SECOND = 1_000_000_000


def test_records_go_as_the_clock_passes_their_age() -> None:
    clock, log = VirtualClock(0), TopicLog()
    log.create_topic("t", retention=Retention(max_age_ms=8_000))
    timer = RetentionTimer(log, clock)
    timer.arm()
    log.append("t", b"old", timestamp=0)
    log.append("t", b"new", timestamp=5_000)
    clock.advance("8s")
    assert log.bounds("t", 0) == (0, 2)
    clock.advance("1s")
    assert log.bounds("t", 0) == (1, 2)
    clock.advance("1h")
    assert log.bounds("t", 0) == (2, 2)


def test_a_clock_is_left_alone_while_no_topic_has_an_age() -> None:
    clock, log = VirtualClock(0), TopicLog()
    log.create_topic("t")
    timer = RetentionTimer(log, clock)
    timer.arm()
    log.append("t", b"kept", timestamp=0)
    clock.advance("1000h")
    assert log.records_held == 1


async def test_on_a_running_clock_and_disarmed() -> None:
    clock, log = RealClock(rate=1000.0, start_ns=0), TopicLog()
    log.create_topic("t", retention=Retention(max_age_ms=100))
    log.append("t", b"old", timestamp=0)
    timer = RetentionTimer(log, clock)
    gone = asyncio.Event()
    log.wait(gone.set)
    timer.arm()
    async with asyncio.timeout(60):
        await gone.wait()
    timer.disarm()
    assert log.records_held == 0


def test_what_is_asked_for_is_exact_to_the_millisecond() -> None:
    with Simulator(grpc_port=None) as sim:
        sim.create_topic("t", retention=Retention(max_age_ms=60_000))
        sim.publish("t", b"x")
        sim.clock.advance("60s")
        assert len(sim.events("t")) == 1
        sim.clock.advance("1ms")
        assert sim.events("t") == []
        sim.reset()
        sim.create_topic("t", retention=Retention(max_age_ms=60_000))
        with sim.fork():
            sim.clock.advance("10s")
        sim.publish("t", b"x")
        sim.clock.advance("61s")
        assert sim.topics()[-1].partitions[0].start == 1
