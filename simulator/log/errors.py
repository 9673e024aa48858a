"""What can go wrong with the log. Each error says what was wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.errors import SimulatorError
from simulator.suggestions import closest


class LogError(SimulatorError):
    """Base class of the errors of this room."""


class TopicNotFound(LogError):
    """There is no topic of that name.

    The text is made when it is read: a client may ask for thousands of topics, and what comes
    nearest to each of them is told to nobody.
    """

    def __init__(self, topic: str, known: Iterable[str] = ()) -> None:
        super().__init__(topic)
        self.topic = topic
        self._known = known

    @property
    def suggestion(self) -> str | None:
        """The nearest name that exists, if any."""
        return closest(str(self.topic), self._known)

    def __str__(self) -> str:
        names = sorted(self._known)
        if (meant := self.suggestion) is not None:
            hint = f"did you mean {meant!r}?"
        elif names:
            more = ", ..." if len(names) > 10 else ""
            hint = f"known topics: {', '.join(names[:10])}{more}"
        else:
            hint = "create it first"
        return f"topic {self.topic!r} does not exist; {hint}"


class TopicDeleted(TopicNotFound):
    """The topic that a cursor reads was deleted; one created since under the name is another."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)

    def __str__(self) -> str:
        return (
            f"topic {self.topic!r} was deleted while it was being read; "
            "open a new cursor if it has been created again"
        )


class TopicExists(LogError):
    """A topic of that name exists already."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        super().__init__(f"topic {topic!r} exists already; delete it first or use another name")


class InvalidTopicName(LogError):
    """The name breaks Kafka's rules for topic names."""

    def __init__(self, topic: str, rule: str) -> None:
        self.topic = topic
        self.rule = rule
        super().__init__(f"invalid topic name {topic!r}: {rule}")


class InvalidTopicSetting(LogError):
    """A number of partitions or a retention limit that no topic can have."""

    def __init__(self, setting: str, value: object, rule: str) -> None:
        self.setting = setting
        self.value = value
        super().__init__(f"invalid {setting} {value!r}: {rule}")


class TooManyPartitions(LogError):
    """The topics of a log may not have more partitions in all."""

    def __init__(self, topic: str, limit: int) -> None:
        self.topic = topic
        super().__init__(f"no room for topic {topic!r}: there may be {limit} partitions in all")


class PartitionNotFound(LogError):
    """The topic has no partition of that number."""

    def __init__(self, topic: str, partition: int, partitions: int) -> None:
        self.topic = topic
        self.partition = partition
        self.partitions = partitions
        has = "only partition 0" if partitions == 1 else f"partitions 0 to {partitions - 1}"
        super().__init__(f"topic {topic!r} has no partition {partition}; it has {has}")


class OffsetOutOfRange(LogError):
    """The offset lies before the first record kept or after the end of the partition."""

    def __init__(self, topic: str, partition: int, offset: int, start: int, end: int) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.start = start
        self.end = end
        super().__init__(
            f"offset {offset} is out of range for topic {topic!r} partition {partition}; "
            f"use {start} (the first kept) to {end} (the next to come)"
        )


class LogFull(LogError):
    """The memory bound is reached; nothing was appended and nothing was deleted."""

    def __init__(
        self, topic: str, size: int, *, max_bytes: int, held: int, records: int, snapshots: int
    ) -> None:
        self.topic = topic
        self.size = size
        self.max_bytes = max_bytes
        self.held = held
        kept = f" and {snapshots} snapshot(s) that keep what was deleted since" if snapshots else ""
        super().__init__(
            f"the log is full: a record of {size} bytes for topic {topic!r} does not fit; "
            f"{held:,} bytes of memory are taken by {records:,} records{kept}, "
            f"and max_bytes is {max_bytes:,}. Raise max_bytes, give topics a retention, "
            "delete records, or reset the log"
        )


class RecordTooLarge(LogError):
    """Key, value and headers together exceed a bound, which the text names."""

    def __init__(self, topic: str, size: int, bound: str, limit: int) -> None:
        self.topic = topic
        self.size = size
        self.limit = limit
        super().__init__(
            f"a record of {size:,} bytes for topic {topic!r} is too large: "
            f"{bound} allows {limit:,} bytes of key, value and headers"
        )


class InvalidRecord(LogError):
    """A timestamp or header that no Kafka record can have."""

    def __init__(self, topic: str, problem: str) -> None:
        self.topic = topic
        self.problem = problem
        super().__init__(f"invalid record for topic {topic!r}: {problem}")


class InvalidGroup(LogError):
    """A group name that is not allowed, or a member that has not joined."""

    def __init__(self, group: str, problem: str) -> None:
        self.group = group
        self.problem = problem
        super().__init__(f"group {group!r}: {problem}")


class ForeignSnapshot(LogError):
    """A snapshot was given to a log other than the one that took it."""

    def __init__(self) -> None:
        super().__init__("this snapshot was taken from another log; restore it there")


class InvalidBatch(LogError):
    """A Kafka record batch that a client may not send."""


class CorruptBatch(InvalidBatch):
    """A record batch whose length, CRC or records are wrong."""


class UnsupportedBatch(InvalidBatch):
    """A record batch of an older format, or bytes that are not one whole batch."""


class OutOfOrderSequence(LogError):
    """An idempotent producer left out a batch, or repeats one that is no longer known."""

    def __init__(self, producer_id: int, sequence: int, expected: int) -> None:
        super().__init__(
            f"producer {producer_id} sends sequence {sequence}; {expected} would come next"
        )


class ProducerFenced(LogError):
    """A newer instance of the producer has written already."""

    def __init__(self, producer_id: int, epoch: int, current: int) -> None:
        super().__init__(
            f"producer {producer_id} has epoch {epoch}; epoch {current} has written since"
        )


class InvalidTransactionState(LogError):
    """A record outside of a transaction from a producer that has one open in the partition."""

    def __init__(self, producer_id: int, topic: str, partition: int) -> None:
        super().__init__(
            f"producer {producer_id} has a transaction open in topic {topic!r} partition "
            f"{partition}: what it sends must belong to the transaction"
        )


class CoordinatorFenced(LogError):
    """A marker from a transaction coordinator that another one has replaced."""

    def __init__(self, epoch: int, current: int) -> None:
        super().__init__(f"the coordinator has epoch {epoch}; one of epoch {current} has followed")


class RefusedRecords(LogError):
    """A batch with records that the topic's settings do not allow; `records` says why, by row."""

    def __init__(self, text: str, records: dict[int, str]) -> None:
        self.records = records
        super().__init__(text)


class InvalidTimestamps(RefusedRecords):
    """Timestamps too far from the broker's clock."""

    def __init__(self, records: dict[int, str]) -> None:
        super().__init__("One or more records have been rejected due to invalid timestamp", records)


class UnkeyedRecords(RefusedRecords):
    """Records without a key, of which compaction would know nothing."""

    def __init__(self, records: dict[int, str]) -> None:
        shown = ", ".join(
            f"RecordError(batchIndex={row}, message='{why}')"
            for row, why in list(records.items())[:3]
        )
        super().__init__(
            f"One or more records have been rejected due to {len(records)} record errors in "
            f"total, and only showing the first three errors at most: [{shown}]",
            records,
        )
