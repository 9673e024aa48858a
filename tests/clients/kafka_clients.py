"""Kafka client libraries of Python behind one face, as little of it as the tests need."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

Headers = tuple[tuple[str, bytes | None], ...]


class Seen(NamedTuple):
    """A record as a client tells it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Draft(NamedTuple):
    """A record to send."""

    value: bytes | None
    key: bytes | None = None
    timestamp: int = 1000
    headers: Headers = ()
    partition: int = 0


class Start(NamedTuple):
    """Where to begin to read: at "earliest", "latest", an "offset", or a "timestamp"."""

    kind: str
    at: int = 0


class Member(Protocol):
    """A consumer in a group, from the earliest record on, that commits only when told."""

    def poll(self) -> list[Seen]: ...
    def assigned(self) -> int: ...
    def commit(self) -> None: ...
    def close(self) -> None: ...


class Client(Protocol):
    """A library."""

    def produce(self, topic: str, drafts: Sequence[Draft], codec: str = "none") -> list[int]:
        """Send records and return their offsets."""
        ...

    def reader(self, topic: str, start: Start) -> Member:
        """A reader of partition 0, in no group, that is in place when this returns."""
        ...

    def member(self, group: str, topic: str) -> Member: ...
    def close(self) -> None: ...


class Confluent:
    """confluent-kafka, which is librdkafka."""

    def __init__(self, servers: str) -> None:
        import confluent_kafka

        self.kafka = confluent_kafka
        self.settings = {"bootstrap.servers": servers}

    def produce(self, topic: str, drafts: Sequence[Draft], codec: str = "none") -> list[int]:
        offsets: list[int] = []

        def told(error: Any, message: Any) -> None:
            assert error is None, error
            offsets.append(message.offset())

        producer = self.kafka.Producer(
            {**self.settings, "compression.type": codec, "enable.idempotence": True}
        )
        for draft in drafts:
            producer.produce(
                topic,
                draft.value,
                key=draft.key,
                timestamp=draft.timestamp,
                headers=list(draft.headers),
                partition=draft.partition,
                on_delivery=told,
            )
        assert producer.flush(20) == 0
        return offsets

    def reader(self, topic: str, start: Start) -> Member:
        kafka = self.kafka
        consumer = kafka.Consumer({**self.settings, "group.id": "none"})
        offset = {"earliest": kafka.OFFSET_BEGINNING, "latest": kafka.OFFSET_END}.get(
            start.kind, start.at
        )
        if start.kind == "timestamp":
            asked = [kafka.TopicPartition(topic, 0, start.at)]
            offset = consumer.offsets_for_times(asked, 20)[0].offset
        if start.kind == "latest":
            offset = consumer.get_watermark_offsets(kafka.TopicPartition(topic, 0), 20)[1]
        consumer.assign([kafka.TopicPartition(topic, 0, offset)])
        return ConfluentMember(consumer)

    def member(self, group: str, topic: str) -> Member:
        consumer = self.kafka.Consumer(
            {
                **self.settings,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "heartbeat.interval.ms": 100,
                "session.timeout.ms": 10_000,
            }
        )
        consumer.subscribe([topic])
        return ConfluentMember(consumer)

    def close(self) -> None:
        """Nothing is left open."""


class ConfluentMember:
    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer

    def poll(self) -> list[Seen]:
        found = []
        for message in self.consumer.consume(100, 0.05):
            assert message.error() is None, message.error()
            found.append(
                Seen(
                    message.partition(),
                    message.offset(),
                    message.timestamp()[1],
                    message.key(),
                    message.value(),
                    tuple(message.headers() or ()),
                )
            )
        return found

    def assigned(self) -> int:
        return len(self.consumer.assignment())

    def commit(self) -> None:
        self.consumer.commit(asynchronous=False)

    def close(self) -> None:
        self.consumer.close()


class AioKafka:
    """aiokafka, its loop in a thread, since members must answer while others are looked at."""

    def __init__(self, servers: str) -> None:
        import aiokafka

        self.kafka = aiokafka
        self.servers = servers
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    def produce(self, topic: str, drafts: Sequence[Draft], codec: str = "none") -> list[int]:
        async def send() -> list[int]:
            producer = self.kafka.AIOKafkaProducer(
                bootstrap_servers=self.servers,
                compression_type=None if codec == "none" else codec,
                enable_idempotence=True,
            )
            await producer.start()
            sent = [
                await producer.send(
                    topic,
                    draft.value,
                    key=draft.key,
                    timestamp_ms=draft.timestamp,
                    headers=list(draft.headers),
                    partition=draft.partition,
                )
                for draft in drafts
            ]
            offsets = [(await future).offset for future in sent]
            await producer.stop()
            return offsets

        return list(self.run(send()))

    def reader(self, topic: str, start: Start) -> Member:
        async def begin() -> Any:
            place = self.kafka.TopicPartition(topic, 0)
            consumer = self.kafka.AIOKafkaConsumer(
                bootstrap_servers=self.servers, auto_offset_reset="earliest"
            )
            await consumer.start()
            consumer.assign([place])
            if start.kind == "offset":
                consumer.seek(place, start.at)
            elif start.kind == "timestamp":
                found = await consumer.offsets_for_times({place: start.at})
                consumer.seek(place, found[place].offset)
            elif start.kind == "latest":
                await consumer.seek_to_end(place)
                await consumer.position(place)
            return consumer

        return AioKafkaMember(self, self.run(begin()))

    def member(self, group: str, topic: str) -> Member:
        async def begin() -> Any:
            consumer = self.kafka.AIOKafkaConsumer(
                topic,
                bootstrap_servers=self.servers,
                group_id=group,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                heartbeat_interval_ms=100,
                session_timeout_ms=10_000,
            )
            await consumer.start()
            return consumer

        return AioKafkaMember(self, self.run(begin()))


class AioKafkaMember:
    def __init__(self, client: AioKafka, consumer: Any) -> None:
        self.client = client
        self.consumer = consumer

    def poll(self) -> list[Seen]:
        return [
            Seen(m.partition, m.offset, m.timestamp, m.key, m.value, tuple(m.headers))
            for found in self.client.run(self.consumer.getmany(timeout_ms=50)).values()
            for m in found
        ]

    def assigned(self) -> int:
        return len(self.consumer.assignment())

    def commit(self) -> None:
        self.client.run(self.consumer.commit())

    def close(self) -> None:
        self.client.run(self.consumer.stop())


CLIENTS: dict[str, Any] = {
    "confluent_kafka": Confluent,
    "aiokafka": AioKafka,
}


def read(member: Member, count: int, patience: float = 30) -> list[Seen]:
    """The next records of a reader."""
    found: list[Seen] = []
    end = time.monotonic() + patience
    while len(found) < count:
        assert time.monotonic() < end, f"{len(found)} of {count} records came"
        found += member.poll()
    return found


def settle(members: Sequence[Member], expected: Sequence[int], patience: float = 30) -> list[Seen]:
    """Poll members until each has as many partitions as expected; return what they read."""
    found: list[Seen] = []
    end = time.monotonic() + patience
    while sorted(member.assigned() for member in members) != sorted(expected):
        assert time.monotonic() < end, [member.assigned() for member in members]
        for member in members:
            found += member.poll()
    return found
