"""Groups as the gRPC door describes them."""

from __future__ import annotations

from simulator.log.group_info import GroupInfo
from simulator.v1 import broker_pb2


def group_description(group: GroupInfo) -> broker_pb2.GroupDescription:
    """A group with its members and offsets."""
    return broker_pb2.GroupDescription(
        group=group.name,
        kind=group.kind,
        state=group.state,
        members=[
            broker_pb2.GroupMember(
                member_id=member.member_id,
                client_id=member.client_id,
                instance_id=member.instance_id,
                assignment=[
                    broker_pb2.GroupPartition(topic=topic, partition=partition)
                    for topic, partition in member.assignment
                ],
            )
            for member in group.members
        ],
        offsets=[
            broker_pb2.GroupOffset(
                topic=offset.topic,
                partition=offset.partition,
                offset=offset.offset,
                lag=offset.lag,
                metadata=offset.metadata,
            )
            for offset in group.offsets
        ],
    )
