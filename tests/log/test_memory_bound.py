"""The memory bound: what counts, what is freed in time, and what happens when it is reached."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from simulator.log import InvalidRecord, LogFull, Retention, TopicLog

VALUE = bytes(600)
EVENT = 600 + 128


def fill(log: TopicLog, count: int, topic: str = "chat") -> None:
    for i in range(count):
        log.append(topic, VALUE, timestamp=i)


def make(events: int, retention: Retention = Retention()) -> TopicLog:
    """A log with room for this many events of 600 bytes."""
    log = TopicLog(max_bytes=events * EVENT)
    log.create_topic("chat", retention=retention, permanent=True)
    return log


def seen(log: TopicLog) -> object:
    return log.topics(), log.end_position, log.memory_held, log.records_held


def test_a_full_log_refuses_and_keeps_everything() -> None:
    log = make(100)
    fill(log, 100)
    before = seen(log)
    with pytest.raises(LogFull) as caught:
        log.append("chat", b"", timestamp=0)
    assert seen(log) == before
    text = str(caught.value)
    for part in ("'chat'", "72,800 bytes", "100 records", "max_bytes is 72,800", "Raise max_bytes"):
        assert part in text
    assert len(log.read("chat", 0, 0, max_records=1000)) == 100


def test_headers_count() -> None:
    log = TopicLog(max_bytes=2 * (128 + 200 + 3))
    log.create_topic("chat")
    log.append("chat", None, timestamp=0, headers=(("a", b"12"),))
    assert log.memory_held == 128 + 200 + 3
    log.append("chat", None, timestamp=0, headers=(("a", b"12"),))
    with pytest.raises(LogFull):
        log.append("chat", None, timestamp=0)
    log.reset()
    log.reap()
    assert log.memory_held == 0


@pytest.mark.parametrize(
    "free",
    [
        lambda log: log.reset(),
        lambda log: log.delete_records("chat", 0, 30),
        lambda log: log.delete_topic("other"),
        lambda log: log.apply_retention(1130),
    ],
)
def test_what_is_deleted_makes_room_at_once(free: object) -> None:
    log = make(60, Retention(max_age_ms=1100))
    log.create_topic("other")
    fill(log, 30)
    fill(log, 30, "other")
    free(log)  # type: ignore[operator]
    fill(log, 30)
    assert log.memory_held <= log.max_bytes


def test_room_is_found_in_partly_deleted_segments_to_the_record() -> None:
    log = make(100)
    fill(log, 100)
    for deleted in (1, 2, 50):
        start = log.bounds("chat", 0)[0]
        log.delete_records("chat", 0, start + deleted)
        fill(log, deleted)
        with pytest.raises(LogFull):
            fill(log, 1)
    assert log.records_held == 100


def test_retention_makes_room_for_the_record_that_is_refused_otherwise() -> None:
    log = make(100, Retention(max_records=100))
    fill(log, 10_000)
    assert log.bounds("chat", 0) == (9_900, 10_000)
    with pytest.raises(InvalidRecord):
        log.append("chat", VALUE, timestamp=1 << 63)
    assert log.bounds("chat", 0) == (9_900, 10_000)


def test_retention_that_would_not_be_enough_deletes_nothing() -> None:
    log = make(100, Retention(max_records=50))
    log.create_topic("other")
    fill(log, 50)
    fill(log, 50, "other")
    before = seen(log)
    with pytest.raises(LogFull):
        log.append("chat", bytes(601), timestamp=0)
    assert seen(log) == before
    fill(log, 1)
    assert log.bounds("chat", 0) == (1, 51)


def test_retention_deletes_headers_too() -> None:
    headers = (("a", b"1"),) * 10
    log = TopicLog(max_bytes=2 * (128 + 10 * 202))
    log.create_topic("chat", retention=Retention(max_records=2))
    for i in range(10):
        log.append("chat", None, timestamp=i, headers=headers)
    assert log.bounds("chat", 0) == (8, 10)


def test_what_a_snapshot_keeps_counts_until_it_is_dropped() -> None:
    log = make(100, Retention(max_records=90))
    fill(log, 60)
    snapshot = log.snapshot()
    log.reset()
    fill(log, 40)
    before = seen(log)
    with pytest.raises(LogFull, match=r"1 snapshot\(s\) that keep what was deleted since"):
        fill(log, 1)
    assert seen(log) == before
    del snapshot
    fill(log, 60)
    assert log.records_held == 90


def test_undone_appends_make_room() -> None:
    log = make(100)
    fill(log, 10)
    for _ in range(3):
        with log.fork():
            fill(log, 90)
    fill(log, 90)
    assert log.records_held == 100


def test_dropped_segments_are_freed_in_slices() -> None:
    log = make(20_000)
    fill(log, 20_000)
    log.reset()
    assert (log.records_held, log.bytes_held) == (0, 0)
    held = [log.memory_held]
    while log.reap():
        held.append(log.memory_held)
    assert held == [20_000 * EVENT - i * 4096 * EVENT for i in range(5)]
    assert log.memory_held == 0
    assert log.reap() is False


def test_appends_free_what_was_dropped() -> None:
    log = make(100_000)
    fill(log, 40_000)
    log.reset()
    fill(log, 40_000)
    assert log.memory_held == 40_000 * EVENT


def test_a_topic_that_keeps_little_holds_little() -> None:
    log = TopicLog()
    log.create_topic("chat", retention=Retention(max_records=100))
    fill(log, 10_000)
    # What is cut is given back when it is half of a segment and at least 64 KiB; what was given
    # back last may wait to be reaped.
    assert log.memory_held <= 2 * 2 * 100 * EVENT + 65_536


def test_a_topic_that_keeps_many_segments_holds_little_more() -> None:
    log = TopicLog()
    log.create_topic("chat", retention=Retention(max_records=10_000))
    for _ in range(10):
        fill(log, 10_000)
        assert log.memory_held <= (10_000 + 2 * 4096) * EVENT


def test_memory_of_an_event() -> None:
    count = 20_000
    gc.collect()
    tracemalloc.start()
    try:
        log = TopicLog()
        log.create_topic("chat")
        for i in range(count):
            log.append("chat", bytes(600), key=b"%036d" % i, timestamp=1_700_000_000_000 + i)
        held, _ = tracemalloc.get_traced_memory()
        # 745 measured: 633 and 69 for the two objects, 43 for their row. Less than 800 is promised.
        assert held / count < 800
        assert abs(held - log.memory_held) / held < 0.05
        log.reset()
        log.reap(1000)
        left, _ = tracemalloc.get_traced_memory()
        assert left < held / 100
    finally:
        tracemalloc.stop()


def test_records_are_nothing_for_the_garbage_collector() -> None:
    log = TopicLog()
    log.create_topic("chat")
    gc.collect()
    before = len(gc.get_objects())
    fill(log, 50_000)
    assert len(gc.get_objects()) - before < 500
