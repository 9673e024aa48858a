"""Records as `simulator record` writes them (.jsonl), sent to a running simulator.

They may be more than a script can hold, so they go as records, in chunks, with the times that they
had. They are read twice: first all of them, so that a bad line is told before anything is sent.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from simulator.cli.client import Client, ServerError, publish_record
from simulator.cli.failures import CommandFailed
from simulator.cli.summary import Summary
from simulator.instants import instant_ns
from simulator.log.record import Record
from simulator.recording import Happening, Pace, placed, precision_of, record_lines
from simulator.scenario.engine.emitter import UNNAMED
from simulator.scenario.envelope import Precision
from simulator.v1.broker_pb2 import CreateTopicRequest, PublishRecord, PublishRequest

CHUNK_RECORDS: Final = 500
CHUNK_BYTES: Final = 1024 * 1024
"""A request: far below the 4 MiB that a simulator takes. A larger record travels alone."""

_LOOK_EVERY_S: Final = 0.1
_NANOSECONDS: Final = 1_000_000_000

_RECORD: Final = re.compile(r"records\[(\d+)\]")

Look = Callable[[Mapping[str, int], int], None]
"""Hears how many events of which name have been sent, and of the time that the story is at."""


class _Contents(NamedTuple):
    """What the whole file says: its topics, and the precision of the timestamps in it."""

    topics: Sequence[str]
    precision: Precision


def play_records(
    server: str, file: str, *, start: str | None, speed: float | None, look: Look
) -> Summary:
    """Send the records of a file to a running simulator, and sum it up.

    The first one happens at `start`, or when it did. `speed` is in seconds of the recording per
    second; 0 or None: as fast as possible. Raises NotARecord, CommandFailed, ServerError.
    """
    contents = _read_through(file)
    begin = time.monotonic()
    with Client(server) as client:
        sending = _Sending(client, file, _topics(client, contents.topics), look)
        first = last = 0
        for record, event in _timed(file, contents.precision, start):
            first = first or event.at
            last = event.at
            if speed:
                sending.wait_until(begin + (last - first) / _NANOSECONDS / speed)
            sending.add(record, event)
        sending.flush()
    return Summary(
        name=Path(file).stem,
        state="passed",
        events=dict(sorted(sending.events.items())),
        problems=(),
        story_s=(last - first) / _NANOSECONDS,
        real_s=time.monotonic() - begin,
    )


def _records(file: str) -> Iterator[Record]:
    with Path(file).open("rb") as lines:
        yield from record_lines.records(lines, file)


def _read_through(file: str) -> _Contents:
    topics: dict[str, None] = {}

    def seen() -> Iterator[Record]:
        for record in _records(file):
            topics[record.topic] = None
            yield record

    precision = precision_of(seen())
    return _Contents(list(topics), precision)


def _timed(
    file: str, precision: Precision, start: str | None
) -> Iterator[tuple[Record, Happening]]:
    """The records and when each happens, all of them moved to begin at `start`."""
    begin = None if start is None else instant_ns(start)
    shift = 0
    for number, happening in enumerate(placed(_records(file), precision, Pace())):
        if number == 0 and begin is not None:
            shift = begin - happening.at
        moved = happening._replace(at=happening.at + shift, shift=happening.shift + shift)
        yield next(record_lines.moved([moved], precision)), moved


def _topics(client: Client, topics: Sequence[str]) -> dict[str, str]:
    """What the simulator calls the topics of the file; those that it does not have are created."""
    there = {topic.topic for topic in client.topics()}
    names = {}
    for topic in topics:
        names[topic] = topic if topic in there else _prefixed(client, topic)
        if names[topic] not in there:
            client.create_topic(CreateTopicRequest(topic=topic))
    return names


def _prefixed(client: Client, topic: str) -> str:
    """A topic of the catalogue by its whole name; another one is called what it is called."""
    try:
        return next((event.topic for event in client.events(topic=topic)), topic)
    except ServerError:
        return topic


class _Sending:
    """Sends records in chunks, each in the order of the file."""

    def __init__(self, client: Client, file: str, topics: Mapping[str, str], look: Look) -> None:
        self.events: Counter[str] = Counter()
        self._client = client
        self._file = file
        self._topics = topics
        self._look = look
        self._chunk: list[tuple[Record, PublishRecord]] = []
        self._names: list[str] = []
        self._bytes = 0
        self._at = 0

    def wait_until(self, due: float) -> None:
        """Send what is there, and return at a time of the monotonic clock."""
        while (left := due - time.monotonic()) > 0:
            self.flush()
            time.sleep(min(left, _LOOK_EVERY_S))
            self._look(self.events, self._at)

    def add(self, record: Record, happening: Happening) -> None:
        """Send a record, now or soon."""
        request = publish_record(record, self._topics[record.topic])
        size = request.ByteSize()
        changes = bool(self._chunk) and self._chunk[0][0].unchecked != record.unchecked
        if changes or self._bytes + size > CHUNK_BYTES or len(self._chunk) >= CHUNK_RECORDS:
            self.flush()
        name = (happening.event or {}).get("name")
        self._chunk.append((record, request))
        self._names.append(name if isinstance(name, str) else UNNAMED)
        self._bytes += size
        self._at = happening.at

    def flush(self) -> None:
        """Send what has been added."""
        chunk, self._chunk, self._bytes = self._chunk, [], 0
        names, self._names = self._names, []
        if not chunk:
            return
        done = 0
        while done < len(chunk):
            sent = self._publish(chunk[done:])
            self.events.update(names[done : done + sent])
            done += sent
        self._look(self.events, self._at)

    def _publish(self, chunk: Sequence[tuple[Record, PublishRecord]]) -> int:
        """Publish records, and return how many: those before an illegal one, or that alone.

        What breaks the specification has happened all the same, and goes in unchecked.
        """
        first, _ = chunk[0]
        try:
            self._send(chunk, validate=not first.unchecked)
        except ServerError as error:
            found = _RECORD.match(error.details)
            if found is None or first.unchecked or not error.is_refusal:
                raise self._at_line(error, chunk) from None
            good = int(found[1])
            if good:
                self._send(chunk[:good], validate=True)
                return good
            try:
                self._send(chunk[:1], validate=False)
            except ServerError as again:
                raise self._at_line(again, chunk) from None
            return 1
        return len(chunk)

    def _send(self, chunk: Sequence[tuple[Record, PublishRecord]], *, validate: bool) -> None:
        records = [request for _, request in chunk]
        self._client.publish(PublishRequest(records=records, no_validate=not validate))

    def _at_line(
        self, error: ServerError, chunk: Sequence[tuple[Record, PublishRecord]]
    ) -> CommandFailed | ServerError:
        """Say the line of the file instead of the number of a record, and what has been done."""
        found = _RECORD.match(error.details)
        if found is None:
            return error
        line = chunk[int(found[1])][0].position
        sent = self.events.total()
        before = f"{sent:,} record{'' if sent == 1 else 's'}"
        return CommandFailed(f"{self._file}:{line}: {error} ({before} were sent before)")
