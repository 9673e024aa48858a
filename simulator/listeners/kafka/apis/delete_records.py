"""DeleteRecords, key 21, versions 0 to 2.

Behavior
- Deletes what lies before an offset, -1 for everything, and tells the first offset that is left.
  An offset before that deletes nothing.
- OFFSET_OUT_OF_RANGE behind the end or below -1; UNKNOWN_TOPIC_OR_PARTITION; the errors of a broker
  that does not lead; POLICY_VIOLATION where the topic's policy does not delete;
  INVALID_TOPIC_EXCEPTION for topics that the cluster keeps for itself.

Version notes
- 2 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.leadership import leader_error
from simulator.listeners.kafka.permissions import partition_refusal
from simulator.listeners.kafka.registry import Request, api
from simulator.log import OffsetOutOfRange
from simulator.log.acls import Operation
from simulator.log.topic import INTERNAL

_ALL = -1


@api(21, "delete_records", (0, 2))
def delete_records(request: Request) -> Any:
    """Delete the oldest records of partitions."""
    make = request.schema.make
    return request.schema.response(
        topics=tuple(
            make(
                "DeleteRecordsTopicResult",
                name=topic.name,
                partitions=tuple(_partition(request, topic.name, p) for p in topic.partitions),
            )
            for topic in request.body.topics
        )
    )


def _partition(request: Request, topic: str, partition: Any) -> Any:
    index = partition.partition_index
    low, code = -1, _refusal(request, topic, index)
    if code is ErrorCode.none:
        offset = partition.offset
        if offset == _ALL:
            offset = request.cluster.log.bounds(topic, index)[1]
        try:
            low = request.cluster.control.delete_records(topic, offset, partition=index)
        except OffsetOutOfRange:
            code = ErrorCode.offset_out_of_range
    return request.schema.make(
        "DeleteRecordsPartitionResult",
        partition_index=index,
        low_watermark=low,
        error_code=code,
    )


def _refusal(request: Request, topic: str, partition: int) -> ErrorCode:
    code = partition_refusal(request, Operation.DELETE, topic, partition)
    if code is not ErrorCode.none:
        return code
    if topic in INTERNAL:
        return ErrorCode.invalid_topic_exception
    code = leader_error(request, topic, partition)
    if code is not ErrorCode.none:
        return code
    config = request.cluster.log.topic(topic).config
    policies = request.cluster.resources.topics.value(config, "cleanup.policy")
    if policies == ["compact"]:
        return ErrorCode.policy_violation
    return ErrorCode.none
