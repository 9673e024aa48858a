"""What the programs in this directory share: the conversation, and readers in the background."""

from __future__ import annotations

import json
import sys
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar

PATIENCE = 60.0
"""Seconds to wait for records."""

R = TypeVar("R")
Record = dict[str, Any]


def serve(commands: object) -> None:
    """Answer every line of the standard input: `do` names the method of `commands` to call."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"ok": getattr(commands, asked.pop("do"))(**asked)}
        except Exception as error:  # told, whatever it is
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


def text(data: bytes | None) -> str | None:
    return None if data is None else data.decode()


def data(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def headers(pairs: list[list[Any]]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in pairs]


def record(
    partition: int,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    headers: Any,
) -> Record:
    """A record as this program tells it."""
    return {
        "partition": partition,
        "offset": offset,
        "timestamp": timestamp,
        "key": text(key),
        "value": text(value),
        "headers": [[name, text(value)] for name, value in headers or ()],
    }


class Reader:
    """A consumer that is polled by a thread of its own, which also makes all other calls to it."""

    def __init__(
        self,
        consumer: Any,
        poll: Callable[[Any], list[Record]],
        partitions: Callable[[Any], list[int]],
    ) -> None:
        self._consumer = consumer
        self._poll = poll
        self._partitions = partitions
        self._records: list[Record] = []
        self._assigned: list[int] = []
        self._error: Exception | None = None
        self._calls: SimpleQueue[tuple[Callable[[Any], Any], Future[Any]]] = SimpleQueue()
        self._closing = False
        self._thread = Thread(target=self._run)
        self._thread.start()

    def assigned(self) -> list[int]:
        return self._assigned

    def take(self, count: int) -> list[Record]:
        """The next records."""
        end = time.monotonic() + PATIENCE
        while len(self._records) < count:
            if self._error is not None:
                raise self._error
            if time.monotonic() > end:
                raise TimeoutError(f"{len(self._records)} of {count} records came")
            time.sleep(0.005)
        taken = self._records[:count]
        del self._records[:count]  # the list itself, which the other thread adds to
        return taken

    def call(self, work: Callable[[Any], R]) -> R:
        """Do something with the consumer between two polls."""
        done: Future[R] = Future()
        self._calls.put((work, done))
        return done.result(PATIENCE)

    def close(self) -> None:
        self._closing = True
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._records.extend(self._poll(self._consumer))
                self._assigned = self._partitions(self._consumer)
                self._answer_calls()
        except Exception as error:
            self._error = error

    def _answer_calls(self) -> None:
        while True:
            try:
                work, done = self._calls.get_nowait()
            except Empty:
                return
            try:
                done.set_result(work(self._consumer))
            except Exception as error:
                done.set_exception(error)


class Readers:
    """The readers of a program, by number."""

    def __init__(self) -> None:
        self._readers: dict[int, Any] = {}

    def add(self, reader: Any) -> int:
        number = len(self._readers)
        self._readers[number] = reader
        return number

    def __getitem__(self, number: int) -> Any:
        return self._readers[number]
