"""DeleteTopics, key 20, versions 1 to 6.

Behavior
- Each topic has its own result: UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, and INVALID_REQUEST
  where neither or both of name and id are given, or a topic is given twice, which is told once.
- TOPIC_DELETION_DISABLED where `delete.topic.enable` says so (INVALID_REQUEST before version 3).
- The offsets that groups committed on a deleted topic are forgotten with it.

Version notes
- 4 is flexible; 5 adds a message to the error (KIP-599); 6 takes ids as well (KIP-516).
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(20, "delete_topics", (1, 6))
def delete_topics(request: Request) -> Any:
    """Delete topics."""
    body = request.body
    if request.version >= 6:
        wanted = [(topic.name, topic.topic_id) for topic in body.topics]
    else:
        wanted = [(name, None) for name in body.topic_names]
    if not request.cluster.config.bool("delete.topic.enable"):
        code = ErrorCode.topic_deletion_disabled
        if request.version < 3:
            code = ErrorCode.invalid_request
        refused = (
            _result(request, name, topic_id, code, "Topic deletion is disabled.")
            for name, topic_id in wanted
        )
        return request.schema.response(responses=tuple(refused))
    given = Counter(wanted)
    ids = {topic_id for _, topic_id in wanted if topic_id is not None}
    by_id = {topic_id: request.cluster.topic_name(topic_id) for topic_id in ids}
    results = []
    for name, topic_id in given:
        if given[name, topic_id] > 1 and (name is None) != (topic_id is None):
            what = "name" if topic_id is None else "id"
            text = f"Duplicate topic {what}."
            results.append(_result(request, name, topic_id, ErrorCode.invalid_request, text))
        elif topic_id is None and name is not None and name in by_id.values():
            named = request.cluster.log.topic(name).topic_id
            results.append(_result(request, name, named, ErrorCode.invalid_request, _NAMED_TWICE))
        elif name is not None or by_id.get(topic_id) not in {each for each, _ in given} - {None}:
            results.append(_deleted(request, name, topic_id))
    return request.schema.response(responses=tuple(results))


_NAMED_TWICE = "The provided topic name maps to an ID that was already supplied."


def _result(
    request: Request, name: str | None, topic_id: UUID | None, code: ErrorCode, text: str | None
) -> Any:
    return request.schema.make(
        "DeletableTopicResult",
        name=name,
        topic_id=topic_id,
        error_code=code,
        error_message=text,
    )


_UNAUTHORIZED = (ErrorCode.topic_authorization_failed, "Topic authorization failed.")


def _may(request: Request, operation: Operation, topic: str) -> bool:
    return request.allowed(Operation.DELETE, ResourceType.CLUSTER) or request.allowed(
        operation, ResourceType.TOPIC, topic
    )


def _deleted(request: Request, name: str | None, topic_id: UUID | None) -> Any:
    code, text = ErrorCode.none, None
    cluster = request.cluster
    if name is None and topic_id is None:
        code, text = ErrorCode.invalid_request, "Neither topic name nor id were specified."
    elif name is not None and topic_id is not None:
        code, text = ErrorCode.invalid_request, "You may not specify both topic name and topic id."
    elif name is None:
        name = cluster.topic_name(topic_id)
        if name is None:
            code, text = ErrorCode.unknown_topic_id, "This server does not host this topic ID."
        elif not _may(request, Operation.DESCRIBE, name):
            code, text, name = *_UNAUTHORIZED, None
        elif not _may(request, Operation.DELETE, name):
            code, text = _UNAUTHORIZED
    elif not _may(request, Operation.DELETE, name):
        code, text = _UNAUTHORIZED
    elif not cluster.log.has_topic(name):
        code = ErrorCode.unknown_topic_or_partition
        text = "This server does not host this topic-partition."
    if code is ErrorCode.none and name is not None:
        topic_id = cluster.log.topic(name).topic_id
        cluster.control.delete_topic(name)
    return _result(request, name, topic_id, code, text)
