"""Classic groups: joining, syncing, leaving, and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from asking import committing
from brokers import Broker
from steps import steps

RANGE = (("range", b"r"),)


def joining(
    group: str,
    member: str = "",
    *,
    instance: str | None = None,
    protocols: Sequence[tuple[str, bytes]] = RANGE,
    kind: str = "consumer",
    session: int = 30_000,
    rebalance: int = 30_000,
) -> dict[str, Any]:
    return {
        "group_id": group,
        "session_timeout": session,
        "rebalance_timeout": rebalance,
        "member_id": member,
        "group_instance_id": instance,
        "protocol_type": kind,
        "protocols": [{"name": name, "metadata": data} for name, data in protocols],
        "reason": "because",
    }


def syncing(
    group: str,
    member: str,
    generation: int,
    *shares: tuple[str, bytes],
    instance: str | None = None,
    kind: str | None = "consumer",
    protocol: str | None = "range",
) -> dict[str, Any]:
    return {
        "group_id": group,
        "generation_id": generation,
        "member_id": member,
        "group_instance_id": instance,
        "protocol_type": kind,
        "protocol_name": protocol,
        "assignments": [{"member_id": each, "assignment": data} for each, data in shares],
    }


def beating(
    group: str, member: str, generation: int, instance: str | None = None
) -> dict[str, Any]:
    return {
        "group_id": group,
        "generation_id": generation,
        "member_id": member,
        "group_instance_id": instance,
    }


def leaving(group: str, *members: tuple[str, str | None]) -> dict[str, Any]:
    return {
        "group_id": group,
        "member_id": members[0][0] if members else "",
        "members": [
            {"member_id": member, "group_instance_id": instance, "reason": "because"}
            for member, instance in members
        ],
    }


async def member_of(broker: Broker, group: str, client: str = "client", **how: Any) -> str:
    """A first or further member, which has joined when all others have joined too."""
    named = await broker.ask("join_group", client=client, **joining(group, **how))
    member = str(named["member_id"])
    if how.get("instance") is None:
        await broker.ask("join_group", client=client, **joining(group, member, **how))
    return member


async def stable(broker: Broker, group: str, **how: Any) -> str:
    """The only member of a group, with its assignment, in generation 1."""
    member = await member_of(broker, group, **how)
    await broker.ask("sync_group", **syncing(group, member, 1, (member, b"all")))
    return member


async def told(broker: Broker, group: str, label: str) -> None:
    """Record how the group is described and listed."""

    def listed(answer: dict[str, Any]) -> Any:
        return [each for each in answer["groups"] if each["group_id"] == group]

    asked = {"groups": [group], "include_authorized_operations": False}
    await broker.ask("describe_groups", label=f"described {label}", **asked)
    await broker.ask("list_groups", label=f"listed {label}", only=listed)


@steps
async def group_in_every_version(broker: Broker) -> None:
    for version in broker.common("join_group"):
        group = broker.name(f"g{version}")
        answer = await broker.ask("join_group", version, **joining(group))
        member = answer["member_id"]
        if answer["error_code"] == "member_id_required":
            await broker.ask("join_group", version, **joining(group, member))
        sync = min(version, broker.newest("sync_group"))
        await broker.ask("sync_group", sync, **syncing(group, member, 1, (member, b"all")))
        beat = min(version, broker.newest("heartbeat"))
        await broker.ask("heartbeat", beat, **beating(group, member, 1))
        for described in broker.common("describe_groups"):
            await broker.ask("describe_groups", described, groups=[group])
        leave = min(version, broker.newest("leave_group"))
        await broker.ask("leave_group", leave, **leaving(group, (member, None)))
        await told(broker, group, "left")


@steps
async def group_of_one(broker: Broker) -> None:
    group = broker.name("g")
    await told(broker, group, "before")
    named = await broker.ask("join_group", **joining(group))
    member = named["member_id"]
    broker.note("named after the client", member.startswith("client-"))
    await told(broker, group, "with a member that has an id")
    await broker.ask("heartbeat", label="too early", **beating(group, member, 0))
    await broker.ask("join_group", **joining(group, member))
    await told(broker, group, "joined")
    await broker.ask("heartbeat", label="not synced", **beating(group, member, 1))
    await broker.ask("sync_group", **syncing(group, member, 1, (member, b"all")))
    await told(broker, group, "synced")
    await broker.ask("heartbeat", **beating(group, member, 1))
    await broker.ask("sync_group", label="synced again", **syncing(group, member, 1))
    await broker.ask("join_group", label="leader joins again", **joining(group, member))
    await told(broker, group, "joined again")
    await broker.ask("heartbeat", label="old generation", **beating(group, member, 1))
    await broker.ask("sync_group", label="without itself", **syncing(group, member, 2))
    await broker.ask("leave_group", **leaving(group, (member, None)))
    await told(broker, group, "empty")
    await broker.ask("heartbeat", label="gone", **beating(group, member, 2))
    await broker.ask("leave_group", label="left already", **leaving(group, (member, None)))
    await broker.ask("delete_groups", groups_names=[group])
    await told(broker, group, "deleted")


@steps
async def group_of_two(broker: Broker) -> None:
    group = broker.name("g")
    first = await stable(broker, group)
    named = await broker.ask("join_group", client="second", **joining(group))
    second = named["member_id"]
    await told(broker, group, "while one comes")
    later = broker.start(
        "join_group", label="second joins", client="second", **joining(group, second)
    )
    while True:
        answer = await broker.quietly("heartbeat", **beating(group, first, 1))
        if answer["error_code"] != "none":
            break
    await told(broker, group, "rebalancing")
    await broker.ask("heartbeat", label="told to join", **beating(group, first, 1))
    await broker.ask("sync_group", label="synced while preparing", **syncing(group, first, 1))
    await broker.ask("join_group", label="first joins", **joining(group, first))
    await later
    await told(broker, group, "completing")
    waiting = broker.start(
        "sync_group", label="follower syncs", client="second", **syncing(group, second, 2)
    )
    shares = ((first, b"a"), (second, b"b"))
    await broker.ask("sync_group", label="leader syncs", **syncing(group, first, 2, *shares))
    await waiting
    await told(broker, group, "stable")
    again = joining(group, second)
    await broker.ask("join_group", label="follower joins unchanged", client="second", **again)
    await told(broker, group, "as before")
    changed = joining(group, second, protocols=(("range", b"other"),))
    later = broker.start("join_group", label="follower joins changed", client="second", **changed)
    while True:
        answer = await broker.quietly("heartbeat", **beating(group, first, 2))
        if answer["error_code"] != "none":
            break
    await broker.ask("leave_group", label="leader leaves", **leaving(group, (first, None)))
    await later
    await told(broker, group, "with a new leader")


@steps
async def group_joins_refused(broker: Broker) -> None:
    for version in (0, 4, broker.newest("join_group")):
        group = broker.name(f"g{version}")
        cases: dict[str, dict[str, Any]] = {
            "no group": joining(""),
            "unknown member": joining(group, "stranger"),
            "session too short": joining(group, session=5_999),
            "session too long": joining(group, session=1_800_001),
            "session 0": joining(group, session=0),
            "no protocols": joining(group, protocols=()),
            "no kind": joining(group, kind=""),
        }
        for label, body in cases.items():
            await broker.ask("join_group", version, label=label, **body)
        await told(broker, group, "after")


@steps
async def group_of_other_protocols(broker: Broker) -> None:
    group = broker.name("g")
    await stable(broker, group, protocols=(("range", b""), ("sticky", b"")))
    for version in (2, broker.newest("join_group")):
        other = {"client": "other", "label": "other protocol"}
        await broker.ask("join_group", version, **other, **joining(group, protocols=(("x", b""),)))
        other["label"] = "other kind"
        await broker.ask("join_group", version, **other, **joining(group, kind="connect"))
        other["label"] = "no protocols"
        await broker.ask("join_group", version, **other, **joining(group, protocols=()))


@steps
async def group_syncs_refused(broker: Broker) -> None:
    group = broker.name("g")
    await broker.ask("sync_group", label="no such group", **syncing(group, "m", 1))
    member = await member_of(broker, group)
    cases: dict[str, dict[str, Any]] = {
        "no group": syncing("", member, 1),
        "unknown member": syncing(group, "stranger", 1),
        "no member": syncing(group, "", 1),
        "old generation": syncing(group, member, 0),
        "coming generation": syncing(group, member, 2),
        "generation -1": syncing(group, member, -1),
        "other kind": syncing(group, member, 1, kind="connect"),
        "other protocol": syncing(group, member, 1, protocol="sticky"),
        "no kind": syncing(group, member, 1, kind=None),
        "no protocol": syncing(group, member, 1, protocol=None),
        "unknown instance": syncing(group, member, 1, instance="i"),
    }
    for label, body in cases.items():
        await broker.ask("sync_group", label=label, **body)
    shares = (("stranger", b"x"), (member, b"all"))
    await broker.ask("sync_group", label="for a stranger too", **syncing(group, member, 1, *shares))
    await told(broker, group, "after")


@steps
async def group_heartbeats_refused(broker: Broker) -> None:
    group = broker.name("g")
    await broker.ask("heartbeat", label="no such group", **beating(group, "m", 1))
    member = await stable(broker, group)
    cases = {
        "no group": beating("", member, 1),
        "unknown member": beating(group, "stranger", 1),
        "no member": beating(group, "", 1),
        "old generation": beating(group, member, 0),
        "coming generation": beating(group, member, 2),
        "unknown instance": beating(group, member, 1, "i"),
    }
    for label, body in cases.items():
        for version in (0, 3, 4):
            await broker.ask("heartbeat", version, label=label, **body)


@steps
async def group_leaves_refused(broker: Broker) -> None:
    group = broker.name("g")
    for version in broker.common("leave_group"):
        named = f"no such group, {version}"
        await broker.ask("leave_group", version, label=named, **leaving(group, ("m", None)))
    member = await stable(broker, group)
    for version in broker.common("leave_group"):
        for label, body in {
            "no group": leaving("", (member, None)),
            "unknown member": leaving(group, ("stranger", None)),
            "no member": leaving(group, ("", None)),
            "nobody": leaving(group),
            "unknown instance": leaving(group, ("", "i")),
        }.items():
            await broker.ask("leave_group", version, label=label, **body)
    both = leaving(group, ("stranger", None), (member, None))
    await broker.ask("leave_group", label="one of two is unknown", **both)
    await told(broker, group, "after")


@steps
async def group_of_static_members(broker: Broker) -> None:
    group = broker.name("g")
    one = await broker.ask("join_group", **joining(group, instance="one"))
    member = one["member_id"]
    await broker.ask("sync_group", **syncing(group, member, 1, (member, b"all"), instance="one"))
    await told(broker, group, "stable")
    for label, version in (("again", 5), ("again", broker.newest("join_group"))):
        back = await broker.ask(
            "join_group", version, label=label, **joining(group, instance="one")
        )
        await broker.ask("heartbeat", label="fenced", **beating(group, member, 1, "one"))
        await broker.ask("sync_group", label="fenced", **syncing(group, member, 1, instance="one"))
        await broker.ask("join_group", label="fenced", **joining(group, member, instance="one"))
        member = back["member_id"]
        generation = back["generation_id"]
        await told(broker, group, "after it came back")
        await broker.ask(
            "sync_group",
            label="syncs",
            **syncing(group, member, generation, (member, b"all"), instance="one"),
        )
    await broker.ask(
        "heartbeat", label="other instance", **beating(group, member, generation, "two")
    )
    await broker.ask("leave_group", label="wrong id", **leaving(group, ("stranger", "one")))
    await broker.ask("leave_group", label="by instance", **leaving(group, ("", "one")))
    await told(broker, group, "empty")


@steps
async def group_descriptions(broker: Broker) -> None:
    group, missing = broker.name("g"), broker.name("missing")
    await stable(broker, group)
    for version in broker.common("describe_groups"):
        for label, names in {
            "missing": [missing],
            "both": [group, missing],
            "twice": [group, group],
            "none": [],
        }.items():
            for operations in (False, True):
                await broker.ask(
                    "describe_groups",
                    version,
                    label=label,
                    groups=names,
                    include_authorized_operations=operations,
                )


@steps
async def group_listings(broker: Broker) -> None:
    group, offsets = broker.name("g"), broker.name("offsets")
    await stable(broker, group)
    topic = await broker.topic("t")
    await broker.quietly("offset_commit", **committing(broker, offsets, (topic, 0, 1)))

    def mine(answer: dict[str, Any]) -> Any:
        ours = [each for each in answer["groups"] if each["group_id"] in (group, offsets)]
        return answer | {"groups": ours}

    for version in broker.common("list_groups"):
        for states in (
            (),
            ("Stable",),
            ("stable",),
            ("Empty",),
            ("Dead", "Stable"),
            ("None",),
            ("",),
        ):
            for types in ((), ("classic",), ("Classic",), ("consumer",), ("share",), ("odd",)):
                if types and (states or version < 5):
                    continue
                await broker.ask(
                    "list_groups",
                    version,
                    label=f"states {states} types {types}",
                    only=mine,
                    states_filter=states,
                    types_filter=types,
                )
