"""A Kafka client of a few lines, for tests that must see every byte of the protocol."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from typing import Any, Self

from kio.serial import entity_reader, entity_writer
from kio.static.constants import EntityType

PRODUCE, FETCH, LIST_OFFSETS, METADATA = 0, 1, 2, 3
OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR = 8, 9, 10
JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 11, 12, 13, 14
DESCRIBE_GROUPS, LIST_GROUPS, API_VERSIONS = 15, 16, 18
CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID, DELETE_GROUPS = 19, 20, 22, 42
SASL_HANDSHAKE, SASL_AUTHENTICATE = 17, 36
DESCRIBE_ACLS, CREATE_ACLS, DELETE_ACLS = 29, 30, 31
DESCRIBE_USER_SCRAM_CREDENTIALS, ALTER_USER_SCRAM_CREDENTIALS = 50, 51
OFFSET_FOR_LEADER_EPOCH, ELECT_LEADERS, DESCRIBE_QUORUM, DESCRIBE_CLUSTER = 23, 43, 55, 60
ALTER_PARTITION_REASSIGNMENTS, LIST_PARTITION_REASSIGNMENTS = 45, 46
OFFSET_DELETE, CONSUMER_GROUP_HEARTBEAT, CONSUMER_GROUP_DESCRIBE = 47, 68, 69
DESCRIBE_CONFIGS, ALTER_CONFIGS, INCREMENTAL_ALTER_CONFIGS, LIST_CONFIG_RESOURCES = 32, 33, 44, 74
CREATE_PARTITIONS, DELETE_RECORDS, DESCRIBE_TOPIC_PARTITIONS = 37, 21, 75
ALTER_REPLICA_LOG_DIRS, DESCRIBE_LOG_DIRS = 34, 35
DESCRIBE_CLIENT_QUOTAS, ALTER_CLIENT_QUOTAS = 48, 49
ADD_PARTITIONS_TO_TXN, ADD_OFFSETS_TO_TXN, END_TXN = 24, 25, 26
WRITE_TXN_MARKERS, TXN_OFFSET_COMMIT = 27, 28
DESCRIBE_PRODUCERS, DESCRIBE_TRANSACTIONS, LIST_TRANSACTIONS = 61, 65, 66

NAMES = {
    OFFSET_DELETE: "offset_delete",
    CONSUMER_GROUP_HEARTBEAT: "consumer_group_heartbeat",
    CONSUMER_GROUP_DESCRIBE: "consumer_group_describe",
    CREATE_PARTITIONS: "create_partitions",
    DELETE_RECORDS: "delete_records",
    DESCRIBE_TOPIC_PARTITIONS: "describe_topic_partitions",
    ALTER_REPLICA_LOG_DIRS: "alter_replica_log_dirs",
    DESCRIBE_LOG_DIRS: "describe_log_dirs",
    DESCRIBE_CLIENT_QUOTAS: "describe_client_quotas",
    ALTER_CLIENT_QUOTAS: "alter_client_quotas",
    ADD_PARTITIONS_TO_TXN: "add_partitions_to_txn",
    ADD_OFFSETS_TO_TXN: "add_offsets_to_txn",
    END_TXN: "end_txn",
    WRITE_TXN_MARKERS: "write_txn_markers",
    TXN_OFFSET_COMMIT: "txn_offset_commit",
    DESCRIBE_PRODUCERS: "describe_producers",
    DESCRIBE_TRANSACTIONS: "describe_transactions",
    LIST_TRANSACTIONS: "list_transactions",
    DESCRIBE_CONFIGS: "describe_configs",
    ALTER_CONFIGS: "alter_configs",
    INCREMENTAL_ALTER_CONFIGS: "incremental_alter_configs",
    LIST_CONFIG_RESOURCES: "list_config_resources",
    PRODUCE: "produce",
    FETCH: "fetch",
    LIST_OFFSETS: "list_offsets",
    METADATA: "metadata",
    OFFSET_COMMIT: "offset_commit",
    OFFSET_FETCH: "offset_fetch",
    FIND_COORDINATOR: "find_coordinator",
    JOIN_GROUP: "join_group",
    HEARTBEAT: "heartbeat",
    LEAVE_GROUP: "leave_group",
    SYNC_GROUP: "sync_group",
    DESCRIBE_GROUPS: "describe_groups",
    LIST_GROUPS: "list_groups",
    API_VERSIONS: "api_versions",
    CREATE_TOPICS: "create_topics",
    DELETE_TOPICS: "delete_topics",
    INIT_PRODUCER_ID: "init_producer_id",
    DELETE_GROUPS: "delete_groups",
    OFFSET_FOR_LEADER_EPOCH: "offset_for_leader_epoch",
    ELECT_LEADERS: "elect_leaders",
    ALTER_PARTITION_REASSIGNMENTS: "alter_partition_reassignments",
    LIST_PARTITION_REASSIGNMENTS: "list_partition_reassignments",
    DESCRIBE_QUORUM: "describe_quorum",
    DESCRIBE_CLUSTER: "describe_cluster",
    SASL_HANDSHAKE: "sasl_handshake",
    SASL_AUTHENTICATE: "sasl_authenticate",
    DESCRIBE_ACLS: "describe_acls",
    CREATE_ACLS: "create_acls",
    DELETE_ACLS: "delete_acls",
    DESCRIBE_USER_SCRAM_CREDENTIALS: "describe_user_scram_credentials",
    ALTER_USER_SCRAM_CREDENTIALS: "alter_user_scram_credentials",
}

Make = Callable[..., Any]
"""Builds a structure of the request by name, from those values that the version has."""


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def payload_of(module: Any, kind: EntityType) -> Any:
    return next(v for v in vars(module).values() if getattr(v, "__type__", None) is kind)


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.sent = 0

    @classmethod
    async def connect(cls, address: str) -> Self:
        host, _, port = address.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    def frame(self, key: int, version: int, /, **values: Any) -> bytes:
        """A request; callables among the values get `make` and give a value."""
        module = import_module(f"kio.schema.{NAMES[key]}.v{version}.request")

        def make(name: str, /, **values: Any) -> Any:
            return made(getattr(module, name), values)

        request = payload_of(module, EntityType.request)
        known = {field.name for field in fields(request)}
        body = request(
            **{n: v(make) if callable(v) else v for n, v in values.items() if n in known}
        )
        self.sent += 1
        header_type: Any = request.__header_schema__
        buffer = io.BytesIO()
        entity_writer(header_type)(
            buffer,
            header_type(
                request_api_key=key,
                request_api_version=version,
                correlation_id=self.sent,
                client_id="test",
            ),
        )
        entity_writer(request)(buffer, body)
        return struct.pack(">i", buffer.tell()) + buffer.getvalue()

    def send(self, key: int, version: int, /, **values: Any) -> None:
        self.writer.write(self.frame(key, version, **values))

    async def receive(self, key: int, version: int) -> Any:
        """The next response, which must be complete and have nothing behind it."""
        size = struct.unpack(">i", await self.reader.readexactly(4))[0]
        data = await self.reader.readexactly(size)
        module = import_module(f"kio.schema.{NAMES[key]}.v{version}.response")
        response = payload_of(module, EntityType.response)
        _, used = entity_reader(response.__header_schema__)(data, 0)
        body, rest = entity_reader(response)(data, used)
        assert used + rest == size
        return body

    async def ask(self, key: int, version: int, /, **values: Any) -> Any:
        self.send(key, version, **values)
        return await asyncio.wait_for(self.receive(key, version), 60)

    async def closed(self) -> bool:
        """Whether the broker closes the connection, after whatever it still says."""
        with suppress(ConnectionError):
            await asyncio.wait_for(self.reader.read(), 60)
        return self.reader.at_eof() or self.reader.exception() is not None


def made(cls: Any, values: dict[str, Any]) -> Any:
    known = {field.name for field in fields(cls)}
    return cls(**{name: value for name, value in values.items() if name in known})


# --- requests that many tests make ---------------------------------------------------------


def produce(
    topic: str, data: bytes | None, *, partition: int = 0, acks: int = -1, topic_id: Any = None
) -> dict[str, Any]:
    def topics(make: Make) -> tuple[Any, ...]:
        records = make("PartitionProduceData", index=partition, records=data)
        return (make("TopicProduceData", name=topic, topic_id=topic_id, partition_data=(records,)),)

    return {"transactional_id": None, "acks": acks, "timeout": seconds(1), "topic_data": topics}


def fetch(
    *places: tuple[str, int, int],
    max_wait: float = 0,
    min_bytes: int = 1,
    max_bytes: int = 1 << 30,
    partition_max_bytes: int = 1 << 20,
    isolation_level: int = 0,
    session: tuple[int, int] = (0, -1),
    forgotten: tuple[tuple[str, int], ...] = (),
    topic_ids: dict[str, Any] | None = None,
    epoch: int = -1,
) -> dict[str, Any]:
    """`places` are topics, partitions and offsets; `forgotten` are topics and partitions."""

    def forgotten_topics(make: Make) -> tuple[Any, ...]:
        return tuple(
            make(
                "ForgottenTopic",
                topic=topic,
                topic_id=(topic_ids or {}).get(topic),
                partitions=(partition,),
            )
            for topic, partition in forgotten
        )

    def topics(make: Make) -> tuple[Any, ...]:
        return tuple(
            make(
                "FetchTopic",
                topic=topic,
                topic_id=(topic_ids or {}).get(topic),
                partitions=(
                    make(
                        "FetchPartition",
                        partition=partition,
                        current_leader_epoch=epoch,
                        fetch_offset=offset,
                        partition_max_bytes=partition_max_bytes,
                    ),
                ),
            )
            for topic, partition, offset in places
        )

    return {
        "replica_id": -1,
        "max_wait": seconds(max_wait),
        "min_bytes": min_bytes,
        "max_bytes": max_bytes,
        "isolation_level": isolation_level,
        "session_id": session[0],
        "session_epoch": session[1],
        "topics": topics,
        "forgotten_topics_data": forgotten_topics,
    }


def list_offsets(topic: str, timestamp: int, *, partition: int = 0) -> dict[str, Any]:
    def topics(make: Make) -> tuple[Any, ...]:
        wanted = make("ListOffsetsPartition", partition_index=partition, timestamp=timestamp)
        return (make("ListOffsetsTopic", name=topic, partitions=(wanted,)),)

    return {
        "replica_id": -1,
        "isolation_level": 0,
        "topics": topics,
        "timeout": seconds(1),
    }


def acl(
    principal: str,
    operation: int,
    resource: tuple[int, str],
    *,
    host: str = "*",
    pattern: int = 3,
    permission: int = 3,
) -> dict[str, Any]:
    """CreateAcls of one ACL; the numbers are those of the protocol."""

    def creations(make: Make) -> tuple[Any, ...]:
        return (
            make(
                "AclCreation",
                resource_type=resource[0],
                resource_name=resource[1],
                resource_pattern_type=pattern,
                principal=principal,
                host=host,
                operation=operation,
                permission_type=permission,
            ),
        )

    return {"creations": creations}


ANY_ACL = {
    "resource_type_filter": 1,
    "resource_name_filter": None,
    "pattern_type_filter": 1,
    "principal_filter": None,
    "host_filter": None,
    "operation": 1,
    "permission_type": 1,
}
