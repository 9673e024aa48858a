"""Whether this broker may answer for a partition, and who else may (KIP-320, KIP-951)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.endpoints import endpoints
from simulator.listeners.kafka.registry import Request

NO_EPOCH: Final = -1

REDIRECTED: Final = (ErrorCode.not_leader_or_follower, ErrorCode.fenced_leader_epoch)
"""Errors that come with the leader that there is now."""


def leader_error(
    request: Request,
    topic: str,
    partition: int,
    epoch: int = NO_EPOCH,
    *,
    follower_too: bool = False,
) -> ErrorCode:
    """What is wrong with asking this broker about a partition; `epoch` is the client's leader's.

    NOT_LEADER_OR_FOLLOWER from a broker without a replica; from one with a replica first
    FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH, and then NOT_LEADER_OR_FOLLOWER, unless a
    `follower_too` may answer. Raises TopicNotFound or PartitionNotFound.
    """
    cluster = request.cluster
    if cluster.placement.sole and (
        epoch == NO_EPOCH or epoch == cluster.log.leader_epoch(topic, partition)
    ):
        return ErrorCode.none  # the short way of nearly every request
    place = cluster.place(topic, partition)
    if request.node_id not in place.replicas:
        return ErrorCode.not_leader_or_follower
    if epoch not in (NO_EPOCH, place.leader_epoch):
        old = epoch < place.leader_epoch
        return ErrorCode.fenced_leader_epoch if old else ErrorCode.unknown_leader_epoch
    if request.node_id == place.leader or follower_too:
        return ErrorCode.none
    return ErrorCode.not_leader_or_follower


def current_leader(request: Request, topic: str | None, partition: int) -> dict[str, Any]:
    """The field of a refusal that names the leader; nothing where none is known."""
    if topic is None:
        return {}
    place = request.cluster.place(topic, partition)
    leader = request.schema.make(
        "LeaderIdAndEpoch", leader_id=place.leader, leader_epoch=place.leader_epoch
    )
    return {"current_leader": leader}


def node_endpoints(request: Request, partitions: Iterable[Any]) -> dict[str, Any]:
    """The field of a response that says where the leaders are which its partitions name."""
    running = request.cluster.placement.running
    leaders = {
        each.current_leader.leader_id for each in partitions if each.error_code in REDIRECTED
    }
    found = endpoints(request, "NodeEndpoint", sorted(leaders & running))
    return {"node_endpoints": found}
