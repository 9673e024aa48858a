"""AlterConfigs, key 33, versions 0 to 2.

Behavior
- Replaces everything that was set for a resource: what is not named goes back to its default.
  Clients should rather use IncrementalAlterConfigs.
- Errors as there; loggers are INVALID_REQUEST.
- `validate_only` answers the same and changes nothing.

Version notes
- 2 is flexible.
"""

from __future__ import annotations

from typing import Any

from simulator.listeners.kafka.config_changes import altered
from simulator.listeners.kafka.registry import Request, api


@api(33, "alter_configs", (0, 2))
def alter_configs(request: Request) -> Any:
    """Replace settings."""
    resources, dry = request.cluster.resources, request.body.validate_only

    def alter(kind: int, name: str, resource: Any) -> None:
        config = {each.name: each.value for each in resource.configs}
        resources.replace(kind, name, request.node_id, config, dry)

    return altered(request, alter)
