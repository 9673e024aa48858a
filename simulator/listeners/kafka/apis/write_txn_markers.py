"""WriteTxnMarkers, key 27, versions 1 to 2.

Behavior
- Writes the markers of transactions to partitions that this broker leads. Brokers send it to each
  other; administrators do to end a transaction that hangs, which the coordinator does not hear of.
- UNKNOWN_TOPIC_OR_PARTITION for a partition that is not here, or that others lead;
  INVALID_PRODUCER_EPOCH for a producer that has a newer epoch; TRANSACTION_COORDINATOR_FENCED for
  an older coordinator; KAFKA_STORAGE_ERROR when the log is full and nothing is open to be ended.

Version notes
- 1 is flexible; 2 adds the transaction version: from 2 on a marker needs a newer epoch than the
  records that it ends (KIP-890).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.leadership import leader_error
from simulator.listeners.kafka.registry import Request, api
from simulator.log import (
    CoordinatorFenced,
    LogFull,
    Marker,
    PartitionNotFound,
    ProducerFenced,
    TopicNotFound,
)
from simulator.log.acls import Operation, ResourceType
from simulator.log.pending_offsets import OFFSETS_TOPIC
from simulator.log.placement import COORDINATOR_PARTITIONS
from simulator.log.transaction import Producer


@api(27, "write_txn_markers", (1, 2))
def write_txn_markers(request: Request) -> Any:
    """Write markers."""
    make = request.schema.make
    return request.schema.response(
        markers=tuple(
            make(
                "WritableTxnMarkerResult",
                producer_id=wanted.producer_id,
                topics=tuple(
                    make(
                        "WritableTxnMarkerTopicResult",
                        name=topic.name,
                        partitions=tuple(
                            make(
                                "WritableTxnMarkerPartitionResult",
                                partition_index=index,
                                error_code=_write(request, wanted, topic.name, index),
                            )
                            for index in topic.partition_indexes
                        ),
                    )
                    for topic in wanted.topics
                ),
            )
            for wanted in request.body.markers
        )
    )


def _write(request: Request, wanted: Any, topic: str, partition: int) -> ErrorCode:
    if not (
        request.allowed(Operation.CLUSTER_ACTION, ResourceType.CLUSTER)
        or request.allowed(Operation.ALTER, ResourceType.CLUSTER)
    ):
        return ErrorCode.cluster_authorization_failed
    bumps_epochs = request.version >= 2 and wanted.transaction_version >= 2
    try:
        if topic == OFFSETS_TOPIC:
            if not 0 <= partition < COORDINATOR_PARTITIONS:
                return ErrorCode.unknown_topic_or_partition
        elif leader_error(request, topic, partition) is not ErrorCode.none:
            return ErrorCode.unknown_topic_or_partition
        request.cluster.transactions.write(
            (topic, partition),
            Marker.COMMIT if wanted.transaction_result else Marker.ABORT,
            Producer(wanted.producer_id, wanted.producer_epoch),
            wanted.coordinator_epoch,
            bumps_epochs=bumps_epochs,
        )
    except (TopicNotFound, PartitionNotFound):
        return ErrorCode.unknown_topic_or_partition
    except ProducerFenced:
        return ErrorCode.invalid_producer_epoch
    except LogFull:
        return ErrorCode.kafka_storage_error
    except CoordinatorFenced:
        return ErrorCode.transaction_coordinator_fenced
    return ErrorCode.none
