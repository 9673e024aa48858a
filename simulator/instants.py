"""Instants as people and events write them, as integers since the Unix epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from simulator.errors import SimulatorError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class NotAnInstant(SimulatorError):
    """A text or a datetime does not say one instant."""


def instant_ns(when: datetime | str) -> int:
    """Return nanoseconds since the Unix epoch for an aware datetime or RFC 3339 text.

    Exact to the nanosecond; a leap second (`:60`) is the first second of the next minute, as in
    Unix time. Raises `NotAnInstant`.
    """
    if isinstance(when, datetime):
        if when.tzinfo is None:
            raise NotAnInstant(f"{when} has no time zone: use an aware datetime, such as UTC")
        return _since_epoch(when)
    match = _RFC3339.fullmatch(when)
    if match is None:
        raise NotAnInstant(f"{when!r} is not a time: write it like 2026-01-01T20:00:00Z")
    date, minute, second, fraction, zone = match.groups()
    leap = second == "60"
    offset = "+00:00" if zone in "Zz" else zone
    try:
        moment = datetime.fromisoformat(f"{date}T{minute}:{'59' if leap else second}{offset}")
    except ValueError as error:
        raise NotAnInstant(f"{when!r} is not a time: {error}") from None
    nanoseconds = int((fraction or "")[:9].ljust(9, "0"))
    return _since_epoch(moment) + leap * 1_000_000_000 + nanoseconds


def _since_epoch(moment: datetime) -> int:
    delta = moment - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1_000
