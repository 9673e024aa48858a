"""AlterReplicaLogDirs, key 34, versions 1 to 2.

Behavior
- Moves replicas between the directories of a broker. There is one, so nothing moves:
  LOG_DIR_NOT_FOUND for another; UNKNOWN_TOPIC_OR_PARTITION; REPLICA_NOT_AVAILABLE where the broker
  holds no replica.

Version notes
- 2 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log import PartitionNotFound, TopicNotFound
from simulator.log.acls import Operation, ResourceType


@api(34, "alter_replica_log_dirs", (1, 2))
def alter_replica_log_dirs(request: Request) -> Any:
    """Say what comes of moving replicas to other directories."""
    make = request.schema.make
    return request.schema.response(
        results=tuple(
            make(
                "AlterReplicaLogDirTopicResult",
                topic_name=topic.name,
                partitions=tuple(
                    make(
                        "AlterReplicaLogDirPartitionResult",
                        partition_index=partition,
                        error_code=_moved(request, directory.path, topic.name, partition),
                    )
                    for partition in topic.partitions
                ),
            )
            for directory in request.body.dirs
            for topic in directory.topics
        )
    )


def _moved(request: Request, path: str, topic: str, partition: int) -> ErrorCode:
    if not request.allowed(Operation.ALTER, ResourceType.CLUSTER):
        return ErrorCode.cluster_authorization_failed
    if path not in request.cluster.config.list("log.dirs"):
        return ErrorCode.log_dir_not_found
    try:
        place = request.cluster.place(topic, partition)
    except (TopicNotFound, PartitionNotFound):
        return ErrorCode.unknown_topic_or_partition
    held = request.node_id in place.replicas
    return ErrorCode.none if held else ErrorCode.replica_not_available
