"""Compaction: what stays of which key, at its offset, over plain records and Kafka batches."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka_batches import build_batch, records_of

from simulator.log import InvalidTopicSetting, Marker, Record, TopicLog, parse_batch
from simulator.log.rules import TopicRules

COMPACT = {"cleanup.policy": "compact"}
DAY = 86_400_000


def compacted_log(lag: int = 0) -> TopicLog:
    log = TopicLog()
    log.use_rules(
        lambda config: TopicRules(compact="cleanup.policy" in config, compaction_lag_ms=lag)
    )
    log.create_topic("t", config=COMPACT)
    return log


def put(log: TopicLog, key: bytes | None, value: bytes | None, at: int = 0) -> None:
    log.append("t", value, key=key, timestamp=at)


def put_batch(log: TopicLog, *pairs: tuple[bytes, bytes | None], at: int = 0) -> None:
    raw = build_batch([(at, key, value, ()) for key, value in pairs], codec=4)
    log.append_batch("t", 0, parse_batch(raw))


def left(log: TopicLog) -> dict[int, tuple[bytes | None, bytes | None]]:
    """What a reader of everything gets, by offset."""
    cursor = log.cursor({("t", 0): log.bounds("t", 0)[0]})
    found: list[Record] = []
    while records := cursor.poll(3):
        found += records
    return {record.offset: (record.key, record.value) for record in found}


def test_the_newest_of_each_key_stays_at_its_offset() -> None:
    log = compacted_log()
    put(log, b"a", b"1")
    put_batch(log, (b"b", b"2"), (b"a", b"3"), (b"c", b"4"))
    put(log, b"b", b"5")
    put(log, b"d", b"6")
    assert log.compact("t", 0) == 2
    assert left(log) == {2: (b"a", b"3"), 3: (b"c", b"4"), 4: (b"b", b"5"), 5: (b"d", b"6")}
    assert log.bounds("t", 0) == (0, 6)
    assert log.compact("t", 0) == 0
    put(log, b"a", b"7")
    assert log.compact("t", 0) == 1
    assert list(left(log)) == [3, 4, 5, 6]


def test_kafka_batches_have_the_offsets_that_are_left() -> None:
    log = compacted_log()
    for number in range(300):
        put(log, b"%d" % (number % 7 if number < 200 else number), b"v%d" % number, at=number)
    assert log.compact("t", 0) == 193
    expected = [*range(193, 300)]
    for start in (0, 193, 200, 299):
        found = []
        offset = start
        while batches := log.read_batches("t", 0, offset, 200):
            records = records_of(b"".join(batches))
            found += records
            offset = records[-1].offset + 1
            if offset == 300:
                break
        assert [r.offset for r in found if r.offset >= start] == [o for o in expected if o >= start]
        assert {r.value for r in found} <= {b"v%d" % offset for offset in expected}
    assert log.offset_for_timestamp("t", 0, 5) == 193
    assert log.offset_for_timestamp("t", 0, 250) == 250
    assert log.max_timestamp("t", 0) == 299


def test_a_tombstone_stays_until_readers_had_time() -> None:
    log = compacted_log()
    put(log, b"a", b"1")
    put(log, b"a", None)
    put(log, b"z", b"end")
    assert log.compact("t", 1000) == 1
    assert left(log) == {1: (b"a", None), 2: (b"z", b"end")}
    assert log.compact("t", 1000 + DAY - 1) == 0
    assert log.compact("t", 1000 + DAY) == 1
    assert left(log) == {2: (b"z", b"end")}


def test_what_is_young_is_left_alone_and_deletes_nothing() -> None:
    log = compacted_log(lag=100)
    put(log, b"a", b"1", at=0)
    put(log, b"a", b"2", at=10)
    put(log, b"a", b"3", at=500)
    assert log.compact("t", 550) == 1
    assert list(left(log)) == [1, 2]
    assert log.compact("t", 600) == 1
    assert list(left(log)) == [2]


def test_records_without_a_key_go_but_for_the_newest() -> None:
    log = compacted_log()
    put(log, None, b"1")
    put(log, b"a", b"2")
    put(log, None, b"3")
    assert log.compact("t", 0) == 1
    assert list(left(log)) == [1, 2]


def test_only_topics_with_that_policy() -> None:
    log = compacted_log()
    log.create_topic("u")
    with pytest.raises(InvalidTopicSetting, match="compact"):
        log.compact("u", 0)


def test_snapshots_keep_what_compaction_deletes() -> None:
    log = compacted_log()
    put_batch(log, (b"a", b"1"), (b"a", b"2"))
    before = log.snapshot()
    log.compact("t", 0)
    after = log.snapshot()
    put(log, b"b", b"3")
    log.restore(before)
    assert list(left(log)) == [0, 1]
    log.restore(after)
    assert list(left(log)) == [1]
    assert log.compact("t", 0) == 0
    log.restore(before)
    assert log.compact("t", 0) == 1


def test_a_cursor_reads_on_across_a_compaction() -> None:
    log = compacted_log()
    for number in range(10):
        put(log, b"%d" % (number % 3), b"%d" % number)
    cursor = log.cursor({("t", 0): 0})
    assert [record.offset for record in cursor.poll(4)] == [0, 1, 2, 3]
    log.compact("t", 0)
    assert [record.offset for record in cursor.poll(10)] == [7, 8, 9]


def test_records_can_be_deleted_from_what_is_left() -> None:
    log = compacted_log()
    for number in range(10):
        put(log, b"%d" % (number % 5 if number < 9 else 9), b"%d" % number)
    log.compact("t", 0)  # 4 to 9 are left
    log.delete_records("t", 0, 7)
    assert list(left(log)) == [7, 8, 9]
    assert log.bounds("t", 0) == (7, 10)


def test_memory_is_given_back() -> None:
    log = compacted_log()
    for number in range(1000):
        put(log, b"k", b"x" * 1000, at=number)
    held = log.memory_held
    log.compact("t", 0)
    while log.reap():
        pass
    assert log.memory_held == held // 1000
    assert log.bytes_held == 1001
    log.delete_records("t", 0, 1000)
    while log.reap():
        pass
    assert (log.memory_held, log.bytes_held) == (0, 0)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 4), st.booleans()),
        st.tuples(st.just("batch"), st.integers(0, 4), st.integers(1, 4)),
        st.tuples(st.just("compact"), st.integers(0, 0), st.integers(0, 0)),
        st.tuples(st.just("delete"), st.integers(0, 10), st.integers(0, 0)),
        st.tuples(st.just("other"), st.integers(0, 4), st.integers(0, 0)),
    ),
    max_size=40,
)


@given(steps)
def test_any_history_leaves_what_a_dictionary_would(history: list[tuple[str, int, int]]) -> None:
    log = compacted_log()
    log.create_topic("other")
    model: dict[int, tuple[bytes, bytes | None]] = {}
    end = start = 0
    for step, number, extra in history:
        key = b"%d" % number
        if step == "put":
            put(log, key, b"%d" % end if extra else None)
            model[end] = key, b"%d" % end if extra else None
            end += 1
        elif step == "batch":
            pairs = [(b"%d" % ((number + n) % 5), b"%d" % (end + n)) for n in range(extra)]
            put_batch(log, *pairs)
            model.update({end + n: pair for n, pair in enumerate(pairs)})
            end += extra
        elif step == "other":
            log.append("other", b"v", timestamp=0)
        elif step == "delete":
            start = max(start, end * number // 10)
            log.delete_records("t", 0, start)
            model = {offset: found for offset, found in model.items() if offset >= start}
        else:
            newest = {key: offset for offset, (key, _) in sorted(model.items())}
            deleted = len(model) - len(newest)
            assert log.compact("t", 0) == deleted
            model = {offset: model[offset] for offset in sorted(newest.values())}
        assert log.bounds("t", 0) == (start, end)
        assert left(log) == model
        assert log.bytes_held >= 0
    both = log.cursor({("t", 0): start, ("other", 0): 0})
    found = []
    while records := both.poll(2):
        found += records
    assert [r.offset for r in found if r.topic == "t"] == sorted(model)
    assert [r.position for r in found] == sorted(r.position for r in found)


def written(log: TopicLog, producer: int, key: bytes, value: bytes, sequence: int = 0) -> None:
    raw = build_batch(
        [(0, key, value, ())],
        producer_id=producer,
        producer_epoch=0,
        base_sequence=sequence,
        transactional=True,
    )
    log.append_batch("t", 0, parse_batch(raw))


def ended(log: TopicLog, producer: int, marker: Marker) -> None:
    log.append_marker(("t", 0), marker, (producer, 0), 0)


def test_aborted_records_supersede_nothing_and_go_with_their_markers() -> None:
    log = compacted_log()
    put(log, b"a", b"0")
    written(log, 7, b"a", b"1 aborted")
    ended(log, 7, Marker.ABORT)
    written(log, 7, b"b", b"3", sequence=1)
    ended(log, 7, Marker.COMMIT)
    put(log, b"c", b"5")
    put(log, b"c", b"6")
    assert log.compact("t", 0) == 1
    assert left(log) == {0: (b"a", b"0"), 3: (b"b", b"3"), 6: (b"c", b"6")}
    # What is left belongs to no transaction, so nothing may be told of aborted ones.
    records = records_of(b"".join(log.read_batches("t", 0, 0, 10_000)))
    assert [record.offset for record in records] == [0, 3, 6]
    assert log.transactions.aborted("t", 0, 0, 7) == []


def test_an_open_transaction_is_left_alone() -> None:
    log = compacted_log()
    put(log, b"a", b"0")
    put(log, b"a", b"1")
    written(log, 7, b"a", b"2")
    put(log, b"a", b"3")
    assert log.compact("t", 0) == 1
    assert left(log) == {1: (b"a", b"1")}  # a reader of events stops where it begins
    ended(log, 7, Marker.COMMIT)
    assert left(log) == {1: (b"a", b"1"), 2: (b"a", b"2"), 3: (b"a", b"3")}
    assert log.compact("t", 0) == 2
    assert left(log) == {3: (b"a", b"3")}


def test_a_transaction_that_is_aborted_later_is_still_told() -> None:
    log = compacted_log()
    put(log, b"a", b"0")
    put(log, b"a", b"1")
    written(log, 7, b"a", b"2")
    log.compact("t", 0)
    ended(log, 7, Marker.ABORT)
    aborted = log.transactions.aborted("t", 0, 0, 4)
    assert [(found.producer_id, found.first_offset) for found in aborted] == [(7, 2)]
    assert left(log) == {1: (b"a", b"1")}
