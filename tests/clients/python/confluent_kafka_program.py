"""confluent-kafka, told what to do line by line: see `serving`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    ConsumerGroupTopicPartitions,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)
from serving import Reader, Readers, Record, data, headers, record, serve


class Confluent:
    """The commands."""

    def __init__(self) -> None:
        self.readers = Readers()

    # Producing

    def produce(
        self, servers: str, topic: str, records: list[Record], codec: str = "none"
    ) -> list[int]:
        producer = Producer(
            {"bootstrap.servers": servers, "compression.type": codec, "enable.idempotence": True}
        )
        return send(producer, topic, records)

    def transact(
        self, servers: str, transaction: str, topic: str, records: list[Record], commit: bool
    ) -> None:
        producer = transactional(servers, transaction)
        producer.begin_transaction()
        send(producer, topic, records)
        if commit:
            producer.commit_transaction()
        else:
            producer.abort_transaction()

    def relay(
        self, servers: str, transaction: str, group: str, source: str, target: str, count: int
    ) -> None:
        """Upper-case records, with the group's offset in the same transaction."""
        consumer = member(servers, group, source)
        producer = transactional(servers, transaction)
        taken: list[Any] = []
        while len(taken) < count:
            taken += consumer.consume(count - len(taken), 0.1)
        producer.begin_transaction()
        for message in taken:
            producer.produce(target, message.value().upper(), partition=0)
        producer.send_offsets_to_transaction(
            [TopicPartition(source, 0, taken[-1].offset() + 1)], consumer.consumer_group_metadata()
        )
        producer.commit_transaction()
        consumer.close()

    # Reading

    def open(
        self, servers: str, topic: str, start: str, at: int = 0, committed: bool = False
    ) -> int:
        consumer = Consumer(
            {
                "bootstrap.servers": servers,
                "group.id": "none",
                "fetch.wait.max.ms": 100,  # so that it closes quickly
                "isolation.level": "read_committed" if committed else "read_uncommitted",
            }
        )
        offset = at
        if start == "earliest":
            offset = OFFSET_BEGINNING
        elif start == "timestamp":
            offset = consumer.offsets_for_times([TopicPartition(topic, 0, at)], 60)[0].offset
        elif start == "latest":
            offset = consumer.get_watermark_offsets(TopicPartition(topic, 0), 60)[1]
        consumer.assign([TopicPartition(topic, 0, offset)])
        return self.readers.add(Reader(consumer, poll, assigned))

    def join(self, servers: str, group: str, topic: str, protocol: str = "classic") -> int:
        return self.readers.add(Reader(member(servers, group, topic, protocol), poll, assigned))

    def assigned(self, reader: int) -> list[int]:
        return list(self.readers[reader].assigned())

    def take(self, reader: int, count: int) -> list[Record]:
        return list(self.readers[reader].take(count))

    def commit(self, reader: int, topic: str, offset: int) -> None:
        place = TopicPartition(topic, 0, offset)
        self.readers[reader].call(lambda c: c.commit(offsets=[place], asynchronous=False))

    def close(self, reader: int) -> None:
        self.readers[reader].close()

    # Administration

    def create_topic(
        self, servers: str, topic: str, partitions: int, config: dict[str, str]
    ) -> None:
        new = NewTopic(topic, partitions, 1, config=config)
        administer(servers, lambda admin: admin.create_topics([new]))

    def grow(self, servers: str, topic: str, partitions: int) -> None:
        new = NewPartitions(topic, partitions)
        administer(servers, lambda admin: admin.create_partitions([new]))

    def topics(self, servers: str) -> dict[str, int]:
        found = administration(servers).list_topics(timeout=60).topics
        return {name: len(each.partitions) for name, each in found.items()}

    def config(self, servers: str, topic: str, name: str) -> str:
        resource = ConfigResource(ResourceType.TOPIC, topic)
        found = administer(servers, lambda admin: admin.describe_configs([resource]))
        return str(found[name].value)

    def configure(self, servers: str, topic: str, name: str, value: str) -> None:
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        administer(servers, lambda admin: admin.incremental_alter_configs([resource]))

    def groups(self, servers: str) -> list[str]:
        found = administer(servers, lambda admin: {"all": admin.list_consumer_groups()})
        return [each.group_id for each in found.valid]

    def committed(self, servers: str, group: str, topic: str) -> int:
        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
        found = administer(servers, lambda admin: admin.list_consumer_group_offsets([asked]))
        return int(found.topic_partitions[0].offset)

    def delete_group(self, servers: str, group: str) -> None:
        administer(servers, lambda admin: admin.delete_consumer_groups([group]))

    def delete_topic(self, servers: str, topic: str) -> None:
        administer(servers, lambda admin: admin.delete_topics([topic]))


def send(producer: Any, topic: str, records: list[Record]) -> list[int]:
    offsets: list[int] = []

    def told(error: Any, message: Any) -> None:
        assert error is None, error
        offsets.append(message.offset())

    for each in records:
        producer.produce(
            topic,
            data(each["value"]),
            key=data(each["key"]),
            timestamp=each["timestamp"],
            headers=headers(each["headers"]),
            partition=each["partition"],
            on_delivery=told,
        )
    assert producer.flush(60) == 0
    return offsets


def transactional(servers: str, transaction: str) -> Any:
    producer = Producer({"bootstrap.servers": servers, "transactional.id": transaction})
    producer.init_transactions(60)
    return producer


def member(servers: str, group: str, topic: str, protocol: str = "classic") -> Any:
    settings: dict[str, Any] = {
        "bootstrap.servers": servers,
        "group.id": group,
        "group.protocol": protocol,
        "fetch.wait.max.ms": 100,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    if protocol == "classic":
        settings["heartbeat.interval.ms"] = 100
    consumer = Consumer(settings)
    consumer.subscribe([topic])
    return consumer


def poll(consumer: Any) -> list[Record]:
    found = []
    for m in consumer.consume(100, 0.05):
        assert m.error() is None, m.error()
        found.append(
            record(m.partition(), m.offset(), m.timestamp()[1], m.key(), m.value(), m.headers())
        )
    return found


def assigned(consumer: Any) -> list[int]:
    return sorted(place.partition for place in consumer.assignment())


def administration(servers: str) -> Any:
    return AdminClient({"bootstrap.servers": servers})


def administer(servers: str, work: Callable[[Any], dict[Any, Any]]) -> Any:
    """Ask for one thing and wait for its result."""
    admin = administration(servers)
    (future,) = work(admin).values()
    return future.result(60)


if __name__ == "__main__":
    serve(Confluent())
