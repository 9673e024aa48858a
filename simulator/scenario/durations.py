"""Durations (`1m30s`) and instants (RFC 3339) as integer nanoseconds, exactly."""

from __future__ import annotations

import re

from simulator.instants import NotAnInstant, instant_ns
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

END_OF_TIME = 7_258_118_400 * UNITS["s"]
"""The year 2200: stories begin before it, which leaves them 62 years within 64 bits."""

PATTERN = "".join(rf"([0-9]+(\.[0-9]+)?{unit}{'(?!s)' if unit == 'm' else ''})?" for unit in UNITS)
"""What a duration looks like, as a regular expression that JavaScript understands too."""

_DURATION = re.compile(rf"(?=[0-9]){PATTERN}")
_PART = re.compile(r"([0-9]+)(?:\.([0-9]+))?(ms|us|ns|d|h|m|s)")
_MAX_TEXT = 64


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
    """Nanoseconds since the Unix epoch of an RFC 3339 date-time from 1970 to 2199.

    Raises DurationError.
    """
    try:
        nanoseconds = instant_ns(text)
    except NotAnInstant as error:
        raise DurationError(str(error)) from None
    if not 0 <= nanoseconds < END_OF_TIME:
        raise DurationError(f"{_shown(text)} does not lie between 1970 and 2199")
    return nanoseconds


def _advice(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return f"; add a unit, such as {text}s or {text}ms"
    return "; write it like 250ms, 5s, 1m30s or 2h"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "...")
