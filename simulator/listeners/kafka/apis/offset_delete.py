"""OffsetDelete, key 47, version 0.

Behavior
- Forgets committed offsets of single partitions (KIP-496). GROUP_SUBSCRIBED_TO_TOPIC where a member
  reads the topic, UNKNOWN_TOPIC_OR_PARTITION where there is none; no error where nothing was
  committed. What an open transaction has committed there is forgotten, too.
- GROUP_AUTHORIZATION_FAILED without DELETE on the group, TOPIC_AUTHORIZATION_FAILED without READ on
  a topic.
- INVALID_GROUP_ID for an empty name, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP for a group with members
  that are no consumers; then no partition is answered.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.group_views import CONSUMERS, is_subscribed
from simulator.listeners.kafka.permissions import partition_refusal
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(47, "offset_delete", (0, 0))
def offset_delete(request: Request) -> Any:
    """Delete committed offsets."""
    refused = _refused(request)
    if refused is not ErrorCode.none:
        return request.schema.response(error_code=refused, topics=())
    make = request.schema.make
    return request.schema.response(
        error_code=ErrorCode.none,
        topics=tuple(
            make(
                "OffsetDeleteResponseTopic",
                name=topic.name,
                partitions=tuple(
                    make(
                        "OffsetDeleteResponsePartition",
                        partition_index=partition.partition_index,
                        error_code=_deleted(request, topic.name, partition.partition_index),
                    )
                    for partition in topic.partitions
                ),
            )
            for topic in request.body.topics
        ),
    )


def _refused(request: Request) -> ErrorCode:
    name = request.body.group_id
    coordinator = request.cluster.groups
    if not request.allowed(Operation.DELETE, ResourceType.GROUP, name):
        return ErrorCode.group_authorization_failed
    if not name:
        return ErrorCode.invalid_group_id
    if not (coordinator.exists(name) or request.cluster.transactions.offsets.has(name)):
        return ErrorCode.group_id_not_found
    group = coordinator.group(name)
    if group is not None and group.members and group.protocol_type != CONSUMERS:
        return ErrorCode.non_empty_group
    return ErrorCode.none


def _deleted(request: Request, topic: str, partition: int) -> ErrorCode:
    log, name = request.cluster.log, request.body.group_id
    code = partition_refusal(request, Operation.READ, topic, partition)
    if code is not ErrorCode.none:
        return code
    if is_subscribed(request.cluster.groups, log, name, topic):
        return ErrorCode.group_subscribed_to_topic
    log.groups.delete_commits(name, [(topic, partition)])
    request.cluster.transactions.offsets.forget(name, (topic, partition))
    return ErrorCode.none
