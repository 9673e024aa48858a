"""Generated steps of classic groups: see `generated`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from asking import committed, committing
from generated import GROUPS, Group, World, newness, offsets, partitions, topics, version
from hypothesis import strategies as st
from steps_groups import beating, joining, leaving, syncing

groups = st.sampled_from(GROUPS)


@dataclass
class Join:
    """A new member joins too if `fresh`, and the leader gives everybody something."""

    group: str
    fresh: bool

    async def play(self, world: World) -> None:
        broker, group = world.broker, world.groups[self.group]
        name = broker.name(self.group)
        if self.fresh and len(group.members) < 3:
            told = await broker.ask("join_group", label="gets an id", **joining(name))
            group.members.append(told["member_id"])
        if not group.members:
            return
        joins = [
            broker.start(
                "join_group", label="joins", client=f"{name}-{index}", **joining(name, each)
            )
            for index, each in enumerate(group.members)
        ]
        answers = await asyncio.gather(*joins)
        good = [each for each in answers if each["error_code"] == "none"]
        if len(good) < len(answers):
            group.members = [each["member_id"] for each in good]
        if not good:
            return
        group.generation = good[0]["generation_id"]
        leader = good[0]["leader"]
        broker.note("leader", leader == group.members[0])
        shares = [(each, b"%d" % index) for index, each in enumerate(group.members)]
        syncs = [
            broker.start(
                "sync_group",
                label="syncs",
                client=f"{name}-{index}",
                **syncing(name, each, group.generation, *(shares if each == leader else ())),
            )
            for index, each in enumerate(group.members)
        ]
        await asyncio.gather(*syncs)


def some_member(group: Group, index: int) -> str:
    return group.members[index] if 0 <= index < len(group.members) else ""


@dataclass
class Heartbeat:
    group: str
    member: int
    shift: int

    async def play(self, world: World) -> None:
        group = world.groups[self.group]
        member = some_member(group, self.member) or "stranger"
        body = beating(world.broker.name(self.group), member, group.generation + self.shift)
        await world.broker.ask("heartbeat", **body)


@dataclass
class Leave:
    group: str
    member: int

    async def play(self, world: World) -> None:
        group = world.groups[self.group]
        member = some_member(group, self.member) or "stranger"
        body = leaving(world.broker.name(self.group), (member, None))
        await world.broker.ask("leave_group", **body)
        if member in group.members:
            group.members.remove(member)


@dataclass
class Commit:
    group: str
    topic: str
    partition: int
    offset: int
    member: int
    shift: int
    older: int

    async def play(self, world: World) -> None:
        broker, group = world.broker, world.groups[self.group]
        member = some_member(group, self.member)
        generation = group.generation + self.shift if member or self.shift else -1
        body = committing(
            broker,
            broker.name(self.group),
            (world.topic(self.topic), self.partition, self.offset),
            member=member,
            generation=generation,
        )
        chosen = version(broker, "offset_commit", self.older)
        await broker.ask("offset_commit", chosen, **body)


@dataclass
class FetchCommitted:
    group: str
    topic: str | None
    partition: int
    older: int

    async def play(self, world: World) -> None:
        broker, name = world.broker, world.broker.name(self.group)
        if self.topic is None:
            body = committed(broker, name, everything=True)
        else:
            body = committed(broker, name, (world.topic(self.topic), self.partition))
        await broker.ask("offset_fetch", version(broker, "offset_fetch", self.older), **body)


@dataclass
class DescribeGroup:
    group: str

    async def play(self, world: World) -> None:
        await world.broker.ask("describe_groups", groups=[world.broker.name(self.group)])


@dataclass
class DeleteGroup:
    group: str

    async def play(self, world: World) -> None:
        await world.broker.ask("delete_groups", groups_names=[world.broker.name(self.group)])


group_steps = (
    st.builds(Join, groups, st.booleans()),
    st.builds(Heartbeat, groups, st.integers(-1, 2), st.sampled_from((0, 0, 0, -1, 1))),
    st.builds(Leave, groups, st.integers(-1, 2)),
    st.builds(
        Commit,
        groups,
        topics,
        partitions,
        offsets,
        st.integers(-1, 2),
        st.sampled_from((0, 0, 0, -1, 1)),
        newness,
    ),
    st.builds(FetchCommitted, groups, st.none() | topics, partitions, newness),
    st.builds(DescribeGroup, groups),
    st.builds(DeleteGroup, groups),
)
