"""Random histories of a log, compared with plain lists after every step.

Segments are made tiny here, so that short histories cross many of them.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from kafka_batches import build_batch, records_of
from naive_log import SHARES, Model, ModelPartition, ModelTopic, Share, limited, size

from simulator.log import (
    Cursor,
    Headers,
    LogFull,
    PartitionInfo,
    Record,
    RecordTooLarge,
    Retention,
    Snapshot,
    TopicDeleted,
    TopicLog,
    parse_batch,
)

NAMES = ["a", "b", "c"]
MAX_BYTES = 20_000
MAX_BATCH_BYTES = 2_000

names = st.sampled_from(NAMES)
retentions = st.sampled_from(
    [
        Retention(),
        Retention(max_records=1),
        Retention(max_records=5),
        Retention(max_bytes=200),
        Retention(max_bytes=1000, max_records=20),
        Retention(max_age_ms=50),
    ]
)
blobs = st.one_of(st.none(), st.builds(bytes, st.integers(0, 100)))
header_lists = st.one_of(
    st.just(()), st.just(()), st.just((("h", b"1"),)), st.just((("ü", None), ("", b"xyz")))
)


class Draft(NamedTuple):
    """A record to append; topic and partition count round those that there are."""

    topic: int
    key: bytes | None
    value: bytes
    timestamp: int
    headers: Headers
    partition: int | None
    unchecked: bool


drafts = st.builds(
    Draft,
    topic=st.integers(0, 5),
    key=blobs,
    value=st.builds(bytes, st.integers(0, 100)),
    timestamp=st.integers(0, 200),
    headers=header_lists,
    partition=st.one_of(st.none(), st.integers(0, 2)),
    unchecked=st.booleans(),
)


@dataclass
class Reader:
    """A cursor with all that it could know: records read, skipped, or before its beginning."""

    cursor: Cursor
    serials: dict[str, int]
    known: dict[tuple[str, int], dict[int, Record]] = field(default_factory=dict)
    offsets: Mapping[tuple[str, int], int] = field(default_factory=dict)
    skipped: int = 0


class LogMachine(RuleBasedStateMachine):
    """Each rule does the same to a TopicLog and to the model."""

    def __init__(self) -> None:
        super().__init__()
        SHARES.clear()
        self.log = TopicLog(
            max_bytes=MAX_BYTES, max_record_bytes=300, max_batch_bytes=MAX_BATCH_BYTES
        )
        self.model = Model()
        self.serial = 0
        self.appended = 0
        self.snapshots: list[tuple[Snapshot, Model]] = []
        self.forks: list[tuple[AbstractContextManager[Snapshot], Model]] = []
        self.readers: list[Reader] = []
        self.permanent: dict[str, ModelTopic] = {}

    @initialize()
    def permanent_topics(self) -> None:
        self.create("a", 1, Retention(), permanent=True)
        self.create("b", 2, Retention(max_records=5), permanent=True)

    def create(self, name: str, partitions: int, retention: Retention, permanent: bool) -> None:
        if name in self.model.topics:
            return
        self.log.create_topic(name, partitions, retention, permanent=permanent)
        self.serial += 1
        topic = ModelTopic(
            self.serial, retention, permanent, [ModelPartition() for _ in range(partitions)]
        )
        self.model.topics[name] = topic
        if permanent:
            self.permanent[name] = copy.deepcopy(topic)

    # Topics

    @rule(name=names, partitions=st.integers(1, 3), retention=retentions)
    def create_topic(self, name: str, partitions: int, retention: Retention) -> None:
        self.create(name, partitions, retention, permanent=False)

    @precondition(lambda self: self.model.position > 40)
    @rule(name=names)
    def delete_topic(self, name: str) -> None:
        if name in self.model.topics:
            self.log.delete_topic(name)
            del self.model.topics[name]
            for offsets in self.model.commits.values():
                for place in [place for place in offsets if place[0] == name]:
                    del offsets[place]

    # Records

    @precondition(lambda self: self.model.topics)
    @rule(records=st.lists(drafts, min_size=1, max_size=30))
    def append(self, records: list[Draft]) -> None:
        for draft in records:
            self.append_one(draft)

    @precondition(lambda self: self.model.topics)
    @rule(records=st.lists(drafts, min_size=1, max_size=5), times=st.integers(2, 12))
    def append_many(self, records: list[Draft], times: int) -> None:
        for draft in records * times:
            self.append_one(draft)

    def append_one(self, draft: Draft) -> None:
        name = sorted(self.model.topics)[draft.topic % len(self.model.topics)]
        topic = self.model.topics[name]
        partition = draft.partition
        if partition is not None:
            partition %= len(topic.partitions)
        self.appended += 1
        value = b"%d %b" % (self.appended, draft.value)  # no two are the same in any history
        record = self.model.record(
            name, draft.key, value, draft.timestamp, draft.headers, partition, draft.unchecked
        )
        if size(record) > (topic.retention.max_bytes or 300):
            return
        needed = self.model.memory_with([record])
        try:
            place = self.log.append(
                name,
                value,
                key=draft.key,
                timestamp=draft.timestamp,
                headers=draft.headers,
                partition=partition,
                unchecked=draft.unchecked,
            )
        except LogFull:
            assert needed > MAX_BYTES or self.snapshots or self.forks
            return
        assert needed <= MAX_BYTES
        assert place == (name, record.partition, record.offset, record.timestamp)
        self.model.append([record], takes_turn=draft.key is None and partition is None)

    @precondition(lambda self: self.model.topics)
    @rule(
        drafts=st.lists(drafts, min_size=1, max_size=12),
        codec=st.integers(0, 4),
        times=st.integers(1, 3),
    )
    def append_batches(self, drafts: list[Draft], codec: int, times: int) -> None:
        for _ in range(times):
            self.append_batch(drafts, codec)

    def append_batch(self, drafts: list[Draft], codec: int) -> None:
        name = sorted(self.model.topics)[drafts[0].topic % len(self.model.topics)]
        topic = self.model.topics[name]
        index = (drafts[0].partition or 0) % len(topic.partitions)
        unchecked = drafts[0].unchecked
        records: list[Record] = []
        offset = topic.partitions[index].end
        for row, draft in enumerate(drafts):
            self.appended += 1
            records.append(
                Record(
                    name,
                    index,
                    offset + row,
                    draft.timestamp,
                    draft.key,
                    b"%d %b" % (self.appended, draft.value),
                    draft.headers,
                    self.model.position + row,
                    unchecked,
                )
            )
        raw = build_batch([(r.timestamp, r.key, r.value, r.headers) for r in records], codec=codec)
        if len(raw) > MAX_BATCH_BYTES:
            with pytest.raises(RecordTooLarge):
                self.log.append_batch(name, index, parse_batch(raw))
            return
        count = len(records)
        for row, record in enumerate(records):
            share = len(raw) * (row + 1) // count - len(raw) * row // count
            SHARES[record.value or b""] = Share(share, self.appended, len(raw) + 128)
        needed = self.model.memory_with(records)
        try:
            placed = self.log.append_batch(name, index, parse_batch(raw), unchecked=unchecked)
        except LogFull:
            assert needed > MAX_BYTES or self.snapshots or self.forks
            return
        assert needed <= MAX_BYTES
        assert placed == offset
        self.model.append(records)

    @rule(name=names, fraction=st.floats(0, 1), partition=st.integers(0, 2))
    def delete_records(self, name: str, fraction: float, partition: int) -> None:
        if (found := self.partition(name, partition)) is not None:
            before = int(fraction * found.end)
            found.start = max(found.start, before)
            assert self.log.delete_records(name, partition, before) == found.start

    @rule(now=st.integers(0, 300))
    def apply_retention(self, now: int) -> None:
        deleted = 0
        for topic in self.model.topics.values():
            if topic.retention.max_age_ms is not None:
                for partition in topic.partitions:
                    while (
                        partition.kept
                        and now - partition.kept[0].timestamp > topic.retention.max_age_ms
                    ):
                        partition.start += 1
                        deleted += 1
        assert self.log.apply_retention(now) == deleted

    def partition(self, name: str, index: int) -> ModelPartition | None:
        topic = self.model.topics.get(name)
        if topic is None or index >= len(topic.partitions):
            return None
        return topic.partitions[index]

    # Reading

    @rule(
        name=names,
        partition=st.integers(0, 2),
        fraction=st.floats(0, 1),
        max_records=st.integers(1, 30),
        max_bytes=st.sampled_from([0, 50, 300, 10_000]),
    )
    def read(
        self, name: str, partition: int, fraction: float, max_records: int, max_bytes: int
    ) -> None:
        if (found := self.partition(name, partition)) is not None:
            offset = found.start + int(fraction * (found.end - found.start))
            read = self.log.read(
                name, partition, offset, max_records=max_records, max_bytes=max_bytes
            )
            assert read == limited(found.history[offset:], max_records, max_bytes)

    @rule(
        name=names,
        partition=st.integers(0, 2),
        fraction=st.floats(0, 1),
        max_bytes=st.sampled_from([0, 100, 1000, 100_000]),
    )
    def read_batches(self, name: str, partition: int, fraction: float, max_bytes: int) -> None:
        if (found := self.partition(name, partition)) is not None:
            offset = found.start + int(fraction * (found.end - found.start))
            batches = self.log.read_batches(name, partition, offset, max_bytes)
            assert len(batches) <= 1 or sum(map(len, batches)) <= max_bytes
            read = records_of(b"".join(batches))
            assert bool(read) == (offset < found.end)
            if read:
                first, last = read[0].offset, read[-1].offset
                assert first <= offset <= last
                assert [(r.timestamp, r.key, r.value, r.headers) for r in read] == [
                    (r.timestamp, r.key, r.value, r.headers)
                    for r in found.history[first : last + 1]
                ]
                if max_bytes == 100_000:
                    assert last == found.end - 1

    @rule(name=names, partition=st.integers(0, 2), timestamp=st.integers(0, 210))
    def offset_for_timestamp(self, name: str, partition: int, timestamp: int) -> None:
        if (found := self.partition(name, partition)) is not None:
            expected = next((r.offset for r in found.kept if r.timestamp >= timestamp), None)
            assert self.log.offset_for_timestamp(name, partition, timestamp) == expected

    @precondition(lambda self: len(self.readers) < 4)
    @rule(wanted=st.sets(names, min_size=1), fraction=st.floats(0, 1))
    def open_cursor(self, wanted: set[str], fraction: float) -> None:
        starts: dict[tuple[str, int], int] = {}
        known: dict[tuple[str, int], dict[int, Record]] = {}
        for name in wanted & set(self.model.topics):
            for index, partition in enumerate(self.model.topics[name].partitions):
                offset = partition.start + int(fraction * (partition.end - partition.start))
                starts[name, index] = offset
                known[name, index] = {r.offset: r for r in partition.history[:offset]}
        serials = {name: self.model.topics[name].serial for name, _ in starts}
        self.readers.append(Reader(self.log.cursor(starts), serials, known, starts))

    @precondition(lambda self: self.readers)
    @rule(max_records=st.integers(1, 40), max_bytes=st.sampled_from([0, 100, 10_000]))
    def poll(self, max_records: int, max_bytes: int) -> None:
        for reader in list(self.readers):
            self.poll_one(reader, max_records, max_bytes)

    @precondition(lambda self: self.readers)
    @rule()
    def poll_all_there_is(self) -> None:
        for reader in list(self.readers):
            self.poll_one(reader, 1000, 100_000)

    def poll_one(self, reader: Reader, max_records: int, max_bytes: int) -> None:
        if any(self.serial_of(name) != serial for name, serial in reader.serials.items()):
            with pytest.raises(TopicDeleted):
                reader.cursor.poll(max_records, max_bytes)
            self.readers.remove(reader)
            return
        offsets = reader.cursor.offsets
        for (name, index), offset in offsets.items():
            partition = self.model.topics[name].partitions[index]
            known = reader.known[name, index]
            expected = 0
            while (
                expected < min(reader.offsets[name, index], partition.end)
                and known[expected] == partition.history[expected]
            ):
                expected += 1
            assert offset == max(expected, partition.start)
            reader.skipped += offset - expected
            known.update({r.offset: r for r in partition.history[:offset]})
        assert reader.cursor.skipped == reader.skipped

        waiting = [
            record
            for (name, index), offset in offsets.items()
            for record in self.model.topics[name].partitions[index].history[offset:]
        ]
        waiting.sort(key=lambda record: record.position)
        assert reader.cursor.at_end == (not waiting)
        polled = reader.cursor.poll(max_records, max_bytes)
        assert polled == limited(waiting, max_records, max_bytes)
        for record in polled:
            reader.known[record.topic, record.partition][record.offset] = record
        reader.offsets = reader.cursor.offsets

    def serial_of(self, name: str) -> int | None:
        topic = self.model.topics.get(name)
        return topic.serial if topic else None

    @rule(group=st.sampled_from(["g", "h"]), name=names, fraction=st.floats(0, 1))
    def commit(self, group: str, name: str, fraction: float) -> None:
        if (found := self.partition(name, 0)) is not None:
            offset = int(fraction * found.end)
            self.log.groups.commit(group, name, 0, offset)
            self.model.commits.setdefault(group, {})[name, 0] = offset

    # Beginning again, and undoing

    @precondition(lambda self: self.model.position > 40)
    @rule()
    def reset(self) -> None:
        self.log.reset()
        self.model.reset()
        self.model.topics = copy.deepcopy(self.permanent)

    @precondition(lambda self: len(self.snapshots) < 5)
    @rule()
    def snapshot(self) -> None:
        self.snapshots.append((self.log.snapshot(), copy.deepcopy(self.model)))

    @precondition(lambda self: self.snapshots)
    @rule(data=st.data(), drop=st.booleans())
    def restore(self, data: st.DataObject, drop: bool) -> None:
        index = data.draw(st.integers(0, len(self.snapshots) - 1))
        snapshot, model = self.snapshots[index]
        self.log.restore(snapshot)
        self.model = copy.deepcopy(model)
        if drop:
            del self.snapshots[index]

    @precondition(lambda self: self.snapshots)
    @rule()
    def drop_snapshots(self) -> None:
        self.snapshots.clear()

    @precondition(lambda self: len(self.forks) < 3)
    @rule()
    def enter_fork(self) -> None:
        fork = self.log.fork()
        fork.__enter__()
        self.forks.append((fork, copy.deepcopy(self.model)))

    @precondition(lambda self: self.forks)
    @rule()
    def leave_fork(self) -> None:
        fork, self.model = self.forks.pop()
        fork.__exit__(None, None, None)

    @rule()
    def reap(self) -> None:
        self.log.reap(3)

    # What always holds

    @invariant()
    def describes_the_same(self) -> None:
        infos = self.log.topics()
        assert [info.name for info in infos] == sorted(self.model.topics)
        for info in infos:
            topic = self.model.topics[info.name]
            assert info.retention == topic.retention
            assert info.partitions == tuple(
                PartitionInfo(p.start, p.end, sum(map(size, p.kept))) for p in topic.partitions
            )
        assert self.log.end_position == self.model.position
        kept = [p.kept for t in self.model.topics.values() for p in t.partitions]
        assert self.log.records_held == sum(map(len, kept))
        assert self.log.bytes_held == sum(size(record) for records in kept for record in records)
        assert self.log.memory_held <= MAX_BYTES

    @invariant()
    def holds_the_same_commits(self) -> None:
        for group in ("g", "h"):
            assert self.log.groups.offsets(group) == self.model.commits.get(group, {})

    @invariant()
    def holds_the_same_records(self) -> None:
        for name, topic in self.model.topics.items():
            for index, partition in enumerate(topic.partitions):
                read = self.log.read(name, index, partition.start, max_records=10_000)
                assert read == partition.kept

    def teardown(self) -> None:
        """The account is settled: when nothing is held, no memory is taken."""
        while self.forks:
            self.leave_fork()
        self.snapshots.clear()
        self.log.reset()
        self.log.reap(1 << 30)
        assert self.log.memory_held == 0


def test_any_history_agrees_with_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.log.partition.SEGMENT_RECORDS", 4)
    monkeypatch.setattr("simulator.log.partition.SEGMENT_BYTES", 400)
    monkeypatch.setattr("simulator.log.partition.SEGMENT_BATCHES", 3)
    monkeypatch.setattr("simulator.log.segment.BLOCK_RECORDS", 3)
    monkeypatch.setattr("simulator.log.segment.BLOCK_BYTES", 250)
    monkeypatch.setattr("simulator.log.partition.TRIM_MEMORY", 200)
    run_state_machine_as_test(
        LogMachine,
        settings=settings(
            max_examples=100,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
