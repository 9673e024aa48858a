"""The topic log: everything a simulated cluster keeps, as one synchronous state machine.

No clock, no sockets, no tasks: time comes in as an argument, and readers that have caught up leave
a callback. One thread at a time may use a log.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import MappingProxyType
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5
from weakref import WeakSet

from simulator.log.batch_segment import BATCH_MEMORY
from simulator.log.batches import NO_PRODUCER, Batch, Unchecked
from simulator.log.columns import RecordColumns
from simulator.log.control_batches import Marker, marker_batch
from simulator.log.cursor import Cursor
from simulator.log.errors import (
    ForeignSnapshot,
    InvalidTopicSetting,
    InvalidTransactionState,
    LogFull,
    OffsetOutOfRange,
    RecordTooLarge,
    TopicExists,
    TopicNotFound,
)
from simulator.log.groups import GroupOffsets
from simulator.log.leader_epochs import EpochEnd
from simulator.log.log_transactions import LogTransactions
from simulator.log.memory import Memory
from simulator.log.partition import Partition
from simulator.log.record import Headers, Record, RecordPlace, check_timestamp, headers_size
from simulator.log.retention import Retention
from simulator.log.room import make_room
from simulator.log.rules import RulesOf, TopicRules, plain_rules
from simulator.log.segment import RECORD_MEMORY, headers_memory
from simulator.log.snapshot import Snapshot
from simulator.log.topic import INTERNAL, MAX_PARTITIONS, Topic, TopicInfo
from simulator.log.waiters import Waiters

DEFAULT_MAX_BYTES: Final = 1024 * 1024 * 1024

DEFAULT_MAX_RECORD_BYTES: Final = 1024 * 1024 - 2048
"""What the platform's own publisher allows for key and value together."""

DEFAULT_MAX_BATCH_BYTES: Final = 1_048_588
"""Kafka's default of `message.max.bytes`, which is about whole batches."""

_FOREVER: Final = Retention()
_NO_CONFIG: Final[Mapping[str, str]] = MappingProxyType({})

_new_place: Callable[[tuple[str, int, int, int]], RecordPlace] = partial(tuple.__new__, RecordPlace)


class TopicLog:
    """Topics, their records, and the offsets of groups, within `max_bytes` of memory.

    `max_bytes` bounds what the log accounts for, snapshots included: the bytes of every key, value
    and header plus 128 for each record and 200 for each header, or the bytes of a Kafka batch plus
    128. When a record does not fit, append raises LogFull and nothing has changed.
    `max_record_bytes` bounds key, value and headers of one record, `max_batch_bytes` a Kafka batch.
    `end_position` is the position that the next append gets.
    """

    def __init__(
        self,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        max_batch_bytes: int = DEFAULT_MAX_BATCH_BYTES,
    ) -> None:
        self.max_bytes = max_bytes
        self.max_record_bytes = max_record_bytes
        self.max_batch_bytes = max_batch_bytes
        self.end_position = 0
        self._created = 0
        self._topics: dict[str, Topic] = {}
        self._names: dict[UUID, str] | None = None  # made when somebody asks
        self._permanent: dict[str, Topic] = {}
        self._rules_of: RulesOf = plain_rules
        self._memory = Memory()
        self._waiters = Waiters()
        self._waiting = self._waiters.by_topic
        self._snapshots: WeakSet[Snapshot] = WeakSet()
        self._identity = object()
        self._is_rewound = False
        self.groups = GroupOffsets(self._topics, self._waiters)
        self.transactions = LogTransactions(self._topics)

    # Topics

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        retention: Retention = _FOREVER,
        *,
        config: Mapping[str, str] = _NO_CONFIG,
        permanent: bool = False,
    ) -> TopicInfo:
        """Create an empty topic.

        `config` has settings by Kafka's names, which overrule `retention`. A permanent topic is
        part of the log's set-up: reset() empties it, and brings it back if it was deleted. Raises
        TopicExists, InvalidTopicName or InvalidTopicSetting.
        """
        if name in self._topics:
            raise TopicExists(name)
        number: int | str = self._created
        if name in INTERNAL:  # whenever these appear, the ids of the others are the same
            number = "internal"
        topic_id = uuid5(NAMESPACE_URL, f"topic:{number}:{name}")
        topic = Topic(
            name,
            topic_id,
            partitions,
            retention,
            self.max_record_bytes,
            self._memory,
            config,
            self._rules_of,
        )
        self._created += name not in INTERNAL
        self._topics[name] = topic
        self._names = None
        if permanent:
            self._permanent[name] = topic
        self._changed(name)
        return topic.info()

    def delete_topic(self, name: str) -> None:
        """Delete a topic with its records and the offsets that groups committed on it."""
        topic = self._topic(name)
        del self._topics[name]
        self._names = None
        topic.delete()
        self.groups.forget_topic(name)
        self._changed(name)

    def configure_topic(self, name: str, config: Mapping[str, str]) -> None:
        """Replace the settings that were given for a topic; what they mean holds from now on."""
        self._topic(name).configure(config, self._rules_of)
        self._changed(name)

    def add_partitions(self, name: str, total: int) -> None:
        """Give a topic so many partitions in all, not fewer than it has."""
        topic = self._topic(name)
        if not len(topic.partitions) <= total <= MAX_PARTITIONS:
            least = len(topic.partitions)
            raise InvalidTopicSetting(
                "number of partitions", total, f"use {least} to {MAX_PARTITIONS}"
            )
        topic.resize(total)
        self._changed(name)

    def use_rules(self, rules_of: RulesOf) -> None:
        """Let `rules_of` say what settings mean, those of the topics that exist as well."""
        self._rules_of = rules_of
        for topic in self._topics.values():
            topic.configure(topic.config, rules_of)

    def rules(self, name: str) -> TopicRules:
        """What the settings of a topic mean; TopicNotFound if there is none of that name."""
        return self._topic(name).rules

    def has_topic(self, name: str) -> bool:
        """Whether there is a topic of that name."""
        return name in self._topics

    def topic(self, name: str) -> TopicInfo:
        """Describe a topic; TopicNotFound if there is none of that name."""
        return self._topic(name).info()

    def topic_names(self) -> list[str]:
        """The names of all topics, in the order of their creation."""
        return list(self._topics)

    def topic_name(self, topic_id: UUID) -> str | None:
        """The name of the topic with that id, None if there is none."""
        if self._names is None:
            self._names = {topic.topic_id: name for name, topic in self._topics.items()}
        return self._names.get(topic_id)

    def shape(self, name: str) -> tuple[UUID, int]:
        """The id of a topic and its number of partitions; raises TopicNotFound."""
        topic = self._topic(name)
        return topic.topic_id, len(topic.partitions)

    def shapes(self) -> list[tuple[UUID, int]]:
        """Ids and numbers of partitions of all topics, in the order of their creation."""
        return [(topic.topic_id, len(topic.partitions)) for topic in self._topics.values()]

    def topics(self) -> list[TopicInfo]:
        """Describe all topics, by name."""
        return [topic.info() for _, topic in sorted(self._topics.items())]

    def _topic(self, name: str) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            raise TopicNotFound(name, self._topics)
        return topic

    def _partition(self, topic: str, partition: int) -> Partition:
        return self._topic(topic).partition(partition)

    def _all_partitions(self) -> Iterator[Partition]:
        for topic in self._topics.values():
            yield from topic.partitions

    # Appending

    def append(
        self,
        topic: str,
        value: bytes | None,
        *,
        key: bytes | None = None,
        timestamp: int,
        headers: Headers = (),
        partition: int | None = None,
        unchecked: bool = False,
    ) -> RecordPlace:
        """Append one record and say where it lies; `timestamp` is in ms since the epoch.

        Without a partition, the key chooses one (see `Topic.choose`). Limits of the topic's
        retention by count and bytes hold afterwards. Raises TopicNotFound, PartitionNotFound,
        RecordTooLarge, InvalidRecord or LogFull, each with nothing changed.
        """
        try:
            target = self._topics[topic]
        except KeyError:
            raise TopicNotFound(topic, self._topics) from None
        chosen = target.sole
        if partition is not None:
            chosen = target.partition(partition)
        elif chosen is None:
            chosen = target.choose(key)
        size = 0 if value is None else len(value)
        if key is not None:
            size += len(key)
        cost = size + RECORD_MEMORY
        if headers:
            size += headers_size(topic, headers)
            cost = size + RECORD_MEMORY + headers_memory(headers)
        if size > target.max_record_bytes:
            raise RecordTooLarge(topic, size, target.size_bound, target.max_record_bytes)
        memory = self._memory
        if memory.taken + cost > self.max_bytes:
            check_timestamp(topic, timestamp)  # making room may delete what is out of retention
            self._make_room(target, chosen, size, cost)
        position = self.end_position
        try:
            offset = chosen.append(value, key, timestamp, position, size)
        except (TypeError, OverflowError):
            check_timestamp(topic, timestamp)
            raise
        memory.taken += cost
        self.end_position = position + 1
        if headers or unchecked:
            chosen.annotate(offset, headers, unchecked)
        if target.sole is None and key is None and partition is None:
            target.next_unkeyed += 1
        if target.limited:
            chosen.cut(chosen.retained_from(target.retention))
        if self._waiting:
            self._waiters.wake(topic)
        return _new_place((topic, chosen.index, offset, timestamp))

    def append_batch(
        self,
        topic: str,
        partition: int,
        batch: Batch,
        *,
        unchecked: Unchecked = False,
        bumps_epochs: bool = False,
    ) -> int:
        """Append a Kafka record batch as it is and return the offset of its first record.

        Each record has an offset and a position, as if appended by itself, and those that are
        `unchecked` are marked. One that an idempotent producer sent before is not appended again:
        the result is where it lies. `bumps_epochs` says that the producer does so with each
        transaction. Raises TopicNotFound, PartitionNotFound, RecordTooLarge, LogFull,
        OutOfOrderSequence, ProducerFenced or InvalidTransactionState, each with nothing changed.
        """
        target = self._topic(topic)
        chosen = target.partition(partition)
        size, bound, limit = len(batch.raw), "max.message.bytes", target.rules.max_batch_bytes
        if limit is None:
            bound, limit = "max_batch_bytes", self.max_batch_bytes
        if size > limit:
            raise RecordTooLarge(topic, size, bound, limit)
        if batch.producer_id != NO_PRODUCER:
            strictly = bumps_epochs and not self._is_rewound
            known = chosen.producers.check(batch, bumps_epochs=strictly)
            if known is not None:
                return known
            if not batch.transactional and batch.producer_id in chosen.transactions.open:
                raise InvalidTransactionState(batch.producer_id, topic, partition)
        cost = size + BATCH_MEMORY
        if self._memory.taken + cost > self.max_bytes:
            self._make_room(target, chosen, size, cost, batch.records)
        offset = chosen.append_batch(batch, self.end_position, unchecked)
        self._memory.taken += cost
        self.end_position += batch.records
        if target.limited:  # the newest record stays: clients were told that it is stored
            chosen.cut(min(chosen.retained_from(target.retention), chosen.end - 1))
        if self._waiting:
            self._waiters.wake(topic)
        return offset

    def append_marker(
        self,
        place: tuple[str, int],
        marker: Marker,
        producer: tuple[int, int],
        timestamp: int,
        *,
        coordinator_epoch: int = 0,
        bumps_epochs: bool = False,
    ) -> int:
        """End the open transaction of a producer in one partition; return the marker's offset.

        `producer` is id and epoch; with `bumps_epochs` the epoch is newer than that of the
        transaction. There need not be any open; where there is, the bound of memory does not
        count, since a transaction that cannot end would stop all readers. Raises TopicNotFound,
        PartitionNotFound, ProducerFenced, CoordinatorFenced or LogFull, each with nothing changed.
        """
        topic, partition = place
        target = self._topic(topic)
        chosen = target.partition(partition)
        is_open = producer[0] in chosen.transactions.open
        chosen.producers.check_marker(
            *producer, coordinator_epoch, bumps_epochs=bumps_epochs, is_open=is_open
        )
        batch = marker_batch(marker, *producer, coordinator_epoch, timestamp)
        cost = len(batch.raw) + BATCH_MEMORY
        if not is_open and self._memory.taken + cost > self.max_bytes:
            self._make_room(target, chosen, len(batch.raw), cost)
        offset = chosen.append_marker(batch, self.end_position, marker, coordinator_epoch)
        self._memory.taken += cost
        self.end_position += 1
        if target.limited:
            chosen.cut(chosen.retained_from(target.retention))
        self._changed(topic)
        return offset

    def _make_room(
        self, topic: Topic, partition: Partition, size: int, cost: int, records: int = 1
    ) -> None:
        target, topics = (topic, partition), self._topics.values()
        allowed, snapshots = self.max_bytes - cost, bool(self._snapshots)
        if make_room(self._memory, allowed, topics, target, (records, size), snapshots):
            return
        raise LogFull(
            topic.name,
            size,
            max_bytes=self.max_bytes,
            held=self._memory.taken,
            records=self.records_held,
            snapshots=len(self._snapshots),
        )

    # Reading

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The offset of the first record kept, and the offset that the next one gets."""
        found = self._partition(topic, partition)
        return found.start, found.end

    def read(
        self,
        topic: str,
        partition: int,
        offset: int,
        *,
        max_records: int,
        max_bytes: int = sys.maxsize,
    ) -> list[Record]:
        """Records from `offset` on: at most `max_records` and, beyond the first, `max_bytes`.

        These are events: records of a transaction that is open or was aborted are none, nor are
        the markers of transactions; nothing is read behind the first record of an open one. Empty
        where there is nothing to read; OffsetOutOfRange before the first record kept or beyond
        the end.
        """
        return self.read_columns(
            topic, partition, offset, max_records=max_records, max_bytes=max_bytes
        ).records()

    def read_columns(
        self,
        topic: str,
        partition: int,
        offset: int,
        *,
        max_records: int,
        max_bytes: int = sys.maxsize,
    ) -> RecordColumns:
        """The same as columns, for readers that encode many records."""
        found = self._partition(topic, partition)
        if not found.start <= offset <= found.end:
            raise OffsetOutOfRange(topic, partition, offset, found.start, found.end)
        offset = found.transactions.next_visible(offset)
        return found.columns(offset, found.stop(offset, max_records, max_bytes))

    def read_batches(
        self,
        topic: str,
        partition: int,
        offset: int,
        max_bytes: int,
        *,
        committed: bool = False,
    ) -> list[bytes]:
        """Kafka batches of the records from `offset` on: at least one, else within `max_bytes`.

        Batches that came as such are the stored bytes themselves; other records are encoded. The
        first may begin before `offset`, as in Kafka. Markers and what was aborted are among them,
        and what is uncommitted, unless only `committed` ones are wanted, which end at the last
        stable offset. Empty at the end; errors as those of `read`.
        """
        found = self._partition(topic, partition)
        if not found.start <= offset <= found.end:
            raise OffsetOutOfRange(topic, partition, offset, found.start, found.end)
        stop = found.last_stable_offset if committed else sys.maxsize
        return found.batches(offset, max_bytes, stop)

    def offset_for_timestamp(self, topic: str, partition: int, timestamp: int) -> int | None:
        """The first record, in offset order, whose timestamp is `timestamp` (ms) or later.

        None if there is none. Exact to the record, also where timestamps are out of order.
        """
        return self._partition(topic, partition).offset_for_timestamp(timestamp)

    def max_timestamp(self, topic: str, partition: int) -> int | None:
        """The largest timestamp of the records kept, None if there are none."""
        return self._partition(topic, partition).max_timestamp()

    def cursor(self, starts: Mapping[tuple[str, int], int]) -> Cursor:
        """A reader of all partitions in `starts` together, in append order, each from its offset.

        Raises TopicNotFound, PartitionNotFound or OffsetOutOfRange, as `read`.
        """
        return Cursor(
            self,
            [(self._partition(*place), offset) for place, offset in sorted(starts.items())],
        )

    # Leaders

    def leader_epoch(self, topic: str, partition: int) -> int:
        """The epoch that records are appended in; raises TopicNotFound or PartitionNotFound."""
        return self._partition(topic, partition).epochs.latest

    def begin_epoch(self, topic: str, partition: int, epoch: int) -> None:
        """A leader of a later epoch takes over; whoever waits for the topic is called."""
        self._partition(topic, partition).begin_epoch(epoch)
        self._changed(topic)

    def epoch_at(self, topic: str, partition: int, offset: int) -> int:
        """The leader epoch in which the record at `offset` was appended."""
        return self._partition(topic, partition).epochs.epoch_at(offset)

    def epoch_end(self, topic: str, partition: int, epoch: int) -> EpochEnd:
        """The largest epoch up to `epoch` that has records, and the offset behind them."""
        return self._partition(topic, partition).epoch_end(epoch)

    # Deleting

    def delete_records(self, topic: str, partition: int, before_offset: int) -> int:
        """Delete the records before that offset and return the new start offset.

        An offset before the start deletes nothing; OffsetOutOfRange beyond the end or below 0.
        """
        found = self._partition(topic, partition)
        if not 0 <= before_offset <= found.end:
            raise OffsetOutOfRange(topic, partition, before_offset, found.start, found.end)
        if before_offset > found.start:
            found.cut(before_offset)
            self._changed(topic)
        return found.start

    def apply_retention(self, now: int) -> int:
        """Delete what is too old at `now` (ms) and return how many records that were.

        In each partition the first record that is at most max_age_ms old, and all after it, stay.
        """
        total = 0
        for topic in list(self._topics.values()):
            if topic.retention.max_age_ms is None:
                continue
            deleted = 0
            for partition in topic.partitions:
                before = partition.start
                first = partition.offset_for_timestamp(now - topic.retention.max_age_ms)
                partition.cut(partition.end if first is None else first)
                deleted += partition.start - before
            if deleted:
                total += deleted
                self._changed(topic.name)
        return total

    def compact(self, name: str, now: int) -> int:
        """Compact a topic at `now` (ms) as its settings say; return how many records it deleted.

        Raises TopicNotFound, and InvalidTopicSetting where the settings say no such thing.
        """
        topic = self._topic(name)
        if not topic.rules.compact:
            policy = topic.config.get("cleanup.policy", "delete")
            raise InvalidTopicSetting(
                "cleanup.policy", policy, f"topic {name!r} is compacted only with compact in it"
            )
        deleted = sum(partition.compact(now, topic.rules) for partition in topic.partitions)
        if deleted:
            self._changed(name)
        return deleted

    # Waiting

    def wait(self, callback: Callable[[], None], topics: Iterable[str] | None = None) -> None:
        """Call `callback` once, at the next change of one of `topics`, or of any if None.

        Changes are appends, deletions, and a topic's creation. Reset, restore, and members that
        join or leave a group call everybody, also those who wait for no topic at all. The callback
        is called inside the call that makes the change, when the log is consistent again; it must
        not raise. Waiting again replaces the earlier wait.
        """
        self._waiters.add(callback, topics)

    def cancel_wait(self, callback: Callable[[], None]) -> None:
        """Forget `callback`; nothing happens if it does not wait."""
        self._waiters.discard(callback)

    def _changed(self, topic: str) -> None:
        if self._waiting:
            self._waiters.wake(topic)

    # Starting again, and undoing

    def reset(self) -> None:
        """Begin again: permanent topics, empty; no other topics, records or group offsets.

        Positions begin at 0 again. Snapshots taken before can still be restored. Members of
        groups stay, since they are connections and no data.
        """
        for topic in self._topics.values():
            topic.delete()
        self._topics.clear()
        self._names = None
        for name, topic in self._permanent.items():
            topic.empty(self._rules_of)
            self._topics[name] = topic
        self.end_position = 0
        self.groups.restore({})
        self._rewound()

    def snapshot(self) -> Snapshot:
        """Remember everything as it is now, in time independent of how much that is."""
        snapshot = Snapshot(
            self._identity,
            self.end_position,
            tuple(topic.freeze() for topic in self._topics.values()),
            self.groups.freeze(),
        )
        self._snapshots.add(snapshot)
        return snapshot

    def restore(self, snapshot: Snapshot) -> None:
        """Make everything as it was when `snapshot` was taken; it can be restored again.

        Raises ForeignSnapshot if another log took it.
        """
        if snapshot.owner is not self._identity:
            raise ForeignSnapshot
        remembered = {state.topic.name: state.topic for state in snapshot.topics}
        for name, topic in self._topics.items():
            if remembered.get(name) is not topic:
                topic.delete()
        self._topics.clear()
        self._names = None
        self._topics.update(remembered)
        for state in snapshot.topics:
            state.topic.restore(state, self._rules_of)
        self.end_position = snapshot.position
        self.groups.restore(snapshot.offsets)
        self._rewound()

    def _rewound(self) -> None:
        self._is_rewound = True  # producers go on with sequences that are not known here any more
        if self.transactions.rewound is not None:
            self.transactions.rewound()
        self._waiters.wake_all()

    @contextmanager
    def fork(self) -> Iterator[Snapshot]:
        """Undo everything that happens inside the `with` block, also when it raises."""
        snapshot = self.snapshot()
        try:
            yield snapshot
        finally:
            self.restore(snapshot)

    # Accounts

    @property
    def records_held(self) -> int:
        """How many records can be read."""
        return sum(partition.end - partition.start for partition in self._all_partitions())

    @property
    def bytes_held(self) -> int:
        """Bytes of key, value and headers of the records that can be read."""
        return sum(partition.bytes_held for partition in self._all_partitions())

    @property
    def memory_held(self) -> int:
        """What counts towards `max_bytes`: overheads, snapshots and what is not yet reaped too."""
        return self._memory.taken

    def reap(self, max_segments: int = 1) -> bool:
        """Free up to `max_segments` dropped segments; return whether more wait to be freed.

        One takes about 0.2 ms. Appends do it too, so memory stays bounded without this; call it
        when idle to give memory back early.
        """
        self._memory.reap(max_segments)
        return self._memory.dead_segments > 0
