"""The topic log: everything a simulated cluster keeps, as one synchronous state machine.

No clock, no sockets, no tasks: time comes in as an argument, and readers that have caught up leave
a callback. One thread at a time may use a log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from simulator.log.errors import ForeignSnapshot, InvalidTopicSetting, OffsetOutOfRange
from simulator.log.log_copier import LogCopier
from simulator.log.retention import Retention
from simulator.log.rules import RulesOf
from simulator.log.snapshot import Snapshot
from simulator.log.topic import TopicInfo
from simulator.log.topics import NO_RETENTION

_NO_CONFIG: Final[Mapping[str, str]] = MappingProxyType({})


class TopicLog(LogCopier):
    """Topics, their records, and the offsets of groups.

    `LogReader` has what can be asked, `LogWriter` the appends and the bounds that they keep to,
    `LogCopier` the appends of a log that follows another.
    Here topics come and go, records are deleted, and all of it starts again or is undone.
    """

    # Topics

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        retention: Retention = NO_RETENTION,
        *,
        config: Mapping[str, str] = _NO_CONFIG,
        permanent: bool = False,
    ) -> TopicInfo:
        """Create an empty topic.

        `config` has settings by Kafka's names, which overrule `retention`. A permanent topic is
        part of the log's set-up: reset() empties it, and brings it back if it was deleted. Raises
        TopicExists, InvalidTopicName or InvalidTopicSetting.
        """
        topic = self._topics.create(name, partitions, retention, config, permanent=permanent)
        self._changed(name)
        return topic.info()

    def delete_topic(self, name: str) -> None:
        """Delete a topic with its records and the offsets that groups committed on it."""
        self._topics.delete(name)
        self.groups.forget_topic(name)
        self._changed(name)

    def configure_topic(self, name: str, config: Mapping[str, str]) -> None:
        """Replace the settings that were given for a topic; what they mean holds from now on."""
        self._topics.configure(name, config)
        self._changed(name)

    def add_partitions(self, name: str, total: int) -> None:
        """Give a topic so many partitions in all, not fewer than it has."""
        self._topics.grow(name, total)
        self._changed(name)

    def use_rules(self, rules_of: RulesOf) -> None:
        """Let `rules_of` say what settings mean, those of the topics that exist as well."""
        self._topics.use_rules(rules_of)

    # Deleting

    def delete_records(self, topic: str, partition: int, before_offset: int) -> int:
        """Delete the records before that offset and return the new start offset.

        An offset before the start deletes nothing; OffsetOutOfRange beyond the end or below 0.
        """
        found = self._topics.partition(topic, partition)
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
        for topic in list(self._topics):
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
        topic = self._topics.find(name)
        if not topic.rules.compact:
            policy = topic.config.get("cleanup.policy", "delete")
            raise InvalidTopicSetting(
                "cleanup.policy", policy, f"topic {name!r} is compacted only where it says compact"
            )
        deleted = sum(partition.compact(now, topic.rules) for partition in topic.partitions)
        if deleted:
            self._changed(name)
        return deleted

    # Starting again, and undoing

    def reset(self) -> None:
        """Begin again: permanent topics, empty; no other topics, records or group offsets.

        Positions begin at 0 again. Snapshots taken before can still be restored. Members of
        groups stay, since they are connections and no data.
        """
        self._topics.reset()
        self.end_position = 0
        self.groups.restore({})
        self._rewound()

    def snapshot(self) -> Snapshot:
        """Remember everything as it is now, in time independent of how much that is."""
        snapshot = Snapshot(
            self._identity,
            self.end_position,
            self._topics.freeze(),
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
        self._topics.restore(snapshot.topics)
        self.end_position = snapshot.position
        self.groups.restore(snapshot.offsets)
        self._rewound()

    def _rewound(self) -> None:
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

    # Memory

    def reap(self, max_segments: int = 1) -> bool:
        """Free up to `max_segments` dropped segments; return whether more wait to be freed.

        One takes about 0.2 ms. Appends do it too, so memory stays bounded without this; call it
        when idle to give memory back early.
        """
        self._memory.reap(max_segments)
        return self._memory.dead_segments > 0
