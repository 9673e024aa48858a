"""Carries on what is published to a cluster: from a log that is the outbox, in order, each once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from simulator.clusters.addresses import ClusterAddress
from simulator.clusters.claims import Claim, Claims
from simulator.clusters.cluster_admin import QUICKLY_S, ClusterRefuses
from simulator.errors import SimulatorError
from simulator.log import Record, RecordPlace, TopicLog
from simulator.publishing import LogUnavailable

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, Message, Producer

ACKNOWLEDGED_S: Final = 30
"""How long the cluster may take to acknowledge a record, being away included."""

FLUSH_S: Final = 5
"""How long a stop waits for what is on its way."""

OUTBOX_BYTES: Final = 256 * 1024 * 1024
MAX_BACKLOG: Final = 20_000
"""Records on their way; whoever has more waits."""

KEPT_BEHIND: Final = 20_000
"""Records of a partition that stay in the outbox: a story's `duplicate` reaches back to them."""

_AT_ONCE: Final = 500
_POLL_S: Final = 0.1


class _Report(NamedTuple):
    """What the cluster said of one record."""

    claim: Claim
    position: int
    place: RecordPlace
    error: KafkaError | None


class ClusterOutlet:
    """An idempotent producer behind an outbox; the `Outlet` of a publisher.

    The outbox has the topics of the cluster with as many partitions, so that the partition of a
    record is settled where it is appended. Its offsets are its own.
    """

    def __init__(self, address: ClusterAddress, is_read: Callable[[str, int, int], bool]) -> None:
        """`is_read` says of a topic, partition and offset whether nobody need wait for it here."""
        self.outbox = TopicLog(max_bytes=OUTBOX_BYTES)
        self.claims = Claims(lambda: self.outbox.end_position)
        self._address = address
        self._is_read = is_read
        self._cursor = self.outbox.cursor({})
        self._next: deque[Record] = deque()  # read from the outbox, and not handed over
        self._reports: deque[_Report] = deque()  # filled by the thread
        self._unseen: dict[tuple[str, int], deque[tuple[int, Claim]]] = {}
        self._under_way: dict[int, Claim] = {}
        self._done = 0
        self._progress = asyncio.Event()
        self._thread: ThreadPoolExecutor | None = None
        self._producer: Producer | None = None
        self._retired: list[Producer] = []
        self._tasks: list[asyncio.Task[None]] = []

    # Life

    def start(self) -> None:
        """Begin to carry on."""
        self._producer = self._make_producer()
        self._thread = ThreadPoolExecutor(1, "cluster-outlet")
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._carry(), name="cluster-outlet"),
            loop.create_task(self._listen(), name="cluster-reports"),
        ]

    async def stop(self) -> None:
        """End, once the cluster has taken all or `FLUSH_S` has passed; who still waits is told."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                while self._tasks and self._done < self.outbox.end_position:
                    self._progress.clear()
                    await self._progress.wait()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self._thread is not None:
            self._thread.shutdown()  # idle within a poll's time, since nothing more is asked of it
        if self._producer is not None:
            self._producer.purge()
            self._producer = None
        gone = self._stopped()
        for claim in self._under_way.values():
            claim.fail(gone)
        while records := [*self._next, *self._cursor.poll(_AT_ONCE)]:
            self._next.clear()
            for record in records:
                self.claims.of(record.position).fail(gone)
        for waiting in self._unseen.values():
            for _, claim in waiting:
                claim.saw()
        self._under_way.clear()
        self._unseen.clear()
        self._done = self.outbox.end_position
        self._progress.set()

    def _stopped(self) -> LogUnavailable:
        return LogUnavailable(f"{self._address.servers}: the simulator was stopped meanwhile")

    def _make_producer(self) -> Producer:
        from confluent_kafka import Producer

        return Producer(
            {
                "bootstrap.servers": self._address.servers,
                "enable.idempotence": True,
                "message.timeout.ms": ACKNOWLEDGED_S * 1000,
                "linger.ms": 1,
                "message.max.bytes": 100 * 1024 * 1024,  # what is too large is for the cluster
                "queue.buffering.max.messages": 2 * MAX_BACKLOG,
                "queue.buffering.max.kbytes": OUTBOX_BYTES // 1024,
                "reconnect.backoff.max.ms": 1000,
                "log_level": 0,
            }
        )

    # Topics

    def follow(self, topic: str, partitions: int) -> None:
        """Take records for a topic, of so many partitions."""
        if self.outbox.has_topic(topic):
            self.outbox.add_partitions(topic, partitions)
        else:
            self.outbox.create_topic(topic, partitions)
        self._reopen()

    def forget(self, topic: str) -> None:
        """Take no more; what was taken goes on, and the cluster says what it thinks of it."""
        while records := self._cursor.poll(_AT_ONCE):
            self._next += records
        self.outbox.delete_topic(topic)
        self._reopen()
        for place in [place for place in self._unseen if place[0] == topic]:
            for _, claim in self._unseen.pop(place):
                claim.saw()

    def _reopen(self) -> None:
        offsets = self._cursor.offsets
        starts = {
            (topic.name, number): offsets.get((topic.name, number), 0)
            for topic in self.outbox.topics()
            for number in range(len(topic.partitions))
        }
        self._cursor = self.outbox.cursor(starts)

    # For publishers

    def claim(self, *, places: bool = True) -> Claim:
        """Begin to follow some of what is appended from now on."""
        return Claim(self.claims, places=places)

    async def all_written(self) -> None:
        """Return when the cluster has all that no claim has followed; see `Claim.written`."""
        while self._next or not self._cursor.at_end:  # what is here is nobody's so far
            if not self._tasks:
                raise self._stopped()
            self._progress.clear()
            await self._progress.wait()
        await self.claims.others.written()

    async def room(self) -> None:
        """Return when more may be appended.

        Raises LogUnavailable where that takes too long, and where nothing is carried on any more.
        """
        if not self._tasks:
            raise self._stopped()
        if self._has_room():
            return
        try:
            async with asyncio.timeout(ACKNOWLEDGED_S):
                while not self._has_room():
                    self._progress.clear()
                    await self._progress.wait()
        except TimeoutError:
            waiting = self.outbox.end_position - self._done
            raise LogUnavailable(
                f"{self._address.servers} takes nothing: {waiting:,} records wait for it"
            ) from None

    def _has_room(self) -> bool:
        backlog = self.outbox.end_position - self._done
        return backlog < MAX_BACKLOG and self.outbox.memory_held < OUTBOX_BYTES * 3 // 4

    # Carrying on

    async def _carry(self) -> None:
        changed = asyncio.Event()
        while True:
            changed.clear()
            self.outbox.wait(changed.set)
            if not self._next:
                self._next += self._cursor.poll(_AT_ONCE)
            if not self._next:
                await changed.wait()
                continue
            while self._next:
                await self._hand_over(self._next.popleft())
            self._trim()
            await asyncio.sleep(0)

    async def _hand_over(self, record: Record) -> None:
        from confluent_kafka import KafkaError

        claim = self.claims.of(record.position)
        self._under_way[record.position] = claim
        asked = False
        while (error := self._produce(record, claim)) is not None:
            if isinstance(error, BufferError):
                self._progress.clear()
                await self._progress.wait()
            elif error.code() == KafkaError._UNKNOWN_PARTITION and not asked:
                await self._learn(record.topic)  # it is new, and the producer has not asked since
                asked = True
            else:
                place = RecordPlace(record.topic, record.partition, -1, record.timestamp)
                self._settle(_Report(claim, record.position, place, error))
                return

    async def _learn(self, topic: str) -> None:
        """Have the producer ask how many partitions a topic has."""
        from confluent_kafka import KafkaException

        producer = self._producer
        assert producer is not None
        ask = partial(producer.list_topics, topic, QUICKLY_S)
        with suppress(KafkaException):
            await asyncio.get_running_loop().run_in_executor(self._thread, ask)

    def _produce(self, record: Record, claim: Claim) -> BufferError | KafkaError | None:
        from confluent_kafka import KafkaError, KafkaException

        assert self._producer is not None
        place = RecordPlace(record.topic, record.partition, -1, record.timestamp)
        try:
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                partition=record.partition,
                headers=list(record.headers),
                timestamp=record.timestamp,
                on_delivery=partial(self._delivered, claim, record.position, place),
            )
        except BufferError as error:
            return error
        except (TypeError, ValueError, OverflowError) as wrong:
            return KafkaError(KafkaError._INVALID_ARG, str(wrong))
        except KafkaException as raised:
            reason: KafkaError = raised.args[0]
            if reason.code() != KafkaError._FATAL:
                return reason
            # The idempotent producer has lost its footing, as when a cluster has lost its data.
            self._producer.purge()
            self._retired.append(self._producer)
            self._producer = self._make_producer()
            return self._produce(record, claim)
        return None

    def _delivered(
        self,
        claim: Claim,
        position: int,
        place: RecordPlace,
        error: KafkaError | None,
        message: Message,
    ) -> None:
        """Comes on the thread that polls."""
        offset = message.offset()
        place = place._replace(offset=-1 if offset is None else offset)
        self._reports.append(_Report(claim, position, place, error))

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await loop.run_in_executor(self._thread, self._poll)
            while self._reports:
                self._settle(self._reports.popleft())
            if self._retired:
                self._retired = [old for old in self._retired if len(old)]

    def _poll(self) -> None:
        producer = self._producer
        for old in self._retired:
            old.poll(0)
        if producer is not None:
            producer.poll(_POLL_S)

    def _settle(self, report: _Report) -> None:
        """Tell whoever waits for a record what became of it."""
        claim, position, place, error = report
        if self._under_way.pop(position, None) is None:
            return
        self._done += 1
        self._progress.set()
        if error is not None:
            claim.fail(self._failure(place, error))
            return
        claim.took(position, place)
        if self._is_read(place.topic, place.partition, place.offset):
            claim.saw()
        else:
            waiting = self._unseen.setdefault((place.topic, place.partition), deque())
            waiting.append((place.offset, claim))

    def _failure(self, place: RecordPlace, error: KafkaError) -> SimulatorError:
        what = f"{self._address.servers}: topic {place.topic}, partition {place.partition}"
        if error.code() < 0 or error.retriable():
            return LogUnavailable(
                f"{what}: the cluster has not acknowledged a record, which may be there or not: "
                f"{error.str()}"
            )
        return ClusterRefuses(f"{what}: the cluster refuses a record: {error.str()}")

    def went_on(self) -> None:
        """The local log has got further."""
        for place, waiting in self._unseen.items():
            while waiting and self._is_read(*place, waiting[0][0]):
                waiting.popleft()[1].saw()

    def _trim(self) -> None:
        """Let go of what is gone, but for what a story may look back to."""
        tight = self.outbox.memory_held > OUTBOX_BYTES // 2
        for (topic, partition), offset in self._cursor.offsets.items():
            start, _ = self.outbox.bounds(topic, partition)
            if tight or offset - start > 2 * KEPT_BEHIND:
                before = offset if tight else offset - KEPT_BEHIND
                self.outbox.delete_records(topic, partition, before)
        while self.outbox.reap(16):
            pass
