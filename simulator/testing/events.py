"""A record read as an event: what tests look at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from simulator.instants import EPOCH
from simulator.log import Headers, Record
from simulator.scenario.near_miss import value_at

_MISSING = object()


class Event:
    """One record of a topic, with its JSON value at hand.

    `event.name`, `event.user_id` and the other envelope fields are None where absent; `event.data`
    is the object under the payload key; `event["payload.userDisconnected.code"]` reads any dotted
    path and raises KeyError where there is nothing.
    """

    __slots__ = ("_json", "record")

    def __init__(self, record: Record) -> None:
        """`record` as read from the log."""
        self.record = record
        self._json: dict[str, Any] | None = None

    @property
    def json(self) -> dict[str, Any]:
        """The whole value; empty where it is not a JSON object."""
        if self._json is None:
            self._json = _object(self.record.value)
        return self._json

    @property
    def topic(self) -> str:
        """The topic the record is in."""
        return self.record.topic

    @property
    def partition(self) -> int:
        """The partition the record is in."""
        return self.record.partition

    @property
    def offset(self) -> int:
        """The record's offset in its partition."""
        return self.record.offset

    @property
    def timestamp(self) -> int:
        """Milliseconds since the Unix epoch."""
        return self.record.timestamp

    @property
    def time(self) -> datetime:
        """The record's timestamp as an aware UTC datetime.

        Raises OverflowError outside the years 1 to 9999, where a record's timestamp may well lie.
        """
        return EPOCH + timedelta(milliseconds=self.timestamp)

    @property
    def key(self) -> bytes | None:
        """The record's key."""
        return self.record.key

    @property
    def headers(self) -> Headers:
        """The record's headers."""
        return self.record.headers

    @property
    def unchecked(self) -> bool:
        """Whether the record entered a typed topic without validation."""
        return self.record.unchecked

    @property
    def id(self) -> str | None:
        """The event's id."""
        return self._text("id")

    @property
    def name(self) -> str | None:
        """The event's name."""
        return self._text("name")

    @property
    def user_id(self) -> str | None:
        """The id of the acting user."""
        return self._text("userId")

    @property
    def session_id(self) -> str | None:
        """The id of the acting user's session."""
        return self._text("sessionId")

    @property
    def trace_id(self) -> str | None:
        """The id of the action that caused the event."""
        return self._text("traceId")

    @property
    def namespace(self) -> str | None:
        """The game's namespace."""
        return self._text("namespace")

    @property
    def data(self) -> dict[str, Any]:
        """The object under the payload key, such as `payload.userDisconnected`."""
        payload = self.json.get("payload")
        if isinstance(payload, Mapping):
            for inner in payload.values():
                if isinstance(inner, dict):
                    return inner
        return {}

    def get(self, path: str, default: Any = None) -> Any:
        """The value at a dotted path, else `default`."""
        return value_at(self.json, path, default)

    def __getitem__(self, path: str) -> Any:
        value = self.get(path, _MISSING)
        if value is _MISSING:
            raise KeyError(path)
        return value

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self.get(path, _MISSING) is not _MISSING

    # Without this, Python would try event[0], event[1], ... to iterate.
    __iter__ = None

    def __eq__(self, other: object) -> bool:
        return self.record == other.record if isinstance(other, Event) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.record)

    def __repr__(self) -> str:
        seconds, milliseconds = divmod(self.timestamp, 1000)
        minutes, hours = seconds // 60 % 60, seconds // 3600 % 24
        time = f"{hours:02}:{minutes:02}:{seconds % 60:02}.{milliseconds:03}"
        mark = " unchecked" if self.unchecked else ""
        what = self.name or "record"
        text = (self.record.value or b"").decode(errors="replace")
        detail = orjson.dumps(self.data).decode() if self.data else text
        place = f"{self.topic}[{self.partition}]@{self.offset}"
        return f"<{what} {place} {time}{mark} {_short(detail)}>"

    def _text(self, field: str) -> str | None:
        value = self.json.get(field)
        return value if isinstance(value, str) else None


def _object(value: bytes | None) -> dict[str, Any]:
    if value is None:
        return {}
    try:
        decoded = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _short(text: str, length: int = 160) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
