"""Plays stories of the library for the tests, and reads what came of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import orjson
import yaml

from simulator.catalog import Catalog
from simulator.log import Record, TopicLog
from simulator.publishing import Publisher
from simulator.scenario import Script, load_script
from simulator.scenario.clock import VirtualClock
from simulator.scenario.engine.cast import Cast
from simulator.scenario.player import Outcome, Player
from simulator.scenario.script import Option, Step

S = TypeVar("S", bound=Step)

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
NAMES = sorted(path.stem for path in SCENARIOS.glob("*.yaml") if not path.stem.startswith("_"))
LARGE = {"evening_10k"}

START = int(datetime(2026, 3, 1, 18, tzinfo=UTC).timestamp()) * 10**9

# Codes of the chat service, from the published facts (spec README, section 5).
TOO_MANY_REQUESTS = 20007
NORMAL = 1000
BROKEN_PIPE, UNABLE_TO_PING, READER_TIMEOUT, UNEXPECTED_EOF = 3101, 3103, 3120, 3121
SERVER_SHUTDOWN = 4000
TOKEN_REVOKED, LOGGED_OUT = 4020, 4021
FAST_RECONNECT, MULTIPLE_SESSIONS = 4040, 4041
CONCURRENT_USER_LIMIT = 4060
UNKNOWN = 4099

RATE_LIMIT_DATA = {"reason": "too many requests", "code": TOO_MANY_REQUESTS, "forced": False}

CONNECTED, DISCONNECTED = "userConnected", "userDisconnected"
SENT, LIMITED = "personalChatSent", "userChatRateLimited"


class Event:
    """One record and the JSON object in it (empty where there is none)."""

    def __init__(self, record: Record) -> None:
        self.record = record

    @cached_property
    def json(self) -> dict[str, Any]:
        try:
            decoded = orjson.loads(self.record.value or b"")
        except ValueError:
            return {}
        return decoded if isinstance(decoded, dict) else {}

    @property
    def name(self) -> str:
        return str(self.json.get("name", ""))

    @property
    def user(self) -> str:
        return str(self.json.get("userId", ""))

    @property
    def session(self) -> str:
        return str(self.json.get("sessionId", ""))

    @property
    def data(self) -> dict[str, Any]:
        """The object under the payload key; a rate limit's key is `userDisconnected` (sic)."""
        key = DISCONNECTED if self.name == LIMITED else self.name
        value = self.json["payload"][key]
        assert isinstance(value, dict)
        return value

    @property
    def text(self) -> str:
        return str(self.data["payload"])

    @property
    def code(self) -> int:
        return int(self.data["code"])


@dataclass(frozen=True)
class Played:
    """A finished play: its script, its events in the order of appends."""

    script: Script
    outcome: Outcome
    cast: Cast
    events: Sequence[Event]

    def named(self, name: str, user: str = "") -> list[Event]:
        wanted = self.id(user) if user else None
        return [e for e in self.events if e.name == name and wanted in (None, e.user)]

    def id(self, name: str) -> str:
        """The id of a user or a party."""
        found = self.cast.id_of(name)
        assert found is not None, name
        return found

    def digest(self) -> str:
        digest = hashlib.sha256()
        for event in self.events:
            record = event.record
            places = (record.topic, record.partition, record.offset, record.timestamp)
            digest.update(f"{places} {record.key!r} {record.headers} ".encode())
            digest.update(record.value or b"")
        return digest.hexdigest()


def play(name: str, seed: int = 1) -> Played:
    """Play a story in virtual time, on a log of its own."""
    catalog = Catalog.builtin()
    script = load_script(SCENARIOS / f"{name}.yaml", catalog=catalog)

    async def run() -> tuple[Outcome, list[Event]]:
        clock = VirtualClock(START)
        log = TopicLog()
        for topic in catalog.channels:
            log.create_topic(topic)
        publisher = Publisher(catalog, log, lambda: clock.now_ns() // 10**6)
        outcome = await Player(publisher, clock, catalog).start(script, seed=seed).wait()
        return outcome, list(read_all(log))

    outcome, events = asyncio.run(run())
    return Played(script, outcome, Cast(script, seed), events)


def read_all(log: TopicLog) -> Iterator[Event]:
    starts = {(topic.name, 0): 0 for topic in log.topics()}
    cursor = log.cursor(starts)
    while not cursor.at_end:
        for record in cursor.poll(10_000):
            yield Event(record)


def steps_of(script: Script, kind: type[S]) -> list[S]:
    """All steps of one kind, at any depth, in the order of the text."""
    found: list[S] = []

    def walk(value: object) -> None:
        if isinstance(value, kind):
            found.append(value)
        if isinstance(value, tuple):
            for item in value:
                walk(item)
        elif isinstance(value, Step | Option):
            for field in fields(value):
                walk(getattr(value, field.name))

    walk(script.steps)
    return found


def source(name: str) -> dict[str, Any]:
    """The story as any YAML reader sees it, to compare the outcome with."""
    loaded = yaml.safe_load((SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def milliseconds(event: Event) -> int:
    return event.record.timestamp


def check_events(played: Played) -> None:
    """Every event is valid by the catalogue, keyed by its id and stamped with its own time."""
    catalog = Catalog.builtin()
    sessions: dict[str, set[str]] = defaultdict(set)
    for event in played.events:
        record = event.record
        if record.unchecked:
            continue
        assert catalog.check(record.topic, event.json).name == event.name
        assert record.key == event.json["id"].encode()
        stamp = datetime.fromisoformat(event.json["timestamp"])
        assert abs(stamp.timestamp() * 1000 - record.timestamp) < 1
        if event.session:
            sessions[event.session].add(event.user)
    assert all(len(users) == 1 for users in sessions.values()), "a session has one user"


def check_sessions(played: Played) -> None:
    """Everybody writes only between connect and disconnect, and nobody is left online."""
    online: dict[str, str] = {}
    for event in played.events:
        if event.name == CONNECTED:
            assert event.user not in online
            online[event.user] = event.session
        else:
            assert online[event.user] == event.session
        if event.name == DISCONNECTED:
            del online[event.user]
    assert online == {}
