"""Transactions in partitions: markers, the last stable offset, and what readers of events see.

The bytes of the marker are those that Apache Kafka 4.4.0 wrote in answer to an EndTxn request.
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given
from kafka_batches import Draft, build_batch

from simulator.log import (
    CoordinatorFenced,
    InvalidTransactionState,
    LogFull,
    Marker,
    OutOfOrderSequence,
    ProducerFenced,
    Retention,
    TopicLog,
    parse_batch,
)
from simulator.log.control_batches import marker_batch
from simulator.log.transaction_index import TransactionIndex

REAL_ABORT_MARKER = bytes.fromhex(
    "0000000000000003000000420000000002499fd07d003000000000000001a2091a9b1c000001a2091a9b1c"
    "00000000000000000002ffffffff000000012000000008000000000c00000000000000"
)


@pytest.fixture
def log() -> TopicLog:
    log = TopicLog()
    log.create_topic("t")
    return log


def send(
    log: TopicLog,
    *values: bytes,
    producer: int = 7,
    epoch: int = 0,
    sequence: int = 0,
    transactional: bool = True,
    topic: str = "t",
    bumps_epochs: bool = False,
) -> int:
    drafts: list[Draft] = [(0, None, value, ()) for value in values]
    raw = build_batch(
        drafts,
        producer_id=producer,
        producer_epoch=epoch,
        base_sequence=sequence,
        transactional=transactional,
    )
    return log.append_batch(topic, 0, parse_batch(raw), bumps_epochs=bumps_epochs)


def end(log: TopicLog, marker: Marker, producer: int = 7, epoch: int = 0) -> int:
    return log.append_marker(("t", 0), marker, (producer, epoch), 5)


def values(log: TopicLog, offset: int = 0) -> list[tuple[int, bytes | None]]:
    return [(r.offset, r.value) for r in log.read("t", 0, offset, max_records=99)]


def test_a_marker_has_the_bytes_of_a_real_broker() -> None:
    timestamp = int.from_bytes(REAL_ABORT_MARKER[27:35])
    ours = marker_batch(Marker.ABORT, 0, 2, 0, timestamp)
    assert ours.raw[16:] == REAL_ABORT_MARKER[16:]  # before it: where it lies
    commit = marker_batch(Marker.COMMIT, 0, 2, 3, timestamp).raw
    assert commit[-12:-7] == b"\0\0\0\1\x0c"  # version and type, then the size of the value
    assert commit[-7:] == b"\0\0\0\0\0\3\0"  # version and epoch of the coordinator; no headers


def test_a_transaction_is_seen_when_it_is_committed(log: TopicLog) -> None:
    send(log, b"a", b"b")
    log.append("t", b"plain", timestamp=1)
    assert log.transactions.last_stable_offset("t", 0) == 0
    assert values(log) == []
    assert end(log, Marker.COMMIT) == 3
    assert log.transactions.last_stable_offset("t", 0) == 4
    assert log.bounds("t", 0) == (0, 4)
    assert values(log) == [(0, b"a"), (1, b"b"), (2, b"plain")]
    assert log.transactions.aborted("t", 0, 0, 4) == []


def test_an_aborted_transaction_is_never_seen(log: TopicLog) -> None:
    cursor = log.cursor({("t", 0): 0})
    send(log, b"a")
    log.append("t", b"plain", timestamp=1)
    send(log, b"b", sequence=1)
    assert cursor.at_end
    assert cursor.poll(9) == []
    end(log, Marker.ABORT)
    assert [(r.offset, r.value) for r in cursor.poll(9)] == [(1, b"plain")]
    assert cursor.at_end
    assert cursor.poll(9) == []
    assert [tuple(t) for t in log.transactions.aborted("t", 0, 0, 9)] == [(7, 0, 3, 4)]
    assert log.transactions.aborted("t", 0, 4, 9) == []


def test_the_last_stable_offset_waits_for_the_oldest_transaction(log: TopicLog) -> None:
    send(log, b"a", producer=1)
    send(log, b"b", producer=2)
    end(log, Marker.COMMIT, producer=2)
    assert log.transactions.last_stable_offset("t", 0) == 0
    end(log, Marker.ABORT, producer=1)
    assert log.transactions.last_stable_offset("t", 0) == 4
    assert values(log) == [(1, b"b")]


def test_committed_batches_end_at_the_last_stable_offset(log: TopicLog) -> None:
    log.append("t", b"first", timestamp=1)
    send(log, b"a")
    log.append("t", b"behind", timestamp=1)
    assert len(log.read_batches("t", 0, 0, 1 << 20)) == 3
    assert len(log.read_batches("t", 0, 0, 1 << 20, committed=True)) == 1
    assert log.read_batches("t", 0, 2, 1 << 20, committed=True) == []


def test_readers_of_several_partitions_pass_over_markers(log: TopicLog) -> None:
    log.create_topic("u")
    cursor = log.cursor({("t", 0): 0, ("u", 0): 0})
    for number in range(20):
        send(log, b"t%d" % number, epoch=number)
        end(log, Marker.COMMIT if number % 2 else Marker.ABORT, epoch=number)
        log.append("u", b"u%d" % number, timestamp=1)
    found = []
    while records := cursor.poll(3):
        found += [r.value for r in records]
    names = [(b"t%d" % n, b"u%d" % n) if n % 2 else (b"u%d" % n,) for n in range(20)]
    assert found == [name for pair in names for name in pair]
    assert cursor.at_end


def test_a_marker_needs_no_room(log: TopicLog) -> None:
    log.max_bytes = 200
    send(log, b"a")
    log.max_bytes = 0
    assert end(log, Marker.COMMIT) == 1
    with pytest.raises(LogFull):  # unless there is nothing to end: anybody could send many
        end(log, Marker.COMMIT)
    assert log.bounds("t", 0) == (0, 2)


def test_markers_count_for_the_retention() -> None:
    log = TopicLog()
    log.create_topic("t", retention=Retention(max_records=2))
    for epoch in range(3):
        send(log, b"%d" % epoch, epoch=epoch)
        end(log, Marker.COMMIT, epoch=epoch)
        assert log.bounds("t", 0) == (2 * epoch, 2 * epoch + 2)
        assert values(log, 2 * epoch) == [(2 * epoch, b"%d" % epoch)]


def test_records_outside_of_the_open_transaction_are_refused(log: TopicLog) -> None:
    send(log, b"a")
    with pytest.raises(InvalidTransactionState):
        send(log, b"b", sequence=1, transactional=False)
    end(log, Marker.COMMIT)
    assert send(log, b"b", sequence=1, transactional=False) == 2


def test_a_marker_of_a_newer_epoch_begins_the_sequence_anew(log: TopicLog) -> None:
    send(log, b"a")
    end(log, Marker.ABORT, epoch=1)
    with pytest.raises(ProducerFenced):
        send(log, b"b", sequence=1, epoch=0)
    with pytest.raises(OutOfOrderSequence):
        send(log, b"b", sequence=1, epoch=1)
    assert send(log, b"b", epoch=1) == 2


def test_late_markers_are_refused(log: TopicLog) -> None:
    place = ("t", 0)
    send(log, b"a", epoch=3)
    with pytest.raises(ProducerFenced):
        log.append_marker(place, Marker.COMMIT, (7, 2), 5)
    with pytest.raises(ProducerFenced):  # transaction version 2: always a newer epoch
        log.append_marker(place, Marker.COMMIT, (7, 3), 5, bumps_epochs=True)
    log.append_marker(place, Marker.COMMIT, (7, 4), 5, bumps_epochs=True, coordinator_epoch=2)
    log.append_marker(place, Marker.COMMIT, (7, 4), 5, bumps_epochs=True, coordinator_epoch=2)
    with pytest.raises(CoordinatorFenced):
        log.append_marker(place, Marker.COMMIT, (7, 4), 5, coordinator_epoch=1)


def test_who_bumps_epochs_begins_at_0(log: TopicLog) -> None:
    with pytest.raises(OutOfOrderSequence):
        send(log, b"a", sequence=4, bumps_epochs=True)
    assert send(log, b"a", sequence=4) == 0


def test_after_a_reset_producers_go_on(log: TopicLog) -> None:
    log.create_topic("kept", permanent=True)
    send(log, b"a", topic="kept", bumps_epochs=True)
    log.transactions.rewound = lambda: setattr(log.transactions, "strict_from", 8)
    log.reset()
    assert send(log, b"b", topic="kept", sequence=1, bumps_epochs=True) == 0
    with pytest.raises(OutOfOrderSequence):
        send(log, b"c", topic="kept", producer=8, sequence=1, bumps_epochs=True)


def test_deleting_records_keeps_what_readers_must_know(log: TopicLog) -> None:
    send(log, b"a")
    end(log, Marker.ABORT)
    send(log, b"b", epoch=1)
    end(log, Marker.ABORT, epoch=1)
    log.delete_records("t", 0, 2)
    assert [t.first_offset for t in log.transactions.aborted("t", 0, 2, 4)] == [2]
    assert values(log, 2) == []
    log.delete_records("t", 0, 3)  # all but the marker
    assert [t.first_offset for t in log.transactions.aborted("t", 0, 3, 4)] == [2]
    send(log, b"open", b"open", epoch=2)
    log.delete_records("t", 0, 5)
    assert log.transactions.last_stable_offset("t", 0) == 5
    end(log, Marker.COMMIT, epoch=2)
    assert values(log, 5) == [(5, b"open")]


def test_a_snapshot_holds_open_and_aborted_transactions(log: TopicLog) -> None:
    send(log, b"a")
    end(log, Marker.ABORT)
    send(log, b"b", epoch=1)
    snapshot = log.snapshot()
    send(log, b"c", epoch=1, sequence=1)
    end(log, Marker.COMMIT, epoch=1)
    assert values(log) == [(2, b"b"), (3, b"c")]
    for _ in range(2):
        log.restore(snapshot)
        assert values(log) == []
        assert log.transactions.last_stable_offset("t", 0) == 2
        assert log.transactions.is_open("t", 0, 7, 1)
        assert [t.first_offset for t in log.transactions.aborted("t", 0, 0, 9)] == [0]
        end(log, Marker.COMMIT, epoch=1)
        assert values(log) == [(2, b"b")]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.sampled_from(["write", "write", "plain", "commit", "abort"])
        ),
        max_size=40,
    )
)
def test_the_index_agrees_with_plain_lists(steps: list[tuple[int, str]]) -> None:
    index, hidden = TransactionIndex(), set[int]()
    open_since: dict[int, list[int]] = {}
    aborted: list[tuple[int, int, int]] = []
    for offset, (producer, step) in enumerate(steps):
        if step == "write":
            index.wrote(producer, 0, offset, offset + 1)
            open_since.setdefault(producer, []).append(offset)
        elif step != "plain":
            index.ended(producer, offset, aborted=step == "abort")
            written = open_since.pop(producer, [])
            hidden.add(offset)
            if step == "abort" and written:
                hidden.update(written)
                aborted.append((producer, written[0], offset))
        if offset % 7 == 3:
            index.restore(index.freeze())
        stable = min((each[0] for each in open_since.values()), default=None)
        assert index.first_unstable_offset() == stable
    end_offset = len(steps)
    for low in range(end_offset + 1):
        seen = [o for span in index.visible(low, end_offset) for o in range(*span)]
        assert seen == [o for o in range(low, end_offset) if o not in hidden]
        after = next((o for o in range(low, end_offset) if o not in hidden), None)
        if after is not None:
            assert index.next_visible(low) == after
        for stop in range(low, end_offset + 1):
            wanted = [t for t in aborted if t[2] >= low and t[1] < stop]
            assert [t[:3] for t in index.aborted_between(low, stop)] == wanted


steps = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2), st.sampled_from("tu"), st.integers(1, 3)),
    st.tuples(st.just("plain"), st.just(0), st.sampled_from("tu"), st.just(1)),
    st.tuples(st.sampled_from(["commit", "abort"]), st.integers(0, 2), st.just(""), st.just(0)),
    st.tuples(st.just("poll"), st.just(0), st.just(""), st.integers(1, 4)),
)


@given(st.lists(steps, max_size=40), st.integers(1, 5))
def test_cursors_read_what_is_committed(
    history: list[tuple[str, int, str, int]], size: int
) -> None:
    log = TopicLog()
    for name in "tu":
        log.create_topic(name)
    starts = {("t", 0): 0, ("u", 0): 0}
    cursor, polled = log.cursor(starts), []
    sequences: dict[tuple[int, str], int] = {}
    open_records: dict[int, set[tuple[str, int]]] = {}
    visible: set[tuple[str, int]] = set()

    def end_all(producer: int, marker: Marker) -> None:
        written = open_records.pop(producer, set())
        for name in sorted({name for name, _ in written}):
            log.append_marker((name, 0), marker, (producer, 0), 5)
        if marker is Marker.COMMIT:
            visible.update(written)

    for step, producer, name, number in history:
        if step == "plain":
            visible.add((name, log.append(name, b"plain", timestamp=1).offset))
        elif step == "write":
            sequence = sequences.get((producer, name), 0)
            texts = [b"v"] * number
            first = send(log, *texts, producer=producer, sequence=sequence, topic=name)
            sequences[producer, name] = sequence + number
            places = {(name, first + row) for row in range(number)}
            open_records.setdefault(producer, set()).update(places)
        elif step == "poll":
            polled += cursor.poll(number)
        else:
            end_all(producer, Marker.COMMIT if step == "commit" else Marker.ABORT)
    for producer in list(open_records):
        end_all(producer, Marker.COMMIT)
    while records := cursor.poll(size):
        polled += records
    assert cursor.at_end
    found = [(r.topic, r.offset) for r in polled]
    assert sorted(found) == sorted(visible)
    for name in "tu":
        offsets = [offset for topic, offset in found if topic == name]
        assert offsets == sorted(offsets)
    again, fresh = [], log.cursor(starts)
    while records := fresh.poll(size):
        assert len(records) <= size
        again += records
    assert {(r.topic, r.offset) for r in again} == visible
    assert [r.position for r in again] == sorted(r.position for r in again)


@pytest.mark.parametrize("marker", [Marker.COMMIT, Marker.ABORT])
def test_a_reader_at_the_end_has_passed_the_marker(log: TopicLog, marker: Marker) -> None:
    cursor = log.cursor({("t", 0): 0})
    send(log, b"a")
    end(log, marker)
    while cursor.poll(9):
        pass
    assert cursor.offsets == {("t", 0): log.bounds("t", 0)[1]}


def test_a_reader_at_the_end_waits_for_an_open_transaction(log: TopicLog) -> None:
    cursor = log.cursor({("t", 0): 0})
    send(log, b"a")
    assert cursor.poll(9) == []
    assert cursor.offsets == {("t", 0): 0}
