"""Kafka client libraries behind one face: programs that are told line by line what to do.

There is a program for each library, in its own language, beside this file. It reads JSON objects
from its standard input, one a line, such as `{"do": "take", "reader": 0, "count": 3}`, and answers
each with a line `{"ok": ...}` or `{"error": "..."}`. The commands are the methods of `Client`.
Readers and members of groups live on in the program until they are closed, and poll meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from threading import Thread
from typing import Any, NamedTuple, Protocol

Headers = tuple[tuple[str, str], ...]

ANSWER_SECONDS = 120
"""How long a program may take for one answer."""


class Seen(NamedTuple):
    """A record as a client tells it."""

    partition: int
    offset: int
    timestamp: int
    key: str | None
    value: str | None
    headers: Headers


class Draft(NamedTuple):
    """A record to send."""

    value: str | None
    key: str | None = None
    timestamp: int = 1000
    headers: Headers = ()
    partition: int = 0


class Reader(Protocol):
    """A consumer: a reader of partition 0, or a member of a group that reads from the earliest."""

    def take(self, count: int) -> list[Seen]:
        """The next records, waiting for them."""
        ...

    def assigned(self) -> list[int]: ...

    def commit(self, topic: str, offset: int) -> None:
        """Commit the next offset of partition 0."""
        ...

    def close(self) -> None: ...


class Client(Protocol):
    """A library, at work on one cluster."""

    lacks: Mapping[str, str]
    """What the library does not have, and why, by the name of a command or a codec."""

    def produce(self, topic: str, drafts: Sequence[Draft], codec: str = "none") -> list[int]:
        """Send records and return their offsets."""
        ...

    def open(self, topic: str, start: str, at: int = 0, *, committed: bool = False) -> Reader:
        """A reader that is in place when this returns.

        `start` is "earliest", "latest", an "offset" or a "timestamp"; `committed` leaves out what
        no transaction has committed.
        """
        ...

    def join(self, group: str, topic: str, **settings: str) -> Reader:
        """A new member of a group."""
        ...

    def ask(self, do: str, **what: Any) -> Any:
        """Any other command: of transactions and of administration."""
        ...


class Program:
    """A running program."""

    def __init__(self, command: Sequence[str | Path], cwd: Path, env: Mapping[str, str]) -> None:
        self._errors = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (until `close`)
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._listener = Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, do: str, **what: Any) -> Any:
        """Have a command done."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **what}) + "\n")
        self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=ANSWER_SECONDS)
        except Empty:
            self._process.kill()
            line = ""
        answer = json.loads(line) if line else {"error": "no answer"}
        if "error" in answer:
            raise AssertionError(f"{do}: {answer['error']}\n{self._told()}")
        return answer["ok"]

    def _told(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-4000:]

    def close(self) -> None:
        """End the program: it does so when its input ends."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._process.stdout.close()
        self._errors.close()


class ProgramClient:
    """A program at work on one cluster."""

    def __init__(self, program: Program, servers: str, lacks: Mapping[str, str]) -> None:
        self.lacks = lacks
        self._program = program
        self._servers = servers
        self._open: list[ProgramReader] = []

    def ask(self, do: str, **what: Any) -> Any:
        return self._program.ask(do, servers=self._servers, **what)

    def produce(self, topic: str, drafts: Sequence[Draft], codec: str = "none") -> list[int]:
        records = [draft._asdict() for draft in drafts]
        return list(self.ask("produce", topic=topic, records=records, codec=codec))

    def open(self, topic: str, start: str, at: int = 0, *, committed: bool = False) -> Reader:
        return self._reader(self.ask("open", topic=topic, start=start, at=at, committed=committed))

    def join(self, group: str, topic: str, **settings: str) -> Reader:
        return self._reader(self.ask("join", group=group, topic=topic, **settings))

    def _reader(self, number: int) -> Reader:
        reader = ProgramReader(self._program, number)
        self._open.append(reader)
        return reader

    def close(self) -> None:
        """Close the readers that a test has left open."""
        for reader in self._open:
            if self._program.alive:
                reader.close()


class ProgramReader:
    """A consumer inside a program."""

    def __init__(self, program: Program, number: int) -> None:
        self._program = program
        self._number = number
        self._closed = False

    def take(self, count: int) -> list[Seen]:
        return [
            Seen(**{**each, "headers": tuple(tuple(header) for header in each["headers"])})
            for each in self._program.ask("take", reader=self._number, count=count)
        ]

    def assigned(self) -> list[int]:
        return list(self._program.ask("assigned", reader=self._number))

    def commit(self, topic: str, offset: int) -> None:
        self._program.ask("commit", reader=self._number, topic=topic, offset=offset)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._program.ask("close", reader=self._number)


def settle(members: Sequence[Reader], expected: Sequence[int], patience: float = 60) -> None:
    """Wait until the members have as many partitions as expected, each partition once."""
    end = time.monotonic() + patience
    while True:
        assigned = [member.assigned() for member in members]
        partitions = sorted(partition for each in assigned for partition in each)
        if sorted(len(each) for each in assigned) == sorted(expected) and partitions == list(
            range(sum(expected))
        ):
            return
        assert time.monotonic() < end, assigned
        time.sleep(0.02)
