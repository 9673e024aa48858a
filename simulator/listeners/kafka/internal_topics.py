"""The topics that a cluster keeps for itself, shown to clients once there is a reason for them.

Kafka keeps offsets and transactions in them. Here they have no records; they are there so that
clients see what they expect of a cluster whose groups have committed.
"""

from __future__ import annotations

from typing import Final

from simulator.listeners.kafka.cluster import Cluster
from simulator.log.placement import COORDINATOR_PARTITIONS, COORDINATOR_TOPICS

OFFSETS: Final = "__consumer_offsets"
TRANSACTIONS: Final = "__transaction_state"

_CONFIG: Final = {
    OFFSETS: {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "segment.bytes": "104857600",
    },
    TRANSACTIONS: {
        "cleanup.policy": "compact",
        "compression.type": "uncompressed",
        "min.insync.replicas": "1",
        "segment.bytes": "104857600",
        "unclean.leader.election.enable": "false",
    },
}
"""What Kafka's coordinators create them with."""


def show_internal_topics(cluster: Cluster) -> None:
    """Create those that there is a reason for; to be called before topics are told."""
    log = cluster.log
    if not log.has_topic(OFFSETS) and log.groups.names():
        create_internal_topic(cluster, OFFSETS)
    if not log.has_topic(TRANSACTIONS) and cluster.transactions.all():
        create_internal_topic(cluster, TRANSACTIONS)


def create_internal_topic(cluster: Cluster, name: str) -> bool:
    """Create one; False where it is none of a coordinator."""
    if name not in COORDINATOR_TOPICS:
        return False
    cluster.control.create_topic(name, partitions=COORDINATOR_PARTITIONS, config=_CONFIG[name])
    return True
