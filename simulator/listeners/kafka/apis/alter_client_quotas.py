"""AlterClientQuotas, key 49, versions 0 to 1.

Behavior
- Sets and removes quotas of users, client ids and addresses. They are kept and told; nobody is
  throttled by them.
- INVALID_REQUEST for entities and quotas that cannot be, and for an entity that is named twice: the
  first of them counts. (`ClientQuotaControlManager`.)
- `validate_only` answers the same and changes nothing.

Version notes
- 1 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.client_quotas import Entity, InvalidQuota, described
from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType

Result = tuple[ErrorCode, str | None]


@api(49, "alter_client_quotas", (0, 1))
def alter_client_quotas(request: Request) -> Any:
    """Change quotas."""
    results: dict[Entity, Result] = {}
    for entry in request.body.entries:
        entity = _entity(entry)
        keys = [change.key for change in entry.ops]
        if not request.allowed(Operation.ALTER_CONFIGS, ResourceType.CLUSTER):
            results[entity] = ErrorCode.cluster_authorization_failed, CLUSTER_REFUSED
        elif entity in results or len(set(keys)) < len(keys):
            text = f"Ignoring duplicate entity {described(entity)}"
            results[entity] = ErrorCode.invalid_request, text
        else:
            results[entity] = _altered(request, entity, entry)
    make = request.schema.make
    return request.schema.response(
        entries=tuple(
            make(
                "EntryData",
                error_code=code,
                error_message=text,
                entity=tuple(
                    make("EntityData", entity_type=kind, entity_name=name) for kind, name in entity
                ),
            )
            for entity, (code, text) in results.items()
        )
    )


def _entity(entry: Any) -> Entity:
    names = {each.entity_type: each.entity_name for each in entry.entity}
    return tuple(sorted(names.items()))


def _altered(request: Request, entity: Entity, entry: Any) -> Result:
    changes = [(change.key, None if change.remove else change.value) for change in entry.ops]
    try:
        request.cluster.quotas.alter(entity, changes, dry=request.body.validate_only)
    except InvalidQuota as error:
        return ErrorCode.invalid_request, str(error)
    return ErrorCode.none, None
