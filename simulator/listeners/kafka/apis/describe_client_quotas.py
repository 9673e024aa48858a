"""DescribeClientQuotas, key 48, versions 0 to 1.

Behavior
- The quotas of the entities that a filter holds for, all of them without one (KIP-546).
- INVALID_REQUEST for a filter that cannot be, UNSUPPORTED_VERSION for a type of entity that there
  is not.

Version notes
- 1 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.client_quotas import Component, InvalidQuota, UnknownEntityType
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType


@api(48, "describe_client_quotas", (0, 1))
def describe_client_quotas(request: Request) -> Any:
    """Tell quotas."""
    make = request.schema.make
    if not request.allowed(Operation.DESCRIBE_CONFIGS, ResourceType.CLUSTER):
        return _failed(request, ErrorCode.cluster_authorization_failed, None)
    components = [
        Component(each.entity_type, each.match_type, each.match) for each in request.body.components
    ]
    try:
        found = list(request.cluster.quotas.find(components, strict=request.body.strict))
    except InvalidQuota as error:
        return _failed(request, ErrorCode.invalid_request, str(error))
    except UnknownEntityType as error:
        return _failed(request, ErrorCode.unsupported_version, str(error))
    return request.schema.response(
        error_code=ErrorCode.none,
        error_message="",
        entries=tuple(
            make(
                "EntryData",
                entity=tuple(
                    make("EntityData", entity_type=kind, entity_name=name) for kind, name in entity
                ),
                values=tuple(make("ValueData", key=key, value=quotas[key]) for key in quotas),
            )
            for entity, quotas in found
        ),
    )


def _failed(request: Request, code: ErrorCode, text: str | None) -> Any:
    return request.schema.response(error_code=code, error_message=text, entries=None)
