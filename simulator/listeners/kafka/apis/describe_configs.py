"""DescribeConfigs, key 32, versions 1 to 4.

Behavior
- Settings of topics, brokers (an empty name means what was set for all of them), groups, metrics
  subscriptions and loggers; all, or those that are named. Names that there are not are left out.
- Each has its value, where that comes from, and on demand every other value given for it or for
  what stands in for it, the one that counts first.
- UNKNOWN_TOPIC_OR_PARTITION, INVALID_TOPIC_EXCEPTION; INVALID_REQUEST for another broker than the
  one that is asked, an empty name, and types that there are not.

Version notes
- 1 adds sources and synonyms (KIP-226); 3 types and documentation (KIP-569); 4 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.configs.definitions import ConfigType
from simulator.listeners.kafka.configs.resource_types import Refused, ResourceType
from simulator.listeners.kafka.configs.resources import Described
from simulator.listeners.kafka.internal_topics import show_internal_topics
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation
from simulator.log.acls import ResourceType as Protected


@api(32, "describe_configs", (1, 4))
def describe_configs(request: Request) -> Any:
    """Describe settings."""
    show_internal_topics(request.cluster)
    return request.schema.response(
        results=tuple(_described(request, resource) for resource in request.body.resources)
    )


def _described(request: Request, resource: Any) -> Any:
    code, text, configs = ErrorCode.none, "", ()
    kind, name = resource.resource_type, resource.resource_name
    wanted = resource.configuration_keys
    try:
        _check_allowed(request, kind, name)
        configs = tuple(
            _config(request, found)
            for found in request.cluster.resources.describe(
                kind, name, request.node_id, _of_this_broker(request)
            )
            if not wanted or found.definition.name in wanted
        )
    except Refused as refused:
        code, text = ErrorCode(refused.code), refused.text or ""
    return request.schema.make(
        "DescribeConfigsResult",
        error_code=code,
        error_message=text,
        resource_type=kind,
        resource_name=name,
        configs=configs,
    )


def _check_allowed(request: Request, kind: int, name: str) -> None:
    if kind == ResourceType.TOPIC:
        protected, named = Protected.TOPIC, name
    elif kind == ResourceType.GROUP:
        protected, named = Protected.GROUP, name
    else:
        protected, named = Protected.CLUSTER, ""
    described = Operation.DESCRIBE_CONFIGS
    if protected is Protected.CLUSTER:
        if not request.allowed(described, protected):
            raise Refused(ErrorCode.cluster_authorization_failed, "Cluster authorization failed.")
    elif not request.allowed(described, protected, named):
        code = (
            ErrorCode.topic_authorization_failed
            if protected is Protected.TOPIC
            else ErrorCode.group_authorization_failed
        )
        raise Refused(code, f"{protected.name.title()} authorization failed.")


def _of_this_broker(request: Request) -> dict[str, str]:
    """The settings that each broker has for itself."""
    host, port = request.local
    guard = request.cluster.guard
    rack = request.cluster.placement.nodes[request.node_id].rack
    settings = {
        "broker.id": str(request.node_id),
        "listeners": f"{guard.security.protocol}://{host}:{port}",
        "node.id": str(request.node_id),
        **guard.broker_settings,
    }
    return settings if rack is None else {**settings, "broker.rack": rack}


def _config(request: Request, found: Described) -> Any:
    make, body = request.schema.make, request.body
    definition = found.definition
    documented = request.version >= 3 and body.include_documentation
    return make(
        "DescribeConfigsResourceResult",
        name=definition.name,
        value=found.value,
        read_only=found.read_only,
        config_source=found.source,
        is_sensitive=definition.type is ConfigType.PASSWORD,
        synonyms=tuple(
            make(
                "DescribeConfigsSynonym",
                name=given.name,
                value=given.value,
                source=given.source,
            )
            for given in found.given
        )
        if body.include_synonyms
        else (),
        config_type=definition.type,
        documentation=definition.documentation if documented else None,
    )
