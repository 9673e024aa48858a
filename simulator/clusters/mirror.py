"""Follows the topics of a cluster: every committed record goes to the local log, at its offset."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from simulator.clusters.addresses import ClusterAddress
from simulator.clusters.messages import headers_of, key_of, timestamp_of, value_of
from simulator.log import TopicLog

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message

Place = tuple[str, int]
"""A topic and a partition."""

_AT_ONCE: Final = 500
"""Records that are taken in one go: the loop is held for some milliseconds."""

_POLL_S: Final = 0.1
_AGAIN_S: Final = 1.0

logger = logging.getLogger("simulator.clusters")


class Mirror:
    """A consumer without a group, on a thread of its own; the log is touched on the loop only."""

    def __init__(
        self,
        address: ClusterAddress,
        log: TopicLog,
        is_unchecked: Callable[[str, bytes | None], bool],
        went_on: Callable[[], object],
        lost: Callable[[], object],
    ) -> None:
        """`is_unchecked` says of a topic and a value whether it is no event of the topic.

        `went_on` is called when the log has got further, `lost` when a partition does not go on
        from where it was.
        """
        self._address = address
        self._log = log
        self._is_unchecked = is_unchecked
        self._went_on = went_on
        self._lost = lost
        self._partitions: dict[str, int] = {}
        self._begun: set[Place] = set()
        self._behind: set[Place] = set()
        self._stuck: set[Place] = set()
        self._reassign = False
        self._thread: ThreadPoolExecutor | None = None
        self._consumer: Consumer | None = None
        self._task: asyncio.Task[None] | None = None

    # Life

    def start(self) -> None:
        """Begin to follow what `follow` has named, and will."""
        from confluent_kafka import Consumer

        self._thread = ThreadPoolExecutor(1, "cluster-mirror")
        self._reassign = True
        self._consumer = Consumer(
            {
                "bootstrap.servers": self._address.servers,
                "group.id": "simulator-mirror",  # asked for, not used: partitions are assigned
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "allow.auto.create.topics": False,
                "queued.max.messages.kbytes": 16 * 1024,
                "fetch.wait.max.ms": 100,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
            }
        )
        self._task = asyncio.get_running_loop().create_task(self._run(), name="cluster-mirror")

    async def stop(self) -> None:
        """End; what has come stays."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._consumer is not None:
            await self._in_thread(self._consumer.close)
            self._consumer = None
        if self._thread is not None:
            self._thread.shutdown()  # idle: the consumer is closed

    # What is followed

    def follow(self, topic: str, partitions: int) -> None:
        """Follow that many partitions of a topic, which the log has."""
        before = self._partitions.get(topic, 0)
        self._partitions[topic] = partitions
        self._behind.update((topic, number) for number in range(before, partitions))
        self._reassign = True

    def forget(self, topic: str) -> None:
        """Follow a topic no longer, and begin with its first record when it is followed again."""
        self._partitions.pop(topic, None)
        for places in (self._begun, self._behind, self._stuck):
            places.difference_update([place for place in places if place[0] == topic])
        self._reassign = True

    @property
    def behind(self) -> frozenset[Place]:
        """The partitions that have not come to their end yet, since they are followed."""
        return frozenset(self._behind)

    @property
    def stuck(self) -> frozenset[Place]:
        """Those whose next offset the cluster does not have."""
        return frozenset(self._stuck)

    async def bounds_on_cluster(self, place: Place) -> tuple[int, int]:
        """The first offset there and the next to come; raises KafkaException."""
        from confluent_kafka import TopicPartition

        consumer = self._consumer
        assert consumer is not None
        partition = TopicPartition(*place)
        start, end = await self._in_thread(lambda: consumer.get_watermark_offsets(partition, 5.0))
        return start, end

    def resume(self, place: Place, offset: int) -> None:
        """Go on where a partition is stuck, at an offset that may lie behind its end here."""
        self._log.skip_to(*place, offset)
        self._stuck.discard(place)
        self._reassign = True

    # Reading

    async def _run(self) -> None:
        while True:
            try:
                await self._step()
            except Exception:  # what nobody expected; it goes on where it was
                logger.exception("reading from %s", self._address.servers)
                self._reassign = True
                await asyncio.sleep(_AGAIN_S)

    async def _step(self) -> None:
        if self._reassign:
            self._reassign = False
            await self._in_thread(partial(self._assign, self._positions()))
        messages = await self._in_thread(self._fetch)
        if messages and not self._reassign:  # else some may be of a topic that is gone
            self._take(messages)
            self._went_on()

    async def _in_thread(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _positions(self) -> Mapping[Place, int]:
        from confluent_kafka import OFFSET_BEGINNING

        places = [(name, n) for name, total in self._partitions.items() for n in range(total)]
        return {
            place: self._log.bounds(*place)[1] if place in self._begun else OFFSET_BEGINNING
            for place in places
        }

    def _assign(self, positions: Mapping[Place, int]) -> None:
        from confluent_kafka import TopicPartition

        assert self._consumer is not None
        self._consumer.assign([TopicPartition(*place, at) for place, at in positions.items()])

    def _fetch(self) -> list[Message]:
        """What comes: the first thing is waited for, and the others are taken along."""
        assert self._consumer is not None
        first = self._consumer.poll(_POLL_S)
        return [] if first is None else [first, *self._consumer.consume(_AT_ONCE - 1, 0)]

    def _take(self, messages: Iterable[Message]) -> None:
        from confluent_kafka import KafkaError

        for message in messages:
            error = message.error()
            topic, partition = message.topic() or "", message.partition() or 0
            place = (topic, partition)
            offset = message.offset() or 0
            if error is None:
                self._begun.add(place)
                self._copy(message, topic, partition, offset)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._begun.add(place)
                self._behind.discard(place)
                self._log.skip_to(topic, partition, offset)
            elif error.code() in (
                KafkaError._AUTO_OFFSET_RESET,
                KafkaError.UNKNOWN_TOPIC_OR_PART,
                KafkaError._UNKNOWN_PARTITION,
            ):
                if partition < self._partitions.get(topic, 0) and partition >= 0:
                    self._stuck.add(place)
                self._lost()
            elif error.code() > 0 and not error.retriable():
                where = f"{self._address.servers}: topic {topic}, partition {partition}"
                logger.warning("%s cannot be read: %s", where, error.str())

    def _copy(self, message: Message, topic: str, partition: int, offset: int) -> None:
        value = value_of(message)
        try:
            self._log.append_at(
                topic,
                partition,
                offset,
                value,
                key=key_of(message),
                timestamp=timestamp_of(message),
                headers=headers_of(message),
                unchecked=self._is_unchecked(topic, value),
            )
        except Exception as error:  # it holds up no others: LogFull, where it is larger than all
            logger.warning("%s-%d@%d is left out: %r", topic, partition, offset, error)
            self._log.skip_to(topic, partition, offset + 1)
