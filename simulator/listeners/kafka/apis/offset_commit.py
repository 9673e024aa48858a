"""OffsetCommit, key 8, versions 2 to 10.

Behavior
- Members commit in their generation; whoever is no member may commit to a group without members.
  UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, FENCED_INSTANCE_ID, REBALANCE_IN_PROGRESS.
- Members of consumer groups (KIP-848) commit in their epoch, or in an older one where they have had
  the partition since then (KIP-1251): STALE_MEMBER_EPOCH; UNSUPPORTED_VERSION before version 9.
- Any offset is taken. OFFSET_METADATA_TOO_LARGE beyond 4096 bytes; UNKNOWN_TOPIC_OR_PARTITION.
- The offsets are those that the gRPC door shows for the group, and snapshots hold them.

Version notes
- 5 drops the retention time (KIP-211); 6 adds leader epochs (KIP-320); 7 static members (KIP-345);
  8 is flexible; 9 is of KIP-848; 10 names topics by id.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.commit_notes import note_of
from simulator.listeners.kafka.permissions import partition_refusal
from simulator.listeners.kafka.registry import Request, api
from simulator.log import InvalidGroup
from simulator.log.acls import Operation, ResourceType
from simulator.log.groups import NO_EPOCH, Commit


@api(8, "offset_commit", (2, 10))
def offset_commit(request: Request) -> Any:
    """Commit offsets."""
    body, make, version = request.body, request.schema.make, request.version
    refused = ErrorCode(
        request.cluster.groups.may_commit(
            body.group_id,
            body.member_id,
            body.group_instance_id if version >= 7 else None,
            body.generation_id_or_member_epoch,
        ).value
    )
    if (
        refused is ErrorCode.illegal_generation
        and version >= 9
        and not request.cluster.groups.exists(body.group_id)
    ):
        refused = ErrorCode.group_id_not_found
    if version < 9:
        group = request.cluster.groups.consumer_group(body.group_id)
        if group is not None and body.member_id in group.members:
            refused = ErrorCode.unsupported_version
    if not request.allowed(Operation.READ, ResourceType.GROUP, body.group_id):
        refused = ErrorCode.group_authorization_failed
    topics = []
    for topic in body.topics:
        by_id = version >= 10
        name = request.cluster.topic_name(topic.topic_id) if by_id else topic.name
        topics.append(
            make(
                "OffsetCommitResponseTopic",
                partitions=tuple(
                    make(
                        "OffsetCommitResponsePartition",
                        partition_index=partition.partition_index,
                        error_code=_stored(request, name, partition, refused),
                    )
                    for partition in topic.partitions
                ),
                **({"topic_id": topic.topic_id} if by_id else {"name": name}),
            )
        )
    return request.schema.response(topics=tuple(topics))


def _stored(request: Request, topic: str | None, partition: Any, refused: ErrorCode) -> ErrorCode:
    """Keep one offset, if its place exists; `refused` is the error of the whole group."""
    if refused is ErrorCode.group_authorization_failed:
        return refused
    if topic is None:
        return ErrorCode.unknown_topic_id
    problem = partition_refusal(request, Operation.READ, topic, partition.partition_index)
    if problem is not ErrorCode.none:
        return problem
    if refused is not ErrorCode.none:
        return refused
    body = request.body
    if request.cluster.groups.is_stale(
        body.group_id,
        body.member_id,
        body.generation_id_or_member_epoch,
        topic,
        partition.partition_index,
    ):
        return ErrorCode.stale_member_epoch
    metadata = note_of(partition.committed_metadata, request)
    if metadata is None:
        return ErrorCode.offset_metadata_too_large
    epoch = partition.committed_leader_epoch if request.version >= 6 else NO_EPOCH
    commit = Commit(partition.committed_offset, epoch, metadata)
    try:
        request.cluster.log.groups.store(
            request.body.group_id, topic, partition.partition_index, commit
        )
    except InvalidGroup:
        return ErrorCode.invalid_group_id
    request.cluster.groups.committed(body.group_id)
    return ErrorCode.none
