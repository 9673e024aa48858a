"""TxnOffsetCommit, key 28, versions 0 to 5.

Behavior
- Offsets that become the group's when the transaction is committed, and are forgotten when it is
  aborted, or when the group's offset there is deleted. Until then an OffsetFetch that wants stable
  ones is told to wait. An offset that the group has committed otherwise after that one stays.
- The group must belong to the transaction: INVALID_TXN_STATE, and TRANSACTION_ABORTABLE from
  version 4 on. From version 5 on it is added to the transaction.
- INVALID_PRODUCER_ID_MAPPING; INVALID_PRODUCER_EPOCH for a fenced producer;
  CONCURRENT_TRANSACTIONS while the transaction before ends.
- A consumer that names its member and generation is checked as by OffsetCommit: UNKNOWN_MEMBER_ID,
  ILLEGAL_GENERATION, FENCED_INSTANCE_ID; without, no check is made. A rebalance does not matter.
- UNKNOWN_TOPIC_OR_PARTITION, OFFSET_METADATA_TOO_LARGE, INVALID_GROUP_ID, NOT_COORDINATOR.

Version notes
- 2 adds leader epochs (KIP-320); 3 is flexible and adds member and generation (KIP-447); 4 and 5
  are of KIP-890.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.commit_notes import note_of
from simulator.listeners.kafka.permissions import partition_refusal
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.transactions import FIRST_BUMPING_OFFSET_COMMIT
from simulator.log.acls import Operation, ResourceType
from simulator.log.groups import NO_EPOCH, Commit
from simulator.log.pending_offsets import offsets_place
from simulator.log.transaction import Producer, TransactionError


@api(28, "txn_offset_commit", (0, 5))
def txn_offset_commit(request: Request) -> Any:
    """Commit offsets in a transaction."""
    body, make = request.body, request.schema.make
    fine = any(
        _problem(request, topic.name, partition) is ErrorCode.none
        for topic in body.topics
        for partition in topic.partitions
    )
    refused = _denied(request)
    if refused is ErrorCode.none and fine:
        refused = _refused(request)
    return request.schema.response(
        topics=tuple(
            make(
                "TxnOffsetCommitResponseTopic",
                name=topic.name,
                partitions=tuple(
                    make(
                        "TxnOffsetCommitResponsePartition",
                        partition_index=partition.partition_index,
                        error_code=_store(request, topic.name, partition, refused),
                    )
                    for partition in topic.partitions
                ),
            )
            for topic in body.topics
        )
    )


def _denied(request: Request) -> ErrorCode:
    """Why nothing is looked at."""
    body = request.body
    if not request.allowed(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, body.transactional_id):
        return ErrorCode.transactional_id_authorization_failed
    if not request.allowed(Operation.READ, ResourceType.GROUP, body.group_id):
        return ErrorCode.group_authorization_failed
    return ErrorCode.none


_DENIED = (ErrorCode.transactional_id_authorization_failed, ErrorCode.group_authorization_failed)


def _refused(request: Request) -> ErrorCode:
    """Why no offset at all is taken."""
    body, cluster, version = request.body, request.cluster, request.version
    if not cluster.coordinates(request.node_id, body.group_id):
        return ErrorCode.not_coordinator
    if not body.group_id:
        return ErrorCode.invalid_group_id
    producer = Producer(body.producer_id, body.producer_epoch)
    adds = version >= FIRST_BUMPING_OFFSET_COMMIT
    place = offsets_place(body.group_id)
    error = cluster.transactions.admit(body.transactional_id, producer, place, adds=adds)
    if error is TransactionError.TRANSACTION_ABORTABLE and version < 4:
        error = TransactionError.INVALID_TXN_STATE
    if error is not TransactionError.NONE:
        return ErrorCode(error.value)
    if version < 3 or (
        body.generation_id < 0 and not body.member_id and body.group_instance_id is None
    ):
        return ErrorCode.none
    checked = cluster.groups.may_commit(
        body.group_id,
        body.member_id,
        body.group_instance_id,
        body.generation_id,
        transactional=True,
    )
    return ErrorCode(checked.value)


def _problem(request: Request, topic: str, partition: Any) -> ErrorCode:
    """What is wrong with one offset."""
    return partition_refusal(request, Operation.READ, topic, partition.partition_index)


def _store(request: Request, topic: str, partition: Any, refused: ErrorCode) -> ErrorCode:
    error = refused if refused in _DENIED else _problem(request, topic, partition)
    if error is ErrorCode.none:
        error = refused
    if error is not ErrorCode.none:
        return error
    body, cluster = request.body, request.cluster
    metadata = note_of(partition.committed_metadata, request)
    if metadata is None:
        return ErrorCode.offset_metadata_too_large
    epoch = partition.committed_leader_epoch if request.version >= 2 else NO_EPOCH
    cluster.transactions.commit_later(
        body.group_id,
        Producer(body.producer_id, body.producer_epoch),
        (topic, partition.partition_index),
        Commit(partition.committed_offset, epoch, metadata),
    )
    cluster.groups.committed(body.group_id)
    return ErrorCode.none
