"""ListGroups, key 16, versions 0 to 5.

Behavior
- All groups with members, on whatever door, or committed offsets. Filters do not mind case, and
  what they name need not exist.

Version notes
- 3 is flexible; 4 tells and filters states (KIP-518); 5 tells and filters types (KIP-848):
  "classic" and "consumer".
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.group_views import view
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(16, "list_groups", (0, 5))
def list_groups(request: Request) -> Any:
    """Name the groups."""
    body, version = request.body, request.version
    states = {state.lower() for state in body.states_filter} if version >= 4 else set()
    types = {kind.lower() for kind in body.types_filter} if version >= 5 else set()
    all_allowed = request.allowed(Operation.DESCRIBE, ResourceType.CLUSTER)
    cluster = request.cluster
    groups = []
    for name in cluster.groups.names():
        found = view(cluster.groups, cluster.log, name)
        if found is None:
            continue
        if (states and found.state.lower() not in states) or (types and found.kind not in types):
            continue
        if not all_allowed and not request.allowed(Operation.DESCRIBE, ResourceType.GROUP, name):
            continue
        groups.append(
            request.schema.make(
                "ListedGroup",
                group_id=name,
                protocol_type=found.protocol_type,
                group_state=found.state,
                group_type=found.kind,
            )
        )
    return request.schema.response(error_code=ErrorCode.none, groups=tuple(groups))
