"""Heartbeat, key 12, versions 0 to 4.

Behavior
- Begins the member's session anew. REBALANCE_IN_PROGRESS asks it to join again;
  UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, FENCED_INSTANCE_ID, INVALID_GROUP_ID;
  GROUP_AUTHORIZATION_FAILED without READ on the group.

Version notes
- 3 adds static members (KIP-345); 4 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.group_messages import GroupError


@api(12, "heartbeat", (0, 4))
def heartbeat(request: Request) -> Any:
    """Keep a member in its group."""
    body = request.body
    if not request.allowed(Operation.READ, ResourceType.GROUP, body.group_id):
        return request.schema.response(error_code=ErrorCode.group_authorization_failed)
    error = GroupError.INVALID_GROUP_ID
    if body.group_id:
        instance_id = body.group_instance_id if request.version >= 3 else None
        error = request.cluster.groups.heartbeat(
            body.group_id, body.member_id, instance_id, body.generation_id
        )
    return request.schema.response(error_code=ErrorCode(error.value))
