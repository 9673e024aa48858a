"""What several APIs ask before they do something; see also `Request.allowed`."""

from __future__ import annotations

from typing import Final

from simulator.listeners.kafka.registry import Request
from simulator.log.acls import Operation, ResourceType

CLUSTER_REFUSED: Final = "Cluster authorization failed."


def may_create(request: Request, topic: str) -> bool:
    """Whether the client may create a topic: as any in the cluster, or as this one."""
    return request.allowed(Operation.CREATE, ResourceType.CLUSTER) or request.allowed(
        Operation.CREATE, ResourceType.TOPIC, topic
    )


def cluster_authorized_operations(request: Request) -> int:
    """What the client may do with the cluster, as bits; nothing is told without DESCRIBE."""
    if not request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER):
        return 0
    return request.authorized_operations(ResourceType.CLUSTER)
