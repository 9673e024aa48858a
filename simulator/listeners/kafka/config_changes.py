"""What AlterConfigs and IncrementalAlterConfigs have in common: a result for each resource."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.configs.resource_types import Refused, ResourceType
from simulator.listeners.kafka.registry import Request
from simulator.log.acls import Operation
from simulator.log.acls import ResourceType as Protected

Alter = Callable[[int, str, Any], None]
"""Changes the resource of that type and name as its part of the request says; raises Refused."""


def altered(request: Request, alter: Alter) -> Any:
    """The response after the change of each resource."""
    resources = request.body.resources
    times = Counter((each.resource_type, each.resource_name) for each in resources)
    results = []
    for resource in resources:
        kind, name = resource.resource_type, resource.resource_name
        code, text = ErrorCode.none, None
        if times[kind, name] > 1:
            code, text = ErrorCode.invalid_request, "Each resource must appear at most once."
        else:
            try:
                _check_allowed(request, kind, name)
                alter(kind, name, resource)
            except Refused as refused:
                code, text = ErrorCode(refused.code), refused.text
        results.append(
            request.schema.make(
                "AlterConfigsResourceResponse",
                error_code=code,
                error_message=text,
                resource_type=kind,
                resource_name=name,
            )
        )
    return request.schema.response(responses=tuple(results))


def _check_allowed(request: Request, kind: int, name: str) -> None:
    alter = Operation.ALTER_CONFIGS
    if kind == ResourceType.TOPIC:
        if not request.allowed(alter, Protected.TOPIC, name):
            raise Refused(ErrorCode.topic_authorization_failed, "Topic authorization failed.")
    elif kind == ResourceType.GROUP:
        if not request.allowed(alter, Protected.GROUP, name):
            raise Refused(ErrorCode.group_authorization_failed, "Group authorization failed.")
    elif not request.allowed(alter, Protected.CLUSTER):
        raise Refused(ErrorCode.cluster_authorization_failed, "Cluster authorization failed.")
