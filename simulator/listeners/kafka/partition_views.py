"""A partition as Metadata and DescribeTopicPartitions tell of it."""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request
from simulator.log.placement import NO_LEADER, PartitionPlace


def partition_view(
    request: Request, message: str, index: int, place: PartitionPlace, **more: Any
) -> Any:
    """The `message` that says where a partition is; `more` has the fields that only it has."""
    alive = request.cluster.placement.running
    led = place.leader != NO_LEADER
    return request.schema.make(
        message,
        error_code=ErrorCode.none if led else ErrorCode.leader_not_available,
        partition_index=index,
        leader_id=place.leader,
        leader_epoch=place.leader_epoch,
        replica_nodes=place.replicas,
        isr_nodes=place.isr,
        offline_replicas=tuple(node for node in place.replicas if node not in alive),
        **more,
    )
