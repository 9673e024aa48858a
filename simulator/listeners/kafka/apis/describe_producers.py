"""DescribeProducers, key 61, version 0.

Behavior
- Tells the idempotent producers that a partition knows (KIP-664): epoch, last sequence number, when
  they wrote last, and where their open transaction begins, or -1.
- Followers tell it, too; a broker without a replica answers NOT_LEADER_OR_FOLLOWER.
- UNKNOWN_TOPIC_OR_PARTITION; INVALID_TOPIC_EXCEPTION for a bad name.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.leadership import leader_error
from simulator.listeners.kafka.registry import Request, api
from simulator.log import InvalidTopicName, PartitionNotFound, TopicNotFound
from simulator.log.acls import Operation, ResourceType
from simulator.log.topic import check_topic_name

NOT_HOSTED = "This server does not host this topic-partition."
"""What Kafka says beside UNKNOWN_TOPIC_OR_PARTITION of a topic."""


@api(61, "describe_producers", (0, 0))
def describe_producers(request: Request) -> Any:
    """Describe producers."""
    make = request.schema.make
    return request.schema.response(
        topics=tuple(
            make(
                "TopicResponse",
                name=topic.name,
                partitions=tuple(
                    _partition(request, topic.name, index) for index in topic.partition_indexes
                ),
            )
            for topic in request.body.topics
        )
    )


def _partition(request: Request, topic: str, index: int) -> Any:
    make = request.schema.make
    code, text, producers = ErrorCode.none, None, []
    try:
        check_topic_name(topic)
        if request.allowed(Operation.READ, ResourceType.TOPIC, topic):
            code = leader_error(request, topic, index, follower_too=True)
        else:
            code, text = ErrorCode.topic_authorization_failed, "Topic authorization failed."
        if code is ErrorCode.none:
            producers = request.cluster.log.transactions.producers(topic, index)
    except InvalidTopicName as error:
        code, text = ErrorCode.invalid_topic_exception, str(error)
    except TopicNotFound:
        code, text = ErrorCode.unknown_topic_or_partition, NOT_HOSTED
    except PartitionNotFound:
        code = ErrorCode.unknown_topic_or_partition
    return make(
        "PartitionResponse",
        partition_index=index,
        error_code=code,
        error_message=text,
        active_producers=tuple(
            make(
                "ProducerState",
                producer_id=found.producer_id,
                producer_epoch=found.entry.epoch,
                last_sequence=found.entry.last_sequence,
                last_timestamp=found.entry.last_timestamp,
                coordinator_epoch=found.entry.coordinator_epoch,
                current_txn_start_offset=-1 if found.open_since is None else found.open_since,
            )
            for found in producers
        ),
    )
