"""IncrementalAlterConfigs, key 44, versions 0 to 1.

Behavior
- SET, DELETE, and for lists APPEND and SUBTRACT of single settings of topics, brokers (an empty
  name means all of them), groups, metrics subscriptions and loggers (KIP-339, KIP-412).
- INVALID_CONFIG for what a topic or group cannot have; INVALID_REQUEST for what brokers and metrics
  subscriptions cannot have or cannot change while they run, for a setting named twice or without a
  value, for another broker than the one that is asked, and for a resource named twice;
  UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION.
- A broker's setting that is not known is kept and never told.
- `validate_only` answers the same and changes nothing.

Version notes
- 1 is flexible.
"""

from __future__ import annotations

from typing import Any

from simulator.listeners.kafka.config_changes import altered
from simulator.listeners.kafka.configs.resource_types import Change
from simulator.listeners.kafka.registry import Request, api


@api(44, "incremental_alter_configs", (0, 1))
def incremental_alter_configs(request: Request) -> Any:
    """Change settings."""
    resources, dry = request.cluster.resources, request.body.validate_only

    def alter(kind: int, name: str, resource: Any) -> None:
        changes = [Change(c.name, c.config_operation, c.value) for c in resource.configs]
        resources.change(kind, name, request.node_id, changes, dry)

    return altered(request, alter)
