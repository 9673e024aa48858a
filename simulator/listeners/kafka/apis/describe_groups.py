"""DescribeGroups, key 15, versions 0 to 6.

Behavior
- State, protocol and members of each group. Metadata is told of a stable group only, as
  Kafka does. A group that does not exist, or is a consumer group (KIP-848), is "Dead"; from
  version 6 on it is GROUP_ID_NOT_FOUND as well.
- Subscribers of the gRPC door are shown as members too, with "grpc" as their client id.

Version notes
- 3 adds authorized operations (KIP-430); 4 static members (KIP-345); 5 is flexible; 6 adds the
  error's message (KIP-1043).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.group_views import CLASSIC, ClassicMemberView, GroupView, view
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType

NOT_ASKED = -(1 << 31)


@api(15, "describe_groups", (0, 6))
def describe_groups(request: Request) -> Any:
    """Describe groups."""
    return request.schema.response(
        groups=tuple(_described(request, name) for name in request.body.groups)
    )


def _described(request: Request, name: str) -> Any:
    if not request.allowed(Operation.DESCRIBE, ResourceType.GROUP, name):
        return _refused(request, name)
    coordinator = request.cluster.groups
    found = view(coordinator, request.cluster.log, name)
    problem = None
    if found is None:
        problem = f"Group {name} not found."
    elif found.kind != CLASSIC:
        problem = f"Group {name} is not a classic group."
    if found is None or problem is not None:
        found = GroupView(name, CLASSIC, "Dead", "", "")
    told = problem is not None and request.version >= 6
    asked = request.version >= 3 and request.body.include_authorized_operations
    return request.schema.make(
        "DescribedGroup",
        error_code=ErrorCode.group_id_not_found if told else ErrorCode.none,
        error_message=problem if told else None,
        group_id=name,
        group_state=found.state,
        protocol_type=found.protocol_type,
        protocol_data=found.protocol,
        members=tuple(_member(request, member) for member in found.members),
        authorized_operations=request.authorized_operations(ResourceType.GROUP, name)
        if asked and not told
        else NOT_ASKED,
    )


def _refused(request: Request, name: str) -> Any:
    return request.schema.make(
        "DescribedGroup",
        error_code=ErrorCode.group_authorization_failed,
        error_message=None,
        group_id=name,
        group_state="",
        protocol_type="",
        protocol_data="",
        members=(),
        authorized_operations=NOT_ASKED,
    )


def _member(request: Request, member: ClassicMemberView) -> Any:
    return request.schema.make(
        "DescribedGroupMember",
        member_id=member.member_id,
        group_instance_id=member.instance_id,
        client_id=member.client_id,
        client_host=member.client_host,
        member_metadata=member.metadata,
        member_assignment=member.assignment,
    )
