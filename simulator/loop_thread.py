"""An event loop in a background thread, for callers that are not asynchronous."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from simulator.errors import SimulatorError

T = TypeVar("T")


class LoopThread:
    """Owns one thread and the event loop in it; `run` and `call` block until the loop is done."""

    def __init__(self, name: str) -> None:
        """Start the thread; returns once the loop runs."""
        self._loop = asyncio.new_event_loop()
        self._submitting = threading.Lock()
        self._process = os.getpid()
        self._closed = False
        self._running = threading.Event()
        self._thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._thread.start()
        self._running.wait()

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run a coroutine on the loop and return its result or raise its error.

        An interrupt of the caller (Ctrl-C) cancels the coroutine. Raises SimulatorError where the
        loop is closed, before or meanwhile, and TimeoutError after `timeout` seconds.
        """
        try:
            with self._submission():
                future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except SimulatorError:
            coroutine.close()
            raise
        __tracebackhide__ = True
        try:
            return _result(future, timeout)
        except CancelledError:
            if self._closed:
                raise SimulatorError("the simulator was stopped during this call") from None
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Run a plain function on the loop's thread and return its result or raise its error.

        An interrupt of the caller before its turn leaves the function undone. Raises SimulatorError
        where the loop is closed.
        """
        result: Future[T] = Future()

        def work() -> None:
            if not result.set_running_or_notify_cancel():
                return
            try:
                result.set_result(function())
            except BaseException as error:
                result.set_exception(error)

        with self._submission():
            self._loop.call_soon_threadsafe(work)
        __tracebackhide__ = True
        return _result(result, None)

    def close(self) -> None:
        """End the loop and join the thread; a second call does nothing."""
        with self._submitting:
            if self._closed:
                return
            self._closed = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._running.set)
        try:
            self._loop.run_forever()
        finally:
            _cancel_all(self._loop)
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    @contextmanager
    def _submission(self) -> Iterator[None]:
        """Work that is submitted under the lock is still run: the loop stops behind it."""
        if os.getpid() != self._process:  # a fork has the object, but not its thread
            raise SimulatorError(
                "this simulator runs in the process that started it: reach it over gRPC from here"
            )
        if threading.current_thread() is self._thread:
            raise SimulatorError("this call would wait for its own thread: use AsyncSimulator here")
        with self._submitting:
            if self._closed:
                raise SimulatorError("the simulator is stopped")
            yield


def _result(future: Future[T], timeout: float | None) -> T:
    """Wait for the result; an error of the user's keeps no frames of the simulator's inside."""
    __tracebackhide__ = True
    try:
        return future.result(timeout)
    except SimulatorError as error:
        raise error.with_traceback(None) from None
    except BaseException:
        future.cancel()
        raise


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
