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
    errors = [
        entry
        for entry in caplog.get_records("call")
        if entry.levelno >= logging.WARNING and not _is_of_an_ended_test(entry)
    ]
    assert not errors, [entry.getMessage() for entry in errors]


def _is_of_an_ended_test(entry: logging.LogRecord) -> bool:
    """gRPC has one queue for all loops of a process: whichever runs is asked to pass on what is
    left for a loop that was closed. It is never the present one, which is open."""
    error = entry.exc_info[1] if entry.exc_info else None
    late = "PollerCompletionQueue._handle_events" in entry.getMessage()
    return late and isinstance(error, RuntimeError) and str(error) == "Event loop is closed"
