"""AlterPartitionReassignments, key 45, versions 0 to 1.

Behavior
- Gives partitions other replicas. It is done at once, since all brokers have the same log, unless
  one of the new replicas is stopped: then the reassignment waits for it. The leader changes only
  where it loses its replica, and the leader epoch when any replica goes.
- Null replicas cancel a reassignment that waits; NO_REASSIGNMENT_IN_PROGRESS where there is none.
- UNKNOWN_TOPIC_OR_PARTITION; INVALID_REPLICA_ASSIGNMENT for no replicas, unknown brokers, or one
  named twice; INVALID_REPLICATION_FACTOR for another number where the client forbids that.
  (`ReplicationControlManager.alterPartitionReassignment`.)

Version notes
- The API is of KIP-455; 1 lets the client forbid another number of replicas (KIP-860).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.replicas import BadReplicas, check_assignment
from simulator.log import PartitionNotFound, TopicNotFound
from simulator.log.acls import Operation, ResourceType

Answer = tuple[ErrorCode, str | None]


@api(45, "alter_partition_reassignments", (0, 1))
def alter_partition_reassignments(request: Request) -> Any:
    """Move replicas."""
    make = request.schema.make
    may_change = request.version == 0 or request.body.allow_replication_factor_change
    if not request.allowed(Operation.ALTER, ResourceType.CLUSTER):
        return request.schema.response(
            allow_replication_factor_change=may_change,
            error_code=ErrorCode.cluster_authorization_failed,
            error_message=CLUSTER_REFUSED,
            responses=(),
        )
    responses = []
    for topic in request.body.topics:
        partitions = []
        for wanted in topic.partitions:
            code, text = _altered(request, topic.name, wanted, may_change)
            partitions.append(
                make(
                    "ReassignablePartitionResponse",
                    partition_index=wanted.partition_index,
                    error_code=code,
                    error_message=text,
                )
            )
        responses.append(
            make("ReassignableTopicResponse", name=topic.name, partitions=tuple(partitions))
        )
    return request.schema.response(
        allow_replication_factor_change=may_change,
        error_code=ErrorCode.none,
        error_message=None,
        responses=tuple(responses),
    )


def _altered(request: Request, topic: str, wanted: Any, may_change: bool) -> Answer:
    cluster, number, replicas = request.cluster, wanted.partition_index, wanted.replicas
    try:
        place = cluster.place(topic, number)
    except TopicNotFound:
        text = f"Unable to find a topic named {topic}."
        return ErrorCode.unknown_topic_or_partition, text
    except PartitionNotFound:
        text = f"Unable to find partition {topic}:{number}."
        return ErrorCode.unknown_topic_or_partition, text
    if replicas is None:
        if not (place.adding or place.removing):
            return ErrorCode.no_reassignment_in_progress, None
        cluster.cancel_reassignment(topic, number)
        return ErrorCode.none, None
    try:
        check_assignment(request, replicas)
    except BadReplicas as error:
        return ErrorCode.invalid_replica_assignment, str(error)
    before = len(place.replicas) - len(place.adding)
    if not may_change and len(replicas) != before:
        text = f"The replication factor is changed from {before} to {len(replicas)}"
        return ErrorCode.invalid_replication_factor, text
    cluster.move_replicas(topic, number, replicas)
    return ErrorCode.none, None
