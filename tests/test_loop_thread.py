from __future__ import annotations

import asyncio
import threading
from concurrent.futures import CancelledError

import pytest

from simulator.errors import SimulatorError
from simulator.loop_thread import LoopThread


@pytest.fixture
def thread():
    thread = LoopThread("test")
    yield thread
    thread.close()


def test_runs_and_returns(thread: LoopThread) -> None:
    async def name() -> str:
        return threading.current_thread().name

    assert thread.run(name()) == "test"
    assert thread.call(lambda: threading.current_thread().name) == "test"


def test_errors_come_back(thread: LoopThread) -> None:
    async def fail() -> None:
        raise ValueError("inside")

    def fail_now() -> None:
        raise KeyError("inside")

    with pytest.raises(ValueError, match="inside"):
        thread.run(fail())
    with pytest.raises(KeyError):
        thread.call(fail_now)


def test_a_time_out_cancels_the_coroutine(thread: LoopThread) -> None:
    cancelled = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        thread.run(forever(), timeout=0.01)
    assert cancelled.wait(5)


def test_waiting_for_itself_is_an_error_not_a_deadlock(thread: LoopThread) -> None:
    with pytest.raises(SimulatorError, match="its own thread"):
        thread.call(lambda: thread.call(lambda: None))


def test_closing_cancels_what_runs_and_refuses_what_comes() -> None:
    thread = LoopThread("test")
    started, ended = threading.Event(), threading.Event()

    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    def call() -> None:
        with pytest.raises(CancelledError):
            thread.run(forever())

    caller = threading.Thread(target=call)
    caller.start()
    assert started.wait(5)
    thread.close()
    thread.close()
    caller.join(5)
    assert ended.is_set()
    assert not caller.is_alive()
    with pytest.raises(SimulatorError, match="stopped"):
        thread.call(lambda: None)
    with pytest.raises(SimulatorError, match="stopped"):
        thread.run(forever())
