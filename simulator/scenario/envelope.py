"""The envelope around every event (specification, section "Payload"), and its timestamp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from simulator.instants import instant_ns
from simulator.scenario.errors import ScenarioError
from simulator.scenario.identity import IdStyle
from simulator.scenario.randomness import Randomness
from simulator.scenario.script import Script

Precision = Literal["seconds", "milliseconds", "nanoseconds"]

VERSION: Final = 1

FIELDS: Final = (
    "id",
    "version",
    "name",
    "namespace",
    "parentNamespace",
    "timestamp",
    "clientId",
    "userId",
    "traceId",
    "sessionId",
    "spanContext",
)
"""The fields of the envelope, in the order of the specification."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000_000
_MILLISECONDS: Final = tuple(f".{ms:03d}Z" for ms in range(1000))


Stamp = tuple[str, int]
"""A timestamp as an event carries it, and as its record does, in milliseconds."""


def stamper(precision: Precision) -> Callable[[int], Stamp]:
    """Return a function from nanoseconds since the epoch to stamps.

    What is finer than the precision is cut off, in the text and so in the record's timestamp.
    Raises `ScenarioError` for times before the year 1 or after the year 9999.
    """
    known_second = -1
    known_text = ""

    def whole_second(second: int) -> str:
        nonlocal known_second, known_text
        if second != known_second:
            try:
                moment = _EPOCH + timedelta(seconds=second)
            except OverflowError:
                raise ScenarioError(
                    f"a timestamp {second} s from 1970 lies outside the years 1 to 9999"
                ) from None
            known_text = moment.replace(tzinfo=None).isoformat()
            known_second = second
        return known_text

    def seconds(time_ns: int) -> Stamp:
        second = time_ns // _SECOND
        return whole_second(second) + "Z", second * 1000

    def milliseconds(time_ns: int) -> Stamp:
        total = time_ns // 1_000_000
        second = total // 1000
        text = known_text if second == known_second else whole_second(second)
        return text + _MILLISECONDS[total - second * 1000], total

    def nanoseconds(time_ns: int) -> Stamp:
        second, rest = divmod(time_ns, _SECOND)
        return f"{whole_second(second)}.{rest:09d}Z", time_ns // 1_000_000

    return {"seconds": seconds, "milliseconds": milliseconds, "nanoseconds": nanoseconds}[precision]


class IdSource(NamedTuple):
    """Fresh ids: of events, messages and sessions the one, of traces the other."""

    new_id: Callable[[], str]
    new_trace: Callable[[], str]


@dataclass(frozen=True, slots=True)
class EventStyle:
    """What all events of a story have in common, as its script says."""

    namespace: str = "game"
    parent_namespace: str | None = None
    client_id: str = "game-client"
    ids: IdStyle = "dashed"
    timestamps: Precision = "milliseconds"
    extra_fields: bool = False

    @classmethod
    def of(cls, script: Script, *, extra_fields: bool = False) -> EventStyle:
        """The style of a script, in an installation whose publisher adds fields or does not."""
        return cls(
            namespace=script.namespace,
            parent_namespace=script.parent_namespace,
            client_id=script.client_id,
            ids=script.ids,
            timestamps=script.timestamps,
            extra_fields=extra_fields,
        )

    def ids_from(self, randomness: Randomness) -> IdSource:
        """Return the functions that draw fresh ids, beside a stream of chance.

        How many are drawn does not change what else the stream gives. Trace ids are 32 hex digits
        in either style.
        """
        stream = randomness.fork("ids")
        new_id = stream.uuids() if self.ids == "dashed" else stream.compact_uuids()
        return IdSource(new_id, stream.hex128s())


class Envelopes:
    """Builds events: a payload in its envelope, keys in the order of the specification's example.

    `userId` is the acting user, `sessionId` that user's session, `traceId` the same for all
    consequences of one action. Absent values are left out, as the published publisher does; a
    `spanContext` is never there, since nothing is traced.
    """

    def __init__(self, style: EventStyle) -> None:
        self._namespace = style.namespace
        self._parent_namespace = style.parent_namespace
        self._client_id = style.client_id
        self._extra_fields = style.extra_fields

    def renew(
        self,
        example: dict[str, Any],
        name: str,
        event_id: str,
        timestamp: str,
        user_id: str | None,
        trace_id: str,
        session_id: str | None,
    ) -> dict[str, Any]:
        """Return an example of the catalogue in an envelope of its own.

        What it has beside payload and envelope stays.
        """
        payload = example.get("payload", {})
        event = self.wrap(payload, name, event_id, timestamp, user_id, trace_id, session_id)
        own = (*FIELDS, "payload")
        return event | {field: value for field, value in example.items() if field not in own}

    def wrap(
        self,
        payload: dict[str, Any],
        name: str,
        event_id: str,
        timestamp: str,
        user_id: str | None,
        trace_id: str,
        session_id: str | None,
    ) -> dict[str, Any]:
        """Return a whole event."""
        event: dict[str, Any] = {
            "payload": payload,
            "id": event_id,
            "version": VERSION,
            "name": name,
            "namespace": self._namespace,
        }
        if self._parent_namespace is not None:
            event["parentNamespace"] = self._parent_namespace
        event["timestamp"] = timestamp
        event["clientId"] = self._client_id
        if user_id is not None:
            event["userId"] = user_id
        event["traceId"] = trace_id
        if session_id is not None:
            event["sessionId"] = session_id
        if self._extra_fields:
            # What some releases of the platform's publisher add; the value of the second is open.
            event["timestampUnixNano"] = instant_ns(timestamp)
            event["unionNamespace"] = ""
        return event
