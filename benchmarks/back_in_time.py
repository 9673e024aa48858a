"""Emptying, copying and undoing with 100,000 records held."""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.rows import Row
from simulator import Simulator

RECORDS = 100_000
VALUE = b"x" * 600


def run(quick: bool) -> list[Row]:
    """Milliseconds, called as a test calls them: from another thread than the simulator's."""
    runs = 3 if quick else 9
    return [
        Row.at_most(
            1, "reset() with 100,000 records", samples(runs, lambda sim: sim.reset()), "ms"
        ),
        Row.at_most(1, "fork() and back with 100,000 records", samples(runs, fork), "ms"),
    ]


def samples(runs: int, action: Callable[[Simulator], object]) -> list[float]:
    """Times the action on a full simulator, each time on a fresh one."""
    return [sample(action) for _ in range(runs)]


def sample(action: Callable[[Simulator], object]) -> float:
    with Simulator(grpc_port=None) as sim:
        fill(sim)
        began = time.perf_counter()
        action(sim)
        return (time.perf_counter() - began) * 1000


def fill(sim: Simulator) -> None:
    """Appends on the simulator's own thread, where the log belongs."""
    log = sim._sim.log

    def work() -> None:
        for number in range(RECORDS):
            log.append("chat", VALUE, key=b"key", timestamp=number)

    sim._running.call(work)


def fork(sim: Simulator) -> None:
    with sim.fork():
        pass
