"""kafka-python, told what to do line by line: see `serving`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

from serving import Reader, Readers, Record, data, headers, record, serve

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import (
        KafkaAdminClient,
        KafkaConsumer,
        KafkaProducer,
        OffsetAndMetadata,
        TopicPartition,
    )
    from kafka.admin import ConfigResource


READER_POLL_MS = 50

MEMBER_POLL_MS = 1000
"""Longer than a rebalance takes: where a poll ends in the midst of one, kafka-python 3.0 goes on
joining in the background, but what it is assigned there is lost."""


class KafkaPython:
    """The commands."""

    def __init__(self) -> None:
        self.readers = Readers()

    # Producing

    def produce(
        self, servers: str, topic: str, records: list[Record], codec: str = "none"
    ) -> list[int]:
        with closing(
            KafkaProducer(
                bootstrap_servers=servers, compression_type=None if codec == "none" else codec
            )
        ) as producer:
            return send(producer, topic, records)

    def transact(
        self, servers: str, transaction: str, topic: str, records: list[Record], commit: bool
    ) -> None:
        with transactional(servers, transaction) as producer:
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
        with closing(consumer), transactional(servers, transaction) as producer:
            taken: list[Any] = []
            while len(taken) < count:
                room = count - len(taken)
                for found in consumer.poll(MEMBER_POLL_MS, max_records=room).values():
                    taken += found
            producer.begin_transaction()
            for each in taken:
                producer.send(target, each.value.upper(), partition=0)
            producer.send_offsets_to_transaction(
                {TopicPartition(source, 0): OffsetAndMetadata(taken[-1].offset + 1, "", -1)},
                consumer.group_metadata(),
            )
            producer.commit_transaction()

    # Reading

    def open(
        self, servers: str, topic: str, start: str, at: int = 0, committed: bool = False
    ) -> int:
        consumer = KafkaConsumer(
            bootstrap_servers=servers,
            isolation_level="read_committed" if committed else "read_uncommitted",
        )
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        if start == "earliest":
            consumer.seek_to_beginning(place)
        elif start == "latest":
            consumer.seek_to_end(place)
            consumer.position(place)
        elif start == "offset":
            consumer.seek(place, at)
        else:
            consumer.seek(place, consumer.offsets_for_times({place: at})[place].offset)
        return self.readers.add(Reader(consumer, partial(poll, READER_POLL_MS), assigned))

    def join(self, servers: str, group: str, topic: str) -> int:
        consumer = member(servers, group, topic)
        return self.readers.add(Reader(consumer, partial(poll, MEMBER_POLL_MS), assigned))

    def assigned(self, reader: int) -> list[int]:
        return list(self.readers[reader].assigned())

    def take(self, reader: int, count: int) -> list[Record]:
        return list(self.readers[reader].take(count))

    def commit(self, reader: int, topic: str, offset: int) -> None:
        offsets = {TopicPartition(topic, 0): OffsetAndMetadata(offset, "", -1)}
        self.readers[reader].call(lambda consumer: consumer.commit(offsets))

    def close(self, reader: int) -> None:
        self.readers[reader].close()

    # Administration

    def create_topic(
        self, servers: str, topic: str, partitions: int, config: dict[str, str]
    ) -> None:
        with administration(servers) as admin:
            admin.create_topics(
                {topic: {"num_partitions": partitions, "replication_factor": 1, "configs": config}}
            )

    def grow(self, servers: str, topic: str, partitions: int) -> None:
        with administration(servers) as admin:
            admin.create_partitions({topic: partitions})

    def topics(self, servers: str) -> dict[str, int]:
        with administration(servers) as admin:
            return {each["name"]: len(each["partitions"]) for each in admin.describe_topics()}

    def config(self, servers: str, topic: str, name: str) -> str:
        with administration(servers) as admin:
            found = admin.describe_configs([ConfigResource("TOPIC", topic, [name])], False, "all")
            return str(found["topic"][topic][name]["value"])

    def configure(self, servers: str, topic: str, name: str, value: str) -> None:
        with administration(servers) as admin:
            admin.alter_configs([ConfigResource("TOPIC", topic, {name: value})])

    def groups(self, servers: str) -> list[str]:
        with administration(servers) as admin:
            return [each["group_id"] for each in admin.list_groups()]

    def committed(self, servers: str, group: str, topic: str) -> int:
        with administration(servers) as admin:
            offsets = admin.list_group_offsets({group: [TopicPartition(topic, 0)]})
            return int(offsets[group][TopicPartition(topic, 0)].offset)

    def delete_group(self, servers: str, group: str) -> None:
        with administration(servers) as admin:
            admin.delete_groups([group])

    def delete_topic(self, servers: str, topic: str) -> None:
        with administration(servers) as admin:
            admin.delete_topics([topic])


def send(producer: Any, topic: str, records: list[Record]) -> list[int]:
    sent = [
        producer.send(
            topic,
            data(each["value"]),
            key=data(each["key"]),
            timestamp_ms=each["timestamp"],
            headers=headers(each["headers"]),
            partition=each["partition"],
        )
        for each in records
    ]
    return [future.get(60).offset for future in sent]


@contextmanager
def transactional(servers: str, transaction: str) -> Iterator[Any]:
    with closing(
        KafkaProducer(bootstrap_servers=servers, transactional_id=transaction)
    ) as producer:
        producer.init_transactions()
        yield producer


def member(servers: str, group: str, topic: str) -> Any:
    return KafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        client_id=f"member-{uuid4().hex[:4]}",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        heartbeat_interval_ms=100,
    )


def poll(timeout_ms: int, consumer: Any) -> list[Record]:
    return [
        record(m.partition, m.offset, m.timestamp, m.key, m.value, m.headers)
        for found in consumer.poll(timeout_ms).values()
        for m in found
    ]


def assigned(consumer: Any) -> list[int]:
    return sorted(place.partition for place in consumer.assignment())


@contextmanager
def administration(servers: str) -> Iterator[Any]:
    with closing(KafkaAdminClient(bootstrap_servers=servers)) as admin:
        yield admin


if __name__ == "__main__":
    serve(KafkaPython())
