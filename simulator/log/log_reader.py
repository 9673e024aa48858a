"""All that can be asked of a log: its topics, records by offset or time, leaders, and accounts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from simulator.log.columns import RecordColumns
from simulator.log.cursor import Cursor
from simulator.log.errors import OffsetOutOfRange
from simulator.log.groups import GroupOffsets
from simulator.log.leader_epochs import EpochEnd
from simulator.log.log_transactions import LogTransactions
from simulator.log.memory import Memory
from simulator.log.record import Record
from simulator.log.rules import TopicRules
from simulator.log.topic import TopicInfo
from simulator.log.topics import Topics
from simulator.log.waiters import Waiters


class LogReader:
    """A log to those who read it; `end_position` is the position that the next append gets."""

    def __init__(self, max_record_bytes: int) -> None:
        self.end_position = 0
        self._memory = Memory()
        self._topics = Topics(max_record_bytes, self._memory)
        self._waiters = Waiters()
        self.groups = GroupOffsets(self._topics, self._waiters)
        self.transactions = LogTransactions(self._topics)

    # Topics

    def rules(self, name: str) -> TopicRules:
        """What the settings of a topic mean; TopicNotFound if there is none of that name."""
        return self._topics.find(name).rules

    def has_topic(self, name: str) -> bool:
        """Whether there is a topic of that name."""
        return name in self._topics.by_name

    def topic(self, name: str) -> TopicInfo:
        """Describe a topic; TopicNotFound if there is none of that name."""
        return self._topics.find(name).info()

    def topic_names(self) -> list[str]:
        """The names of all topics, in the order of their creation."""
        return list(self._topics.by_name)

    def topic_name(self, topic_id: UUID) -> str | None:
        """The name of the topic with that id, None if there is none."""
        return self._topics.name_of(topic_id)

    def shape(self, name: str) -> tuple[UUID, int]:
        """The id of a topic and its number of partitions; raises TopicNotFound."""
        topic = self._topics.find(name)
        return topic.topic_id, len(topic.partitions)

    def shapes(self) -> list[tuple[UUID, int]]:
        """Ids and numbers of partitions of all topics, in the order of their creation."""
        return [(topic.topic_id, len(topic.partitions)) for topic in self._topics]

    def topics(self) -> list[TopicInfo]:
        """Describe all topics, by name."""
        return [topic.info() for _, topic in sorted(self._topics.by_name.items())]

    # Reading

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The offset of the first record kept, and the offset that the next one gets."""
        found = self._topics.partition(topic, partition)
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
        found = self._topics.partition(topic, partition)
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
        found = self._topics.partition(topic, partition)
        if not found.start <= offset <= found.end:
            raise OffsetOutOfRange(topic, partition, offset, found.start, found.end)
        stop = found.last_stable_offset if committed else sys.maxsize
        return found.batches(offset, max_bytes, stop)

    def offset_for_timestamp(self, topic: str, partition: int, timestamp: int) -> int | None:
        """The first record, in offset order, whose timestamp is `timestamp` (ms) or later.

        None if there is none. Exact to the record, also where timestamps are out of order.
        """
        return self._topics.partition(topic, partition).offset_for_timestamp(timestamp)

    def max_timestamp(self, topic: str, partition: int) -> int | None:
        """The largest timestamp of the records kept, None if there are none."""
        return self._topics.partition(topic, partition).max_timestamp()

    def cursor(self, starts: Mapping[tuple[str, int], int]) -> Cursor:
        """A reader of all partitions in `starts` together, in append order, each from its offset.

        Raises TopicNotFound, PartitionNotFound or OffsetOutOfRange, as `read`.
        """
        return Cursor(
            self,
            [(self._topics.partition(*place), offset) for place, offset in sorted(starts.items())],
        )

    # Leaders

    def leader_epoch(self, topic: str, partition: int) -> int:
        """The epoch that records are appended in; raises TopicNotFound or PartitionNotFound."""
        return self._topics.partition(topic, partition).epochs.latest

    def epoch_at(self, topic: str, partition: int, offset: int) -> int:
        """The leader epoch in which the record at `offset` was appended."""
        return self._topics.partition(topic, partition).epochs.epoch_at(offset)

    def epoch_end(self, topic: str, partition: int, epoch: int) -> EpochEnd:
        """The largest epoch up to `epoch` that has records, and the offset behind them."""
        return self._topics.partition(topic, partition).epoch_end(epoch)

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

    # Accounts

    @property
    def records_held(self) -> int:
        """How many records can be read."""
        return sum(partition.end - partition.start for partition in self._topics.partitions())

    @property
    def bytes_held(self) -> int:
        """Bytes of key, value and headers of the records that can be read."""
        return sum(partition.bytes_held for partition in self._topics.partitions())

    @property
    def memory_held(self) -> int:
        """What counts towards `max_bytes`: overheads, snapshots and what is not yet reaped too."""
        return self._memory.taken
