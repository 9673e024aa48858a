"""A crowd at full speed: validated events per second on one core, and what an event costs to keep.

The event loop, the story, validation, encoding and the log share one thread, so one core is what
this uses.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from pathlib import Path

from benchmarks.fresh import figures
from benchmarks.rows import Row
from simulator.scenario.parser import parse_script
from simulator.simulator import AsyncSimulator, Settings

SCRIPT = """
name: benchmark
seed: 1
steps:
  - crowd:
      name: player
      users: {users}
      arrive: {{over: 10m}}
      stay: {{uniform: [10m, 20m]}}
      chat: {{every: {{exponential: 20s}}, to: random, length: 60}}
"""
"""Mostly chat; with a text of 60 characters an event has about 600 bytes on the log."""

STATM = Path("/proc/self/statm")


def run(quick: bool) -> list[Row]:
    """Events per second, and bytes of the process per retained event (where the system tells)."""
    users, runs = (500, 2) if quick else (4_000, 5)
    speeds = [asyncio.run(events_per_second(users)) for _ in range(runs)]
    rows = [Row.at_least(100_000, "crowd at speed max, one core", speeds, "events/s")]
    if STATM.exists():
        code = f"from benchmarks import crowd; crowd.print_bytes_per_event({users})"
        held = figures(code, 1 if quick else 3)
        rows.append(Row.at_most(1_200, "memory per retained 600-byte event", held, "bytes"))
    return rows


async def events_per_second(users: int) -> float:
    """Plays the crowd once, on a simulator of its own."""
    script = parse_script(SCRIPT.format(users=users))
    async with AsyncSimulator(Settings(grpc_port=None)) as sim:
        began = time.perf_counter()
        await sim.play(script)
        return sim.log.records_held / (time.perf_counter() - began)


def print_bytes_per_event(users: int) -> None:
    """Prints by how much the resident memory of this process grows for each event that stays."""
    print(asyncio.run(bytes_per_event(users)))


async def bytes_per_event(users: int) -> float:
    """The growth of resident memory, scaled to 600 bytes of value."""
    async with AsyncSimulator(Settings(grpc_port=None)) as sim:
        await sim.play(parse_script(SCRIPT.format(users=10)))
        sim.reset()
        while sim.log.reap():
            pass
        gc.collect()
        before = resident()
        await sim.play(parse_script(SCRIPT.format(users=users)))
        gc.collect()
        return (resident() - before) / sim.log.records_held


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
