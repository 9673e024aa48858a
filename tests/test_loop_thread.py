from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

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
    assert cancelled.wait(60)


def test_waiting_for_itself_is_an_error_not_a_deadlock(thread: LoopThread) -> None:
    with pytest.raises(SimulatorError, match="its own thread"):
        thread.call(lambda: thread.call(lambda: None))


def test_closing_cancels_what_runs_and_refuses_what_comes() -> None:
    thread = LoopThread("test")
    started, ended = threading.Event(), threading.Event()
    errors: list[str] = []

    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    def call() -> None:
        try:
            thread.run(forever())
        except SimulatorError as error:
            errors.append(str(error))

    caller = threading.Thread(target=call)
    caller.start()
    assert started.wait(60)
    thread.close()
    thread.close()
    caller.join(60)
    assert ended.is_set()
    assert not caller.is_alive()
    assert errors == ["the simulator was stopped during this call"]
    with pytest.raises(SimulatorError, match="stopped"):
        thread.call(lambda: None)
    with pytest.raises(SimulatorError, match="stopped"):
        thread.run(forever())


def test_an_interrupted_call_is_not_made_and_harms_nothing(
    thread: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by Ctrl-C while the loop is busy."""
    complaints: list[object] = []
    calls: list[str] = []
    free = threading.Event()

    def interrupted(future: Future[object], timeout: float | None = None) -> object:
        raise KeyboardInterrupt

    async def be_busy() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, what: complaints.append(what))
        loop.call_soon(loop.call_soon, free.wait, 60)  # behind the end of this coroutine

    thread.run(be_busy())
    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            thread.call(lambda: calls.append("made"))
    free.set()
    assert thread.call(lambda: list(calls)) == []
    assert complaints == []
