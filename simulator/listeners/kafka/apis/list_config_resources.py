"""ListConfigResources, key 74, versions 0 to 1.

Behavior
- Names everything that has settings: topics, brokers and their loggers always, groups and metrics
  subscriptions that were given some. UNSUPPORTED_VERSION for types that there are not.

Version notes
- 0 was ListClientMetricsResources (KIP-714) and tells only those; 1 takes and tells types
  (KIP-1142), all where none are given.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.configs.resource_types import ResourceType
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation
from simulator.log.acls import ResourceType as Protected


@api(74, "list_config_resources", (0, 1))
def list_config_resources(request: Request) -> Any:
    """Name what has settings."""
    wanted = {int(ResourceType.CLIENT_METRICS)}
    if request.version >= 1:
        wanted = set(request.body.resource_types) or {int(kind) for kind in ResourceType}
    if not request.allowed(Operation.DESCRIBE_CONFIGS, Protected.CLUSTER):
        return _response(request, ErrorCode.cluster_authorization_failed)
    if not wanted <= {int(kind) for kind in ResourceType}:
        return _response(request, ErrorCode.unsupported_version)
    return _response(request, ErrorCode.none, wanted)


def _response(request: Request, code: ErrorCode, wanted: set[int] | None = None) -> Any:
    cluster = request.cluster
    return request.schema.response(
        error_code=code,
        config_resources=tuple(
            request.schema.make("ConfigResource", resource_name=name, resource_type=int(kind))
            for kind, name in cluster.resources.named(list(cluster.placement.nodes))
            if kind in (wanted or ())
        ),
    )
