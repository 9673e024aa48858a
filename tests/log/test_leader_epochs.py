"""Leader epochs: which records they have (KIP-101), in the log and in the batches it hands out."""

from __future__ import annotations

import struct

import pytest
from kafka_batches import build_batch

from simulator.log import TopicLog, parse_batch
from simulator.log.leader_epochs import EpochEnd

UNKNOWN = EpochEnd(-1, -1)


@pytest.fixture
def log() -> TopicLog:
    log = TopicLog()
    log.create_topic("t")
    return log


def add(log: TopicLog, count: int) -> None:
    for _ in range(count):
        log.append("t", b"v", timestamp=0)


def epochs(log: TopicLog) -> list[tuple[int, int]]:
    """Base offset and leader epoch of each batch; at 0 and 12 of its bytes."""
    batches = log.read_batches("t", 0, log.bounds("t", 0)[0], 1 << 20)
    return [struct.unpack_from(">qii", b)[0:3:2] for b in batches]


def test_the_first_epoch_has_all(log: TopicLog) -> None:
    assert log.leader_epoch("t", 0) == 0
    assert log.epoch_end("t", 0, 0) == EpochEnd(0, 0)
    add(log, 3)
    assert log.epoch_end("t", 0, 0) == EpochEnd(0, 3)
    assert log.epoch_end("t", 0, 1) == UNKNOWN
    assert log.epoch_end("t", 0, -1) == UNKNOWN


def test_each_epoch_ends_where_the_next_begins(log: TopicLog) -> None:
    add(log, 3)
    log.begin_epoch("t", 0, 2)
    add(log, 2)
    log.begin_epoch("t", 0, 5)
    add(log, 1)
    assert [log.epoch_end("t", 0, epoch) for epoch in range(7)] == [
        EpochEnd(0, 3),
        EpochEnd(0, 3),  # no record has epoch 1: the one before it
        EpochEnd(2, 5),
        EpochEnd(2, 5),
        EpochEnd(2, 5),
        EpochEnd(5, 6),
        UNKNOWN,
    ]
    assert [log.epoch_at("t", 0, offset) for offset in range(7)] == [0, 0, 0, 2, 2, 5, 5]


def test_epochs_without_records_are_forgotten(log: TopicLog) -> None:
    add(log, 1)
    for epoch in (1, 2, 3):
        log.begin_epoch("t", 0, epoch)
    assert log.epoch_end("t", 0, 2) == EpochEnd(0, 1)
    assert log.epoch_end("t", 0, 3) == EpochEnd(3, 1)


def test_epochs_whose_records_are_deleted_end_at_the_first_that_is_kept(log: TopicLog) -> None:
    add(log, 3)
    log.begin_epoch("t", 0, 1)
    add(log, 3)
    log.begin_epoch("t", 0, 2)
    log.delete_records("t", 0, 5)
    assert log.epoch_end("t", 0, 0) == EpochEnd(0, 5)
    assert log.epoch_end("t", 0, 1) == EpochEnd(1, 6)


def test_batches_say_the_epoch_they_were_appended_in(log: TopicLog) -> None:
    add(log, 2)
    log.begin_epoch("t", 0, 1)
    add(log, 1)
    log.append_batch("t", 0, parse_batch(build_batch([(0, None, b"v", ())] * 2)))
    log.begin_epoch("t", 0, 4)
    log.append_batch("t", 0, parse_batch(build_batch([(0, None, b"v", ())])))
    add(log, 1)
    assert epochs(log) == [(0, 0), (2, 1), (3, 1), (5, 4), (6, 4)]


def test_snapshots_bring_back_the_records_but_not_the_leader(log: TopicLog) -> None:
    add(log, 2)
    log.begin_epoch("t", 0, 1)
    add(log, 2)
    snapshot = log.snapshot()
    log.begin_epoch("t", 0, 2)
    add(log, 2)
    log.restore(snapshot)
    add(log, 1)
    assert epochs(log) == [(0, 0), (2, 1), (4, 2)]
    assert log.epoch_end("t", 0, 1) == EpochEnd(1, 4)
    assert log.leader_epoch("t", 0) == 2


def test_a_new_leader_calls_those_who_wait(log: TopicLog) -> None:
    called: list[int] = []
    log.wait(lambda: called.append(1), ["t"])
    log.begin_epoch("t", 0, 1)
    assert called == [1]
