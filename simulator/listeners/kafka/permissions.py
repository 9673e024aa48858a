"""What several APIs ask before they do something; see also `Request.allowed`."""

from __future__ import annotations

from typing import Final

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request
from simulator.log import PartitionNotFound, TopicNotFound
from simulator.log.acls import Operation, ResourceType

CLUSTER_REFUSED: Final = "Cluster authorization failed."


def may_create(request: Request, topic: str) -> bool:
    """Whether the client may create a topic: as any in the cluster, or as this one."""
    return request.allowed(Operation.CREATE, ResourceType.CLUSTER) or request.allowed(
        Operation.CREATE, ResourceType.TOPIC, topic
    )


def partition_refusal(
    request: Request, operation: Operation, topic: str, partition: int
) -> ErrorCode:
    """Why the client may not do that with a partition: not allowed, or there is no such one."""
    if not request.allowed(operation, ResourceType.TOPIC, topic):
        return ErrorCode.topic_authorization_failed
    try:
        request.cluster.log.bounds(topic, partition)
    except (TopicNotFound, PartitionNotFound):
        return ErrorCode.unknown_topic_or_partition
    return ErrorCode.none


def cluster_authorized_operations(request: Request) -> int:
    """What the client may do with the cluster, as bits; nothing is told without DESCRIBE."""
    if not request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER):
        return 0
    return request.authorized_operations(ResourceType.CLUSTER)
