"""aiokafka, told what to do line by line: see `serving`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from serving import PATIENCE, Readers, Record, data, headers, record, serve


class AioReader:
    """A consumer that is read by a task."""

    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer
        self._records: list[Record] = []
        self._more = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async for m in self.consumer:
            self._records.append(
                record(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers)
            )
            self._more.set()

    async def take(self, count: int) -> list[Record]:
        async with asyncio.timeout(PATIENCE):
            while len(self._records) < count:
                self._more.clear()
                await self._more.wait()
        taken, self._records = self._records[:count], self._records[count:]
        return taken

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.consumer.stop()


class AioKafka:
    """The commands."""

    def __init__(self) -> None:
        self.readers = Readers()

    # Producing

    async def produce(
        self, servers: str, topic: str, records: list[Record], codec: str = "none"
    ) -> list[int]:
        async with AIOKafkaProducer(
            bootstrap_servers=servers,
            compression_type=None if codec == "none" else codec,
            enable_idempotence=True,
        ) as producer:
            return await send(producer, topic, records)

    async def transact(
        self, servers: str, transaction: str, topic: str, records: list[Record], commit: bool
    ) -> None:
        async with transactional(servers, transaction) as producer:
            await producer.begin_transaction()
            await send(producer, topic, records)
            if commit:
                await producer.commit_transaction()
            else:
                await producer.abort_transaction()

    async def relay(
        self, servers: str, transaction: str, group: str, source: str, target: str, count: int
    ) -> None:
        """Upper-case records, with the group's offset in the same transaction."""
        consumer = member(servers, group, source)
        async with consumer, transactional(servers, transaction) as producer:
            taken = [await consumer.getone() for _ in range(count)]
            async with producer.transaction():
                for each in taken:
                    await producer.send(target, each.value.upper(), partition=0)
                await producer.send_offsets_to_transaction(
                    {TopicPartition(source, 0): taken[-1].offset + 1}, group
                )

    # Reading

    async def open(
        self, servers: str, topic: str, start: str, at: int = 0, committed: bool = False
    ) -> int:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=servers,
            isolation_level="read_committed" if committed else "read_uncommitted",
        )
        await consumer.start()
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        if start == "earliest":
            await consumer.seek_to_beginning(place)
        elif start == "latest":
            await consumer.seek_to_end(place)
        elif start == "offset":
            consumer.seek(place, at)
        else:
            found = await consumer.offsets_for_times({place: at})
            consumer.seek(place, found[place].offset)
        return self.readers.add(AioReader(consumer))

    async def join(self, servers: str, group: str, topic: str) -> int:
        consumer = member(servers, group, topic)
        await consumer.start()
        return self.readers.add(AioReader(consumer))

    async def assigned(self, reader: int) -> list[int]:
        return sorted(place.partition for place in self.readers[reader].consumer.assignment())

    async def take(self, reader: int, count: int) -> list[Record]:
        return list(await self.readers[reader].take(count))

    async def commit(self, reader: int, topic: str, offset: int) -> None:
        await self.readers[reader].consumer.commit({TopicPartition(topic, 0): offset})

    async def close(self, reader: int) -> None:
        await self.readers[reader].close()

    # Administration

    async def create_topic(
        self, servers: str, topic: str, partitions: int, config: dict[str, str]
    ) -> None:
        async with administration(servers) as admin:
            new = NewTopic(topic, partitions, 1, topic_configs=config)
            check((await admin.create_topics([new])).to_object()["topic_errors"])

    async def grow(self, servers: str, topic: str, partitions: int) -> None:
        async with administration(servers) as admin:
            answer = await admin.create_partitions({topic: NewPartitions(partitions)})
            check(answer.to_object()["topic_errors"])

    async def topics(self, servers: str) -> dict[str, int]:
        async with administration(servers) as admin:
            found = await admin.describe_topics()
            return {each["topic"]: len(each["partitions"]) for each in found}

    async def config(self, servers: str, topic: str, name: str) -> str:
        async with administration(servers) as admin:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})
            (answer,) = await admin.describe_configs([resource])
            (found,) = answer.to_object()["resources"]
            check([found])
            (entry,) = found["config_entries"]
            return str(entry["config_value"])

    async def configure(self, servers: str, topic: str, name: str, value: str) -> None:
        async with administration(servers) as admin:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic, {name: value})
            (answer,) = await admin.alter_configs([resource])
            check(answer.to_object()["resources"])

    async def groups(self, servers: str) -> list[str]:
        async with administration(servers) as admin:
            return [name for name, _ in await admin.list_consumer_groups()]

    async def committed(self, servers: str, group: str, topic: str) -> int:
        async with administration(servers) as admin:
            place = TopicPartition(topic, 0)
            found = await admin.list_consumer_group_offsets(group, partitions=[place])
            return int(found[place].offset)

    async def delete_topic(self, servers: str, topic: str) -> None:
        async with administration(servers) as admin:
            check((await admin.delete_topics([topic])).to_object()["topic_error_codes"])


async def send(producer: Any, topic: str, records: list[Record]) -> list[int]:
    sent = [
        await producer.send(
            topic,
            data(each["value"]),
            key=data(each["key"]),
            timestamp_ms=each["timestamp"],
            headers=headers(each["headers"]),
            partition=each["partition"],
        )
        for each in records
    ]
    return [(await future).offset for future in sent]


@asynccontextmanager
async def transactional(servers: str, transaction: str) -> AsyncIterator[Any]:
    async with AIOKafkaProducer(
        bootstrap_servers=servers, transactional_id=transaction
    ) as producer:
        yield producer


def member(servers: str, group: str, topic: str) -> Any:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        heartbeat_interval_ms=100,
    )


@asynccontextmanager
async def administration(servers: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def check(results: list[dict[str, Any]]) -> None:
    """The administration of aiokafka leaves errors to its caller."""
    for result in results:
        if result["error_code"]:
            raise RuntimeError(str(result))


class Commands:
    """The commands as calls that wait, while the loop runs in another thread."""

    def __init__(self, commands: AioKafka, loop: asyncio.AbstractEventLoop) -> None:
        self._commands = commands
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        command = getattr(self._commands, name)

        def call(**asked: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(command(**asked), self._loop).result()

        return call


async def main() -> None:
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(serve, Commands(AioKafka(), loop))


if __name__ == "__main__":
    asyncio.run(main())
