"""DescribeCluster, key 60, versions 0 to 2.

Behavior
- Tells the brokers that run, one of them as the controller, and the cluster id.
- This is a broker: who asks for controllers gets MISMATCHED_ENDPOINT_TYPE, and for anything else
  UNSUPPORTED_ENDPOINT_TYPE.

Version notes
- The API is of KIP-700; 1 adds the kind of endpoint (KIP-919); 2 tells on demand also the brokers
  that are fenced, which those are that are stopped (KIP-1073).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.apis.metadata import NOT_ASKED
from simulator.listeners.kafka.cluster import CLUSTER_ID
from simulator.listeners.kafka.endpoints import endpoint, running
from simulator.listeners.kafka.permissions import cluster_authorized_operations
from simulator.listeners.kafka.registry import Request, api

BROKERS, CONTROLLERS = 1, 2


@api(60, "describe_cluster", (0, 2))
def describe_cluster(request: Request) -> Any:
    """Describe the brokers."""
    body, version = request.body, request.version
    kind = body.endpoint_type if version >= 1 else BROKERS
    if kind == CONTROLLERS:
        text = (
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type "
            "CONTROLLER"
        )
        return _refused(request, ErrorCode.mismatched_endpoint_type, text)
    if kind != BROKERS:
        text = f"Unsupported endpoint type {kind}"
        return _refused(request, ErrorCode.unsupported_endpoint_type, text)
    placement = request.cluster.placement
    fenced = version >= 2 and body.include_fenced_brokers
    operations = NOT_ASKED
    if body.include_cluster_authorized_operations:
        operations = cluster_authorized_operations(request)
    return request.schema.response(
        error_code=ErrorCode.none,
        error_message=None,
        endpoint_type=BROKERS,
        cluster_id=CLUSTER_ID,
        controller_id=placement.controller,
        brokers=tuple(
            _broker(request, node_id)
            for node_id in (placement.nodes if fenced else running(request))
        ),
        cluster_authorized_operations=operations,
    )


def _broker(request: Request, node_id: int) -> Any:
    return request.schema.make(
        "DescribeClusterBroker",
        broker_id=node_id,
        is_fenced=node_id not in request.cluster.placement.running,
        **endpoint(request, node_id),
    )


def _refused(request: Request, code: ErrorCode, text: str) -> Any:
    return request.schema.response(
        error_code=code,
        error_message=text,
        endpoint_type=BROKERS,
        cluster_id="",
        controller_id=-1,
        brokers=(),
        cluster_authorized_operations=NOT_ASKED,
    )
