"""ListGroups, key 16, versions 0 to 5.

Behavior
- All groups with members or committed offsets. Filters do not mind case.

Version notes
- 3 is flexible; 4 tells and filters states (KIP-518); 5 tells and filters types (KIP-848), of which
  there is one, "classic".
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.group_messages import GroupState


@api(16, "list_groups", (0, 5))
def list_groups(request: Request) -> Any:
    """Name the groups."""
    body, version = request.body, request.version
    states = {state.lower() for state in body.states_filter} if version >= 4 else set()
    types = {kind.lower() for kind in body.types_filter} if version >= 5 else set()
    all_allowed = request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER)
    groups = []
    for name in request.cluster.groups.names():
        group = request.cluster.groups.group(name)
        state = (GroupState.EMPTY if group is None else group.state).value
        if (states and state.lower() not in states) or (types and "classic" not in types):
            continue
        if not all_allowed and not request.allowed(Operation.DESCRIBE, ResourceType.GROUP, name):
            continue
        groups.append(
            request.schema.make(
                "ListedGroup",
                group_id=name,
                protocol_type=(group.protocol_type or "") if group else "",
                group_state=state,
                group_type="classic",
            )
        )
    return request.schema.response(error_code=ErrorCode.none, groups=tuple(groups))
