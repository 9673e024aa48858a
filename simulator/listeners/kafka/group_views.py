"""Groups as administrators see them: of both protocols, and those of the gRPC door.

A group of gRPC subscribers looks like a stable classic group with the `range` assignor, since that
is how those share their partitions. Where Kafka's clients are in a group of the same name, both
kinds of members are shown; each door shares all partitions out among its own members.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from simulator.listeners.kafka.coordinator import Coordinator
from simulator.listeners.kafka.subscription_codec import (
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from simulator.log import TopicLog
from simulator.log.classic_group import ClassicGroup
from simulator.log.classic_member import Member
from simulator.log.group_info import GroupInfo, GroupMember, describe_group
from simulator.log.group_messages import GroupState

CONSUMERS: Final = "consumer"
"""The kind of protocol that consumers speak, and the type of groups of KIP-848."""

CLASSIC: Final = "classic"


class ClassicMemberView(NamedTuple):
    """A member as DescribeGroups tells it; the bytes are those of the group's protocol."""

    member_id: str
    instance_id: str | None
    client_id: str
    client_host: str
    metadata: bytes
    assignment: bytes


class GroupView(NamedTuple):
    """A group as ListGroups tells it, and its members unless it is a consumer group."""

    name: str
    kind: str
    state: str
    protocol_type: str
    protocol: str
    members: tuple[ClassicMemberView, ...] = ()


def view(coordinator: Coordinator, log: TopicLog, name: str) -> GroupView | None:
    """The group of that name, None if there is none."""
    consumers = coordinator.consumer_group(name)
    if consumers is not None and (consumers.members or not log.groups.members(name)):
        return GroupView(name, CONSUMERS, consumers.state.value, CONSUMERS, "")
    group = coordinator.group(name)
    subscribers = tuple(_subscribers(log, name))
    if group is not None and group.members:
        return _of_classic(group, subscribers)
    if subscribers:
        return GroupView(name, CLASSIC, GroupState.STABLE.value, CONSUMERS, "range", subscribers)
    if group is not None:
        return _of_classic(group, ())
    if coordinator.exists(name):
        return GroupView(name, CLASSIC, GroupState.EMPTY.value, "", "")
    return None


def _of_classic(group: ClassicGroup, others: Iterable[ClassicMemberView]) -> GroupView:
    stable = group.state is GroupState.STABLE
    members = [_member(group, member) for member in group.members.values()]
    protocol = (group.protocol or "") if stable else ""
    kind = group.protocol_type or ""
    return GroupView(group.name, CLASSIC, group.state.value, kind, protocol, (*members, *others))


def _member(group: ClassicGroup, member: Member) -> ClassicMemberView:
    """Metadata is told of a stable group only, as Kafka does."""
    stable = group.state is GroupState.STABLE
    request = member.request
    return ClassicMemberView(
        member.member_id,
        request.instance_id,
        request.client_id,
        f"/{request.client_host}",
        member.protocols.get(group.protocol or "", b"") if stable else b"",
        member.assignment,
    )


def _subscribers(log: TopicLog, name: str) -> Iterable[ClassicMemberView]:
    for member in log.groups.members(name):
        places = log.groups.share(name, member).partitions
        yield ClassicMemberView(
            member,
            None,
            "grpc",
            "/",
            encode_subscription(sorted({topic for topic, _ in places})),
            encode_assignment(places),
        )


def describe_groups(coordinator: Coordinator, log: TopicLog) -> list[GroupInfo]:
    """All groups by name, of both doors, for whoever asks in Python or over gRPC."""
    return [_described(coordinator, log, name) for name in coordinator.names()]


def _described(coordinator: Coordinator, log: TopicLog, name: str) -> GroupInfo:
    base = describe_group(log, name)
    found = view(coordinator, log, name)
    if found is None:
        return base
    members = (*_kafka_members(coordinator, log, name), *base.members)
    return GroupInfo(name, found.kind, found.state, members, base.offsets)


def _kafka_members(coordinator: Coordinator, log: TopicLog, name: str) -> Iterable[GroupMember]:
    consumers = coordinator.consumer_group(name)
    for consumer in consumers.members.values() if consumers is not None else ():
        places = ((log.topic_name(topic_id), number) for topic_id, number in consumer.assigned)
        assignment = tuple(sorted((topic, number) for topic, number in places if topic))
        yield GroupMember(consumer.member_id, consumer.client_id, consumer.instance_id, assignment)
    group = coordinator.group(name)
    for member in group.members.values() if group is not None else ():
        decoded = decode_assignment(member.assignment) if member.assignment else None
        request = member.request
        yield GroupMember(
            member.member_id,
            request.client_id,
            request.instance_id,
            tuple(sorted(decoded or ())),
        )


def is_subscribed(coordinator: Coordinator, log: TopicLog, name: str, topic: str) -> bool:
    """Whether members of the group read that topic, as far as they tell."""
    group = coordinator.group(name)
    consumers = coordinator.consumer_group(name)
    if consumers is not None and consumers.reads(topic, coordinator.topics()):
        return True
    if group is not None and group.members and group.protocol_type == CONSUMERS:
        for member in group.members.values():
            topics = decode_subscription(next(iter(member.protocols.values())))
            if topics is None or topic in topics:
                return True
    return any(
        topic == place[0]
        for member in log.groups.members(name)
        for place in log.groups.share(name, member).partitions
    )
