"""Metadata, key 3, versions 0 to 13.

Behavior
- Tells the brokers, the controller, and topics: all where none are named (null; in version 0 an
  empty list), else the named ones.
- A named topic that does not exist is created if the client allows it, as
  `auto.create.topics.enable` has it by default. Clients before version 4 cannot say, and allow it.
- `__consumer_offsets` is there once a group has committed, `__transaction_state` once there was a
  transaction.
- Otherwise UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION for an impossible name, and
  UNKNOWN_TOPIC_ID for an id that no topic has. Nothing is created for an id.
- A topic that is named twice is told once. Ids before version 12 are INVALID_REQUEST.
- The brokers that run are told, at the host by which the client has reached this one. A partition
  none of whose in-sync replicas runs is LEADER_NOT_AVAILABLE, and its leader -1.

Version notes
- 1 adds the controller, racks and internal topics; 2 the cluster id; 3 the throttle time; 4 the
  permission to create; 5 offline replicas; 7 leader epochs (KIP-320); 8 to 10 authorized operations
  (KIP-430; those of the cluster moved to DescribeCluster with 11, KIP-700); 9 is flexible; 10 tells
  and 12 asks for topic ids (KIP-516); 13 adds an error for all.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.cluster import CLUSTER_ID
from simulator.listeners.kafka.endpoints import endpoints, running
from simulator.listeners.kafka.internal_topics import (
    create_internal_topic,
    show_internal_topics,
)
from simulator.listeners.kafka.partition_views import partition_view
from simulator.listeners.kafka.permissions import cluster_authorized_operations, may_create
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.topic_names import Collisions
from simulator.log import InvalidTopicName, InvalidTopicSetting, TooManyPartitions, TopicInfo
from simulator.log.acls import Operation, ResourceType
from simulator.log.topic import check_topic_name

NOT_ASKED = -(1 << 31)


@api(3, "metadata", (0, 13))
def metadata(request: Request) -> Any:
    """Describe the cluster."""
    body, version = request.body, request.version
    wanted = body.topics
    if 10 <= version < 12 and any(topic.name is None or topic.topic_id for topic in wanted or ()):
        return _invalid(request)
    show_internal_topics(request.cluster)
    if wanted is None or (version == 0 and not wanted):
        topics = [
            _described(request, info)
            for info in request.cluster.log.topics()
            if request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, info.name)
        ]
    else:
        known = Collisions(request.cluster.log.topic_names)
        topics = [
            _by_id(request, topic.topic_id)
            if version >= 10 and topic.name is None
            else _by_name(request, topic.name, known)
            for topic in dict.fromkeys(wanted)
        ]
        # When all that are missing have been created: their places are found together.
        topics = [
            _described(request, request.cluster.log.topic(found))
            if isinstance(found, str)
            else found
            for found in topics
        ]
    cluster_operations = NOT_ASKED
    if 8 <= version <= 10 and body.include_cluster_authorized_operations:
        cluster_operations = cluster_authorized_operations(request)
    return request.schema.response(
        brokers=endpoints(request, "MetadataResponseBroker", running(request)),
        cluster_id=CLUSTER_ID,
        controller_id=request.cluster.placement.controller,
        topics=tuple(topics),
        cluster_authorized_operations=cluster_operations,
        error_code=ErrorCode.none,
    )


def _invalid(request: Request) -> Any:
    """The answer to a request that asks for ids in a version where servers only tell them."""
    return request.schema.response(
        brokers=(),
        cluster_id=None,
        controller_id=-1,
        topics=tuple(
            _failed(request, ErrorCode.invalid_request, topic.name, topic.topic_id)
            for topic in request.body.topics
        ),
        cluster_authorized_operations=NOT_ASKED,
    )


def _by_name(request: Request, name: str, others: Collisions) -> Any:
    """The name of a topic that exists, or is created; else what is told instead."""
    log, body = request.cluster.log, request.body
    creates = request.version < 4 or body.allow_auto_topic_creation
    known = log.has_topic(name)
    if not request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, name) or (
        not known and creates and not may_create(request, name)
    ):
        return _failed(request, ErrorCode.topic_authorization_failed, name, None)
    if not known:
        try:
            check_topic_name(name)
        except InvalidTopicName:
            return _failed(request, ErrorCode.invalid_topic_exception, name, None)
        if not creates:
            return _failed(request, ErrorCode.unknown_topic_or_partition, name, None)
        if not request.cluster.config.bool("auto.create.topics.enable"):
            return _failed(request, ErrorCode.unknown_topic_or_partition, name, None)
        if others.of(name):
            return _failed(request, ErrorCode.invalid_topic_exception, name, None)
        try:
            if not create_internal_topic(request.cluster, name):
                request.cluster.control.create_topic(
                    name, partitions=request.cluster.config.int("num.partitions")
                )
        except (InvalidTopicSetting, TooManyPartitions):
            return _failed(request, ErrorCode.unknown_topic_or_partition, name, None)
        others.add(name)
    return name


def _by_id(request: Request, topic_id: UUID | None) -> Any:
    name = request.cluster.topic_name(topic_id)
    if name is None:
        return _failed(request, ErrorCode.unknown_topic_id, None, topic_id)
    if not request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, name):
        return _failed(request, ErrorCode.topic_authorization_failed, None, topic_id)
    return _described(request, request.cluster.log.topic(name))


def _failed(request: Request, error: ErrorCode, name: str | None, topic_id: UUID | None) -> Any:
    if name is None and request.version < 12:
        name = ""
    return request.schema.make(
        "MetadataResponseTopic",
        error_code=error,
        name=name,
        topic_id=topic_id,
        is_internal=False,
        partitions=(),
        topic_authorized_operations=NOT_ASKED,
    )


def _described(request: Request, info: TopicInfo) -> Any:
    operations = NOT_ASKED
    if request.version >= 8 and request.body.include_topic_authorized_operations:
        operations = request.authorized_operations(ResourceType.TOPIC, info.name)
    return request.schema.make(
        "MetadataResponseTopic",
        error_code=ErrorCode.none,
        name=info.name,
        topic_id=info.topic_id,
        is_internal=info.internal,
        partitions=tuple(
            partition_view(request, "MetadataResponsePartition", index, place)
            for index, place in enumerate(request.cluster.places(info.name))
        ),
        topic_authorized_operations=operations,
    )
