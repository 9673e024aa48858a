"""Where replicas may be put, and what a broker says of those that cannot."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.listeners.kafka.errors import ListenerError
from simulator.listeners.kafka.registry import Request


class BadReplicas(ListenerError):
    """Replicas that cannot be, in the words of a broker."""


def check_assignment(request: Request, replicas: Sequence[int]) -> None:
    """Refuse replicas that nobody can hold; raises BadReplicas."""
    if not replicas:
        raise BadReplicas("The manual partition assignment includes an empty replica list.")
    before = None
    for node_id in sorted(replicas):
        if node_id not in request.cluster.placement.nodes:
            raise BadReplicas(
                f"The manual partition assignment includes broker {node_id}, but no such broker is "
                "registered."
            )
        if node_id == before:
            raise BadReplicas(
                f"The manual partition assignment includes the broker {node_id} more than once."
            )
        before = node_id


def check_replication(request: Request, replication: int) -> None:
    """Refuse more replicas than there are brokers; raises BadReplicas."""
    brokers = len(request.cluster.placement.nodes)
    if replication > brokers:
        raise BadReplicas(
            f"Unable to replicate the partition {replication} time(s): The target replication "
            f"factor of {replication} cannot be reached because only {brokers} broker(s) are "
            "registered or some brokers have all their log directories cordoned."
        )
