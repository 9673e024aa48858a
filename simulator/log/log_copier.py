"""Following another log: its records, at the offsets that they have there.

A log that follows is a window on the other one: where its memory is used up, the oldest records of
all topics go, since they are not lost. What is appended in any other way to a partition that
follows would stand where something else stands in the other log.
"""

from __future__ import annotations

from simulator.log.log_writer import LogWriter
from simulator.log.partition import Partition
from simulator.log.record import Headers
from simulator.log.segment import RECORD_MEMORY, headers_memory
from simulator.log.topic import Topic


class LogCopier(LogWriter):
    """A log that can hold a copy of another, within `max_bytes` of memory."""

    def append_at(
        self,
        topic: str,
        partition: int,
        offset: int,
        value: bytes | None,
        *,
        key: bytes | None = None,
        timestamp: int,
        headers: Headers = (),
        unchecked: bool = False,
    ) -> bool:
        """Append a record at its offset; return False where the partition is past it already.

        The other log has allowed it, so no limit on its size or headers is applied again. Offsets
        between the end and this one are skipped. Raises TopicNotFound, PartitionNotFound, or
        LogFull where not even deleting everything would make room.
        """
        target = self._topics.find(topic)
        chosen = target.partition(partition)
        if offset < chosen.end:
            return False
        size = len(value or b"") + len(key or b"")
        for name, content in headers:
            size += len(name.encode("utf-8", "surrogatepass")) + len(content or b"")
        cost = size + RECORD_MEMORY + headers_memory(headers)
        if self._memory.taken + cost > self.max_bytes:
            self._forget_oldest(target, chosen, size, cost)
        chosen.append_at(offset, value, key, timestamp, self.end_position, size)
        self._memory.taken += cost
        self.end_position += 1
        if headers or unchecked:
            chosen.annotate_last(headers, unchecked)
        self._changed(topic)
        return True

    def skip_to(self, topic: str, partition: int, offset: int) -> None:
        """Have the next record of a partition get this offset, where it is behind the end.

        In an empty partition, the first record kept is then the next to come, as after Kafka's
        retention. Raises TopicNotFound or PartitionNotFound.
        """
        chosen = self._topics.partition(topic, partition)
        if offset > chosen.end:
            chosen.skip_to(offset)
            self._changed(topic)

    def _forget_oldest(self, topic: Topic, partition: Partition, size: int, cost: int) -> None:
        allowed = self.max_bytes - cost
        while allowed >= 0 and not self._memory.reap_down_to(allowed):
            held = [each for each in self._topics.partitions() if each.start < each.end]
            if not held:
                break
            oldest = min(held, key=lambda each: each.position_of(each.start))
            oldest.cut(oldest.first_piece_end())
            oldest.trim(bool(self._snapshots))
            self._changed(oldest.topic)
        self._make_room(topic, partition, size, cost)  # which says so where there is none
