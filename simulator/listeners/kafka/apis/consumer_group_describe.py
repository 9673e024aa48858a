"""ConsumerGroupDescribe, key 69, versions 0 to 1.

Behavior
- State, epochs and members of consumer groups (KIP-848), what each member has (also what it has yet
  to give up) and what it should have.
- GROUP_ID_NOT_FOUND for other groups, INVALID_GROUP_ID for an empty name,
  GROUP_AUTHORIZATION_FAILED without DESCRIBE on the group.

Version notes
- 1 tells the kind of member; all are consumers here, since members of classic groups cannot be in
  a consumer group.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.apis.describe_groups import NOT_ASKED
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.consumer_group import ConsumerGroup
from simulator.log.consumer_member import ConsumerMember
from simulator.log.consumer_messages import Place

CONSUMER_MEMBER = 1


@api(69, "consumer_group_describe", (0, 1))
def consumer_group_describe(request: Request) -> Any:
    """Describe consumer groups."""
    return request.schema.response(
        groups=tuple(_described(request, name) for name in dict.fromkeys(request.body.group_ids))
    )


def _described(request: Request, name: str) -> Any:
    coordinator = request.cluster.groups
    group = coordinator.consumer_group(name)
    if not request.allowed(Operation.DESCRIBE, ResourceType.GROUP, name):
        return _refused(request, name, ErrorCode.group_authorization_failed, None)
    if not name:
        return _refused(request, name, ErrorCode.invalid_group_id, None)
    if group is None:
        problem = "is not a consumer group" if coordinator.exists(name) else "not found"
        text = f"Group {name} {problem}."
        return _refused(request, name, ErrorCode.group_id_not_found, text)
    asked = request.body.include_authorized_operations
    return request.schema.make(
        "DescribedGroup",
        error_code=ErrorCode.none,
        error_message=None,
        group_id=name,
        group_state=group.state.value,
        group_epoch=group.epoch,
        assignment_epoch=group.assignment_epoch,
        assignor_name=group.assignor,
        members=tuple(_member(request, group, member) for member in group.members.values()),
        authorized_operations=request.authorized_operations(ResourceType.GROUP, name)
        if asked
        else NOT_ASKED,
    )


def _refused(request: Request, name: str, code: ErrorCode, text: str | None) -> Any:
    return request.schema.make(
        "DescribedGroup",
        error_code=code,
        error_message=text,
        group_id=name,
        group_state="",
        group_epoch=0,
        assignment_epoch=0,
        assignor_name="",
        members=(),
        authorized_operations=NOT_ASKED,
    )


def _member(request: Request, group: ConsumerGroup, member: ConsumerMember) -> Any:
    target = group.target.get(member.member_id, frozenset())
    return request.schema.make(
        "Member",
        member_id=member.member_id,
        instance_id=member.instance_id,
        rack_id=member.rack_id,
        member_epoch=member.epoch,
        client_id=member.client_id,
        client_host=f"/{member.client_host}",
        subscribed_topic_names=tuple(sorted(member.topic_names)),
        subscribed_topic_regex=member.topic_regex,
        assignment=_assignment(request, member.holds),
        target_assignment=_assignment(request, target),
        member_type=CONSUMER_MEMBER,
    )


def _assignment(request: Request, places: Iterable[Place]) -> Any:
    """By topics that exist still."""
    make = request.schema.make
    by_topic: dict[Any, list[int]] = {}
    for topic_id, partition in sorted(places):
        by_topic.setdefault(topic_id, []).append(partition)
    named = ((request.cluster.topic_name(topic_id), topic_id) for topic_id in by_topic)
    return make(
        "Assignment",
        topic_partitions=tuple(
            make(
                "TopicPartitions",
                topic_id=topic_id,
                topic_name=name,
                partitions=tuple(by_topic[topic_id]),
            )
            for name, topic_id in named
            if name is not None
        ),
    )
