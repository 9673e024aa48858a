"""Threads for handlers that may never return."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Any, Final, TypeVar

T = TypeVar("T")

MAX_THREADS: Final = 16


class DaemonThreads(Executor):
    """Runs functions on up to `MAX_THREADS` threads, made when they are needed.

    As ThreadPoolExecutor, but for the end: Python waits for the threads of that, so that one
    handler that hangs would keep the process of a test alive for ever. It waits for none of these.
    """

    def __init__(self, name: str) -> None:
        """`name` is that of its threads."""
        self._name = name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._started = 0

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a function, once a thread is free. To be called from one thread only."""
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._work.put(work)
        if not self._idle.acquire(blocking=False) and self._started < MAX_THREADS:
            self._started += 1
            Thread(target=self._run, name=f"{self._name}_{self._started}", daemon=True).start()
        return future

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            self._idle.release()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let its threads end with what they are at; it waits for none of them."""
        for _ in range(self._started):
            self._work.put(None)
