"""Existing Kafka clusters: what a story does can be written to one."""

from simulator.clusters.addresses import ClusterAddress, InvalidAddress, Shard
from simulator.clusters.writer import ClusterUnavailable, ClusterWriter

__all__ = [
    "ClusterAddress",
    "ClusterUnavailable",
    "ClusterWriter",
    "InvalidAddress",
    "Shard",
]
