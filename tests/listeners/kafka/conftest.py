from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from kafka_wire import Wire

from simulator import AsyncSimulator
from simulator.simulator import Settings


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(kafka_port=0)) as sim:
        yield sim


@pytest.fixture
async def wire(sim: AsyncSimulator) -> AsyncIterator[Wire]:
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        yield wire
