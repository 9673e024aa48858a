"""Reset, snapshot, restore and fork."""

from __future__ import annotations

import gc
import sys

import pytest

from simulator.log import ForeignSnapshot, Record, Retention, Snapshot, TopicInfo, TopicLog

State = tuple[list[TopicInfo], list[Record], int, int, int]


def state(log: TopicLog) -> State:
    """All that can be seen of a log."""
    topics = log.topics()
    records = [
        record
        for topic in topics
        for index, partition in enumerate(topic.partitions)
        for record in log.read(topic.name, index, partition.start, max_records=1_000_000)
    ]
    return topics, records, log.end_position, log.records_held, log.bytes_held


def make(count: int = 5_000) -> TopicLog:
    log = TopicLog()
    log.create_topic("chat", permanent=True)
    log.create_topic("two", 2, Retention(max_records=1000))
    add(log, count)
    return log


def add(log: TopicLog, count: int) -> None:
    for i in range(count):
        topic = ("chat", "chat", "two")[i % 3]
        log.append(topic, b"%d" % i, timestamp=i, headers=(("i", b"%d" % i),) if i % 5 == 0 else ())


def do_append(log: TopicLog) -> None:
    add(log, 5_000)


def add_some(log: TopicLog) -> None:
    add(log, 700)


def do_cut(log: TopicLog) -> None:
    log.delete_records("chat", 0, 3_000)
    log.delete_records("two", 1, log.bounds("two", 1)[1])


def do_recreate(log: TopicLog) -> None:
    log.delete_topic("two")
    log.create_topic("two", 5)
    add(log, 100)


def do_delete(log: TopicLog) -> None:
    log.delete_topic("chat")
    log.delete_topic("two")


def do_reset(log: TopicLog) -> None:
    log.reset()
    log.append("chat", b"after the reset", timestamp=0)


CHANGES = [do_append, do_cut, do_recreate, do_delete, do_reset]
each_change = pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)


@each_change
def test_restore_undoes_everything_any_number_of_times(change: object) -> None:
    log = make()
    before = state(log)
    snapshot = log.snapshot()
    for _ in range(3):
        change(log)  # type: ignore[operator]
        assert state(log) != before
        log.restore(snapshot)
        assert state(log) == before
    log.restore(snapshot)
    assert state(log) == before


@each_change
def test_a_restored_log_goes_on_as_if_nothing_had_been(change: object) -> None:
    expected = make()
    add(expected, 500)
    log = make()
    with log.fork():
        change(log)  # type: ignore[operator]
    add(log, 500)
    assert state(log) == state(expected)


@each_change
def test_snapshots_do_not_disturb_each_other(change: object) -> None:
    log = make()
    taken: list[tuple[Snapshot, State]] = []
    for step in (add_some, change, do_reset, do_reset):
        taken.append((log.snapshot(), state(log)))
        step(log)  # type: ignore[operator]
    for snapshot, expected in [*taken, *reversed(taken)]:
        log.restore(snapshot)
        assert state(log) == expected


def test_forks_nest_and_end_with_exceptions_too() -> None:
    log = make(10)
    outer_before = state(log)

    def play() -> None:
        with log.fork():
            add(log, 10)
            inner_before = state(log)
            with log.fork():
                log.reset()
            assert state(log) == inner_before
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        play()
    assert state(log) == outer_before


def test_turns_of_keyless_records_are_undone() -> None:
    log = TopicLog()
    log.create_topic("two", 2)
    with log.fork():
        assert log.append("two", b"", timestamp=0).partition == 0
    assert log.append("two", b"", timestamp=0).partition == 0


def test_a_snapshot_belongs_to_its_log() -> None:
    log = make(3)
    before = state(log)
    with pytest.raises(ForeignSnapshot, match="taken from another log"):
        log.restore(make(4).snapshot())
    assert state(log) == before


def test_reset_leaves_permanent_topics_as_they_were_created() -> None:
    log = TopicLog()
    log.create_topic("chat", 2, Retention(max_records=5), permanent=True)
    log.create_topic("kept", permanent=True)
    fresh = state(log)
    log.create_topic("created")
    add_to = [("chat", b"k"), ("chat", None), ("created", None), ("kept", None)]
    for topic, key in add_to:
        log.append(topic, b"v", key=key, timestamp=0)
    log.delete_topic("chat")
    log.create_topic("chat", 7)
    log.groups.commit("group", "kept", 0, 1)
    log.reset()
    assert state(log) == fresh
    assert log.groups.names() == []
    assert log.append("chat", b"", timestamp=0) == ("chat", 0, 0, 0)


def test_a_dropped_log_gives_its_memory_back_without_the_collector() -> None:
    log = make()
    add(log, 5_000)
    value = log.read("chat", 0, 3_000, max_records=1)[0].value
    cursor = log.cursor({("chat", 0): 0})
    cursor.poll(10)
    snapshot = log.snapshot()
    log.reset()
    held = sys.getrefcount(value)
    gc.disable()
    try:
        del log, cursor, snapshot
        assert sys.getrefcount(value) == held - 1
    finally:
        gc.enable()
