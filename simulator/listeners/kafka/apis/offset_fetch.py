"""OffsetFetch, key 9, versions 1 to 10.

Behavior
- Where nothing is committed, also in a group or of a topic that does not exist, the offset is -1
  and there is no error. Topics null means everything committed.
- UNKNOWN_TOPIC_ID from version 10 on. Members of consumer groups may ask in their present epoch:
  UNKNOWN_MEMBER_ID, STALE_MEMBER_EPOCH.
- UNSTABLE_OFFSET_COMMIT for an offset that an open transaction may change, where stable ones are
  asked for.

Version notes
- 2 allows null topics; 5 adds leader epochs (KIP-320); 6 is flexible; 7 asks for stable offsets
  (KIP-447); 8 takes several groups (KIP-709); 9 adds the member (KIP-848); 10 names topics by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.group_messages import GroupError
from simulator.log.groups import Commit

_NOTHING = Commit(-1)

Place = tuple[str, int]


@api(9, "offset_fetch", (1, 10))
def offset_fetch(request: Request) -> Any:
    """Tell committed offsets."""
    body = request.body
    if request.version < 8:
        return request.schema.response(**_group(request, body.group_id, body.topics, ""))
    return request.schema.response(
        groups=tuple(
            request.schema.make(
                "OffsetFetchResponseGroup",
                group_id=group.group_id,
                **_group_of_member(request, group),
            )
            for group in body.groups
        )
    )


def _group_of_member(request: Request, group: Any) -> dict[str, Any]:
    """One group of several; a member is told only what is its own business."""
    if request.version >= 9 and request.allowed(
        Operation.DESCRIBE, ResourceType.GROUP, group.group_id
    ):
        may_fetch = request.cluster.groups.may_fetch
        refused = may_fetch(group.group_id, group.member_id, group.member_epoch)
        if refused is not GroupError.NONE:
            return {"error_code": ErrorCode(refused.value), "topics": ()}
    return _group(request, group.group_id, group.topics, "s")


def _group(request: Request, group: str, wanted: Any, plural: str) -> dict[str, Any]:
    """The error and the topics of one group."""
    code = ErrorCode.none
    if not request.allowed(Operation.DESCRIBE, ResourceType.GROUP, group):
        code = ErrorCode.group_authorization_failed
        if request.version >= 2:
            return {"error_code": code, "topics": ()}
    return {"error_code": code, "topics": _topics(request, group, wanted, plural, code)}


def _topics(
    request: Request, group: str, wanted: Any, plural: str, refused: ErrorCode
) -> tuple[Any, ...]:
    """The topics of one group; the codec's names are in the plural from version 8 on."""
    commits = request.cluster.log.groups.commits(group)
    by_id = request.version >= 10
    asked: list[tuple[Any, str | None, list[int]]] = []
    if wanted is None:
        for found in sorted({topic for topic, _ in commits}):
            if not request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, found):
                continue
            key: Any = request.cluster.log.topic(found).topic_id if by_id else found
            asked.append((key, found, sorted(p for topic, p in commits if topic == found)))
    else:
        for topic in wanted:
            key = topic.topic_id if by_id else topic.name
            name = request.cluster.topic_name(key) if by_id else key
            asked.append((key, name, list(topic.partition_indexes)))
    return tuple(
        request.schema.make(
            f"OffsetFetchResponseTopic{plural}",
            partitions=tuple(
                _partition(request, group, commits, name, index, plural, refused)
                for index in indexes
            ),
            **({"topic_id": key} if by_id else {"name": key}),
        )
        for key, name, indexes in asked
    )


def _unstable(request: Request, group: str, place: Place) -> bool:
    """Whether the client must wait for an open transaction."""
    if request.version < 7 or not request.body.require_stable:
        return False
    return request.cluster.transactions.offsets.unstable(group, place)


def _partition(
    request: Request,
    group: str,
    commits: Mapping[Place, Commit],
    topic: str | None,
    index: int,
    plural: str,
    refused: ErrorCode,
) -> Any:
    code, commit = refused, _NOTHING
    if topic is None:
        code = ErrorCode.unknown_topic_id
    elif code is ErrorCode.none:
        if _unstable(request, group, (topic, index)):
            code = ErrorCode.unstable_offset_commit
        elif request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, topic):
            commit = commits.get((topic, index), _NOTHING)
        else:
            code = ErrorCode.topic_authorization_failed
    return request.schema.make(
        f"OffsetFetchResponsePartition{plural}",
        partition_index=index,
        committed_offset=commit.offset,
        committed_leader_epoch=commit.leader_epoch,
        metadata=commit.metadata,
        error_code=code,
    )
