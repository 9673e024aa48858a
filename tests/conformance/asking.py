"""Bodies of requests that many steps send. Fields that a version lacks are left out of it."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from brokers import Broker
from crc32c import crc32c

Records = Sequence[tuple[int, bytes | None, bytes | None]]
"""Timestamps, keys and values."""


def varint(number: int) -> bytes:
    """A signed number as records have it."""
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    found = bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*found, rest])


def sized(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def batch(
    records: Records = ((1000, b"k", b"v"),),
    *,
    base_offset: int = 0,
    leader_epoch: int = -1,
    magic: int = 2,
    crc_error: int = 0,
    attributes: int = 0,
    last_delta: int | None = None,
    producer: tuple[int, int, int] = (-1, -1, -1),
    count: int | None = None,
    length: int | None = None,
    body: bytes | None = None,
    deltas: Sequence[int] | None = None,
    base_timestamp: int | None = None,
    max_timestamp: int | None = None,
) -> bytes:
    """A record batch, with whatever in it is to be wrong; `producer` is id, epoch, sequence."""
    first = records[0][0] if records else -1
    if body is None:
        body = b""
        for row, (timestamp, key, value) in enumerate(records):
            delta = row if deltas is None else deltas[row]
            inner = b"\0" + varint(timestamp - first) + varint(delta) + sized(key) + sized(value)
            body += sized(inner + varint(0))
    covered = (
        struct.pack(
            ">hiqqqhii",
            attributes,
            len(records) - 1 if last_delta is None else last_delta,
            first if base_timestamp is None else base_timestamp,
            max((each[0] for each in records), default=-1)
            if max_timestamp is None
            else max_timestamp,
            *producer,
            len(records) if count is None else count,
        )
        + body
    )
    size = 9 + len(covered) if length is None else length
    head = struct.pack(">qiib", base_offset, size, leader_epoch, magic)
    return head + struct.pack(">I", crc32c(covered) ^ crc_error) + covered


def grouped(
    broker: Broker, named: str, held: str, parts: Sequence[tuple[str, dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Partitions by their topics, as the field `held` of topics whose name is the field `named`."""
    topics: dict[str, dict[str, Any]] = {}
    for topic, partition in parts:
        found = topics.setdefault(
            topic, {named: topic, "topic_id": broker.ids.get(topic), held: []}
        )
        found[held].append(partition)
    return list(topics.values())


def producing(
    broker: Broker,
    *parts: tuple[str, int, bytes | None],
    acks: int = -1,
    transactional_id: str | None = None,
) -> dict[str, Any]:
    """`parts` are topics, partitions and batches."""
    return {
        "transactional_id": transactional_id,
        "acks": acks,
        "timeout": 5000,
        "topic_data": grouped(
            broker,
            "name",
            "partition_data",
            [(topic, {"index": partition, "records": data}) for topic, partition, data in parts],
        ),
    }


def fetching(
    broker: Broker,
    *parts: tuple[str, int, int],
    max_wait: int = 0,
    min_bytes: int = 0,
    max_bytes: int = 1 << 26,
    partition_max_bytes: int = 1 << 20,
    isolation_level: int = 0,
    session: tuple[int, int] = (0, -1),
    epoch: int = -1,
    forgotten: Sequence[tuple[str, int]] = (),
) -> dict[str, Any]:
    """`parts` are topics, partitions and offsets; times are ms."""
    return {
        "replica_id": -1,
        "max_wait": max_wait,
        "min_bytes": min_bytes,
        "max_bytes": max_bytes,
        "isolation_level": isolation_level,
        "session_id": session[0],
        "session_epoch": session[1],
        "topics": grouped(
            broker,
            "topic",
            "partitions",
            [
                (
                    topic,
                    {
                        "partition": partition,
                        "current_leader_epoch": epoch,
                        "fetch_offset": offset,
                        "last_fetched_epoch": -1,
                        "log_start_offset": -1,
                        "partition_max_bytes": partition_max_bytes,
                    },
                )
                for topic, partition, offset in parts
            ],
        ),
        "forgotten_topics_data": [
            {"topic": topic, "topic_id": broker.ids.get(topic), "partitions": [partition]}
            for topic, partition in forgotten
        ],
        "rack_id": "",
    }


def listing(
    broker: Broker, *parts: tuple[str, int, int], epoch: int = -1, isolation_level: int = 0
) -> dict[str, Any]:
    """`parts` are topics, partitions and timestamps."""
    wanted = [
        (
            topic,
            {"partition_index": partition, "current_leader_epoch": epoch, "timestamp": timestamp},
        )
        for topic, partition, timestamp in parts
    ]
    return {
        "replica_id": -1,
        "isolation_level": isolation_level,
        "timeout": 5000,
        "topics": [
            {name: value for name, value in topic.items() if name != "topic_id"}
            for topic in grouped(broker, "name", "partitions", wanted)
        ],
    }


def creating(*topics: dict[str, Any], validate_only: bool = False) -> dict[str, Any]:
    """Each topic has at least a `name`."""
    rest = {"num_partitions": 1, "replication_factor": 1, "assignments": [], "configs": []}
    return {
        "topics": [rest | topic for topic in topics],
        "timeout": 10_000,
        "validate_only": validate_only,
    }


def deleting(*topics: dict[str, Any]) -> dict[str, Any]:
    """Each topic has a `name` or a `topic_id`."""
    rest = {"name": None, "topic_id": None}
    return {
        "topics": [rest | topic for topic in topics],
        "topic_names": [topic["name"] for topic in topics if "name" in topic],
        "timeout": 10_000,
    }


def committing(
    broker: Broker,
    group: str,
    *parts: tuple[str, int, int],
    member: str = "",
    generation: int = -1,
    instance: str | None = None,
    metadata: str | None = "m",
    epoch: int = -1,
) -> dict[str, Any]:
    """`parts` are topics, partitions and offsets."""
    return {
        "group_id": group,
        "generation_id_or_member_epoch": generation,
        "member_id": member,
        "group_instance_id": instance,
        "retention_time": -1,
        "topics": [
            {
                "name": topic,
                "topic_id": broker.ids.get(topic),
                "partitions": [
                    {
                        "partition_index": partition,
                        "committed_offset": offset,
                        "committed_leader_epoch": epoch,
                        "committed_metadata": metadata,
                    }
                ],
            }
            for topic, partition, offset in parts
        ],
    }


def committed(
    broker: Broker,
    group: str,
    *parts: tuple[str, int],
    everything: bool = False,
    member: str | None = None,
    epoch: int = -1,
    stable: bool = False,
) -> dict[str, Any]:
    """What OffsetFetch asks; `parts` are topics and partitions."""
    topics = [
        {"name": topic, "topic_id": broker.ids.get(topic), "partition_indexes": [partition]}
        for topic, partition in parts
    ]
    asked = None if everything else topics
    return {
        "group_id": group,
        "topics": asked,
        "groups": [
            {"group_id": group, "member_id": member, "member_epoch": epoch, "topics": asked}
        ],
        "require_stable": stable,
    }
