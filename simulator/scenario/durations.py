"""Durations (`1m30s`) and instants (RFC 3339) as integer nanoseconds, exactly."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from simulator.scenario.errors import DurationError

UNITS: dict[str, int] = {
    "d": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
"""Nanoseconds of each unit, largest first."""

MAX_DURATION = 36_500 * UNITS["d"]
"""A hundred years: longer is a slip of the pen, and would leave the range of timestamps."""

PATTERN = "".join(rf"([0-9]+(\.[0-9]+)?{unit}{'(?!s)' if unit == 'm' else ''})?" for unit in UNITS)
"""What a duration looks like, as a regular expression that JavaScript understands too."""

_DURATION = re.compile(rf"(?=[0-9]){PATTERN}")
_PART = re.compile(r"([0-9]+)(?:\.([0-9]+))?(ms|us|ns|d|h|m|s)")
_MAX_TEXT = 64
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration such as `250ms`, `1m30s`, `1.5s` or `0s`.

    Units are d, h, m, s, ms, us and ns, each at most once, larger ones first. Raises
    DurationError for anything else, for parts of a nanosecond and for more than a hundred years.
    """
    if len(text) > _MAX_TEXT or not _DURATION.fullmatch(text):
        raise DurationError(f"{_shown(text)} is not a duration{_advice(text)}")
    total = 0
    for match in _PART.finditer(text):
        whole, fraction, unit = match.groups()
        size = UNITS[unit]
        total += int(whole) * size
        if fraction:
            nanoseconds, rest = divmod(int(fraction) * size, 10 ** len(fraction))
            if rest:
                raise DurationError(f"{_shown(text)} is finer than a nanosecond")
            total += nanoseconds
    if total > MAX_DURATION:
        raise DurationError(f"{_shown(text)} is longer than 36500d, the longest duration")
    return total


def format_duration(nanoseconds: int) -> str:
    """The shortest text that `parse_duration` reads back as this many nanoseconds.

    Negative durations, which scripts cannot write, get a leading minus.
    """
    if nanoseconds < 0:
        return "-" + format_duration(-nanoseconds)
    parts = []
    for unit, size in UNITS.items():
        count, nanoseconds = divmod(nanoseconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def parse_instant(text: str) -> int:
    """Nanoseconds since the Unix epoch of an RFC 3339 date-time, from 1970 on.

    The offset may be `Z` or numeric; fractions go down to the nanosecond. Raises DurationError.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise DurationError(f"{_shown(text)} is not a date-time such as 2026-01-31T18:00:00Z")
    date, time, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{time}{offset.upper().replace('Z', '+00:00')}")
        elapsed = moment - _EPOCH
    except (ValueError, OverflowError) as error:
        raise DurationError(f"{_shown(text)} is not a date-time: {error}") from None
    nanoseconds = (elapsed.days * 86_400 + elapsed.seconds) * UNITS["s"]
    nanoseconds += int((fraction or "").ljust(9, "0"))
    if nanoseconds < 0:
        raise DurationError(f"{_shown(text)} lies before 1970")
    return nanoseconds


def _advice(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return f"; add a unit, such as {text}s or {text}ms"
    return "; write it like 250ms, 5s, 1m30s or 2h"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "...")
