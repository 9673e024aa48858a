"""Where clients find brokers: each at the address by which the client reached this one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulator.listeners.kafka.registry import Request


def endpoint(request: Request, node_id: int) -> dict[str, Any]:
    """Id, host, port and rack of a broker."""
    cluster = request.cluster
    return {
        "node_id": node_id,
        "host": request.local[0],
        "port": request.local[1] if node_id == request.node_id else cluster.ports[node_id],
        "rack": cluster.placement.nodes[node_id].rack,
    }


def endpoints(request: Request, structure: str, node_ids: Iterable[int]) -> tuple[Any, ...]:
    """The same of several brokers, as structures of that name."""
    return tuple(request.schema.make(structure, **endpoint(request, node)) for node in node_ids)


def running(request: Request) -> list[int]:
    """The brokers that clients can reach."""
    placement = request.cluster.placement
    return [node_id for node_id in placement.nodes if node_id in placement.running]
