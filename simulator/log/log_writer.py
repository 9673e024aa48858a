"""Appending to a log: records, Kafka batches and markers, by their leader, within its bounds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from weakref import WeakSet

from simulator.log.batch_segment import BATCH_MEMORY
from simulator.log.batches import NO_PRODUCER, Batch, Unchecked
from simulator.log.control_batches import Marker, marker_batch
from simulator.log.errors import InvalidTransactionState, LogFull, RecordTooLarge, TopicNotFound
from simulator.log.log_reader import LogReader
from simulator.log.partition import Partition
from simulator.log.record import Headers, RecordPlace, check_timestamp, headers_size
from simulator.log.room import make_room
from simulator.log.segment import RECORD_MEMORY, headers_memory
from simulator.log.snapshot import Snapshot
from simulator.log.topic import Topic

DEFAULT_MAX_BYTES: Final = 1024 * 1024 * 1024

DEFAULT_MAX_RECORD_BYTES: Final = 1024 * 1024 - 2048
"""What the platform's own publisher allows for key and value together."""

DEFAULT_MAX_BATCH_BYTES: Final = 1_048_588
"""Kafka's default of `message.max.bytes`, which is about whole batches."""

_new_place: Callable[[tuple[str, int, int, int]], RecordPlace] = partial(tuple.__new__, RecordPlace)


class LogWriter(LogReader):
    """A log that can be appended to, within `max_bytes` of memory.

    `max_bytes` bounds what the log accounts for, snapshots included: the bytes of every key, value
    and header plus 128 for each record and 200 for each header, or the bytes of a Kafka batch plus
    128. When a record does not fit, append raises LogFull and nothing has changed.
    `max_record_bytes` bounds key, value and headers of one record, `max_batch_bytes` a Kafka batch.
    """

    def __init__(
        self,
        max_bytes: int = DEFAULT_MAX_BYTES,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
        max_batch_bytes: int = DEFAULT_MAX_BATCH_BYTES,
    ) -> None:
        super().__init__(max_record_bytes)
        self.max_bytes = max_bytes
        self.max_record_bytes = max_record_bytes
        self.max_batch_bytes = max_batch_bytes
        self._by_name = self._topics.by_name
        self._waiting = self._waiters.by_topic
        self._snapshots: WeakSet[Snapshot] = WeakSet()
        self._identity = object()

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
            target = self._by_name[topic]
        except KeyError:
            raise TopicNotFound(topic, self._by_name) from None
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
        target = self._topics.find(topic)
        chosen = target.partition(partition)
        size, bound, limit = len(batch.raw), "max.message.bytes", target.rules.max_batch_bytes
        if limit is None:
            bound, limit = "max_batch_bytes", self.max_batch_bytes
        if size > limit:
            raise RecordTooLarge(topic, size, bound, limit)
        if batch.producer_id != NO_PRODUCER:
            strictly = bumps_epochs and batch.producer_id >= self.transactions.strict_from
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
        target = self._topics.find(topic)
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
        target, coming = (topic, partition), (records, size)
        allowed, snapshots = self.max_bytes - cost, bool(self._snapshots)
        if make_room(self._memory, allowed, self._topics, target, coming, snapshots):
            return
        raise LogFull(
            topic.name,
            size,
            max_bytes=self.max_bytes,
            held=self._memory.taken,
            records=self.records_held,
            snapshots=len(self._snapshots),
        )

    def begin_epoch(self, topic: str, partition: int, epoch: int) -> None:
        """A leader of a later epoch takes over; whoever waits for the topic is called."""
        self._topics.partition(topic, partition).begin_epoch(epoch)
        self._changed(topic)

    def _changed(self, topic: str) -> None:
        if self._waiting:
            self._waiters.wake(topic)
