"""JoinGroup, key 11, versions 0 to 9.

Behavior
- Answered when all members of the group have joined, or the rebalance timeout of the others is
  over. The first member of a group does not wait (`group.initial.rebalance.delay.ms` is 0 here).
- The leader gets the metadata of all, and the others their generation only.
- UNKNOWN_SERVER_ERROR for more metadata than Kafka could keep, 1 MiB.
- INVALID_GROUP_ID for an empty name, INVALID_SESSION_TIMEOUT outside 6 s to 30 min,
  UNKNOWN_MEMBER_ID, INCONSISTENT_GROUP_PROTOCOL, FENCED_INSTANCE_ID, MEMBER_ID_REQUIRED: see
  `ClassicGroup`.

Version notes
- 1 adds the rebalance timeout (before, the session's); 4 asks new members to come again with the id
  that they are given (KIP-394); 5 adds static members (KIP-345); 6 is flexible; 7 tells the kind of
  protocol (KIP-559); 8 adds a reason (KIP-800); 9 lets a leader come back to a group that needs no
  assignment (KIP-814).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.coordinator import answer
from simulator.listeners.kafka.registry import Request, api, later
from simulator.log.acls import Operation, ResourceType
from simulator.log.group_messages import JoinRequest, JoinResult

MAX_METADATA: Final = 1_048_576
"""Bytes of metadata of one member, as much as Kafka could keep in a record of its own."""


@api(11, "join_group", (0, 9))
def join_group(request: Request) -> Any:
    """Join a group."""
    body, version = request.body, request.version
    session = _ms(body.session_timeout)
    if not request.allowed(Operation.READ, ResourceType.GROUP, body.group_id):
        return _refused(request, ErrorCode.group_authorization_failed)
    if not body.group_id:
        return _refused(request, ErrorCode.invalid_group_id)
    config = request.cluster.config
    shortest, longest = (config.int(f"group.{end}.session.timeout.ms") for end in ("min", "max"))
    if not shortest <= session <= longest:
        return _refused(request, ErrorCode.invalid_session_timeout)
    if sum(len(p.name) + len(p.metadata) for p in body.protocols) > MAX_METADATA:
        return _refused(request, ErrorCode.unknown_server_error)
    future = later()
    join = JoinRequest(
        member_id=body.member_id,
        instance_id=body.group_instance_id if version >= 5 else None,
        client_id=request.client_id,
        client_host=request.client_host,
        protocol_type=body.protocol_type,
        protocols=tuple((p.name, bytes(p.metadata)) for p in body.protocols),
        session_timeout=session,
        rebalance_timeout=max(_ms(body.rebalance_timeout), 0) if version >= 1 else session,
        known_id_required=version >= 4,
        skip_assignment=version >= 9,
    )
    reply = answer(future)
    request.cluster.groups.join(
        body.group_id, join, lambda result: reply(_response(request, result))
    )
    return future


def _ms(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)


def _refused(request: Request, code: ErrorCode) -> Any:
    return request.schema.response(
        error_code=code,
        generation_id=-1,
        protocol_type=None,
        protocol_name=None if request.version >= 7 else "",
        leader="",
        member_id=request.body.member_id,
        members=(),
    )


def _response(request: Request, result: JoinResult) -> Any:
    none = None if request.version >= 7 else ""
    return request.schema.response(
        error_code=ErrorCode(result.error.value),
        generation_id=result.generation,
        protocol_type=result.protocol_type,
        protocol_name=none if result.protocol is None else result.protocol,
        leader=result.leader,
        skip_assignment=result.skip_assignment,
        member_id=result.member_id,
        members=tuple(
            request.schema.make(
                "JoinGroupResponseMember",
                member_id=member.member_id,
                group_instance_id=member.instance_id,
                metadata=member.metadata,
            )
            for member in result.members
        ),
    )
