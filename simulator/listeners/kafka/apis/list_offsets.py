"""ListOffsets, key 2, versions 1 to 11.

Behavior
- By timestamp: the first record, in offset order, that is at least as late, exact to the record
  also inside a compressed batch, with its timestamp; offset and timestamp -1 where there is none.
- -1 is the end, -2 the first offset kept, -3 the record with the largest timestamp (KIP-734), -4
  the first offset kept locally (KIP-405), which is -2 here, and -5 what is in tiered storage
  (KIP-1005) and -6 what is to go there (KIP-1023), which are nothing.
- UNKNOWN_TOPIC_OR_PARTITION; UNSUPPORTED_VERSION for a negative timestamp that the version does not
  have; INVALID_REQUEST for a partition that is asked for twice, which is told once.
- NOT_LEADER_OR_FOLLOWER, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH: see `leader_error`. The epoch
  that is told is that of the record's leader, and for the end that of the present one.

Version notes
- 2 adds the isolation level; 4 leader epochs (KIP-320); 6 is flexible; 7, 8 and 9 add -3, -4 and
  -5; 10 a timeout for tiered storage; 11 adds -6.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.isolation import is_committed
from simulator.listeners.kafka.leadership import NO_EPOCH, leader_error
from simulator.listeners.kafka.registry import Request, api
from simulator.log import PartitionNotFound, TopicLog, TopicNotFound
from simulator.log.acls import Operation, ResourceType

LATEST, EARLIEST, MAX_TIMESTAMP, EARLIEST_LOCAL, LATEST_TIERED = -1, -2, -3, -4, -5
EARLIEST_PENDING_UPLOAD = -6
_SINCE = {
    LATEST: 1,
    EARLIEST: 1,
    MAX_TIMESTAMP: 7,
    EARLIEST_LOCAL: 8,
    LATEST_TIERED: 9,
    EARLIEST_PENDING_UPLOAD: 11,
}


@api(2, "list_offsets", (1, 11))
def list_offsets(request: Request) -> Any:
    """Find offsets."""
    make = request.schema.make
    asked = Counter(
        (topic.name, wanted.partition_index)
        for topic in request.body.topics
        for wanted in topic.partitions
    )
    twice = {place for place, times in asked.items() if times > 1}
    return request.schema.response(
        topics=tuple(
            make(
                "ListOffsetsTopicResponse",
                name=topic.name,
                partitions=tuple(
                    _partition(request, topic.name, wanted, twice)
                    for wanted in {each.partition_index: each for each in topic.partitions}.values()
                ),
            )
            for topic in request.body.topics
        )
    )


def _partition(request: Request, topic: str, wanted: Any, twice: set[tuple[str, int]]) -> Any:
    offset, timestamp = -1, -1
    try:
        code = _error(request, topic, wanted, twice)
        if code is ErrorCode.none:
            offset, timestamp = _find(
                request.cluster.log, topic, wanted.partition_index, wanted.timestamp
            )
            if is_committed(request):
                offset, timestamp = _stable(request, topic, wanted, offset, timestamp)
    except (TopicNotFound, PartitionNotFound):
        code = ErrorCode.unknown_topic_or_partition
    return request.schema.make(
        "ListOffsetsPartitionResponse",
        partition_index=wanted.partition_index,
        error_code=code,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=NO_EPOCH
        if offset < 0
        else request.cluster.log.epoch_at(topic, wanted.partition_index, offset),
    )


def _stable(
    request: Request, topic: str, wanted: Any, offset: int, timestamp: int
) -> tuple[int, int]:
    """What a reader of committed records is told."""
    log = request.cluster.log
    stable = log.transactions.last_stable_offset(topic, wanted.partition_index)
    if wanted.timestamp == LATEST:
        return stable, timestamp
    if wanted.timestamp in (EARLIEST, EARLIEST_LOCAL) or offset < stable:
        return offset, timestamp
    return -1, -1


def _error(request: Request, topic: str, wanted: Any, twice: set[tuple[str, int]]) -> ErrorCode:
    """Why a partition is not looked at; raises TopicNotFound or PartitionNotFound."""
    if (topic, wanted.partition_index) in twice:
        return ErrorCode.invalid_request
    if not request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, topic):
        return ErrorCode.topic_authorization_failed
    if wanted.timestamp < 0 and request.version < _SINCE.get(wanted.timestamp, 99):
        return ErrorCode.unsupported_version
    request.cluster.log.bounds(topic, wanted.partition_index)
    epoch = wanted.current_leader_epoch if request.version >= 4 else NO_EPOCH
    return leader_error(request, topic, wanted.partition_index, epoch)


def _find(log: TopicLog, topic: str, partition: int, timestamp: int) -> tuple[int, int]:
    """The offset and the timestamp to tell."""
    start, end = log.bounds(topic, partition)
    if timestamp == LATEST:
        return end, -1
    if timestamp in (EARLIEST, EARLIEST_LOCAL):
        return start, -1
    if timestamp in (LATEST_TIERED, EARLIEST_PENDING_UPLOAD):
        return -1, -1
    if timestamp == MAX_TIMESTAMP:
        latest = log.max_timestamp(topic, partition)
        if latest is None:
            return -1, -1
        timestamp = latest
    offset = log.offset_for_timestamp(topic, partition, timestamp)
    if offset is None:
        return -1, -1
    return offset, log.transactions.timestamp_of(topic, partition, offset)
