"""A stage to play scripts on, without an event loop: the engine alone, on a log of its own."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from simulator.catalog import Catalog
from simulator.log import Record, TopicLog
from simulator.publishing import Publisher
from simulator.scenario import Script, parse_script
from simulator.scenario.brokers import Brokers
from simulator.scenario.engine.run import Run

SECOND = 1_000_000_000
START = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z"""

FOREVER = 1 << 90


def script_of(text: str) -> Script:
    """A script in YAML, unchecked against a catalogue; `alice`, `bob` and `carol` are users."""
    body = textwrap.dedent(text).strip()
    if body.startswith("{"):
        body = body.replace("{", "{users: [alice, bob, carol], ", 1)
    elif not re.search("^users:", body, re.MULTILINE):
        body += "\nusers: [alice, bob, carol]"
    return parse_script(body, file="story.yaml")


def new_log(partitions: int = 1, max_bytes: int = 1 << 30) -> TopicLog:
    log = TopicLog(max_bytes=max_bytes)
    for topic in Catalog.builtin().channels:
        log.create_topic(topic, partitions)
    return log


def new_publisher(log: TopicLog) -> Publisher:
    def no_clock() -> int:
        raise AssertionError("a story's records have the story's time")

    return Publisher(Catalog.builtin(), log, no_clock)


def read_all(log: TopicLog) -> list[Record]:
    """All records in the order in which they were appended."""
    starts = {
        (topic.name, partition): log.bounds(topic.name, partition)[0]
        for topic in log.topics()
        for partition in range(len(topic.partitions))
    }
    cursor = log.cursor(starts)
    records: list[Record] = []
    while not cursor.at_end:
        records += cursor.poll(10_000)
    return records


@dataclass(frozen=True)
class Event:
    """A record, and the JSON object in it."""

    record: Record
    json: dict[str, Any]
    users: Mapping[str, str]

    @property
    def name(self) -> str:
        return str(self.json.get("name"))

    @property
    def user(self) -> str | None:
        """The name of the acting user."""
        user_id = self.json.get("userId")
        return self.users.get(user_id, user_id) if user_id else None

    @property
    def session(self) -> str | None:
        return self.json.get("sessionId")

    @property
    def data(self) -> dict[str, Any]:
        (data,) = self.json["payload"].values()
        assert isinstance(data, dict)
        return data

    @property
    def ms(self) -> int:
        """Milliseconds of the record since the story's start."""
        return self.record.timestamp - START // 1_000_000

    @property
    def code(self) -> int:
        return int(self.data["code"])


class Told:
    """A story under way or told."""

    def __init__(
        self,
        script: Script,
        *,
        log: TopicLog | None = None,
        seed: int = 1,
        start: int = START,
        variables: Mapping[str, object] | None = None,
        brokers: Brokers | None = None,
    ) -> None:
        self.log = log or new_log()
        self.run = Run(
            script,
            new_publisher(self.log),
            start_ns=start,
            seed=seed,
            variables=variables,
            brokers=brokers,
        )

    def to_the_end(self, budget: int = 1 << 30) -> Told:
        while not self.run.advance(FOREVER, budget):
            pass
        return self

    @property
    def events(self) -> list[Event]:
        users = {user_id: name for name, user_id in self.run.cast.users().items()}
        return [Event(record, orjson.loads(record.value or b"{}"), users) for record in self]

    def __iter__(self) -> Iterator[Record]:
        return iter(read_all(self.log))

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]

    def line(self) -> list[str]:
        """Who did what, in short: `alice userConnected`."""
        return [f"{event.user} {event.name}" for event in self.events]

    def texts(self) -> list[str]:
        return [event.data["payload"] for event in self.named("personalChatSent")]


def tell(text: str, **options: Any) -> Told:
    """Play a script to its end."""
    return Told(script_of(text), **options).to_the_end()
