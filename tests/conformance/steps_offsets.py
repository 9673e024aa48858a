"""Offsets committed and fetched, by members and by others."""

from __future__ import annotations

import asyncio

from asking import committed, committing
from brokers import Broker
from steps import steps
from steps_groups import member_of, stable, syncing


@steps
async def offsets_in_every_version(broker: Broker) -> None:
    topic = await broker.topic("t", 2)
    for version in broker.common("offset_commit"):
        group = broker.name(f"g{version}")
        body = committing(broker, group, (topic, 1, 42 + version), epoch=3)
        await broker.ask("offset_commit", version, **body)
        for fetched in broker.common("offset_fetch"):
            body = committed(broker, group, (topic, 1), (topic, 0))
            await broker.ask("offset_fetch", fetched, **body)
            if fetched >= 2:
                body = committed(broker, group, everything=True)
                await broker.ask("offset_fetch", fetched, label="everything", **body)


@steps
async def offsets_of_what_is_not_there(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    missing = broker.name("missing")
    broker.ids[missing] = "5ca1ab1e-0000-4000-8000-000000000001"
    for version in broker.common("offset_fetch"):
        for label, body in {
            "group": committed(broker, group, (topic, 0)),
            "topic": committed(broker, group, (missing, 0)),
            "partition": committed(broker, group, (topic, 9), (topic, -1)),
            "nothing": committed(broker, group),
            "stable": committed(broker, group, (topic, 0), stable=True),
        }.items():
            await broker.ask("offset_fetch", version, label=label, **body)
        if version >= 2:
            body = committed(broker, group, everything=True)
            await broker.ask("offset_fetch", version, label="everything", **body)
        if version >= 8:
            body = committed(broker, group, (topic, 0))
            body["groups"] *= 2
            await broker.ask("offset_fetch", version, label="group twice", **body)
            body["groups"] = []
            await broker.ask("offset_fetch", version, label="no groups", **body)
    for version in broker.common("offset_commit"):
        for label, body in {
            "topic": committing(broker, group, (missing, 0, 1), (topic, 0, 1)),
            "partition": committing(broker, group, (topic, 9, 1), (topic, -1, 1)),
            "nothing": committing(broker, group),
        }.items():
            await broker.ask("offset_commit", version, label=f"commit {label}", **body)


@steps
async def offsets_of_odd_values(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    for offset in (0, -1, -2, 1 << 60):
        body = committing(broker, group, (topic, 0, offset))
        await broker.ask("offset_commit", label=f"offset {offset}", **body)
        await broker.ask("offset_fetch", **committed(broker, group, (topic, 0)))
    for size in (0, 4096, 4097):
        body = committing(broker, group, (topic, 0, 5), metadata="x" * size)
        await broker.ask("offset_commit", label=f"metadata of {size}", **body)
        await broker.ask(
            "offset_fetch",
            only=lambda answer: len(str(answer)),
            **committed(broker, group, (topic, 0)),
        )
    body = committing(broker, group, (topic, 0, 6), metadata=None)
    await broker.ask("offset_commit", label="null metadata", **body)
    await broker.ask("offset_fetch", **committed(broker, group, (topic, 0)))
    body = committing(broker, group, (topic, 0, 7), (topic, 0, 8))
    await broker.ask("offset_commit", label="partition twice", **body)
    await broker.ask("offset_fetch", **committed(broker, group, (topic, 0)))


@steps
async def offsets_of_members(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    for label, body in {
        "member of no group": committing(broker, group, (topic, 0, 1), member="m", generation=1),
        "generation without member": committing(broker, group, (topic, 0, 1), generation=1),
        "member without generation": committing(broker, group, (topic, 0, 1), member="m"),
    }.items():
        for version in (2, 9):
            await broker.ask("offset_commit", version, label=label, **body)
    alone = broker.name("alone")
    await broker.quietly("offset_commit", **committing(broker, alone, (topic, 0, 1)))
    strange = committing(broker, alone, (topic, 0, 1), member="m", generation=1)
    for version in (2, 9):
        await broker.ask("offset_commit", version, label="member of offsets alone", **strange)
    member = await member_of(broker, group)
    own = {"member": member, "generation": 1}
    part = (topic, 0, 5)
    early = committing(broker, group, part, **own)
    await broker.ask("offset_commit", label="before it synced", **early)
    await broker.ask("sync_group", **syncing(group, member, 1, (member, b"all")))
    for label, how in {
        "member": own,
        "nobody": {},
        "old generation": {"member": member, "generation": 0},
        "coming generation": {"member": member, "generation": 2},
        "stranger": {"member": "stranger", "generation": 1},
        "stranger without generation": {"member": "stranger"},
        "member without generation": {"member": member},
        "unknown instance": {**own, "instance": "i"},
    }.items():
        for version in (2, 9):
            body = committing(broker, group, part, **how)
            await broker.ask("offset_commit", version, label=label, **body)
    for label, how in {
        "member": {"member": member, "epoch": 1},
        "stranger": {"member": "stranger", "epoch": 1},
        "old": {"member": member, "epoch": 0},
    }.items():
        body = committed(broker, group, (topic, 0), **how)
        await broker.ask("offset_fetch", label=f"fetch of {label}", **body)


@steps
async def groups_deleted(broker: Broker) -> None:
    topic = await broker.topic("t")
    busy, idle, missing = broker.name("busy"), broker.name("idle"), broker.name("missing")
    await stable(broker, busy)
    for version in broker.common("delete_groups"):
        await broker.quietly("offset_commit", **committing(broker, idle, (topic, 0, 1)))
        for label, names in {
            "busy": [busy],
            "missing": [missing],
            "idle and missing": [idle, missing],
            "none": [],
            "twice": [missing, missing],
        }.items():
            await broker.ask("delete_groups", version, label=label, groups_names=names)
        await broker.ask("offset_fetch", **committed(broker, idle, (topic, 0)))


@steps
async def offsets_of_a_deleted_topic(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    await broker.ask("offset_commit", **committing(broker, group, (topic, 0, 5)))
    await broker.quietly("delete_topics", topics=[{"name": topic}], timeout=10_000)
    await broker.known(topic, gone=True)
    async with asyncio.timeout(10):
        while True:
            found = await broker.quietly(
                "offset_fetch", 9, **committed(broker, group, everything=True)
            )
            if not found["groups"][0]["topics"]:
                break
    for version in (8, 9):
        body = committed(broker, group, (topic, 0))
        await broker.ask("offset_fetch", version, **body)


@steps
async def group_without_a_name(broker: Broker) -> None:
    topic = await broker.topic("t")

    async def look(when: str) -> None:
        for version in broker.common("offset_fetch"):
            body = committed(broker, "", (topic, 0))
            await broker.ask("offset_fetch", version, label=f"fetched {when}", **body)
        for version in broker.common("describe_groups"):
            await broker.ask("describe_groups", version, label=f"described {when}", groups=[""])

    await look("before")
    for version in broker.common("offset_commit"):
        await broker.ask("offset_commit", version, **committing(broker, "", (topic, 0, 1)))
    await look("after")
    await broker.ask("delete_groups", groups_names=[""])
    await look("deleted")
