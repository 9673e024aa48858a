"""DescribeGroups, key 15, versions 0 to 6.

Behavior
- State, protocol and members of each group. Metadata is told of a stable group only, as
  Kafka does. A group that does not exist is "Dead"; from version 6 on it is
  GROUP_ID_NOT_FOUND as well.

Version notes
- 3 adds authorized operations (KIP-430); 4 static members (KIP-345); 5 is flexible; 6 adds the
  error's message (KIP-1043).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.classic_group import ClassicGroup
from simulator.log.classic_member import Member
from simulator.log.group_messages import GroupState

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
    group = coordinator.group(name)
    code, text, state = ErrorCode.none, None, GroupState.EMPTY.value
    if group is not None:
        state = group.state.value
    elif not coordinator.exists(name):
        state = "Dead"
        if request.version >= 6:
            code, text = ErrorCode.group_id_not_found, f"Group {name} not found."
    asked = request.version >= 3 and request.body.include_authorized_operations
    stable = group is not None and group.state is GroupState.STABLE
    return request.schema.make(
        "DescribedGroup",
        error_code=code,
        error_message=text,
        group_id=name,
        group_state=state,
        protocol_type=(group.protocol_type or "") if group else "",
        protocol_data=(group.protocol or "") if group and stable else "",
        members=tuple(_member(request, group, m) for m in group.members.values()) if group else (),
        authorized_operations=request.authorized_operations(ResourceType.GROUP, name)
        if asked and text is None
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


def _member(request: Request, group: ClassicGroup, member: Member) -> Any:
    stable = group.state is GroupState.STABLE
    return request.schema.make(
        "DescribedGroupMember",
        member_id=member.member_id,
        group_instance_id=member.request.instance_id,
        client_id=member.request.client_id,
        client_host=f"/{member.request.client_host}",
        member_metadata=member.protocols.get(group.protocol or "", b"") if stable else b"",
        member_assignment=member.assignment,
    )
