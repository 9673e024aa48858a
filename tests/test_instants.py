from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from simulator.instants import NotAnInstant, instant_ns

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01z", SECOND),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T23:59:59Z", -SECOND),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:00.0000000019Z", 1),
        ("1970-01-01T00:00:00.5Z", SECOND // 2),
        ("2019-08-24T14:15:22Z", 1_566_656_122 * SECOND),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * SECOND),
    ],
)
def test_rfc3339(text: str, nanoseconds: int) -> None:
    assert instant_ns(text) == nanoseconds


def test_every_millisecond_is_exact() -> None:
    for millisecond in range(1000):
        stamp = f"2019-08-24T14:15:22.{millisecond:03}Z"
        assert instant_ns(stamp) // 1_000_000 == 1_566_656_122_000 + millisecond


def test_datetimes() -> None:
    zone = timezone(timedelta(hours=1))
    assert instant_ns(datetime(1970, 1, 1, 1, 0, 0, 7, tzinfo=zone)) == 7_000


@pytest.mark.parametrize(
    "when",
    [
        "yesterday",
        "",
        "2026-01-01",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00.Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",
        datetime(2026, 1, 1),
    ],
)
def test_what_is_no_instant(when: datetime | str) -> None:
    with pytest.raises(NotAnInstant, match="time"):
        instant_ns(when)
