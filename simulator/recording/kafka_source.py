"""Reading topics of a Kafka cluster, up to where they end now or on and on."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from simulator.clusters.addresses import ClusterAddress
from simulator.clusters.asking import ANSWER_S, Trouble, ask, why
from simulator.clusters.messages import headers_of, key_of, timestamp_of, value_of
from simulator.clusters.offsets import Bounds, Offsets, Partition
from simulator.clusters.writer import NO_CLIENT, ClusterUnavailable
from simulator.log import Record
from simulator.recording.sources import (
    OPEN_TRANSACTION,
    Source,
    SourceUnavailable,
    deleted_unread,
    not_all_read,
)
from simulator.recording.timing import UNKNOWN_POSITION

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

_AT_ONCE: Final = 1000
_HEARD_OF_S: Final = 2.0
_LAST_QUESTION_S: Final = 10.0
_PAUSE_S: Final = 0.1


class KafkaSource(Source):
    """Reads what is committed, with a consumer that is in no group and commits nothing.

    Without `follow` every partition is read up to its high watermark at the beginning. What cannot
    be had within `patience_s` of the last news, for an open transaction or a leader that is gone,
    is given up and named by `left_out`.
    """

    def __init__(
        self,
        address: ClusterAddress,
        topics: Sequence[str],
        *,
        latest: bool,
        follow: bool,
        patience_s: float = ANSWER_S,
    ) -> None:
        """Begin to read; raises SourceUnavailable, or ClusterUnavailable without the client."""
        self._follow = follow
        self.patience_s = patience_s
        """Seconds without news until what has not come is given up."""
        self._servers = address.servers
        self._trouble = Trouble()
        self._consumer = _consumer(address, self._trouble)
        self._offsets = Offsets(address)
        self._deleted: list[str] = []
        self._unread: dict[Partition, str] = {}
        """Why partitions were given up."""
        self._at_end: set[Partition] = set()
        """Partitions that have nothing more to tell just now."""
        partitions = [(topic, number) for topic in topics for number in self._find(topic)]
        self._bounds, missing = self._offsets.bounds(partitions)
        if len(missing) == len(partitions):
            raise SourceUnavailable(f"{self._servers}: {_named(missing)}")
        self._next = {
            one: bounds.stable if latest else bounds.first for one, bounds in self._bounds.items()
        }
        """The offset that is to be read next."""
        self._emptied = [] if latest else _emptied(self._bounds)
        if not follow:
            self._unread.update(missing)
            partitions = [one for one, (first, end, _) in self._bounds.items() if first < end]
        self._open = set(partitions)
        self._begun = self._open - self._bounds.keys()
        """Partitions that were read to where they ended, or have nobody who could tell where."""
        self._assign(partitions, latest=latest)
        self._heard = time.monotonic()

    def _find(self, topic: str) -> list[int]:
        from confluent_kafka import KafkaError, KafkaException

        begin = time.monotonic()
        while True:
            try:
                known = ask(self._consumer, self._trouble, topic).topics[topic]
            except KafkaException as error:
                text = f"{self._servers} does not answer: {why(error, self._trouble)}"
                raise SourceUnavailable(text) from None
            if known.error is None and known.partitions:
                return sorted(known.partitions)
            code = None if known.error is None else known.error.code()
            # Brokers may not have heard yet of a topic that has just been made.
            new = code in (None, KafkaError.UNKNOWN_TOPIC_OR_PART)
            patience_s = _HEARD_OF_S if new else ANSWER_S
            if not (new or code == KafkaError.LEADER_NOT_AVAILABLE) or (
                time.monotonic() - begin >= patience_s
            ):
                reason = "it has no partitions" if known.error is None else known.error.str()
                raise SourceUnavailable(f"{self._servers}: topic {topic}: {reason}")
            time.sleep(_PAUSE_S)

    def _assign(self, partitions: Iterable[Partition], *, latest: bool) -> None:
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, TopicPartition

        unknown = OFFSET_END if latest else OFFSET_BEGINNING
        self._consumer.assign(
            [TopicPartition(*one, self._next.get(one, unknown)) for one in partitions]
        )

    def poll(self, timeout_s: float) -> list[Record] | None:
        """Return what has come, nothing if nothing comes in that time, None at the end."""
        if not self._open:
            return None
        found = []
        for message in self._consumer.consume(_AT_ONCE, timeout_s):
            partition = (message.topic() or "", message.partition() or 0)
            if partition not in self._open:
                continue
            if message.error() is not None:
                self._told(partition, message)
            else:
                offset = message.offset() or 0
                if self._follow or offset < self._bounds[partition].end:
                    found.append(_record_of(message))
                self._reached(partition, offset + 1)
        if not self._follow and time.monotonic() - self._heard >= self.patience_s:
            self._find_out()
            self._open.clear()
        return found

    @property
    def in_place(self) -> bool:
        """Whether what comes is told as it comes; before that, silence means nothing."""
        return self._open <= self._begun

    def _told(self, partition: Partition, message: Message) -> None:
        """React to what is no record."""
        from confluent_kafka import KafkaError

        error: Any = message.error()
        if error.code() == KafkaError._PARTITION_EOF:
            self._reached(partition, message.offset() or 0)
            self._at_end.add(partition)
            self._begun.add(partition)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._go_on_behind_deleted(partition)
        elif error.code() > 0:
            raise SourceUnavailable(f"{self._servers}: topic {partition[0]}: {error.str()}")

    def _reached(self, partition: Partition, offset: int) -> None:
        from confluent_kafka import TopicPartition

        if self._next.get(partition) != offset:
            self._heard = time.monotonic()
        self._next[partition] = offset
        self._at_end.discard(partition)
        if partition not in self._bounds or offset < self._bounds[partition].end:
            return
        self._begun.add(partition)
        if not self._follow:
            self._open.discard(partition)
            self._consumer.pause([TopicPartition(*partition)])

    def _go_on_behind_deleted(self, partition: Partition) -> None:
        """Read on where a partition begins now; what was to be read next is there no more."""
        from confluent_kafka import TopicPartition

        bounds, missing = self._offsets.bounds([partition])
        if partition in missing:
            raise SourceUnavailable(f"{self._servers}: {_named(missing)}")
        first, end, _ = bounds[partition]
        wanted = self._next.get(partition, first)
        name = f"{partition[0]}, partition {partition[1]}"
        if not wanted <= first <= end:
            raise SourceUnavailable(
                f"{self._servers}: {name} ends at offset {end}, offset {wanted} was to be read: "
                "the topic was made anew, or the cluster has lost records"
            )
        if wanted < first:
            self._deleted.append(deleted_unread(*partition, wanted, first - 1))
        # The consumer has stopped reading there, and cannot seek.
        self._consumer.incremental_unassign([TopicPartition(*partition)])
        self._consumer.incremental_assign([TopicPartition(*partition, first)])
        self._reached(partition, first)

    def _find_out(self) -> None:
        """Find out why no more is told of partitions that have more."""
        bounds, missing = self._offsets.bounds(self._open, _LAST_QUESTION_S, again=False)
        for one, reason in missing.items():
            self._unread[one] = str(self._trouble) if self._trouble.nobody_listens else reason
        for one, now in bounds.items():
            if self._follow:
                self._bounds[one] = now  # it ends now, so this is what was to be read
            read = one in self._at_end or self._next.get(one, now.first) >= now.stable
            if read and now.stable < now.end:
                self._unread[one] = OPEN_TRANSACTION
            elif not self._follow:
                self._unread[one] = f"nothing came for {self.patience_s:g} s"

    def left_out(self) -> list[str]:
        """Say what the topics have, or had, and the records that were read do not."""
        if self._follow:
            self._find_out()
        texts = list(self._deleted)
        if self._emptied:
            texts.append(
                f"{', '.join(self._emptied)}: all that was there has been deleted: by the cluster, "
                "for its age (retention.ms, counted from the records' own timestamps) or its size, "
                "or by hand"
            )
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (topic, number), reason in sorted(self._unread.items()):
            groups[topic, reason].append(f"{number}{self._offsets_left((topic, number))}")
        for (topic, reason), places in groups.items():
            texts.append(not_all_read(topic, ", ".join(places), reason))
        return texts

    def _offsets_left(self, partition: Partition) -> str:
        bounds = self._bounds.get(partition)
        if bounds is None:
            return ""
        return f" (offsets {self._next.get(partition, bounds.first)} to {bounds.end - 1})"

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


def _emptied(found: Mapping[Partition, Bounds]) -> list[str]:
    """The topics that have no record any more, but had some."""
    topics: dict[str, list[Bounds]] = defaultdict(list)
    for (topic, _), bounds in found.items():
        topics[topic].append(bounds)
    return [
        topic
        for topic, each in topics.items()
        if all(bounds.first >= bounds.end for bounds in each) and any(bounds.end for bounds in each)
    ]


def _named(reasons: dict[Partition, str]) -> str:
    (topic, number), reason = min(reasons.items())
    return f"topic {topic}, partition {number}: {reason}"


def _consumer(address: ClusterAddress, trouble: Trouble) -> Consumer:
    try:
        from confluent_kafka import Consumer
    except ImportError:
        raise ClusterUnavailable(NO_CLIENT) from None
    return Consumer(
        {
            "bootstrap.servers": address.servers,
            "group.id": "simulator-record",  # asked for, not used: partitions are assigned
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",  # what is deleted meanwhile is told, not jumped over
            "allow.auto.create.topics": False,
            "isolation.level": "read_committed",
            "queued.max.messages.kbytes": 16_384,
            "reconnect.backoff.max.ms": 1000,
            "error_cb": trouble,
            "log_level": 0,
        }
    )


def _record_of(message: Message) -> Record:
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp=timestamp_of(message),
        key=key_of(message),
        value=value_of(message),
        headers=headers_of(message),
        position=UNKNOWN_POSITION,
        unchecked=False,
    )
