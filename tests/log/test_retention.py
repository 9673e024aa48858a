"""Deleting at the front: on request, and by count, bytes and age."""

from __future__ import annotations

import pytest

from simulator.log import OffsetOutOfRange, RecordTooLarge, Retention, TopicLog


def make(retention: Retention, partitions: int = 1) -> TopicLog:
    log = TopicLog()
    log.create_topic("chat", partitions, retention)
    return log


def kept(log: TopicLog, partition: int = 0) -> list[int]:
    start, _ = log.bounds("chat", partition)
    return [r.offset for r in log.read("chat", partition, start, max_records=100_000)]


@pytest.mark.parametrize("limit", [1, 100, 4096, 5000])
def test_by_count_exactly_the_newest_are_kept(limit: int) -> None:
    log = make(Retention(max_records=limit))
    for i in range(3 * limit + 1):
        log.append("chat", b"%d" % i, timestamp=0)
        assert log.bounds("chat", 0) == (max(0, i + 1 - limit), i + 1)
    assert kept(log) == list(range(2 * limit + 1, 3 * limit + 1))


def test_by_bytes_as_many_as_fit_are_kept() -> None:
    log = make(Retention(max_bytes=1000))
    sizes: list[int] = []
    for i in range(500):
        sizes.append(i * 37 % 300)
        log.append(
            "chat", bytes(sizes[-1] // 2), key=bytes(sizes[-1] - sizes[-1] // 2), timestamp=0
        )
        start = log.bounds("chat", 0)[0]
        assert sum(sizes[start:]) <= 1000
        assert start == 0 or sum(sizes[start - 1 :]) > 1000
        assert log.topic("chat").partitions[0].bytes == log.bytes_held == sum(sizes[start:])


def test_by_bytes_across_segments() -> None:
    log = make(Retention(max_bytes=50_000))
    for _ in range(12_000):
        log.append("chat", b"1234567890", timestamp=0)
    assert log.bounds("chat", 0) == (7_000, 12_000)
    log.append("chat", bytes(50_000), timestamp=0)
    assert kept(log) == [12_000]


def test_a_record_that_could_not_be_kept_is_refused() -> None:
    log = make(Retention(max_bytes=100))
    log.append("chat", bytes(100), timestamp=0)
    with pytest.raises(RecordTooLarge, match="retention max_bytes allows 100 bytes"):
        log.append("chat", bytes(101), timestamp=0)
    assert kept(log) == [0]


def test_limits_hold_for_each_partition() -> None:
    log = make(Retention(max_records=2), partitions=2)
    for partition in (0, 0, 0, 1):
        log.append("chat", b"", partition=partition, timestamp=0)
    assert (log.bounds("chat", 0), log.bounds("chat", 1)) == ((1, 3), (0, 1))


@pytest.mark.parametrize(
    ("timestamps", "now", "expected"),
    [
        ([10, 20, 30], 110, 0),  # exactly max_age old is not older
        ([10, 20, 30], 111, 1),
        ([10, 20, 30], 129, 2),
        ([10, 20, 30], 131, 3),
        ([10, 50, 20, 60], 130, 1),  # an old record behind a young one stays
        ([10, 50, 20, 60], 151, 3),
        ([], 1000, 0),
    ],
)
def test_by_age_what_only_old_records_precede_goes(
    timestamps: list[int], now: int, expected: int
) -> None:
    log = make(Retention(max_age_ms=100))
    for timestamp in timestamps:
        log.append("chat", b"", timestamp=timestamp)
    assert log.apply_retention(now) == expected
    assert kept(log) == list(range(expected, len(timestamps)))
    assert log.apply_retention(now) == 0


def test_age_concerns_only_topics_that_limit_it() -> None:
    log = make(Retention(max_records=10))
    log.append("chat", b"", timestamp=0)
    assert log.apply_retention(1 << 60) == 0


def test_delete_records() -> None:
    log = make(Retention())
    for i in range(10_000):
        log.append("chat", b"%d" % i, timestamp=i)
    for before, start in [
        (0, 0),
        (1, 1),
        (4096, 4096),
        (5000, 5000),
        (4000, 5000),
        (10_000, 10_000),
    ]:
        assert log.delete_records("chat", 0, before) == start
        assert log.bounds("chat", 0) == (start, 10_000)
        assert [r.value for r in log.read("chat", 0, start, max_records=2)] == [
            b"%d" % i for i in range(start, min(start + 2, 10_000))
        ]
        assert log.records_held == 10_000 - start
    assert log.append("chat", b"", timestamp=0).offset == 10_000
    assert kept(log) == [10_000]


@pytest.mark.parametrize("offset", [-1, 2])
def test_delete_records_out_of_range(offset: int) -> None:
    log = make(Retention())
    log.append("chat", b"", timestamp=0)
    with pytest.raises(OffsetOutOfRange):
        log.delete_records("chat", 0, offset)
    assert kept(log) == [0]
