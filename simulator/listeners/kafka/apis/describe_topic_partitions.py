"""DescribeTopicPartitions, key 75, version 0.

Behavior
- Topics by name with their partitions, up to a number of partitions; the cursor says where the next
  request goes on. All topics where none are named (KIP-966).
- UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION; INVALID_REQUEST for each topic where the
  cursor names none of them or a negative partition.
- A broker sets the limit of its own, `max.request.partition.size.limit`; at least one is told.

Version notes
- 0 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.internal_topics import show_internal_topics
from simulator.listeners.kafka.partition_views import partition_view
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.topic_names import name_problem
from simulator.log.acls import Operation, ResourceType
from simulator.log.placement import PartitionPlace

NOT_ASKED = -(1 << 31)


@api(75, "describe_topic_partitions", (0, 0))
def describe_topic_partitions(request: Request) -> Any:
    """Describe topics, some partitions at a time."""
    body, log = request.body, request.cluster.log
    cursor = body.cursor
    show_internal_topics(request.cluster)
    named = sorted({topic.name for topic in body.topics})
    if cursor is not None and (
        cursor.partition_index < 0 or (named and cursor.topic_name not in named)
    ):
        failed = tuple(
            _failed(request, each.name, ErrorCode.invalid_request) for each in body.topics
        )
        return request.schema.response(topics=failed, next_cursor=None)
    names = named or [topic.name for topic in log.topics()]
    if cursor is not None:
        names = [name for name in names if name >= cursor.topic_name]
    limit = request.cluster.config.int("max.request.partition.size.limit")
    left = max(min(limit, body.response_partition_limit), 1)
    topics, following = [], None
    for name in names:
        if not request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, name):
            if named:
                topics.append(_failed(request, name, ErrorCode.topic_authorization_failed))
            continue
        if not log.has_topic(name):
            wrong = ErrorCode.invalid_topic_exception
            unknown = ErrorCode.unknown_topic_or_partition
            topics.append(_failed(request, name, wrong if name_problem(name) else unknown))
            continue
        if left == 0:
            following = request.schema.make("Cursor", topic_name=name, partition_index=0)
            break
        first = 0
        if cursor is not None and name == cursor.topic_name:
            first = cursor.partition_index
        places = list(enumerate(request.cluster.places(name)))[first:]
        topics.append(_described(request, name, places[:left]))
        if len(places) > left:
            rest = first + left
            following = request.schema.make("Cursor", topic_name=name, partition_index=rest)
            break
        left -= len(places)
    return request.schema.response(topics=tuple(topics), next_cursor=following)


def _failed(request: Request, name: str, code: ErrorCode) -> Any:
    return request.schema.make(
        "DescribeTopicPartitionsResponseTopic",
        error_code=code,
        name=name,
        topic_id=None,
        is_internal=False,
        partitions=(),
        topic_authorized_operations=request.authorized_operations(ResourceType.TOPIC, name)
        if code is ErrorCode.unknown_topic_or_partition
        else NOT_ASKED,
    )


def _described(request: Request, name: str, places: list[tuple[int, PartitionPlace]]) -> Any:
    info = request.cluster.log.topic(name)
    return request.schema.make(
        "DescribeTopicPartitionsResponseTopic",
        error_code=ErrorCode.none,
        name=name,
        topic_id=info.topic_id,
        is_internal=info.internal,
        partitions=tuple(_partition(request, index, place) for index, place in places),
        topic_authorized_operations=request.authorized_operations(ResourceType.TOPIC, name),
    )


def _partition(request: Request, index: int, place: PartitionPlace) -> Any:
    return partition_view(
        request,
        "DescribeTopicPartitionsResponsePartition",
        index,
        place,
        eligible_leader_replicas=(),
        last_known_elr=(),
    )
