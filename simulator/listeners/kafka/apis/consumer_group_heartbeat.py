"""ConsumerGroupHeartbeat, key 68, versions 0 to 1.

Behavior
- The one request of members of consumer groups (KIP-848): it joins (epoch 0), stays, leaves (-1),
  or goes and means to come back (-2, static members). See `ConsumerGroup`.
- INVALID_REQUEST where something is missing, with the reason; GROUP_ID_NOT_FOUND for another kind
  of group, also where a classic group has members; UNSUPPORTED_ASSIGNOR,
  INVALID_REGULAR_EXPRESSION, GROUP_MAX_SIZE_REACHED, UNKNOWN_MEMBER_ID, FENCED_MEMBER_EPOCH,
  FENCED_INSTANCE_ID, UNRELEASED_INSTANCE_ID.
- GROUP_AUTHORIZATION_FAILED without READ on the group, TOPIC_AUTHORIZATION_FAILED without DESCRIBE
  on a topic that is named.
- Topics described by an expression are found at once; Kafka finds them a heartbeat later.

Version notes
- 1 lets the member make its id, and adds expressions in RE2's syntax.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.consumer_messages import (
    JOINING,
    LEAVING,
    LEAVING_FOR_NOW,
    BeatResult,
    ConsumerBeat,
    GroupRefusal,
)

MAX_ID: Final = 1000
"""Characters of the ids that members give themselves. Kafka sets no limit."""

MAX_TOPICS: Final = 10_000
"""Names of topics that a member may subscribe to. Kafka sets no limit."""

_MS = timedelta(milliseconds=1)
_UNCHANGED = timedelta(milliseconds=-1)


@api(68, "consumer_group_heartbeat", (0, 1))
def consumer_group_heartbeat(request: Request) -> Any:
    """Let a member join, stay or leave."""
    body = request.body
    coordinator = request.cluster.groups
    refused = _unauthorized(request)
    if refused is not None:
        return _refused(request, refused, None)
    problem = _problem(request)
    if problem is not None:
        return _refused(request, ErrorCode.invalid_request, problem)
    known = request.cluster.config.list("group.consumer.assignors")
    if body.server_assignor is not None and body.server_assignor not in known:
        text = (
            f"ServerAssignor {body.server_assignor} is not supported. Supported assignors: "
            f"{', '.join(known)}."
        )
        return _refused(request, ErrorCode.unsupported_assignor, text)
    beat = _beat(request, body.member_id or coordinator.new_id())
    try:
        result = coordinator.consumer_heartbeat(body.group_id, beat)
    except GroupRefusal as refusal:
        return _refused(request, ErrorCode(refusal.error.value), str(refusal))
    return _response(request, result)


def _unauthorized(request: Request) -> ErrorCode | None:
    if not request.allowed(Operation.READ, ResourceType.GROUP, request.body.group_id):
        return ErrorCode.group_authorization_failed
    for topic in request.body.subscribed_topic_names or ():
        if not request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, topic):
            return ErrorCode.topic_authorization_failed
    return None


def _problem(request: Request) -> str | None:
    """What is wrong with the request by itself, in Kafka's words."""
    body = request.body
    epoch = body.member_epoch
    if not body.member_id and (request.version >= 1 or epoch > JOINING or epoch == LEAVING):
        return "MemberId can't be empty."
    for name, value in (
        ("GroupId", body.group_id),
        ("InstanceId", body.instance_id),
        ("RackId", body.rack_id),
    ):
        if value == "":
            return f"{name} can't be empty."
        if value is not None and len(value) > MAX_ID:
            return f"{name} is longer than {MAX_ID} characters."
    if len(body.member_id) > MAX_ID:
        return f"MemberId is longer than {MAX_ID} characters."
    if len(body.subscribed_topic_names or ()) > MAX_TOPICS:
        return f"SubscribedTopicNames has more than {MAX_TOPICS} names."
    if epoch == JOINING:
        return _problem_of_joining(request)
    if epoch == LEAVING_FOR_NOW and body.instance_id is None:
        return "InstanceId can't be null."
    if epoch < LEAVING_FOR_NOW:
        return "MemberEpoch is invalid."
    return None


def _problem_of_joining(request: Request) -> str | None:
    body = request.body
    if body.rebalance_timeout == _UNCHANGED:
        return "RebalanceTimeoutMs must be provided in first request."
    if body.topic_partitions is None or body.topic_partitions:
        return "TopicPartitions must be empty when (re-)joining."
    regex = body.subscribed_topic_regex if request.version >= 1 else None
    if body.subscribed_topic_names is None and regex is None:
        return (
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
            "(re-)joining."
        )
    return None


def _beat(request: Request, member_id: str) -> ConsumerBeat:
    body = request.body
    timeout = body.rebalance_timeout
    owned = body.topic_partitions
    return ConsumerBeat(
        member_id=member_id,
        member_epoch=body.member_epoch,
        instance_id=body.instance_id,
        rack_id=body.rack_id,
        rebalance_timeout=None if timeout == _UNCHANGED else max(timeout // _MS, 0),
        topic_names=body.subscribed_topic_names,
        topic_regex=body.subscribed_topic_regex if request.version >= 1 else None,
        assignor=body.server_assignor,
        owned=None
        if owned is None
        else frozenset((each.topic_id, n) for each in owned for n in each.partitions),
        client_id=request.client_id,
        client_host=request.client_host,
    )


def _response(request: Request, result: BeatResult) -> Any:
    make = request.schema.make
    assignment = None
    if result.assignment is not None:
        by_topic: dict[Any, list[int]] = {}
        for topic_id, partition in sorted(result.assignment):
            by_topic.setdefault(topic_id, []).append(partition)
        assignment = make(
            "Assignment",
            topic_partitions=tuple(
                make("TopicPartitions", topic_id=topic_id, partitions=tuple(partitions))
                for topic_id, partitions in by_topic.items()
            ),
        )
    interval = 0
    if result.member_epoch >= 0:
        groups = request.cluster.groups
        interval = groups.consumer_setting(request.body.group_id, "heartbeat.interval.ms")
    return request.schema.response(
        error_code=ErrorCode.none,
        error_message=None,
        member_id=result.member_id,
        member_epoch=result.member_epoch,
        heartbeat_interval=interval * _MS,
        assignment=assignment,
    )


def _refused(request: Request, code: ErrorCode, text: str | None) -> Any:
    return request.schema.response(
        error_code=code,
        error_message=text,
        member_id=None,
        member_epoch=0,
        heartbeat_interval=timedelta(0),
        assignment=None,
    )
