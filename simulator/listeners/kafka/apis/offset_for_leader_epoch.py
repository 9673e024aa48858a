"""OffsetForLeaderEpoch, key 23, versions 2 to 4.

Behavior
- For each partition the largest leader epoch up to the asked one that has records, and the offset
  behind its last record; epoch and offset -1 for an epoch that is still to come, and the first
  offset kept for one whose records are all deleted. (`LeaderEpochFileCache.endOffsetFor`.)
- UNKNOWN_TOPIC_OR_PARTITION; NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH: see
  `leader_error`.

Version notes
- 2 adds the client's own epoch (KIP-320) and the throttle time; 3 the replica (KIP-392); 4 is
  flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.leadership import leader_error
from simulator.listeners.kafka.registry import Request, api
from simulator.log import PartitionNotFound, TopicNotFound
from simulator.log.acls import Operation, ResourceType
from simulator.log.leader_epochs import UNDEFINED, EpochEnd


@api(23, "offset_for_leader_epoch", (2, 4))
def offset_for_leader_epoch(request: Request) -> Any:
    """Tell where epochs end."""
    make = request.schema.make
    return request.schema.response(
        topics=tuple(
            make(
                "OffsetForLeaderTopicResult",
                topic=topic.topic,
                partitions=tuple(
                    _partition(request, topic.topic, asked) for asked in topic.partitions
                ),
            )
            for topic in request.body.topics
        )
    )


def _partition(request: Request, topic: str, asked: Any) -> Any:
    found = EpochEnd(UNDEFINED, UNDEFINED)
    log, number = request.cluster.log, asked.partition
    try:
        if request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, topic):
            log.bounds(topic, number)
            code = leader_error(request, topic, number, asked.current_leader_epoch)
        else:
            code = ErrorCode.topic_authorization_failed
        if code is ErrorCode.none:
            found = log.epoch_end(topic, number, asked.leader_epoch)
    except (TopicNotFound, PartitionNotFound):
        code = ErrorCode.unknown_topic_or_partition
    return request.schema.make(
        "EpochEndOffset",
        error_code=code,
        partition=number,
        leader_epoch=found.epoch,
        end_offset=found.end_offset,
    )
