"""What happened as `produce` steps: what differs from the event that the step makes by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from simulator.catalog import Catalog, InvalidEvent, MessageType
from simulator.catalog.errors import CatalogError
from simulator.log import Headers
from simulator.recording.timing import Happening, precision_of, stamp_ns
from simulator.scenario.envelope import Envelopes, EventStyle, stamper

PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
"""What the namespace and the client of a whole story are made of; others stand in each event."""

NO_VALUE: Final = "without a value"
NO_TEXT: Final = "whose value is no text"
HEADERS: Final = "with headers that a story cannot have (absent values, bytes, a name twice)"
BINARY_KEY: Final = "with a key that is no text"


class RecordedStep(NamedTuple):
    """A wait, and a record after it; `late` by how much its timestamp lies in the past (ns)."""

    wait: int
    late: int
    produce: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording as a story."""

    start: int
    style: EventStyle
    steps: Sequence[RecordedStep]
    topics: Sequence[str]
    """Topics outside the catalogue."""
    left_out: Counter[str]
    """What a story cannot say, by what it is."""


def recording(happenings: Sequence[Happening], catalog: Catalog) -> Recording:
    """Return what happened as steps that make it happen again."""
    style = _style(happenings)
    left_out: Counter[str] = Counter()
    steps = []
    now = start = happenings[0].at if happenings else 0
    for happening in happenings:
        produce = _Step(happening, catalog, style, left_out).write()
        if produce is not None:
            late = max(0, happening.lag)
            steps.append(RecordedStep(happening.at - now, late, produce))
            now = happening.at
    topics = dict.fromkeys(
        happening.record.topic
        for happening in happenings
        if happening.record.topic not in catalog.channels
    )
    return Recording(start, style, steps, list(topics), left_out)


def _style(happenings: Sequence[Happening]) -> EventStyle:
    """What most events have in common, so that only the others have to say it."""
    events = [happening.event for happening in happenings if happening.event is not None]
    usual = EventStyle()
    parents = [event.get("parentNamespace") for event in events]
    return EventStyle(
        namespace=_usual([event.get("namespace") for event in events]) or usual.namespace,
        parent_namespace=_usual(parents) if parents and None not in parents else None,
        client_id=_usual([event.get("clientId") for event in events]) or usual.client_id,
        timestamps=precision_of(happening.record for happening in happenings),
    )


def _usual(values: Iterable[object]) -> str | None:
    counts = Counter(value for value in values if isinstance(value, str) and value)
    return next((value for value, _ in counts.most_common() if PLAIN.issuperset(value)), None)


class _Step:
    """Writes the step of one record."""

    def __init__(
        self, happening: Happening, catalog: Catalog, style: EventStyle, left_out: Counter[str]
    ) -> None:
        self._happening = happening
        self._record = happening.record
        self._catalog = catalog
        self._style = style
        self._left_out = left_out

    def write(self) -> dict[str, Any] | None:
        """Return what `produce` takes; None where a story cannot say it."""
        if self._record.value is None:
            self._left_out[NO_VALUE] += 1
            return None
        event = self._happening.event
        message = None if event is None else self._message(event)
        if event is None or message is None:
            text = self._raw()
            if text is None:
                return None
            step: dict[str, Any] = {"topic": self._record.topic, "raw": text}
            if self._record.topic in self._catalog.channels:
                step["validate"] = False
        else:
            step = self._of_event(event, message)
        step.update(self._key_and_headers(event))
        return step

    def _message(self, event: dict[str, Any]) -> MessageType | None:
        """The type of an event, None where a step has to write its value as it is."""
        channel = self._catalog.channels.get(self._record.topic)
        name = event.get("name")
        if channel is None or not isinstance(name, str):
            return None
        message = channel.messages.get(name)
        paths = all(field and "." not in field for field in event)
        return message if paths and isinstance(event.get("payload"), dict) else None

    def _raw(self) -> str | None:
        happening = self._happening
        value: bytes = self._record.value or b""
        own = stamp_ns(happening.event)
        if happening.event is not None and own is not None and happening.shift:
            text, _ = stamper(self._style.timestamps)(own + happening.shift)
            value = orjson.dumps(happening.event | {"timestamp": text})
        try:
            return value.decode()
        except UnicodeDecodeError:
            self._left_out[NO_TEXT] += 1
            return None

    def _of_event(self, event: dict[str, Any], message: MessageType) -> dict[str, Any]:
        base = Envelopes(self._style).renew(message.example, message.name, "", "", None, "", None)
        changes = {
            field: value
            for field, value in event.items()
            if field != "timestamp" and not (field in base and _same(base[field], value))
        }
        own = stamp_ns(event)
        if own is None and "timestamp" in event:
            changes["timestamp"] = event["timestamp"]
        elif own is not None and self._happening.lag < 0:
            moved = own + self._happening.shift
            changes["timestamp"], _ = stamper(self._style.timestamps)(moved)
        step: dict[str, Any] = {"event": message.name}
        if not self._is_found(message):
            step["topic"] = self._record.topic
        if changes:
            step["set"] = changes
        if removed := [field for field in base if field not in event]:
            step["remove"] = removed
        if not self._is_legal(event):
            step["validate"] = False
        return step

    def _is_found(self, message: MessageType) -> bool:
        """Whether the event's name alone says its topic."""
        try:
            return self._catalog.find(message.name).channel == message.channel
        except CatalogError:
            return False

    def _is_legal(self, event: dict[str, Any]) -> bool:
        try:
            self._catalog.check(self._record.topic, event)
        except InvalidEvent:
            return False
        return True

    def _key_and_headers(self, event: dict[str, Any] | None) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._record.key is not None:
            try:
                key = self._record.key.decode()
            except UnicodeDecodeError:
                self._left_out[BINARY_KEY] += 1
            else:
                if event is None or event.get("id") != key:
                    found["key"] = key
        headers = _texts(self._record.headers)
        if len(headers) < len(self._record.headers):
            self._left_out[HEADERS] += 1
        return found | ({"headers": headers} if headers else {})


def _texts(headers: Headers) -> dict[str, str]:
    found = {}
    for name, value in headers:
        try:
            found[name] = (value or b"").decode()
        except UnicodeDecodeError:
            continue
        if value is None:
            del found[name]
    return found


def _same(one: object, other: object) -> bool:
    """Whether two JSON values are written in the same way: 1 is neither 1.0 nor true."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        other, option=orjson.OPT_SORT_KEYS
    )
