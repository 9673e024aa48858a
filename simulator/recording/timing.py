"""The order of what happened, and how long it was between one and the next."""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, Final, NamedTuple

import orjson

from simulator.instants import NotAnInstant, instant_ns
from simulator.log import Record
from simulator.scenario.envelope import Precision

UNKNOWN_POSITION: Final = -1
"""The position of a record from a cluster, which has no order across partitions."""

_FRACTION: Final = re.compile(r"\.\d+")

UNITS: Final[dict[Precision, int]] = {
    "seconds": 10**9,
    "milliseconds": 10**6,
    "nanoseconds": 1,
}


class Pace(NamedTuple):
    """How the time between records changes."""

    faster: Fraction = Fraction(1)
    longest_gap_ns: int | None = None


class Happening(NamedTuple):
    """A record with its place in time (nanoseconds since the epoch).

    `event` is its value where that is a JSON object. `at` is when it was written, never before what
    stands before it, `lag` by how much its own timestamp lies behind that (or ahead, negative),
    and `shift` what the pace has changed.
    """

    record: Record
    event: dict[str, Any] | None
    at: int
    lag: int
    shift: int


def in_order(records: Iterable[Record]) -> list[Record]:
    """Return records in the order in which they were appended.

    Where it is not known, every partition keeps its own and timestamps decide between them; what
    is late in its partition stays behind what was before it.
    """
    found = list(records)
    if all(record.position != UNKNOWN_POSITION for record in found):
        return sorted(found, key=lambda record: record.position)
    partitions: dict[tuple[str, int], list[Record]] = defaultdict(list)
    for record in found:
        partitions[record.topic, record.partition].append(record)
    return [record for _, record in heapq.merge(*map(_keyed, partitions.values()))]


def _keyed(records: list[Record]) -> Iterator[tuple[tuple[int, str, int, int], Record]]:
    latest = 0
    for record in sorted(records, key=lambda record: record.offset):
        latest = max(latest, record.timestamp)
        yield (latest, record.topic, record.partition, record.offset), record


def precision_of(records: Iterable[Record]) -> Precision:
    """The precision that the timestamps of events have, the finest where they differ."""
    digits = {
        len(fraction[0]) - 1 if (fraction := _FRACTION.search(stamp)) else 0
        for record in records
        if (event := event_of(record)) is not None and (stamp := _stamp_text(event)) is not None
    }
    if not digits:
        return "milliseconds"
    finest = max(digits)
    return "seconds" if finest == 0 else "milliseconds" if finest <= 3 else "nanoseconds"


def happenings(records: Iterable[Record], precision: Precision, pace: Pace) -> list[Happening]:
    """Place records, in their order, in time, at another pace if wanted."""
    return list(placed(records, precision, pace))


def placed(records: Iterable[Record], precision: Precision, pace: Pace) -> Iterator[Happening]:
    """The same, one after the other."""
    unit = UNITS[precision]
    step = min(unit, UNITS["milliseconds"])
    first: int | None = None
    latest = before = now = 0
    for record in records:
        event = event_of(record)
        own = stamp_ns(event)
        written = max(0, record.timestamp) * 1_000_000
        if own is not None and own // 1_000_000 == record.timestamp:
            written = own  # which is finer
        at = latest = max(latest, written)
        if first is None:
            first = before = now = at
        elapsed = int((at - first) / pace.faster) // step * step if pace.faster != 1 else at - first
        gap = first + elapsed - before
        before += gap
        if pace.longest_gap_ns is not None:
            gap = min(gap, pace.longest_gap_ns)
        now += gap
        lag = at - (written if own is None else own)
        if 0 < lag < unit and at // unit * unit == own:
            lag = 0  # the precision cuts it off again
        yield Happening(record, event, now, lag, now - at)


def event_of(record: Record) -> dict[str, Any] | None:
    """The value of a record where it is a JSON object."""
    try:
        event = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def stamp_ns(event: dict[str, Any] | None) -> int | None:
    """The timestamp of an event, None where it has no readable one."""
    stamp = None if event is None else _stamp_text(event)
    return None if stamp is None else instant_ns(stamp)


def _stamp_text(event: dict[str, Any]) -> str | None:
    stamp = event.get("timestamp")
    if not isinstance(stamp, str):
        return None
    try:
        return stamp if instant_ns(stamp) >= 0 else None
    except NotAnInstant:
        return None
