"""Appending, and reading by offset and by time."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from simulator.log import (
    InvalidRecord,
    OffsetOutOfRange,
    Record,
    RecordPlace,
    RecordTooLarge,
    TopicLog,
)

MANY = 10_000
"""More than two segments."""


@pytest.fixture
def log() -> TopicLog:
    log = TopicLog()
    log.create_topic("chat")
    return log


def fill(log: TopicLog, count: int, topic: str = "chat") -> None:
    for i in range(count):
        log.append(topic, b"value %d" % i, key=b"key %d" % i, timestamp=1000 + i)


def test_a_record_is_read_back_as_it_was_appended(log: TopicLog) -> None:
    log.create_topic("other", 4)
    log.append("chat", b"first", timestamp=5)
    headers = (("h", b"1"), ("h", None), ("", b""))
    place = log.append(
        "other", None, key=b"k", timestamp=-1, headers=headers, partition=3, unchecked=True
    )
    assert place == RecordPlace("other", 3, 0, -1)
    assert log.read("other", 3, 0, max_records=10) == [
        Record("other", 3, 0, -1, b"k", None, headers, 1, True)
    ]
    assert log.read("chat", 0, 0, max_records=10) == [
        Record("chat", 0, 0, 5, None, b"first", (), 0, False)
    ]
    assert log.end_position == 2


def test_offsets_are_dense_and_positions_count_across_topics(log: TopicLog) -> None:
    log.create_topic("other")
    places = [log.append(topic, b"", timestamp=0) for topic in ("chat", "other", "chat", "chat")]
    assert [place.offset for place in places] == [0, 0, 1, 2]
    assert [r.position for r in log.read("chat", 0, 0, max_records=9)] == [0, 2, 3]
    assert [r.position for r in log.read("other", 0, 0, max_records=9)] == [1]


@pytest.mark.parametrize("offset", [0, 1, 4095, 4096, 4097, 9_000, MANY - 1])
@pytest.mark.parametrize("max_records", [1, 500, 9_000])
def test_reading_from_any_offset(log: TopicLog, offset: int, max_records: int) -> None:
    fill(log, MANY)
    records = log.read("chat", 0, offset, max_records=max_records)
    expected = range(offset, min(offset + max_records, MANY))
    assert [record.offset for record in records] == list(expected)
    assert [record.value for record in records] == [b"value %d" % i for i in expected]
    assert [record.key for record in records] == [b"key %d" % i for i in expected]
    assert [record.timestamp for record in records] == [1000 + i for i in expected]


def test_sparse_fields_are_found_in_every_segment(log: TopicLog) -> None:
    marked = (3, 4095, 4096, 8500)
    for i in range(MANY):
        odd = i in marked
        log.append(
            "chat", b"", timestamp=0, headers=(("n", b"%d" % i),) if odd else (), unchecked=odd
        )
    for low, high in [(0, MANY), (4000, 4100), (4096, 4097), (3, 4), (8000, 9000)]:
        records = log.read("chat", 0, low, max_records=high - low)
        assert [r.offset for r in records if r.headers] == [m for m in marked if low <= m < high]
        assert [r.offset for r in records if r.unchecked] == [m for m in marked if low <= m < high]
        assert all(r.headers == (("n", b"%d" % r.offset),) for r in records if r.unchecked)


def test_columns_say_the_same_as_records(log: TopicLog) -> None:
    fill(log, 20)
    log.append("chat", b"", timestamp=1, headers=(("h", b""),), unchecked=True)
    columns = log.read_columns("chat", 0, 15, max_records=100)
    assert columns.sources == (("chat", 0),)
    assert len(columns) == 6
    assert list(columns.source) == [0] * 6
    assert list(columns.offsets) == list(range(15, 21))
    assert dict(columns.headers) == {5: (("h", b""),)}
    assert set(columns.unchecked) == {5}
    assert columns.records() == log.read("chat", 0, 15, max_records=100)


@pytest.mark.parametrize(
    ("max_bytes", "expected"),
    [(0, 1), (9, 1), (10, 1), (19, 1), (20, 2), (29, 2), (1000, 5)],
)
def test_bytes_are_bounded_beyond_the_first_record(
    log: TopicLog, max_bytes: int, expected: int
) -> None:
    for _ in range(5):
        log.append("chat", b"12345", key=b"123", headers=(("a", b"1"),), timestamp=0)
    assert len(log.read("chat", 0, 0, max_records=100, max_bytes=max_bytes)) == expected
    assert len(log.read("chat", 0, 2, max_records=100, max_bytes=max_bytes)) == min(expected, 3)


def test_bytes_are_bounded_across_segments(log: TopicLog) -> None:
    for _ in range(MANY):
        log.append("chat", b"1234567890", timestamp=0)
    for offset in (0, 4090, 4095, 4096):
        assert len(log.read("chat", 0, offset, max_records=MANY, max_bytes=41_000)) == 4100


def test_large_records_close_segments_early(log: TopicLog) -> None:
    value = bytes(1_000_000)
    for i in range(12):
        log.append("chat", value, key=b"%d" % i, timestamp=0)
    assert [r.key for r in log.read("chat", 0, 3, max_records=7)] == [
        b"%d" % i for i in range(3, 10)
    ]


@pytest.mark.parametrize("offset", [-1, 2, 6])
def test_offsets_out_of_range(log: TopicLog, offset: int) -> None:
    fill(log, 5)
    log.delete_records("chat", 0, 3)
    with pytest.raises(OffsetOutOfRange, match=f"offset {offset} is out of range .* use 3 .* to 5"):
        log.read("chat", 0, offset, max_records=1)
    with pytest.raises(OffsetOutOfRange):
        log.cursor({("chat", 0): offset})
    assert log.read("chat", 0, 5, max_records=1) == []


@pytest.mark.parametrize(
    ("timestamps", "asked", "expected"),
    [
        ([10, 20, 30], 5, 0),
        ([10, 20, 30], 10, 0),
        ([10, 20, 30], 11, 1),
        ([10, 20, 30], 31, None),
        ([], 0, None),
        ([30, 10, 20], 15, 0),
        ([10, 30, 20, 40], 25, 1),
        ([10, 30, 20, 40], 31, 3),
        ([10, 10, 10], 10, 0),
        ([-1, -1, 5], 0, 2),
    ],
)
def test_first_record_at_or_after(
    log: TopicLog, timestamps: list[int], asked: int, expected: int | None
) -> None:
    for timestamp in timestamps:
        log.append("chat", b"", timestamp=timestamp)
    assert log.offset_for_timestamp("chat", 0, asked) == expected


@pytest.mark.parametrize("jitter", [0, 5_000], ids=["in order", "out of order"])
def test_time_index_is_exact_over_many_segments(log: TopicLog, jitter: int) -> None:
    generator = random.Random(7)
    timestamps = [i * 10 + generator.randint(-jitter, jitter) for i in range(MANY)]
    for timestamp in timestamps:
        log.append("chat", b"", timestamp=timestamp)
    log.delete_records("chat", 0, 1234)
    for asked in [*range(0, MANY * 10, 2_777), max(timestamps), max(timestamps) + 1]:
        expected = next((i for i in range(1234, MANY) if timestamps[i] >= asked), None)
        assert log.offset_for_timestamp("chat", 0, asked) == expected


def test_time_index_sees_records_appended_after_it_was_asked(log: TopicLog) -> None:
    log.append("chat", b"", timestamp=10)
    assert log.offset_for_timestamp("chat", 0, 20) is None
    log.append("chat", b"", timestamp=20)
    assert log.offset_for_timestamp("chat", 0, 20) == 1


def refused(log: TopicLog, append: Callable[[], object]) -> str:
    """The text of the error, when the log is the same before and after."""
    log.append("chat", b"before", timestamp=1)
    before = (
        log.topics(),
        log.end_position,
        log.memory_held,
        log.read("chat", 0, 0, max_records=9),
    )
    with pytest.raises((InvalidRecord, RecordTooLarge)) as caught:
        append()
    after = (log.topics(), log.end_position, log.memory_held, log.read("chat", 0, 0, max_records=9))
    assert after == before
    assert log.append("chat", b"after", timestamp=2).offset == before[0][0].partitions[0].end
    return str(caught.value)


@pytest.mark.parametrize("timestamp", [1 << 63, -(1 << 63) - 1, 1.5, None])
@pytest.mark.parametrize("held", [0, 4095], ids=["first", "next segment"])
def test_impossible_timestamps(log: TopicLog, timestamp: int, held: int) -> None:
    fill(log, held)
    text = refused(log, lambda: log.append("chat", b"", timestamp=timestamp))
    assert f"timestamp {timestamp!r} is no 64-bit integer" in text
    assert log.offset_for_timestamp("chat", 0, 1 << 60) is None


def test_an_impossible_timestamp_as_the_first_record_of_all(log: TopicLog) -> None:
    with pytest.raises(InvalidRecord):
        log.append("chat", b"", timestamp=1 << 63)
    assert log.offset_for_timestamp("chat", 0, 0) is None
    assert log.append("chat", b"", timestamp=0).offset == 0


def test_too_many_headers(log: TopicLog) -> None:
    headers = (("", None),) * 257
    text = refused(log, lambda: log.append("chat", b"", timestamp=0, headers=headers))
    assert "257 headers, at most 256 are allowed" in text
    log.append("chat", b"", timestamp=0, headers=headers[:256])


def test_header_names_are_unicode(log: TopicLog) -> None:
    text = refused(log, lambda: log.append("chat", b"", timestamp=0, headers=(("\ud800", b""),)))
    assert r"'\ud800' is not valid Unicode" in text


def test_a_record_may_be_as_large_as_the_limit_and_no_larger() -> None:
    log = TopicLog(max_record_bytes=100)
    log.create_topic("chat")
    headers = (("ü", b"34"),)  # four bytes
    log.append("chat", bytes(86), key=bytes(10), headers=headers, timestamp=0)
    text = refused(
        log, lambda: log.append("chat", bytes(87), key=bytes(10), headers=headers, timestamp=0)
    )
    assert (
        "a record of 101 bytes for topic 'chat' is too large: max_record_bytes allows 100" in text
    )


def test_the_default_limit_is_the_publisher_libraries(log: TopicLog) -> None:
    log.append("chat", bytes(1_048_576 - 2048 - 5), key=b"12345", timestamp=0)
    with pytest.raises(RecordTooLarge):
        log.append("chat", bytes(1_048_576 - 2048 - 5), key=b"123456", timestamp=0)
