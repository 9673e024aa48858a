"""What a story publishes: handed to the publisher, counted, shown to expectations, remembered."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import orjson

from simulator.catalog import NearMiss
from simulator.log import Headers, RecordPlace
from simulator.publishing import PreparedRecord, Publisher

Emit = Callable[[dict[str, Any], int], None]
"""Publishes one event with its record's timestamp in milliseconds."""

UNNAMED = "(unnamed)"
"""Under which records count that are no event, or that carry no name."""


class Observer(Protocol):
    """Somebody who watches all that a story publishes."""

    def observe(
        self, topic: str, name: str, user_id: str | None, event: dict[str, Any], time_ns: int
    ) -> None:
        """See one event, as it lies on the log now."""

    def observe_refusal(self, user_id: str, reason: str) -> None:
        """See that the chat service did not do what a user asked for."""


class Emitter:
    """Publishes the events of one story, or of the calls by hand."""

    def __init__(
        self,
        publisher: Publisher,
        *,
        observers: Sequence[Observer] = (),
        keep: Mapping[str | None, int] | None = None,
    ) -> None:
        """`keep` says how many of the latest records of which name (None: any) to remember."""
        self.publisher = publisher
        self.counts: dict[str, int] = defaultdict(int)
        """How many records were published so far, by event name."""
        self._observers = tuple(observers)
        self._latest: dict[str | None, deque[RecordPlace]] = {
            name: deque(maxlen=size) for name, size in (keep or {}).items()
        }
        self._bound: dict[tuple[str, str], Emit] = {}

    def bound(self, topic: str, name: str) -> Emit:
        """Return the quick way to publish one type of event: whole envelopes of some user.

        Their id is their key.

        Raises `UnknownEvent` where the catalogue lacks it; the function itself raises what
        `Publisher.publish` does.
        """
        known = self._bound.get((topic, name))
        if known is not None:
            return known
        publish = self.publisher.bound(self.publisher.catalog.message(topic, name))
        counts = self.counts

        observe = [observer.observe for observer in self._observers]

        def emit(event: dict[str, Any], timestamp_ms: int) -> None:
            publish(event, event["id"], timestamp_ms)
            counts[name] += 1

        def emit_observed(event: dict[str, Any], timestamp_ms: int) -> None:
            publish(event, event["id"], timestamp_ms)
            counts[name] += 1
            for see in observe:
                see(topic, name, event["userId"], event, timestamp_ms * 1_000_000)

        def emit_remembered(event: dict[str, Any], timestamp_ms: int) -> None:
            self._remember(name, publish(event, event["id"], timestamp_ms))
            counts[name] += 1
            for see in observe:
                see(topic, name, event["userId"], event, timestamp_ms * 1_000_000)

        chosen = emit_remembered if self._latest else emit_observed if observe else emit
        self._bound[topic, name] = chosen
        return chosen

    def publish(
        self,
        topic: str,
        value: Mapping[str, Any] | str,
        timestamp_ms: int,
        *,
        key: str | None = None,
        headers: Headers = (),
        partition: int | None = None,
        validate: bool | None = None,
    ) -> tuple[NearMiss, ...]:
        """Publish an event, or any text, with all that a record can have.

        Returns what looks like a mistake although it is legal.
        """
        record = self.publisher.prepare(
            topic,
            value,
            key=key,
            headers=headers,
            partition=partition,
            timestamp=timestamp_ms,
            validate=validate,
        )
        place = self.publisher.append(record).place
        self._note(self.publisher.catalog.said(topic), record.value, timestamp_ms, place)
        return record.warnings

    def tell_refusal(self, user_id: str, reason: str) -> None:
        """Show the observers what came to nothing."""
        for observer in self._observers:
            observer.observe_refusal(user_id, reason)

    def latest(self, name: str | None, count: int) -> list[RecordPlace]:
        """Return the places of the last `count` records of that name, fewer if there are fewer."""
        places = self._latest.get(name)
        return list(places)[-count:] if places else []

    def publish_again(self, place: RecordPlace) -> bool:
        """Publish a record again, byte for byte; return False where the log has dropped it.

        The copy counts like any other record, but a later `latest` does not return it.
        """
        log = self.publisher.log
        start, end = log.bounds(place.topic, place.partition)
        if not start <= place.offset < end:
            return False
        found = log.read(place.topic, place.partition, place.offset, max_records=1)
        if not found or found[0].offset != place.offset:
            return False
        record = found[0]
        self.publisher.append(
            PreparedRecord(
                topic=record.topic,
                value=record.value,
                key=record.key,
                timestamp=record.timestamp,
                headers=record.headers,
                partition=record.partition,
                unchecked=record.unchecked,
                warnings=(),
            )
        )
        self._note(self.publisher.catalog.said(record.topic), record.value, record.timestamp, None)
        return True

    def _note(
        self, topic: str, value: bytes | None, timestamp_ms: int, place: RecordPlace | None
    ) -> None:
        event = _as_event(value)
        given = event.get("name")
        name = given if isinstance(given, str) else UNNAMED
        self.counts[name] += 1
        if place is not None:
            self._remember(name, place)
        user_id = event.get("userId")
        user = user_id if isinstance(user_id, str) else None
        for observer in self._observers:
            observer.observe(topic, name, user, event, timestamp_ms * 1_000_000)

    def _remember(self, name: str, place: RecordPlace) -> None:
        for wanted in (name, None):
            latest = self._latest.get(wanted)
            if latest is not None:
                latest.append(place)


def _as_event(value: bytes | None) -> dict[str, Any]:
    try:
        event = orjson.loads(value) if value else None
    except orjson.JSONDecodeError:
        event = None
    return event if isinstance(event, dict) else {}
