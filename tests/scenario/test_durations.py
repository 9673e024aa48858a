"""Durations and instants, exact to the nanosecond."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.scenario.durations import (
    MAX_DURATION,
    PATTERN,
    format_duration,
    parse_duration,
    parse_instant,
)
from simulator.scenario.errors import DurationError

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0s", 0),
        ("1ns", 1),
        ("1us", 1_000),
        ("250ms", 250_000_000),
        ("5s", 5 * SECOND),
        ("1m", 60 * SECOND),
        ("1m30s", 90 * SECOND),
        ("1m5ms", 60 * SECOND + 5_000_000),
        ("2h", 7200 * SECOND),
        ("1d", 86_400 * SECOND),
        ("1d2h3m4s5ms6us7ns", 93_784 * SECOND + 5_006_007),
        ("1.5s", 1_500_000_000),
        ("0.000000001s", 1),
        ("36500d", MAX_DURATION),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "'5' is not a duration; add a unit, such as 5s or 5ms"),
        ("1.5", "'1.5' is not a duration; add a unit, such as 1.5s or 1.5ms"),
        ("", "'' is not a duration; write it like 250ms, 5s, 1m30s or 2h"),
        ("5 s", "'5 s' is not a duration; write it like 250ms, 5s, 1m30s or 2h"),
        ("-5s", "'-5s' is not a duration; write it like 250ms, 5s, 1m30s or 2h"),
        ("5ms1s", "'5ms1s' is not a duration; write it like 250ms, 5s, 1m30s or 2h"),
        ("1s1s", "'1s1s' is not a duration; write it like 250ms, 5s, 1m30s or 2h"),
        ("\u0665s", "'\u0665s' is not a duration; write it like 250ms, 5s, 1m30s or 2h"),
        ("5s\n", "'5s\\n' is not a duration; write it like 250ms, 5s, 1m30s or 2h"),
        ("0.5ns", "'0.5ns' is finer than a nanosecond"),
        ("36501d", "'36501d' is longer than 36500d, the longest duration"),
    ],
)
def test_what_is_no_duration(text: str, message: str) -> None:
    with pytest.raises(DurationError, match=f"^{re.escape(message)}$"):
        parse_duration(text)


def test_a_long_text_is_refused_and_cut_in_the_message() -> None:
    with pytest.raises(DurationError) as caught:
        parse_duration("9" * 100_000 + "s")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [(0, "0s"), (90 * SECOND, "1m30s"), (1_500_000_000, "1s500ms"), (-5 * SECOND, "-5s")],
)
def test_format(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


@given(st.integers(0, MAX_DURATION))
def test_formatted_durations_read_back(nanoseconds: int) -> None:
    text = format_duration(nanoseconds)
    assert parse_duration(text) == nanoseconds
    assert re.fullmatch(PATTERN, text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("2026-01-31T18:00:00.123456789Z", 1_769_882_400_123_456_789),
        ("2199-12-31T23:59:59Z", 7_258_118_399 * SECOND),
    ],
)
def test_instants(text: str, nanoseconds: int) -> None:
    assert parse_instant(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tomorrow", "'tomorrow' is not a time: write it like 2026-01-01T20:00:00Z"),
        ("2026-01-31", "'2026-01-31' is not a time: write it like 2026-01-01T20:00:00Z"),
        ("1969-12-31T23:59:59Z", "'1969-12-31T23:59:59Z' does not lie between 1970 and 2199"),
        ("2200-01-01T00:00:00Z", "'2200-01-01T00:00:00Z' does not lie between 1970 and 2199"),
    ],
)
def test_what_is_no_instant(text: str, message: str) -> None:
    with pytest.raises(DurationError, match=f"^{re.escape(message)}$"):
        parse_instant(text)
