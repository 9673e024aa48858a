"""Reading several partitions in append order, while the log changes under the reader."""

from __future__ import annotations

import random

import pytest

from simulator.log import Cursor, Record, Retention, TopicDeleted, TopicLog, TopicNotFound


def values(records: list[Record]) -> list[bytes | None]:
    return [record.value for record in records]


def drain(cursor: Cursor, max_records: int = 100, max_bytes: int = 1 << 40) -> list[Record]:
    records: list[Record] = []
    while batch := cursor.poll(max_records, max_bytes):
        records += batch
    return records


@pytest.fixture
def log() -> TopicLog:
    log = TopicLog()
    log.create_topic("a", permanent=True)
    log.create_topic("b", permanent=True)
    return log


def append(log: TopicLog, *records: str) -> None:
    """Append records given as "topic value"."""
    for record in records:
        topic, value = record.split()
        log.append(topic, value.encode(), timestamp=0)


def mixed(count: int) -> TopicLog:
    """Topics one (1 partition), two (3 partitions) and noise, in an order of chance."""
    log = TopicLog()
    log.create_topic("one")
    log.create_topic("two", 3)
    log.create_topic("noise")
    generator = random.Random(3)
    while log.end_position < count:
        topic = generator.choice(["one", "two", "two", "noise", "noise"])
        # Runs of every length, also longer than a segment.
        for _ in range(generator.choice([1, 1, 2, 5, 50, 3000])):
            i = log.end_position
            size = generator.choice([0, 1, 10, 1000])
            headers = (("n", b"%d" % i),) if i % 7 == 0 else ()
            log.append(
                topic,
                bytes(size),
                key=b"%d" % i,
                timestamp=i,
                headers=headers,
                unchecked=i % 11 == 0,
            )
    return log


@pytest.mark.parametrize("max_records", [1, 7, 500, 1_000_000])
def test_partitions_are_merged_in_append_order(max_records: int) -> None:
    log = mixed(12_000)
    places = [("one", 0), ("two", 0), ("two", 1), ("two", 2)]
    cursor = log.cursor(dict.fromkeys(places, 0))
    expected = sorted(
        (r for place in places for r in log.read(*place, 0, max_records=20_000)),
        key=lambda record: record.position,
    )
    if max_records == 1:
        expected = expected[:300]
        assert [cursor.poll(1)[0] for _ in expected] == expected
    else:
        batches = []
        while batch := cursor.poll(max_records):
            batches.append(batch)
        assert [record for batch in batches for record in batch] == expected
        assert {len(batch) for batch in batches[:-1]} <= {max_records}
        assert cursor.at_end
        assert cursor.offsets == {place: log.bounds(*place)[1] for place in places}


@pytest.mark.parametrize("max_bytes", [0, 1500, 20_000])
def test_bytes_are_bounded_beyond_the_first_record(max_bytes: int) -> None:
    log = mixed(4_000)
    cursor = log.cursor({("one", 0): 0, ("two", 0): 0, ("two", 1): 0})
    expected = drain(log.cursor(cursor.offsets))[:600]

    def size(record: Record) -> int:
        headers = sum(len(name) + len(value or b"") for name, value in record.headers)
        return len(record.key or b"") + len(record.value or b"") + headers

    read: list[Record] = []
    while len(read) < len(expected):
        batch = cursor.poll(100, max_bytes)
        read += batch
        total = sum(map(size, batch))
        assert len(batch) == 1 or total <= max_bytes
        if len(batch) < 100 and len(read) < len(expected):  # no more than the bound asks for
            assert total + size(expected[len(read)]) > max_bytes
    assert read[: len(expected)] == expected


def test_columns_of_several_partitions(log: TopicLog) -> None:
    append(log, "a 1", "b 2", "b 3", "a 4")
    columns = log.cursor({("a", 0): 0, ("b", 0): 0}).poll_columns(10)
    assert [columns.sources[i] for i in columns.source] == [("a", 0), ("b", 0), ("b", 0), ("a", 0)]
    assert list(columns.values) == [b"1", b"2", b"3", b"4"]
    assert list(columns.offsets) == [0, 0, 1, 1]
    assert list(columns.positions) == [0, 1, 2, 3]


def test_it_starts_where_it_is_told_and_resumes(log: TopicLog) -> None:
    append(log, "a 1", "b 2", "a 3", "b 4", "a 5")
    cursor = log.cursor({("a", 0): 1, ("b", 0): 2})
    assert values(cursor.poll(1)) == [b"3"]
    assert cursor.offsets == {("a", 0): 2, ("b", 0): 2}
    assert not cursor.at_end
    assert values(log.cursor(cursor.offsets).poll(10)) == [b"5"]
    assert values(cursor.poll(10)) == [b"5"]
    assert cursor.poll(10) == []
    append(log, "b 6", "a 7")
    assert values(cursor.poll(10)) == [b"6", b"7"]
    assert cursor.at_end


def test_a_cursor_over_nothing_is_at_its_end(log: TopicLog) -> None:
    cursor = log.cursor({})
    append(log, "a 1")
    assert cursor.poll(10) == []
    assert cursor.at_end


def test_asking_for_no_records_reads_none(log: TopicLog) -> None:
    append(log, "a 1")
    cursor = log.cursor({("a", 0): 0})
    assert cursor.poll(0) == []
    assert values(cursor.poll(1)) == [b"1"]


def test_deleted_records_are_skipped_and_counted(log: TopicLog) -> None:
    append(log, "a 1", "a 2", "b 3", "a 4", "a 5")
    cursor = log.cursor({("a", 0): 0, ("b", 0): 0})
    cursor.poll(1)
    log.delete_records("a", 0, 3)
    assert values(cursor.poll(10)) == [b"3", b"5"]
    assert cursor.skipped == 2
    log.delete_records("a", 0, 4)
    assert cursor.poll(10) == []
    assert cursor.skipped == 2


def test_retention_in_front_of_a_slow_reader_is_counted() -> None:
    log = TopicLog()
    log.create_topic("a", retention=Retention(max_records=10))
    cursor = log.cursor({("a", 0): 0})
    read = []
    for i in range(100):
        log.append("a", b"%d" % i, timestamp=0)
        if i % 30 == 0:
            read += cursor.poll(3)
    read += drain(cursor)
    assert len(read) + cursor.skipped == 100
    assert values(read)[-10:] == [b"%d" % i for i in range(90, 100)]


def test_a_deleted_topic_is_an_error_and_a_new_one_another_topic(log: TopicLog) -> None:
    append(log, "a 1", "b 2")
    cursor = log.cursor({("a", 0): 0, ("b", 0): 0})
    cursor.poll(1)
    log.delete_topic("a")
    log.create_topic("a")
    append(log, "a new")
    for _ in range(2):
        with pytest.raises(TopicDeleted, match="'a' was deleted while it was being read") as caught:
            cursor.poll(10)
    with pytest.raises(TopicDeleted):
        _ = cursor.at_end
    assert isinstance(caught.value, TopicNotFound)
    assert cursor.offsets == {("b", 0): 0}
    assert values(log.cursor({("a", 0): 0, **cursor.offsets}).poll(10)) == [b"2", b"new"]


def test_after_a_reset_it_begins_with_the_new_records(log: TopicLog) -> None:
    append(log, "a 1", "a 2", "b 3")
    cursor = log.cursor({("a", 0): 0, ("b", 0): 0})
    cursor.poll(2)
    log.reset()
    append(log, "a new1", "a new2", "b new3", "a new4")  # already more than were read before
    assert values(cursor.poll(10)) == [b"new1", b"new2", b"new3", b"new4"]
    assert cursor.skipped == 0


def test_topics_that_reset_removes_are_deleted_topics(log: TopicLog) -> None:
    log.create_topic("created")
    cursor = log.cursor({("created", 0): 0})
    log.reset()
    with pytest.raises(TopicDeleted):
        cursor.poll(1)


def test_after_a_restore_it_goes_back_to_what_is_undone(log: TopicLog) -> None:
    append(log, "a 1", "a 2")
    cursor = log.cursor({("a", 0): 0})
    with log.fork():
        append(log, "a undone", "a undone", "a undone")
        assert len(cursor.poll(10)) == 5
    assert cursor.at_end
    assert cursor.offsets == {("a", 0): 2}
    append(log, "a 3", "a 4", "a 5", "a 6")
    assert values(cursor.poll(10)) == [b"3", b"4", b"5", b"6"]


def test_a_reader_behind_a_restore_reads_on(log: TopicLog) -> None:
    append(log, "a 1", "a 2", "a 3")
    cursor = log.cursor({("a", 0): 0})
    with log.fork():
        append(log, "a undone")
        assert values(cursor.poll(2)) == [b"1", b"2"]
    assert values(cursor.poll(10)) == [b"3"]


def test_a_restore_undoes_reading_of_what_replaced_it(log: TopicLog) -> None:
    append(log, "a 1", "a 2", "a 3")
    cursor = log.cursor({("a", 0): 0})
    drain(cursor)
    with log.fork():
        log.reset()
        append(log, "a other")
        assert values(cursor.poll(10)) == [b"other"]
    assert values(cursor.poll(10)) == [b"1", b"2", b"3"]  # not "2", "3", though it was at offset 1


def test_a_topic_deleted_and_restored_between_polls_reads_on(log: TopicLog) -> None:
    append(log, "a 1")
    cursor = log.cursor({("a", 0): 0})
    cursor.poll(1)
    with log.fork():
        log.delete_topic("a")
        log.create_topic("a")
        append(log, "a other", "a other")
    append(log, "a 2")
    assert values(cursor.poll(10)) == [b"2"]


def test_a_topic_that_a_restore_undoes_is_a_deleted_topic(log: TopicLog) -> None:
    with log.fork():
        log.delete_topic("a")
        log.create_topic("a")
        cursor = log.cursor({("a", 0): 0})
    append(log, "a 1")
    with pytest.raises(TopicDeleted):
        cursor.poll(1)


def test_what_is_restored_counts_and_not_the_way_there(log: TopicLog) -> None:
    append(log, "a 0", "a 1", "a 2", "a 3")
    snapshots = {}
    for kept in (4, 3, 2):
        with log.fork():
            log.reset()
            append(log, *[f"a {i}" for i in range(kept)])
            snapshots[kept] = log.snapshot()
    for order in ([3, 2, 4], [2, 3, 4], [4, 2, 3], [4, 3, 2]):
        log.restore(snapshots[4])
        cursor = log.cursor({("a", 0): 4})
        log.restore(snapshots[4])
        assert cursor.at_end  # the same records as before
        for kept in order:
            log.restore(snapshots[kept])
        # Each was another beginning, but the first of them is the one that was read.
        assert cursor.offsets == {("a", 0): 4 if kept == 4 else 0}


def test_restores_further_and_further_back(log: TopicLog) -> None:
    snapshots = []
    for i in range(5):
        snapshots.append(log.snapshot())
        append(log, f"a {i}")
    cursor = log.cursor({("a", 0): 5})
    for snapshot in (snapshots[4], snapshots[3], snapshots[1]):
        log.restore(snapshot)
    append(log, "a new", "a new", "a new", "a new", "a new")
    assert cursor.offsets == {("a", 0): 1}
    assert values(cursor.poll(10)) == [b"new"] * 5
