from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from grpc_rooms import Rooms, Server, serving


@pytest.fixture
def rooms() -> Rooms:
    return Rooms()


@pytest.fixture
async def server(rooms: Rooms) -> AsyncIterator[Server]:
    async with serving(rooms) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever clients do, it is no fault of the server; a test that expects one clears it."""
    yield
    errors = [entry for entry in caplog.get_records("call") if entry.levelno >= logging.WARNING]
    assert not errors, [entry.getMessage() for entry in errors]
