"""A log that follows another: the same offsets, with their gaps, and a window where memory ends."""

from __future__ import annotations

import random

import pytest

from simulator.log import LogFull, TopicLog

PLACES = ((0, 8), (23, 4), (57, 4))
"""Where a record batch has its base offset, the last offset's delta, and the number of records."""


def made(**options: int) -> TopicLog:
    log = TopicLog(**options)
    log.create_topic("chat")
    return log


def copy(log: TopicLog, *offsets: int, topic: str = "chat") -> None:
    for offset in offsets:
        assert log.append_at(topic, 0, offset, b"%d" % offset, timestamp=offset)


def read(log: TopicLog, offset: int = 0, max_records: int = 1_000_000) -> list[int]:
    found = log.read("chat", 0, offset, max_records=max_records)
    assert all(record.value == b"%d" % record.offset for record in found)
    return [record.offset for record in found]


def test_it_begins_where_the_other_log_begins() -> None:
    log = made()
    copy(log, 41, 42)
    assert log.bounds("chat", 0) == (41, 43)
    assert read(log, 41) == [41, 42]


def test_gaps_are_passed_over() -> None:
    log = made()
    copy(log, 3, 4, 7, 100, 101)
    assert read(log, 3) == [3, 4, 7, 100, 101]
    assert read(log, 5) == [7, 100, 101]
    assert read(log, 50) == [100, 101]
    cursor = log.cursor({("chat", 0): 3})
    assert [record.offset for record in cursor.poll(2)] == [3, 4]
    assert [record.offset for record in cursor.poll(1)] == [7]
    assert [record.offset for record in cursor.poll(9)] == [100, 101]
    assert cursor.at_end
    assert log.offset_for_timestamp("chat", 0, 8) == 100
    assert log.offset_for_timestamp("chat", 0, 102) is None


def test_a_gap_at_the_end_moves_the_end() -> None:
    log = made()
    copy(log, 0)
    log.skip_to("chat", 0, 5)
    assert log.bounds("chat", 0) == (0, 5)
    assert read(log) == [0]
    assert read(log, 3) == []
    assert log.cursor({("chat", 0): 1}).at_end
    assert log.offset_for_timestamp("chat", 0, 1) is None
    copy(log, 5)
    assert read(log) == [0, 5]


def test_an_empty_partition_skips_whole() -> None:
    log = made()
    log.skip_to("chat", 0, 9)
    assert log.bounds("chat", 0) == (9, 9)
    log.skip_to("chat", 0, 4)
    assert log.bounds("chat", 0) == (9, 9)


def test_nothing_is_copied_twice() -> None:
    log = made()
    copy(log, 0, 1)
    assert not log.append_at("chat", 0, 1, b"other", timestamp=0)
    assert not log.append_at("chat", 0, 0, b"other", timestamp=0)
    assert read(log) == [0, 1]


def test_all_that_a_record_has() -> None:
    log = made()
    headers = (*(("n", b"%d" % n) for n in range(300)), ("none", None))
    log.append_at("chat", 0, 2, None, key=b"k", timestamp=-1, headers=headers, unchecked=True)
    large = bytes(2_000_000)
    log.append_at("chat", 0, 4, large, timestamp=8)
    first, second = log.read("chat", 0, 2, max_records=9)
    assert first.value is None
    assert (first.key, first.timestamp, first.headers, first.unchecked) == (b"k", -1, headers, True)
    assert (second.value, second.offset, second.headers, second.unchecked) == (large, 4, (), False)


def test_readers_of_kafka_batches_get_the_offsets_too() -> None:
    log = made()
    copy(log, 3, 7, 8)
    (raw,) = log.read_batches("chat", 0, 3, 1 << 20)
    base, last_delta, records = (int.from_bytes(raw[at : at + n]) for at, n in PLACES)
    assert (base, last_delta, records) == (3, 5, 3)


def test_those_who_wait_are_called() -> None:
    log = made()
    called: list[int] = []
    log.wait(lambda: called.append(1), ["chat"])
    copy(log, 0)
    log.wait(lambda: called.append(2), ["chat"])
    log.skip_to("chat", 0, 7)
    assert called == [1, 2]


def test_several_segments_and_a_front_that_is_cut() -> None:
    log = made()
    chance = random.Random(5)
    offsets, offset = [], 0
    for _ in range(20_000):
        offset += 1 if chance.random() < 0.9 else chance.randrange(2, 40)
        offsets.append(offset)
    copy(log, *offsets)
    assert read(log, offsets[0]) == offsets
    before = offsets[13_000] - 1
    log.delete_records("chat", 0, before)
    assert read(log, before) == [each for each in offsets if each >= before]
    copy(log, offset + 10)
    assert read(log, before)[-1] == offset + 10
    taken = sum(len(b"%d" % each) + 128 for each in offsets if each >= before)
    while log.reap():
        pass
    assert log.memory_held <= taken + 5000 * 134


def test_snapshots_keep_what_is_copied() -> None:
    log = made()
    copy(log, 5, 9)
    log.skip_to("chat", 0, 12)
    snapshot = log.snapshot()
    copy(log, 12, 13)
    log.restore(snapshot)
    assert log.bounds("chat", 0) == (5, 12)
    assert read(log, 5) == [5, 9]
    copy(log, 20)
    assert read(log, 5) == [5, 9, 20]


def test_the_oldest_records_go_when_memory_is_used_up() -> None:
    log = TopicLog(max_bytes=1000 * (128 + 100))
    log.create_topic("chat")
    log.create_topic("old", partitions=2)
    for offset in range(300):
        log.append_at("old", 1, offset, bytes(100), timestamp=0)
    for offset in range(100_000):
        log.append_at("chat", 0, offset, bytes(100), timestamp=0)
    start, end = log.bounds("chat", 0)
    assert end == 100_000
    assert 100 <= end - start <= 1000
    assert log.bounds("old", 1) == (300, 300)
    assert log.memory_held <= log.max_bytes
    found = log.read("chat", 0, start, max_records=2000)
    assert [record.offset for record in found] == list(range(start, end))


def test_a_record_that_never_fits() -> None:
    log = made(max_bytes=1000)
    copy(log, 0)
    with pytest.raises(LogFull):
        log.append_at("chat", 0, 1, bytes(2000), timestamp=0)
    assert read(log) == [0]  # nothing goes in vain
