"""SyncGroup, key 14, versions 0 to 5.

Behavior
- The leader brings the assignments, and everybody gets their own: those who ask before it wait.
- UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION, INCONSISTENT_GROUP_PROTOCOL, FENCED_INSTANCE_ID;
  REBALANCE_IN_PROGRESS where the group has begun anew meanwhile.

Version notes
- 3 adds static members (KIP-345); 4 is flexible; 5 tells the protocol to be checked (KIP-559),
  and must.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.coordinator import answer
from simulator.listeners.kafka.registry import Request, api, later
from simulator.log.acls import Operation, ResourceType
from simulator.log.group_messages import GroupError, SyncResult


@api(14, "sync_group", (0, 5))
def sync_group(request: Request) -> Any:
    """Bring and get assignments."""
    body, version = request.body, request.version
    if not request.allowed(Operation.READ, ResourceType.GROUP, body.group_id):
        return request.schema.response(
            error_code=ErrorCode.group_authorization_failed,
            protocol_type=None,
            protocol_name=None,
            assignment=b"",
        )
    if version >= 5 and None in (body.protocol_type, body.protocol_name):
        return _response(request, SyncResult(GroupError.INCONSISTENT_GROUP_PROTOCOL))
    if not body.group_id:
        return _response(request, SyncResult(GroupError.INVALID_GROUP_ID))
    future = later()
    reply = answer(future)
    request.cluster.groups.sync(
        body.group_id,
        body.member_id,
        body.group_instance_id if version >= 3 else None,
        body.generation_id,
        (body.protocol_type, body.protocol_name) if version >= 5 else (None, None),
        {each.member_id: bytes(each.assignment) for each in body.assignments},
        lambda result: reply(_response(request, result)),
    )
    return future


def _response(request: Request, result: SyncResult) -> Any:
    return request.schema.response(
        error_code=ErrorCode(result.error.value),
        protocol_type=result.protocol_type,
        protocol_name=result.protocol,
        assignment=result.assignment,
    )
