"""DescribeQuorum, key 55, versions 0 to 2.

Behavior
- Tells the quorum of the controllers, which is about partition 0 of `__cluster_metadata`: each
  broker is one of them, and all have the same log. UNKNOWN_TOPIC_OR_PARTITION for all that is asked
  when anything else is.

Version notes
- The API is of KIP-595; 1 adds times (KIP-836); 2 directories, texts of errors and the addresses of
  the controllers (KIP-853).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.endpoints import endpoint
from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType

TOPIC = "__cluster_metadata"
LISTENER = "PLAINTEXT"
UNKNOWN = "This server does not host this topic-partition."


@api(55, "describe_quorum", (0, 2))
def describe_quorum(request: Request) -> Any:
    """Describe the quorum."""
    if not request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER):
        return request.schema.response(
            error_code=ErrorCode.cluster_authorization_failed,
            error_message=CLUSTER_REFUSED,
            topics=(),
            nodes=(),
        )
    asked = [(t.topic_name, [p.partition_index for p in t.partitions]) for t in request.body.topics]
    known = asked == [(TOPIC, [0])]
    make = request.schema.make
    return request.schema.response(
        error_code=ErrorCode.none,
        error_message="",
        topics=tuple(
            make(
                "TopicData",
                topic_name=name,
                partitions=tuple(
                    _quorum(request) if known else _unknown(request, number) for number in numbers
                ),
            )
            for name, numbers in asked
        ),
        nodes=_nodes(request) if known and request.version >= 2 else (),
    )


def _unknown(request: Request, number: int) -> Any:
    return request.schema.make(
        "PartitionData",
        partition_index=number,
        error_code=ErrorCode.unknown_topic_or_partition,
        error_message=UNKNOWN,
        leader_id=0,
        leader_epoch=0,
        high_watermark=0,
        current_voters=(),
        observers=(),
    )


def _quorum(request: Request) -> Any:
    placement, make = request.cluster.placement, request.schema.make
    now = request.cluster.publisher.now_ms()
    voters = tuple(
        make(
            "ReplicaState",
            replica_id=node_id,
            replica_directory_id=None,
            log_end_offset=placement.changes,
            last_fetch_timestamp=now,
            last_caught_up_timestamp=now,
        )
        for node_id in placement.nodes
    )
    return make(
        "PartitionData",
        partition_index=0,
        error_code=ErrorCode.none,
        error_message="",
        leader_id=placement.controller,
        leader_epoch=placement.controller_epoch,
        high_watermark=placement.changes,
        current_voters=voters,
        observers=(),
    )


def _nodes(request: Request) -> tuple[Any, ...]:
    make = request.schema.make
    return tuple(
        make(
            "Node",
            node_id=node_id,
            listeners=(make("Listener", name=LISTENER, **endpoint(request, node_id)),),
        )
        for node_id in request.cluster.placement.nodes
    )
