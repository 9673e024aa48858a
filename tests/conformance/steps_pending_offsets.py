"""Offsets that wait for the end of a transaction, beside commits and deletions outside of it."""

from __future__ import annotations

from typing import Any

from asking import committed, committing
from brokers import Broker
from steps import steps
from steps_transactions import Producer, begun, coordinated, end

ADDS_GROUPS = 5
"""The version of TxnOffsetCommit and of EndTxn with which transaction version 2 begins."""


async def commit_in(
    broker: Broker, producer: Producer, group: str, topic: str, offset: int, metadata: str = "m"
) -> None:
    """Commit an offset in the producer's transaction."""
    part = {
        "partition_index": 0,
        "committed_offset": offset,
        "committed_leader_epoch": -1,
        "committed_metadata": metadata,
    }
    body: dict[str, Any] = {
        "group_id": group,
        "generation_id": -1,
        "member_id": "",
        "group_instance_id": None,
        "topics": [{"name": topic, "partitions": [part]}],
    }
    await broker.ask(
        "txn_offset_commit", ADDS_GROUPS, label=f"pending {offset}", **producer.fields(), **body
    )


async def seen(broker: Broker, group: str, topic: str, label: str) -> None:
    """What the group has committed, for those who wait for transactions and for others."""
    for stable in (True, False):
        wanted = committed(broker, group, (topic, 0), stable=stable)
        await broker.ask("offset_fetch", 8, label=f"{label}, stable {stable}", **wanted)


@steps
async def pending_offsets_and_commits_outside(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    await coordinated(broker, group, 0)
    first, second = await begun(broker, "first"), await begun(broker, "second")
    for kept in (True, False):
        await commit_in(broker, first, group, topic, 10)
        await broker.ask("offset_commit", **committing(broker, group, (topic, 0, 20)))
        await seen(broker, group, topic, "committed later")
        first = await end(broker, first, kept, version=ADDS_GROUPS)
        await seen(broker, group, topic, f"ended {kept}")
    await broker.ask("offset_commit", **committing(broker, group, (topic, 0, 30)))
    await commit_in(broker, first, group, topic, 25)
    first = await end(broker, first, True, version=ADDS_GROUPS)
    await seen(broker, group, topic, "committed before")
    await commit_in(broker, first, group, topic, 40)
    await commit_in(broker, second, group, topic, 50)
    second = await end(broker, second, True, version=ADDS_GROUPS)
    await seen(broker, group, topic, "the second has ended")
    first = await end(broker, first, True, version=ADDS_GROUPS)
    await seen(broker, group, topic, "both have ended")


@steps
async def pending_offsets_that_are_deleted(broker: Broker) -> None:
    topic, other = await broker.topic("t"), await broker.topic("u")
    for name in ("with others", "alone"):
        group = broker.name(name)
        await coordinated(broker, group, 0)
        producer = await begun(broker, name)
        if name == "with others":
            await broker.ask("offset_commit", **committing(broker, group, (topic, 0, 1)))
            await broker.ask("offset_commit", **committing(broker, group, (other, 0, 1)))
        await commit_in(broker, producer, group, topic, 10)
        place = {"name": topic, "partitions": [{"partition_index": 0}]}
        await broker.ask("offset_delete", label=name, group_id=group, topics=[place])
        await seen(broker, group, topic, f"{name} deleted")
        producer = await end(broker, producer, True, version=ADDS_GROUPS)
        await seen(broker, group, topic, f"{name} ended")
        await commit_in(broker, producer, group, topic, 11)
        await broker.ask("delete_groups", label=name, groups_names=[group])
        await seen(broker, group, topic, f"{name} group deleted")
        await end(broker, producer, True, version=ADDS_GROUPS)
        await seen(broker, group, topic, f"{name} group deleted and ended")


@steps
async def pending_offsets_with_long_metadata(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    await coordinated(broker, group, 0)
    producer = await begun(broker)
    for text in ("m" * 4096, "m" * 4097, "ö" * 4096, "ö" * 4097, "😀" * 2048, "😀" * 2049):
        await commit_in(broker, producer, group, topic, 1, text)
        body = committing(broker, group, (topic, 0, 1), metadata=text)
        await broker.ask("offset_commit", label="outside", **body)
