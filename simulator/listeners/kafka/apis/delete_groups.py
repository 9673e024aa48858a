"""DeleteGroups, key 42, versions 0 to 2.

Behavior
- Deletes groups without members, with their offsets, those of open transactions too.
  NON_EMPTY_GROUP while anybody reads in it, through whatever door; GROUP_ID_NOT_FOUND. A group that
  is named twice is told once.

Version notes
- 2 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(42, "delete_groups", (0, 2))
def delete_groups(request: Request) -> Any:
    """Delete groups."""
    return request.schema.response(
        results=tuple(
            request.schema.make(
                "DeletableGroupResult", group_id=name, error_code=_deleted(request, name)
            )
            for name in dict.fromkeys(request.body.groups_names)
        )
    )


def _deleted(request: Request, name: str) -> ErrorCode:
    if not request.allowed(Operation.DELETE, ResourceType.GROUP, name):
        return ErrorCode.group_authorization_failed
    coordinator = request.cluster.groups
    pending = request.cluster.transactions.offsets
    if not (coordinator.exists(name) or pending.has(name)):
        return ErrorCode.group_id_not_found
    if coordinator.has_members(name):
        return ErrorCode.non_empty_group
    coordinator.forget(name)
    pending.forget(name)
    return ErrorCode.none
