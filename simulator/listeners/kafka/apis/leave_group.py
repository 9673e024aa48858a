"""LeaveGroup, key 13, versions 0 to 5.

Behavior
- The others are asked to rebalance at once. UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID,
  INVALID_GROUP_ID; GROUP_AUTHORIZATION_FAILED without READ on the group.

Version notes
- 3 takes several members, static ones by their instance id alone (KIP-345), each with a result of
  its own; 4 is flexible; 5 adds a reason (KIP-800).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(13, "leave_group", (0, 5))
def leave_group(request: Request) -> Any:
    """Let members go."""
    body = request.body
    if not request.allowed(Operation.READ, ResourceType.GROUP, body.group_id):
        code = ErrorCode.group_authorization_failed
        return request.schema.response(error_code=code, members=())
    leave = request.cluster.groups.leave
    if not body.group_id:
        return request.schema.response(error_code=ErrorCode.invalid_group_id, members=())
    if request.version < 3:
        error = leave(body.group_id, body.member_id, None)
        return request.schema.response(error_code=ErrorCode(error.value))
    return request.schema.response(
        error_code=ErrorCode.none,
        members=tuple(
            request.schema.make(
                "MemberResponse",
                member_id=member.member_id,
                group_instance_id=member.group_instance_id,
                error_code=ErrorCode(
                    leave(body.group_id, member.member_id, member.group_instance_id).value
                ),
            )
            for member in body.members
        ),
    )
