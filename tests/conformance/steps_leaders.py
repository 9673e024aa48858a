"""Leaders, their epochs, replicas, and what the brokers say of each other."""

from __future__ import annotations

from typing import Any

from brokers import Broker
from steps import steps

NODE = 1
"""The only broker, here and there."""


def brokers_told(answer: dict[str, Any]) -> dict[str, Any]:
    """A description of the cluster, without addresses and ids that each cluster has its own of."""
    brokers = [
        {name: value for name, value in each.items() if name not in ("host", "port")}
        for each in answer["brokers"]
    ]
    return {**answer, "brokers": brokers, "cluster_id": bool(answer["cluster_id"])}


@steps
async def describe_the_cluster(broker: Broker) -> None:
    for version in broker.common("describe_cluster"):
        for operations in (False, True):
            await broker.ask(
                "describe_cluster",
                version,
                label=f"operations {operations}",
                only=brokers_told,
                include_cluster_authorized_operations=operations,
                include_fenced_brokers=True,
            )
    for kind in (0, 2, 3, -1):
        await broker.ask("describe_cluster", label=f"kind {kind}", endpoint_type=kind)


def quorum_told(answer: dict[str, Any]) -> dict[str, Any]:
    """What does not grow with time, nor is an address."""
    shown: dict[str, Any] = {name: answer.get(name) for name in ("error_code", "error_message")}
    for topic in answer["topics"]:
        for partition in topic["partitions"]:
            voters = [voter["replica_id"] for voter in partition["current_voters"]]
            shown[f"{topic['topic_name']} {partition['partition_index']}"] = {
                "error_code": partition["error_code"],
                "error_message": partition.get("error_message"),
                "leader_id": partition["leader_id"],
                "voters": voters,
                "observers": len(partition["observers"]),
            }
    shown["nodes"] = [node["node_id"] for node in answer.get("nodes") or ()]
    return shown


@steps
async def describe_the_quorum(broker: Broker) -> None:
    asked = (("__cluster_metadata", 0), ("__cluster_metadata", 1), (broker.name("t"), 0))
    for version in broker.common("describe_quorum"):
        for topic, partition in asked:
            topics = [{"topic_name": topic, "partitions": [{"partition_index": partition}]}]
            await broker.ask("describe_quorum", version, only=quorum_told, topics=topics)
    await broker.ask("describe_quorum", label="nothing", only=quorum_told, topics=[])


@steps
async def elect_leaders(broker: Broker) -> None:
    topic = await broker.topic("t", 2)
    missing = broker.name("missing")
    asked = [
        {"topic": topic, "partitions": [0, 1, 2]},
        {"topic": missing, "partitions": [0]},
    ]
    for version in broker.common("elect_leaders"):
        for kind in (0, 1, 2, -1):
            await broker.ask(
                "elect_leaders",
                version,
                label=f"type {kind}",
                election_type=kind,
                topic_partitions=asked,
                timeout=10_000,
            )
    await broker.ask("elect_leaders", label="nothing", topic_partitions=[], timeout=10_000)


@steps
async def reassign_partitions(broker: Broker) -> None:
    topic = await broker.topic("t", 2)
    for version in broker.common("alter_partition_reassignments"):
        for replicas in ([NODE], [], [NODE, NODE], [NODE, 99], [99], [-1], None):
            partitions = [{"partition_index": 0, "replicas": replicas}]
            await broker.ask(
                "alter_partition_reassignments",
                version,
                label=f"to {replicas}",
                topics=[{"name": topic, "partitions": partitions}],
                timeout=10_000,
            )
        for name, partition in ((topic, 2), (topic, -1), (broker.name("missing"), 0)):
            partitions = [{"partition_index": partition, "replicas": [NODE]}]
            await broker.ask(
                "alter_partition_reassignments",
                version,
                label=f"{name == topic} {partition}",
                topics=[{"name": name, "partitions": partitions}],
                timeout=10_000,
            )


@steps
async def list_reassignments(broker: Broker) -> None:
    topic = await broker.topic("t", 2)
    some = [
        {"name": topic, "partition_indexes": [0, 5]},
        {"name": broker.name("missing"), "partition_indexes": [0]},
    ]
    for topics in (None, [], some):
        await broker.ask("list_partition_reassignments", topics=topics, timeout=10_000)


@steps
async def where_leader_epochs_end(broker: Broker) -> None:
    topic = await broker.topic("t", 1)
    for version in broker.common("offset_for_leader_epoch"):
        for current, epoch in ((-1, 0), (-1, 1), (-1, -1), (-1, -5), (0, 0), (1, 0), (-5, 0)):
            asked = {"partition": 0, "current_leader_epoch": current, "leader_epoch": epoch}
            await broker.ask(
                "offset_for_leader_epoch",
                version,
                label=f"{current} {epoch}",
                replica_id=-1,
                topics=[{"topic": topic, "partitions": [asked]}],
            )
        for name, partition in ((topic, 1), (broker.name("missing"), 0)):
            asked = {"partition": partition, "leader_epoch": 0}
            await broker.ask(
                "offset_for_leader_epoch",
                version,
                label=f"{name == topic} {partition}",
                replica_id=-1,
                topics=[{"topic": name, "partitions": [asked]}],
            )


@steps
async def epochs_of_another_leader(broker: Broker) -> None:
    topic = await broker.topic("t", 1)
    for epoch in (-1, 0, 1, -2):
        wanted = {
            "partition": 0,
            "current_leader_epoch": epoch,
            "fetch_offset": 0,
            "partition_max_bytes": 100,
        }
        for version in (9, 11, 12):
            await broker.ask(
                "fetch",
                version,
                label=f"epoch {epoch}",
                max_wait=0,
                max_bytes=100,
                session_epoch=-1,
                topics=[{"topic": topic, "partitions": [wanted]}],
            )
        asked = {"partition_index": 0, "current_leader_epoch": epoch, "timestamp": -1}
        for version in broker.common("list_offsets"):
            if version >= 4:
                await broker.ask(
                    "list_offsets",
                    version,
                    label=f"epoch {epoch}",
                    replica_id=-1,
                    topics=[{"name": topic, "partitions": [asked]}],
                )
