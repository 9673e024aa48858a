"""Where records come from: a Kafka cluster, or a simulator over gRPC. Reading leaves no trace."""

from __future__ import annotations

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from simulator.clusters.addresses import SCHEME, ClusterAddress, InvalidAddress
from simulator.clusters.asking import ANSWER_S
from simulator.errors import SimulatorError
from simulator.log import Record
from simulator.loopback import past_proxies

if TYPE_CHECKING:
    import grpc

GRPC_SCHEME: Final = "grpc://"
OPEN_TRANSACTION: Final = "a transaction that is open there holds them back"
_POLL_S: Final = 0.1


class SourceUnavailable(SimulatorError):
    """The place to record from does not answer, or has no such topic."""


class Until(NamedTuple):
    """When a recording ends, seconds and records; with nothing set, at the end of the topics.

    Seconds count from when the source is in place: see `Source.in_place`.
    """

    idle_s: float | None = None
    records: int | None = None
    for_s: float | None = None

    @property
    def follows(self) -> bool:
        """Whether it goes on beyond what the topics hold now."""
        return self != Until()


class Source(ABC):
    """Records of topics, from the first or from now on. A context manager."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def poll(self, timeout_s: float) -> list[Record] | None:
        """Return what has come, nothing if nothing comes in that time, None at the end."""

    @property
    @abstractmethod
    def in_place(self) -> bool:
        """Whether what comes is told as it comes; before that, silence means nothing."""

    def left_out(self) -> list[str]:
        """Say what the topics have, or had, and the records that were read do not."""
        return []

    @abstractmethod
    def close(self) -> None:
        """Let go of the connection."""


def open_source(address: str, topics: Sequence[str], *, latest: bool, follow: bool) -> Source:
    """Open `kafka://host:port,...` or `grpc://host:port`; raises a SimulatorError.

    `latest` begins with what comes from now on, without `follow` it ends where the topics end now.
    """
    topics = list(dict.fromkeys(topics))
    if address.startswith(GRPC_SCHEME):
        return _GrpcSource(address, topics, latest=latest, follow=follow)
    if address.startswith(SCHEME):
        from simulator.recording.kafka_source import KafkaSource

        return KafkaSource(ClusterAddress.parse(address), topics, latest=latest, follow=follow)
    raise InvalidAddress(
        f"{address!r} is nothing to record from: write kafka://host:port or grpc://host:port"
    )


def deleted_unread(topic: str, partition: int, first: int, last: int) -> str:
    """Say that records were gone before they could be read."""
    offsets = f"offsets {first} to {last}"
    return f"{topic}, partition {partition}: {offsets} were deleted before they were read"


def not_all_read(topic: str, partitions: str, reason: str) -> str:
    """Say that partitions were not read to their end."""
    return f"{topic}: not all was read of partition {partitions}: {reason}"


def recorded(source: Source, until: Until) -> Iterator[list[Record]]:
    """Read until it is enough."""
    begin: float | None = None
    heard = time.monotonic()
    left = until.records
    while left is None or left > 0:
        now = time.monotonic()
        if begin is None and source.in_place:
            begin = heard = now
        if _is_over(until, now, begin, heard):
            return
        found = source.poll(_POLL_S)
        if found is None:
            return
        if found:
            heard = time.monotonic()
            found = found[:left]
            left = None if left is None else left - len(found)
            yield found


def _is_over(until: Until, now: float, begin: float | None, heard: float) -> bool:
    """Whether the time is over; a source that is never in place is given up after a while."""
    if until.idle_s is None and until.for_s is None:
        return False
    if begin is None:
        return now - heard >= max(ANSWER_S, until.idle_s or 0, until.for_s or 0)
    if until.for_s is not None and now - begin >= until.for_s:
        return True
    return until.idle_s is not None and now - heard >= until.idle_s


class _GrpcSource(Source):
    def __init__(self, address: str, topics: Sequence[str], *, latest: bool, follow: bool) -> None:
        import grpc
        from google.protobuf.empty_pb2 import Empty

        from simulator.v1 import broker_pb2, record_pb2
        from simulator.v1.broker_pb2_grpc import BrokerStub

        self._target = address.removeprefix(GRPC_SCHEME).rstrip("/")
        options = [("grpc.max_receive_message_length", -1), *past_proxies(self._target)]
        self._channel = grpc.insecure_channel(self._target, options=options)
        start = record_pb2.StartPosition(latest=Empty()) if latest else None
        request = broker_pb2.SubscribeRequest(topics=topics, stop_at_end=not follow)
        if start is not None:
            getattr(request, "from").CopyFrom(start)
        self._stub = BrokerStub(self._channel)
        self._topics = broker_pb2.DescribeTopicsRequest(topics=topics)
        self._latest = latest
        self._deleted: list[str] = []
        self._call = self._stub.Subscribe(request)
        self._arrived: queue.SimpleQueue[list[Record] | grpc.RpcError | None]
        self._arrived = queue.SimpleQueue()
        self._in_place = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        import grpc

        try:
            self._call.initial_metadata()  # the subscription is there
            if self._latest or _is_empty(self._stub.DescribeTopics(self._topics)):
                self._in_place.set()
            for response in self._call:
                self._deleted += map(_deleted, response.gaps)
                self._arrived.put([_record_from(record) for record in response.records])
                self._in_place.set()  # what else is there follows at once
            self._arrived.put(None)
        except grpc.RpcError as error:
            self._arrived.put(error)

    def poll(self, timeout_s: float) -> list[Record] | None:
        try:
            found = self._arrived.get(timeout=timeout_s)
        except queue.Empty:
            return []
        if found is None or isinstance(found, list):
            return found
        details: Any = found
        raise SourceUnavailable(f"{self._target}: {details.details() or details.code().name}")

    @property
    def in_place(self) -> bool:
        return self._in_place.is_set() and self._arrived.empty()

    def left_out(self) -> list[str]:
        import grpc

        try:
            answer = self._stub.DescribeTopics(self._topics, timeout=ANSWER_S)
        except grpc.RpcError:  # it has been stopped: what was read is what there was to read
            return self._deleted
        return [*self._deleted, *_held_back(answer)]

    def close(self) -> None:
        self._call.cancel()
        self._channel.close()


def _deleted(gap: Any) -> str:
    return deleted_unread(gap.topic, gap.partition, gap.first_offset, gap.last_offset)


def _held_back(answer: Any) -> Iterator[str]:
    """Name the partitions where a transaction is open."""
    for topic in answer.topics:
        for partition in topic.partitions:
            end, stable = partition.end_offset, partition.last_stable_offset
            if partition.HasField("last_stable_offset") and stable < end:
                place = f"{partition.partition} (offsets {stable} to {end - 1})"
                yield not_all_read(topic.topic, place, OPEN_TRANSACTION)


def _is_empty(described: Any) -> bool:
    return all(
        partition.start_offset == partition.end_offset
        for topic in described.topics
        for partition in topic.partitions
    )


def _record_from(record: Any) -> Record:
    kind = record.WhichOneof("value")
    value = None if kind is None else record.json.encode() if kind == "json" else record.raw
    return Record(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp_ms,
        key=record.key if record.HasField("key") else None,
        value=value,
        headers=tuple(
            (header.name, header.value if header.HasField("value") else None)
            for header in record.headers
        ),
        position=record.position,
        unchecked=record.unchecked,
    )
