"""Every version of every API that is told is answered in its own form."""

from __future__ import annotations

from typing import Any

import pytest
from kafka_batches import build_batch
from kafka_wire import (
    ADD_OFFSETS_TO_TXN,
    ADD_PARTITIONS_TO_TXN,
    ALTER_CLIENT_QUOTAS,
    ALTER_CONFIGS,
    ALTER_PARTITION_REASSIGNMENTS,
    ALTER_REPLICA_LOG_DIRS,
    ALTER_USER_SCRAM_CREDENTIALS,
    ANY_ACL,
    API_VERSIONS,
    CONSUMER_GROUP_DESCRIBE,
    CONSUMER_GROUP_HEARTBEAT,
    CREATE_ACLS,
    CREATE_PARTITIONS,
    CREATE_TOPICS,
    DELETE_ACLS,
    DELETE_GROUPS,
    DELETE_RECORDS,
    DELETE_TOPICS,
    DESCRIBE_ACLS,
    DESCRIBE_CLIENT_QUOTAS,
    DESCRIBE_CLUSTER,
    DESCRIBE_CONFIGS,
    DESCRIBE_GROUPS,
    DESCRIBE_LOG_DIRS,
    DESCRIBE_QUORUM,
    DESCRIBE_TOPIC_PARTITIONS,
    DESCRIBE_TRANSACTIONS,
    DESCRIBE_USER_SCRAM_CREDENTIALS,
    ELECT_LEADERS,
    END_TXN,
    FETCH,
    FIND_COORDINATOR,
    HEARTBEAT,
    INCREMENTAL_ALTER_CONFIGS,
    INIT_PRODUCER_ID,
    JOIN_GROUP,
    LEAVE_GROUP,
    LIST_CONFIG_RESOURCES,
    LIST_GROUPS,
    LIST_OFFSETS,
    LIST_PARTITION_REASSIGNMENTS,
    METADATA,
    NAMES,
    OFFSET_COMMIT,
    OFFSET_DELETE,
    OFFSET_FETCH,
    OFFSET_FOR_LEADER_EPOCH,
    PRODUCE,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    SYNC_GROUP,
    TXN_OFFSET_COMMIT,
    Make,
    Wire,
    acl,
    fetch,
    list_offsets,
    produce,
    seconds,
)
from transaction_requests import REQUESTS

from simulator import AsyncSimulator
from simulator.listeners.kafka.registry import registered

BATCH = build_batch([(5, b"k", b"v", ())])


def requests(sim: AsyncSimulator, key: int, version: int) -> dict[str, Any]:
    """A request that can be served, if no more is known than that topic `t` exists."""
    if key in REQUESTS:
        return REQUESTS[key]
    topic_id = sim.log.topic("t").topic_id
    group = {"group_id": "g", "member_id": "", "generation_id": -1, "session_timeout": seconds(10)}

    def committed(make: Make) -> Any:
        part = make(
            "OffsetCommitRequestPartition",
            partition_index=0,
            committed_offset=3,
            committed_metadata="m",
        )
        return (make("OffsetCommitRequestTopic", name="t", topic_id=topic_id, partitions=(part,)),)

    def asked(make: Make) -> Any:
        if version < 8:
            return (make("OffsetFetchRequestTopic", name="t", partition_indexes=(0,)),)
        topic = make(
            "OffsetFetchRequestTopics", name="t", topic_id=topic_id, partition_indexes=(0,)
        )
        return (make("OffsetFetchRequestGroup", group_id="g", topics=(topic,)),)

    def resources(make: Make) -> Any:
        if key == DESCRIBE_CONFIGS:
            return (
                make(
                    "DescribeConfigsResource",
                    resource_type=2,
                    resource_name="t",
                    configuration_keys=None,
                ),
            )
        config = make("AlterableConfig", name="retention.ms", config_operation=0, value="1")
        return (
            make("AlterConfigsResource", resource_type=2, resource_name="t", configs=(config,)),
        )

    def entries(make: Make) -> Any:
        return (
            make(
                "EntryData",
                entity=(make("EntityData", entity_type="user", entity_name="u"),),
                ops=(make("OpData", key="producer_byte_rate", value=5.0, remove=False),),
            ),
        )

    return {
        CREATE_PARTITIONS: {
            "topics": lambda make: (
                make("CreatePartitionsTopic", name="t", count=3, assignments=None),
            ),
            "timeout": seconds(1),
            "validate_only": False,
        },
        DELETE_RECORDS: {
            "topics": lambda make: (
                make(
                    "DeleteRecordsTopic",
                    name="t",
                    partitions=(make("DeleteRecordsPartition", partition_index=0, offset=0),),
                ),
            ),
            "timeout": seconds(1),
        },
        DESCRIBE_TOPIC_PARTITIONS: {"topics": (), "response_partition_limit": 9, "cursor": None},
        DESCRIBE_LOG_DIRS: {"topics": None},
        ALTER_REPLICA_LOG_DIRS: {
            "dirs": lambda make: (
                make(
                    "AlterReplicaLogDir",
                    path="/kafka-logs",
                    topics=(make("AlterReplicaLogDirTopic", name="t", partitions=(0,)),),
                ),
            ),
        },
        DESCRIBE_CLIENT_QUOTAS: {"components": (), "strict": False},
        ALTER_CLIENT_QUOTAS: {"entries": entries, "validate_only": False},
        DESCRIBE_CONFIGS: {"resources": resources, "include_synonyms": True},
        ALTER_CONFIGS: {"resources": resources, "validate_only": False},
        INCREMENTAL_ALTER_CONFIGS: {"resources": resources, "validate_only": False},
        LIST_CONFIG_RESOURCES: {"resource_types": ()},
        PRODUCE: produce("t", BATCH, topic_id=topic_id),
        FETCH: fetch(("t", 0, 0), topic_ids={"t": topic_id}),
        LIST_OFFSETS: list_offsets("t", -1),
        METADATA: {
            "topics": (lambda make: (make("MetadataRequestTopic", name="t", topic_id=None),)),
            "allow_auto_topic_creation": True,
            "include_cluster_authorized_operations": False,
            "include_topic_authorized_operations": False,
        },
        OFFSET_COMMIT: {"group_id": "g", "member_id": "", "topics": committed},
        OFFSET_FETCH: {"group_id": "g", "topics": asked, "groups": asked},
        FIND_COORDINATOR: {"key": "g", "key_type": 0, "coordinator_keys": ("g",)},
        JOIN_GROUP: {
            **group,
            "rebalance_timeout": seconds(10),
            "protocol_type": "consumer",
            "protocols": lambda make: (
                make("JoinGroupRequestProtocol", name="range", metadata=b""),
            ),
        },
        HEARTBEAT: group,
        LEAVE_GROUP: {**group, "members": lambda make: (make("MemberIdentity", member_id=""),)},
        SYNC_GROUP: {
            **group,
            "protocol_type": "consumer",
            "protocol_name": "range",
            "assignments": (),
        },
        DESCRIBE_GROUPS: {"groups": ("g",), "include_authorized_operations": True},
        LIST_GROUPS: {},
        API_VERSIONS: {"client_software_name": "test", "client_software_version": "1"},
        CREATE_TOPICS: {
            "topics": lambda make: (
                make(
                    "CreatableTopic",
                    name="new",
                    num_partitions=2,
                    replication_factor=1,
                    assignments=(),
                    configs=(),
                ),
            ),
            "validate_only": False,
        },
        DELETE_TOPICS: {
            "topics": lambda make: (make("DeleteTopicState", name="t", topic_id=None),),
            "topic_names": ("t",),
            "timeout": seconds(1),
        },
        INIT_PRODUCER_ID: {"transactional_id": None, "transaction_timeout": seconds(1)},
        DELETE_GROUPS: {"groups_names": ("g",)},
        DESCRIBE_ACLS: ANY_ACL,
        CREATE_ACLS: acl("User:alice", 3, (2, "t")),
        DELETE_ACLS: {"filters": lambda make: (make("DeleteAclsFilter", **ANY_ACL),)},
        DESCRIBE_USER_SCRAM_CREDENTIALS: {"users": None},
        ALTER_USER_SCRAM_CREDENTIALS: {"deletions": (), "upsertions": ()},
        OFFSET_FOR_LEADER_EPOCH: {
            "topics": lambda make: (
                make(
                    "OffsetForLeaderTopic",
                    topic="t",
                    partitions=(make("OffsetForLeaderPartition", partition=0, leader_epoch=0),),
                ),
            ),
        },
        ELECT_LEADERS: {
            "election_type": 0,
            "topic_partitions": lambda make: (make("TopicPartitions", topic="t", partitions=(0,)),),
            "timeout": seconds(1),
        },
        ALTER_PARTITION_REASSIGNMENTS: {
            "topics": lambda make: (
                make(
                    "ReassignableTopic",
                    name="t",
                    partitions=(make("ReassignablePartition", partition_index=0, replicas=(1,)),),
                ),
            ),
            "timeout": seconds(1),
        },
        LIST_PARTITION_REASSIGNMENTS: {"topics": None, "timeout": seconds(1)},
        DESCRIBE_QUORUM: {
            "topics": lambda make: (
                make(
                    "TopicData",
                    topic_name="__cluster_metadata",
                    partitions=(make("PartitionData", partition_index=0),),
                ),
            ),
        },
        DESCRIBE_CLUSTER: {
            "include_cluster_authorized_operations": True,
            "include_fenced_brokers": True,
        },
        OFFSET_DELETE: {
            "group_id": "g",
            "topics": lambda make: (
                make(
                    "OffsetDeleteRequestTopic",
                    name="t",
                    partitions=(make("OffsetDeleteRequestPartition", partition_index=0),),
                ),
            ),
        },
        CONSUMER_GROUP_HEARTBEAT: {
            "group_id": "g",
            "member_id": "m",
            "member_epoch": 0,
            "rebalance_timeout": seconds(10),
            "subscribed_topic_names": ("t",),
            "topic_partitions": (),
        },
        CONSUMER_GROUP_DESCRIBE: {
            "group_ids": ("g",),
            "include_authorized_operations": True,
        },
        SASL_HANDSHAKE: {"mechanism": "PLAIN"},
        SASL_AUTHENTICATE: {"auth_bytes": b"\0alice\0secret"},
    }[key]


def errors_in(answer: Any) -> set[str]:
    """The names of all errors in a response."""
    found = set()
    if isinstance(answer, tuple):
        for part in answer:
            found |= errors_in(part)
    elif hasattr(answer, "__dataclass_fields__"):
        for name in answer.__dataclass_fields__:
            value = getattr(answer, name)
            if name in ("error_code", "partition_error_code"):
                found.add(value.name)
            else:
                found |= errors_in(value)
    return found - {"none"}


EXPECTED = {
    ADD_PARTITIONS_TO_TXN: {"invalid_producer_id_mapping"},
    ADD_OFFSETS_TO_TXN: {"invalid_producer_id_mapping"},
    END_TXN: {"invalid_producer_id_mapping"},
    TXN_OFFSET_COMMIT: {"invalid_producer_id_mapping"},
    DESCRIBE_TRANSACTIONS: {"transactional_id_not_found"},
    ELECT_LEADERS: {"election_not_needed"},
    HEARTBEAT: {"unknown_member_id"},
    LEAVE_GROUP: {"unknown_member_id"},
    SYNC_GROUP: {"unknown_member_id"},
    DELETE_GROUPS: {"group_id_not_found"},
    OFFSET_DELETE: {"group_id_not_found"},
    CONSUMER_GROUP_DESCRIBE: {"group_id_not_found"},
    DESCRIBE_ACLS: {"security_disabled"},
    CREATE_ACLS: {"security_disabled"},
    DELETE_ACLS: {"security_disabled"},
    SASL_HANDSHAKE: {"illegal_sasl_state"},
    SASL_AUTHENTICATE: {"illegal_sasl_state"},
}


@pytest.mark.parametrize("key", NAMES, ids=NAMES.values())
async def test_is_answered(sim: AsyncSimulator, wire: Wire, key: int) -> None:
    served = registered()[key]
    for version in range(served.min_version, served.max_version + 1):
        sim.log.reset()
        sim.create_topic("t")
        answer = await wire.ask(key, version, **requests(sim, key, version))
        expected = EXPECTED.get(key, set())
        if key == JOIN_GROUP and version >= 4:
            expected = {"member_id_required"}
        if key == DESCRIBE_GROUPS and version >= 6:
            expected = {"group_id_not_found"}
        assert errors_in(answer) == expected, version


def test_no_api_is_untested() -> None:
    assert set(registered()) == set(NAMES)
    assert {key: api.module for key, api in registered().items()} == NAMES
