"""Consumer groups (KIP-848): joining, reconciling, leaving, and what is told of them."""

from __future__ import annotations

from typing import Any

from asking import committed, committing
from brokers import Broker
from steps import steps
from steps_groups import beating, joining, leaving, syncing

UNCHANGED: dict[str, Any] = {
    "instance_id": None,
    "rack_id": None,
    "rebalance_timeout": -1,
    "subscribed_topic_names": None,
    "subscribed_topic_regex": None,
    "server_assignor": None,
    "topic_partitions": None,
}

Owned = dict[str, list[int]]
"""Partitions by the names of their topics."""


def beat(broker: Broker, group: str, member: str, epoch: int, **values: Any) -> dict[str, Any]:
    """A heartbeat in which nothing has changed but for `values`; `owned` names topics."""
    owned: Owned | None = values.pop("owned", None)
    if owned is not None:
        values["topic_partitions"] = [
            {"topic_id": broker.ids[topic], "partitions": numbers}
            for topic, numbers in owned.items()
        ]
    named = {"group_id": group, "member_id": member, "member_epoch": epoch}
    return {**UNCHANGED, **named, **values}


def full(broker: Broker, group: str, member: str, *topics: str, **values: Any) -> dict[str, Any]:
    """The heartbeat of a member that joins."""
    told = {"rebalance_timeout": 60_000, "subscribed_topic_names": list(topics), "owned": {}}
    return beat(broker, group, member, 0, **{**told, **values})


def counted(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with how many partitions it assigns: which ones is for the assignor to choose."""
    assignment = answer["assignment"]
    if assignment is None:
        return answer
    found = sum(len(each["partitions"]) for each in assignment["topic_partitions"])
    return answer | {"assignment": found}


class Member:
    """A member that does as it is told, at one of the brokers."""

    def __init__(self, broker: Broker, group: str, name: str) -> None:
        self.broker, self.group, self.name = broker, group, name
        self.epoch = 0
        self.owned: Owned = {}

    async def send(self, label: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self.broker.ask(
            "consumer_group_heartbeat", label=f"{self.name} {label}", only=counted, **body
        )
        if answer.get("error_code") == "none":
            self.epoch = answer["member_epoch"]
            if answer["assignment"] is not None:
                names = {topic_id: name for name, topic_id in self.broker.ids.items()}
                self.owned = {
                    names[each["topic_id"]]: each["partitions"]
                    for each in answer["assignment"]["topic_partitions"]
                }
        return answer

    async def join(self, *topics: str, **values: Any) -> dict[str, Any]:
        return await self.send("joins", full(self.broker, self.group, self.name, *topics, **values))

    async def beat(self, label: str = "beats", **values: Any) -> dict[str, Any]:
        return await self.send(
            label, beat(self.broker, self.group, self.name, self.epoch, **values)
        )

    async def tell(self) -> dict[str, Any]:
        return await self.beat("tells what it owns", owned=self.owned)

    async def leave(self, epoch: int = -1, **values: Any) -> dict[str, Any]:
        body = beat(self.broker, self.group, self.name, epoch, **values)
        return await self.send("leaves", body)


async def described(broker: Broker, group: str, label: str) -> None:
    """The group's state and epochs, and how much each member has and should have."""

    def told(answer: dict[str, Any]) -> Any:
        (found,) = answer["groups"]
        members = {
            each["member_id"]: {
                **each,
                "subscribed_topic_names": sorted(each["subscribed_topic_names"]),
                **{
                    kind: sum(len(t["partitions"]) for t in each[kind]["topic_partitions"])
                    for kind in ("assignment", "target_assignment")
                },
            }
            for each in found["members"]
        }
        return {**found, "members": list(members.values())}

    await broker.ask(
        "consumer_group_describe",
        label=label,
        only=told,
        group_ids=[group],
        include_authorized_operations=True,
    )


def listed(answer: dict[str, Any], group: str) -> list[Any]:
    """What is told of one group."""
    return [each for each in answer["groups"] if each["group_id"] == group]


@steps
async def consumer_group_of_two(broker: Broker) -> None:
    topic, group = await broker.topic("t", 4), broker.name("g")
    a, b = (Member(broker, group, name) for name in "ab")
    await a.join(topic)
    await a.beat()
    await described(broker, group, "one")
    await b.join(topic)
    await described(broker, group, "two, and one has all")
    await b.beat()
    await a.beat("hears what it must give up")
    await described(broker, group, "one gives up")
    await b.beat()
    await a.beat("says nothing yet")
    await a.tell()
    await b.beat("gets its share")
    await b.tell()
    await described(broker, group, "both have their share")
    await a.leave()
    await described(broker, group, "one has left")
    await b.beat("gets all")
    await b.leave()
    await described(broker, group, "nobody is left")


@steps
async def consumer_group_of_other_topics(broker: Broker) -> None:
    one, two, group = await broker.topic("one", 2), await broker.topic("two", 3), broker.name("g")
    a, b = (Member(broker, group, name) for name in "ab")
    await a.join(one)
    await b.join(two)
    await b.beat()
    await a.beat("reads both", subscribed_topic_names=[one, two])
    await b.beat("hears of it")
    await b.tell()
    await a.beat()
    await described(broker, group, "of two topics")
    await a.beat("reads the other one", subscribed_topic_names=[two])
    await a.tell()
    await described(broker, group, "of one topic")
    await a.beat("reads nothing", subscribed_topic_names=[])
    await a.tell()
    await b.beat()
    await described(broker, group, "one reads nothing")


@steps
async def consumer_group_heartbeats_refused(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    heartbeat = "consumer_group_heartbeat"
    for version in broker.common(heartbeat):
        for label, body in {
            "no id": full(broker, group, "", topic) if version else beat(broker, group, "", 1),
            "no group": full(broker, "", "m", topic),
            "no instance": full(broker, group, "m", topic, instance_id=""),
            "no rack": full(broker, group, "m", topic, rack_id=""),
            "no timeout": full(broker, group, "m", topic, rebalance_timeout=-1),
            "no owned": full(broker, group, "m", topic, owned=None),
            "owned": full(broker, group, "m", topic, owned={topic: [0]}),
            "no topics": full(broker, group, "m", subscribed_topic_names=None),
            "odd epoch": beat(broker, group, "m", -3),
            "not static": beat(broker, group, "m", -2),
            "odd assignor": full(broker, group, "m", topic, server_assignor="odd"),
            "unknown group": beat(broker, group, "m", 1),
            "leaves an unknown group": beat(broker, group, "m", -1),
        }.items():
            await broker.ask(heartbeat, version, label=label, **body)
    member = Member(broker, group, "m")
    await member.join(topic)
    for label, body in {
        "unknown member": beat(broker, group, "x", 1),
        "unknown member leaves": beat(broker, group, "x", -1),
        "greater epoch": beat(broker, group, "m", member.epoch + 1),
        "smaller epoch": beat(broker, group, "m", member.epoch - 1),
        "unknown instance": beat(broker, group, "m", member.epoch, instance_id="i"),
        "odd assignor": beat(broker, group, "m", member.epoch, server_assignor="odd"),
    }.items():
        await broker.ask(heartbeat, label=label, **body)
    await member.join(topic)
    await described(broker, group, "joined again")


@steps
async def consumer_group_of_static_members(broker: Broker) -> None:
    topic, group = await broker.topic("t", 4), broker.name("g")
    a, b, other = (Member(broker, group, name) for name in ("a", "b", "other"))
    await a.join(topic, instance_id="one")
    await b.join(topic)
    await a.beat(instance_id="one")
    await a.beat("tells", instance_id="one", owned=a.owned)
    await b.beat()
    await other.join(topic, instance_id="one")
    await other.send("beats", beat(broker, group, "other", 3, instance_id="one"))
    await a.leave(-2, instance_id="one")
    await described(broker, group, "gone for now")
    await b.beat()
    await a.beat("after it has gone", instance_id="one")
    await other.join(topic, instance_id="one")
    await described(broker, group, "come back under another id")
    await a.beat("is fenced", instance_id="one")
    await other.leave(instance_id="one")
    await b.beat("gets all")


@steps
async def consumer_group_commits(broker: Broker) -> None:
    topic, group = await broker.topic("t", 2), broker.name("g")
    member = Member(broker, group, "m")
    await member.join(topic)
    for version in broker.common("offset_commit"):
        for name, epoch in (("m", 2), ("m", 3), ("m", 1), ("m", -1), ("x", 2), ("", -1)):
            body = committing(broker, group, (topic, 0, 1), member=name, generation=epoch)
            label = f"commit of {name!r} in {epoch}"
            await broker.ask("offset_commit", version, label=label, **body)
    for name, epoch in (("m", 2), ("m", 3), ("m", 1), ("m", -1), ("x", 2), ("", -1), (None, -1)):
        body = committed(broker, group, (topic, 0))
        for each in body["groups"]:
            each |= {"member_id": name, "member_epoch": epoch}
        await broker.ask("offset_fetch", label=f"fetch of {name!r} in {epoch}", **body)
    await member.leave()
    body = committing(broker, group, (topic, 0, 2))
    await broker.ask("offset_commit", label="commit when it has left", **body)


@steps
async def consumer_group_and_classic_requests(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    await Member(broker, group, "m").join(topic)
    await broker.ask("heartbeat", **beating(group, "m", 2))
    await broker.ask("sync_group", **syncing(group, "x", 2))
    await broker.ask("leave_group", label="nobody leaves", **leaving(group, ("x", None)))
    asked = {"groups": [group], "include_authorized_operations": False}
    await broker.ask("describe_groups", **asked)
    for types in ([], ["consumer"], ["Classic"]):
        filters = {"states_filter": [], "types_filter": types}
        await broker.ask("list_groups", only=lambda a: listed(a, group), **filters)
    await broker.ask("delete_groups", groups_names=[group])
    await broker.ask("leave_group", label="leaves", **leaving(group, ("m", None)))
    await described(broker, group, "left by the other protocol")
    await broker.ask("delete_groups", label="delete when empty", groups_names=[group])
    await described(broker, group, "deleted")
    await broker.ask("join_group", 3, label="joins anew", **joining(group))
    await described(broker, group, "a classic one")


@steps
async def offsets_deleted(broker: Broker) -> None:
    topic, group = await broker.topic("t", 2), broker.name("g")
    missing = broker.name("missing")

    async def delete(label: str, name: str = group, of: str = topic) -> None:
        partitions = [{"partition_index": number} for number in (0, 1, 7)]
        await broker.ask(
            "offset_delete",
            label=label,
            group_id=name,
            topics=[{"name": of, "partitions": partitions}],
        )

    await delete("no group")
    await delete("no name", "")
    body = committing(broker, group, (topic, 0, 1))
    await broker.ask("offset_commit", **body)
    await delete("no topic", of=missing)
    await delete("of nobody's group")
    await broker.ask("offset_fetch", **committed(broker, group, (topic, 0)))
    member = Member(broker, broker.name("consumers"), "m")
    await member.join(topic)
    await delete("subscribed", member.group)
    await member.leave()
    await delete("not subscribed any more", member.group)
    for kind in ("consumer", "connect"):
        classic = broker.name(kind)
        await broker.ask("join_group", 3, label=kind, **joining(classic, kind=kind))
        await delete(f"of {kind}", classic)
