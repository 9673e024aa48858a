"""ListPartitionReassignments, key 46, version 0.

Behavior
- The partitions of the named topics, or of all where they are null, whose reassignment waits for a
  broker that is stopped. Topics and partitions that do not exist are left out.

Version notes
- The API is of KIP-455.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(46, "list_partition_reassignments", (0, 0))
def list_partition_reassignments(request: Request) -> Any:
    """List reassignments."""
    make, asked = request.schema.make, request.body.topics
    if not request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER):
        return request.schema.response(
            error_code=ErrorCode.cluster_authorization_failed,
            error_message=CLUSTER_REFUSED,
            topics=(),
        )
    wanted = None
    if asked is not None:
        wanted = {(topic.name, number) for topic in asked for number in topic.partition_indexes}
    topics: dict[str, list[Any]] = {}
    for moved in request.cluster.placement.reassignments():
        name = request.cluster.topic_name(moved.topic_id)
        if name is None or (wanted is not None and (name, moved.partition) not in wanted):
            continue
        topics.setdefault(name, []).append(
            make(
                "OngoingPartitionReassignment",
                partition_index=moved.partition,
                replicas=moved.place.replicas,
                adding_replicas=moved.place.adding,
                removing_replicas=moved.place.removing,
            )
        )
    return request.schema.response(
        error_code=ErrorCode.none,
        error_message=None,
        topics=tuple(
            make("OngoingTopicReassignment", name=name, partitions=tuple(partitions))
            for name, partitions in topics.items()
        ),
    )
