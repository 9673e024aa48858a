"""The one way into the log: every door hands its events to a `Publisher`.

A value for a topic of the catalogue is validated, encoded once, given a key and a timestamp, and
appended. A topic without message types takes anything.

On an existing cluster the log that is appended to is an outbox: an `Outlet` carries on what comes
there, and a `Claim` tells when it has arrived and where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import orjson

from simulator.catalog import Catalog, InvalidEvent, MessageType, NearMiss, Violation
from simulator.errors import SimulatorError
from simulator.instants import NotAnInstant, instant_ns
from simulator.log import Headers, InvalidRecord, RecordPlace, TopicLog

T = TypeVar("T")

EventValue = Mapping[str, Any] | bytes | str | None
"""An event as a mapping, as JSON text or bytes, or a null value (a tombstone)."""

BoundPublish = Callable[[dict[str, Any], str, int], RecordPlace]
"""Appends an event, which has this id, with a timestamp in milliseconds."""


class LogUnavailable(SimulatorError):
    """The cluster behind the log does not take or give records now; later it may."""


class Claim(Protocol):
    """What is appended within `with claim:`, which must not await; it may be entered again."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    async def written(self) -> Sequence[RecordPlace]:
        """Return when all of it has arrived: where, in order, if places are kept.

        Raises LogUnavailable, or what says why the cluster refuses a record; others may have
        arrived.
        """


class Outlet(Protocol):
    """Carries what is appended on to an existing cluster, in order."""

    async def room(self) -> None:
        """Return when more may be appended; raises LogUnavailable where that takes too long."""

    def claim(self, *, places: bool = True) -> Claim:
        """Begin to follow some of what is appended from now on."""


@dataclass(frozen=True, slots=True)
class Published:
    """Where a record lies now, and what looks like a mistake although it is legal."""

    place: RecordPlace
    warnings: tuple[NearMiss, ...] = ()


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """A record that has passed every check but those of the log itself."""

    topic: str
    value: bytes | None
    key: bytes | None
    timestamp: int
    headers: Headers
    partition: int | None
    unchecked: bool
    warnings: tuple[NearMiss, ...]


class Publisher:
    """Validates, encodes and appends; knows no door and no script."""

    def __init__(
        self,
        catalog: Catalog,
        log: TopicLog,
        now_ms: Callable[[], int],
        *,
        validate: bool = True,
        record_key: str | None = "id",
        extra_fields: bool = False,
        outlet: Outlet | None = None,
    ) -> None:
        """`now_ms` stamps records whose event has no timestamp; `validate` False checks nothing.

        `record_key` is the path of what records are keyed by, None for no key. `extra_fields`:
        whether events that the simulator builds have the fields of some publishers' envelopes.
        `outlet` takes from `log` what is to go on to an existing cluster.
        """
        self.catalog = catalog
        self.log = log
        self.validate = validate
        self.record_key = record_key
        self.extra_fields = extra_fields
        self.outlet = outlet
        self.now_ms = now_ms

    def publish(
        self,
        topic: str,
        event: EventValue,
        *,
        key: str | bytes | None = None,
        headers: Headers = (),
        partition: int | None = None,
        timestamp: int | None = None,
        validate: bool | None = None,
    ) -> Published:
        """Append one event to a topic, which may be said without its prefix.

        `key` defaults to what `record_key` names, `timestamp` (milliseconds) to the event's
        timestamp, else to the clock. `validate` overrides the publisher's setting for this record.
        Raises `InvalidEvent`, or an error of the log; then nothing has been appended.
        """
        return self.append(
            self.prepare(
                topic,
                event,
                key=key,
                headers=headers,
                partition=partition,
                timestamp=timestamp,
                validate=validate,
            )
        )

    def prepare(
        self,
        topic: str,
        event: EventValue,
        *,
        key: str | bytes | None = None,
        headers: Headers = (),
        partition: int | None = None,
        timestamp: int | None = None,
        validate: bool | None = None,
    ) -> PreparedRecord:
        """Check and encode one event without appending it, so that several can go in together."""
        topic = self.catalog.topic(topic)
        channel = self.catalog.channels.get(topic)
        check = channel is not None and (self.validate if validate is None else validate)
        decoded, value = _decode(topic, event, must_parse=check)
        warnings: tuple[NearMiss, ...] = ()
        if check and value is not None:
            message = self.catalog.check(topic, decoded)
            warnings = tuple(message.near_misses(decoded))
        envelope = decoded if isinstance(decoded, Mapping) else {}
        return PreparedRecord(
            topic=topic,
            value=value,
            key=self._key(topic, key, envelope),
            timestamp=self._timestamp(timestamp, envelope),
            headers=headers,
            partition=partition,
            unchecked=channel is not None and not check,
            warnings=warnings,
        )

    def append(self, record: PreparedRecord) -> Published:
        """Append what `prepare` gave."""
        place = self.log.append(
            record.topic,
            record.value,
            key=record.key,
            timestamp=record.timestamp,
            headers=record.headers,
            partition=record.partition,
            unchecked=record.unchecked,
        )
        return Published(place, record.warnings)

    def bound(self, message: MessageType) -> BoundPublish:
        """Return the quick way in for events of one type that the simulator builds itself.

        The function takes a whole event, its id and its record's timestamp (milliseconds). It
        validates, encodes and appends like `publish`, and raises the same errors.
        """
        # A crowd calls this for every event: what does not change is looked up once.
        topic = message.topic
        append = self.log.append
        is_valid = message.validator.is_valid
        check = self.validate
        unchecked = not check
        by_id = self.record_key == "id"

        def publish(event: dict[str, Any], key: str, timestamp_ms: int) -> RecordPlace:
            if check and not is_valid(event):
                raise InvalidEvent(topic, message.violations(event))
            try:
                value = encode_event(event)
            except orjson.JSONEncodeError as error:
                raise _not_json(topic, event, str(error)) from None
            record_key = key.encode() if by_id else self._key(topic, None, event)
            return append(topic, value, key=record_key, timestamp=timestamp_ms, unchecked=unchecked)

        return publish

    async def through(self, act: Callable[[], T]) -> tuple[T, Sequence[RecordPlace]]:
        """Do what publishes something; return what it gave once the records are where they belong.

        With them come their places on the cluster, none where the log is the simulator's own.
        Raises what `act` does, and what `Claim.written` does.
        """
        if self.outlet is None:
            return act(), ()
        await self.outlet.room()
        with self.outlet.claim() as claim:
            result = act()
        return result, await claim.written()

    def _key(
        self, topic: str, given: str | bytes | None, envelope: Mapping[str, Any]
    ) -> bytes | None:
        if isinstance(given, bytes):
            return given
        if given is None and self.record_key is not None:
            found: Any = envelope
            for part in self.record_key.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
            given = found if isinstance(found, str) else None
        try:
            return None if given is None else given.encode()
        except UnicodeEncodeError:
            raise InvalidRecord(topic, f"key {given!r} is not valid Unicode") from None

    def _timestamp(self, given: int | None, envelope: Mapping[str, Any]) -> int:
        if given is not None:
            return given
        stamp = envelope.get("timestamp")
        if isinstance(stamp, str):
            try:
                return instant_ns(stamp) // 1_000_000
            except NotAnInstant:
                pass  # an unchecked event may carry anything here
        return self.now_ms()


def encode_event(event: object) -> bytes:
    """Return the compact JSON of an event, in memory of its own size; raises JSONEncodeError."""
    # orjson leaves its whole working buffer, some 4 KiB, attached to what it returns. A join of
    # two parts always copies, and is the quickest way to do so.
    return b"".join((orjson.dumps(event), b""))


def _decode(topic: str, event: EventValue, *, must_parse: bool) -> tuple[Any, bytes | None]:
    """The event as Python values and as the bytes that will be stored; bytes stay as they are."""
    if event is None:
        return None, None
    if not isinstance(event, str | bytes):
        try:
            return event, encode_event(dict(event) if isinstance(event, Mapping) else event)
        except orjson.JSONEncodeError as error:
            raise _not_json(topic, event, str(error)) from None
    try:
        value = event.encode() if isinstance(event, str) else event
        return orjson.loads(value), value
    except ValueError as error:
        if must_parse or isinstance(error, UnicodeEncodeError):
            raise _not_json(topic, event, str(error)) from None
        return None, value


def _not_json(topic: str, event: object, reason: str) -> InvalidEvent:
    return InvalidEvent(topic, [Violation("$", event, "json", f"not a JSON event: {reason}")])
