from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from grpc_rooms import Rooms, Server, serving


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
async def server(rooms: Rooms) -> AsyncIterator[Server]:
    async with serving(rooms) as server:
        yield server
