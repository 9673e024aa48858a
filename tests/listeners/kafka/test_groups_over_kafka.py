"""Groups on the wire: their offsets are those of every door, and they can be looked at."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any
from uuid import uuid4

import pytest
from kafka_wire import (
    DELETE_GROUPS,
    DESCRIBE_GROUPS,
    FIND_COORDINATOR,
    HEARTBEAT,
    JOIN_GROUP,
    LEAVE_GROUP,
    LIST_GROUPS,
    OFFSET_COMMIT,
    OFFSET_FETCH,
    SYNC_GROUP,
    Make,
    Wire,
    seconds,
)

from simulator import AsyncSimulator
from simulator.scenario.clock import VirtualClock


@pytest.fixture(autouse=True)
def topic(sim: AsyncSimulator) -> None:
    sim.create_topic("t")


async def commit(
    wire: Wire,
    offset: int,
    *,
    topic: str = "t",
    member: str = "",
    generation: int = -1,
    metadata: str = "",
) -> str:
    def topics(make: Make) -> Any:
        part = make(
            "OffsetCommitRequestPartition",
            partition_index=0,
            committed_offset=offset,
            committed_leader_epoch=0,
            committed_metadata=metadata,
        )
        return (make("OffsetCommitRequestTopic", name=topic, partitions=(part,)),)

    answer = await wire.ask(
        OFFSET_COMMIT,
        8,
        group_id="g",
        member_id=member,
        generation_id_or_member_epoch=generation,
        topics=topics,
    )
    return str(answer.topics[0].partitions[0].error_code.name)


async def committed(wire: Wire, group: str, topics: Any = None) -> dict[tuple[str, int], Any]:
    answer = await wire.ask(OFFSET_FETCH, 7, group_id=group, topics=topics)
    assert answer.error_code.name == "none"
    return {(t.name, p.partition_index): p for t in answer.topics for p in t.partitions}


async def join(wire: Wire, session: float = 600, group: str = "g") -> Any:
    return await wire.ask(
        JOIN_GROUP,
        3,
        group_id=group,
        session_timeout=seconds(session),
        rebalance_timeout=seconds(60),
        member_id="",
        protocol_type="consumer",
        protocols=lambda make: (make("JoinGroupRequestProtocol", name="range", metadata=b"m"),),
    )


async def test_a_clock_advanced_by_hand_ends_the_session_of_a_silent_member(
    sim: AsyncSimulator, wire: Wire
) -> None:
    joined = await join(wire, 1200)
    member = {"group_id": "g", "generation_id": 1, "member_id": joined.member_id}
    synced = await wire.ask(SYNC_GROUP, 2, **member, assignments=())
    assert synced.error_code.name == "none"
    assert isinstance(sim.clock, VirtualClock)
    sim.clock.advance("15m")  # and the real clock adds what the requests take
    assert (await wire.ask(HEARTBEAT, 2, **member)).error_code.name == "none"
    sim.clock.advance("15m")
    assert (await wire.ask(HEARTBEAT, 2, **member)).error_code.name == "none"
    sim.clock.advance("21m")
    assert (await wire.ask(HEARTBEAT, 2, **member)).error_code.name == "unknown_member_id"


async def test_a_story_of_an_hour_ends_no_session(sim: AsyncSimulator, wire: Wire) -> None:
    joined = await join(wire, 1200)
    member = {"group_id": "g", "generation_id": 1, "member_id": joined.member_id}
    await wire.ask(SYNC_GROUP, 2, **member, assignments=())
    before = sim.clock.now_ns()
    await sim.play("quiet_hour")
    assert sim.clock.now_ns() - before >= 3600 * 10**9
    assert (await wire.ask(HEARTBEAT, 2, **member)).error_code.name == "none"


async def test_the_broker_is_the_coordinator(sim: AsyncSimulator, wire: Wire) -> None:
    answer = await wire.ask(FIND_COORDINATOR, 4, key_type=0, coordinator_keys=("a", "b"))
    found = {c.key: (c.error_code.name, f"{c.host}:{c.port}") for c in answer.coordinators}
    assert found == dict.fromkeys(("a", "b"), ("none", sim.bootstrap_servers))
    for kind, error in ((1, "none"), (2, "invalid_request")):
        answer = await wire.ask(FIND_COORDINATOR, 3, key="x", key_type=kind)
        assert answer.error_code.name == error


async def test_offsets_are_shared_and_follow_snapshots(sim: AsyncSimulator, wire: Wire) -> None:
    sim.publish("t", b"v")
    sim.log.groups.commit("g", "t", 0, 1)
    found = await committed(wire, "g")
    assert {place: p.committed_offset for place, p in found.items()} == {("t", 0): 1}
    snapshot = sim.snapshot()
    assert await commit(wire, 7, metadata="where") == "none"
    assert sim.log.groups.committed("g", "t", 0) == 7
    (part,) = (await committed(wire, "g")).values()
    assert (part.committed_offset, part.committed_leader_epoch, part.metadata) == (7, 0, "where")
    sim.restore(snapshot)
    (part,) = (await committed(wire, "g")).values()
    assert (part.committed_offset, part.committed_leader_epoch, part.metadata) == (1, -1, "")


async def test_what_is_not_committed_is_minus_1_without_an_error(wire: Wire) -> None:
    def asked(make: Make) -> Any:
        return tuple(
            make("OffsetFetchRequestTopic", name=name, partition_indexes=(0, 5))
            for name in ("t", "nope")
        )

    found = await committed(wire, "no group", asked)
    assert len(found) == 4
    assert {(p.committed_offset, p.error_code.name) for p in found.values()} == {(-1, "none")}
    assert await committed(wire, "no group") == {}


async def test_the_note_of_a_commit_is_counted_as_java_counts(wire: Wire) -> None:
    assert await commit(wire, 1, metadata="ö" * 4096) == "none"
    assert await commit(wire, 1, metadata="😀" * 2048) == "none"


async def test_refusals_of_commits(wire: Wire) -> None:
    assert await commit(wire, 1, topic="nope") == "unknown_topic_or_partition"
    assert await commit(wire, 1, metadata="x" * 4097) == "offset_metadata_too_large"
    assert await commit(wire, 1, metadata="😀" * 2049) == "offset_metadata_too_large"
    assert await commit(wire, 1, generation=3) == "illegal_generation"
    member = (await join(wire)).member_id
    assert await commit(wire, 1) == "unknown_member_id"
    assert await commit(wire, 1, member="x", generation=1) == "unknown_member_id"
    assert await commit(wire, 1, member=member, generation=2) == "illegal_generation"
    assert await commit(wire, 1, member=member, generation=1) == "rebalance_in_progress"
    await sync(wire, member)
    assert await commit(wire, 1, member=member, generation=1) == "none"


async def described(wire: Wire, group: str) -> Any:
    answer = await wire.ask(
        DESCRIBE_GROUPS, 4, groups=(group,), include_authorized_operations=False
    )
    return answer.groups[0]


async def sync(wire: Wire, member: str, group: str = "g") -> Any:
    return await wire.ask(
        SYNC_GROUP,
        1,
        group_id=group,
        generation_id=1,
        member_id=member,
        assignments=lambda make: (
            make("SyncGroupRequestAssignment", member_id=member, assignment=b"all"),
        ),
    )


@pytest.mark.parametrize("session", [5.999, 1800.001])
async def test_sessions_are_neither_short_nor_long(wire: Wire, session: float) -> None:
    assert (await join(wire, session)).error_code.name == "invalid_session_timeout"
    assert (await join(wire, group="")).error_code.name == "invalid_group_id"


async def test_groups_are_listed_described_and_deleted(sim: AsyncSimulator, wire: Wire) -> None:
    sim.log.groups.commit("offsets only", "t", 0, 0)
    member = (await join(wire)).member_id
    assert (await sync(wire, member)).assignment == b"all"

    async def listed(*states: str) -> dict[str, str]:
        answer = await wire.ask(LIST_GROUPS, 5, states_filter=states, types_filter=())
        return {g.group_id: g.group_state for g in answer.groups}

    assert await listed() == {"g": "Stable", "offsets only": "Empty"}
    assert await listed("stable") == {"g": "Stable"}
    answer = await wire.ask(
        DESCRIBE_GROUPS,
        4,
        groups=("g", "offsets only", "nope"),
        include_authorized_operations=False,
    )
    stable, empty, dead = answer.groups
    assert (stable.group_state, stable.protocol_type, stable.protocol_data) == (
        "Stable",
        "consumer",
        "range",
    )
    (described,) = stable.members
    assert (described.member_id, described.client_id) == (member, "test")
    assert (described.member_metadata, described.member_assignment) == (b"m", b"all")
    assert [g.group_state for g in (empty, dead)] == ["Empty", "Dead"]

    answer = await wire.ask(DELETE_GROUPS, 1, groups_names=("g", "offsets only", "nope", ""))
    assert [r.error_code.name for r in answer.results] == [
        "non_empty_group",
        "none",
        "group_id_not_found",
        "group_id_not_found",
    ]
    assert await listed() == {"g": "Stable"}


async def test_topic_ids_in_the_newest_versions(sim: AsyncSimulator, wire: Wire) -> None:
    known, unknown = sim.log.topic("t").topic_id, uuid4()

    def topics(make: Make) -> Any:
        part = make(
            "OffsetCommitRequestPartition",
            partition_index=0,
            committed_offset=4,
            committed_metadata=None,
        )
        return tuple(
            make("OffsetCommitRequestTopic", topic_id=topic_id, partitions=(part,))
            for topic_id in (known, unknown)
        )

    answer = await wire.ask(OFFSET_COMMIT, 10, group_id="g", member_id="", topics=topics)
    errors = [t.partitions[0].error_code.name for t in answer.topics]
    assert errors == ["none", "unknown_topic_id"]

    def groups(make: Make) -> Any:
        asked = tuple(
            make("OffsetFetchRequestTopics", topic_id=topic_id, partition_indexes=(0,))
            for topic_id in (known, unknown)
        )
        return (make("OffsetFetchRequestGroup", group_id="g", topics=asked),)

    answer = await wire.ask(OFFSET_FETCH, 10, groups=groups)
    (group,) = answer.groups
    assert [
        (t.topic_id, t.partitions[0].committed_offset, t.partitions[0].error_code.name)
        for t in group.topics
    ] == [(known, 4, "none"), (unknown, -1, "unknown_topic_id")]


async def test_who_hangs_up_right_after_leaving_has_left(sim: AsyncSimulator, wire: Wire) -> None:
    """Its LeaveGroup stands behind a JoinGroup that is not answered yet."""
    stays = (await join(wire, 60)).member_id
    await sync(wire, stays)
    async with await Wire.connect(sim.bootstrap_servers) as other:
        joining = {
            "group_id": "g",
            "session_timeout": seconds(60),
            "rebalance_timeout": seconds(60),
            "protocol_type": "consumer",
            "protocols": lambda make: (
                make("JoinGroupRequestProtocol", name="range", metadata=b"m"),
            ),
        }
        goes = (await other.ask(JOIN_GROUP, 4, member_id="", **joining)).member_id
        other.send(JOIN_GROUP, 4, member_id=goes, **joining)
        other.send(LEAVE_GROUP, 1, group_id="g", member_id=goes)
        await other.writer.drain()
        while len((await described(wire, "g")).members) < 2:
            pass  # the requests are still on their way
        reset_at_close = struct.pack("ii", 1, 0)
        other.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, reset_at_close
        )
    await other.writer.wait_closed()
    assert (await wire.ask(JOIN_GROUP, 4, **{**joining, "member_id": stays})).generation_id == 2
    seen = [len((await described(wire, "g")).members) for _ in range(100)]
    assert seen[-1] == 1


async def test_subscribers_of_the_grpc_door_are_members(sim: AsyncSimulator, wire: Wire) -> None:
    """They look like consumers with the range assignor, and keep the group from being empty."""
    sim.log.groups.join("g", "subscriber", [("t", 0)])
    listed = (await wire.ask(LIST_GROUPS, 5, states_filter=("Stable",), types_filter=())).groups
    assert [(g.group_id, g.protocol_type, g.group_type) for g in listed] == [
        ("g", "consumer", "classic")
    ]
    found = await described(wire, "g")
    assert (found.group_state, found.protocol_data) == ("Stable", "range")
    (member,) = found.members
    assert (member.member_id, member.client_id) == ("subscriber", "grpc")
    # Version 0 of Kafka's ConsumerProtocol: topic "t", partition 0, no user data.
    assert member.member_metadata == b"\0\0" + b"\0\0\0\1" + b"\0\1t" + b"\xff" * 4
    assert member.member_assignment == (
        b"\0\0" + b"\0\0\0\1" + b"\0\1t" + b"\0\0\0\1" + b"\0\0\0\0" + b"\xff" * 4
    )
    assert await commit(wire, 0) == "unknown_member_id"
    answer = await wire.ask(DELETE_GROUPS, 1, groups_names=("g",))
    assert answer.results[0].error_code.name == "non_empty_group"


async def test_both_doors_in_one_group(sim: AsyncSimulator, wire: Wire) -> None:
    """Each shares all partitions out among its own; the committed offsets are the same."""
    sim.publish("t", b"v")
    sim.log.groups.join("g", "subscriber", [("t", 0)])
    member = (await join(wire)).member_id
    await sync(wire, member)
    assert [m.member_id for m in (await described(wire, "g")).members] == [member, "subscriber"]
    assert await commit(wire, 1, member=member, generation=1) == "none"
    assert sim.log.groups.committed("g", "t", 0) == 1
    assert sim.log.groups.share("g", "subscriber").partitions == (("t", 0),)


@pytest.mark.parametrize("how", ["reset", "restore"])
async def test_waiting_members_are_let_go_when_the_log_is_another(
    sim: AsyncSimulator, wire: Wire, how: str
) -> None:
    snapshot = sim.snapshot()
    member = (await join(wire)).member_id
    await sync(wire, member)
    async with await Wire.connect(sim.bootstrap_servers) as other:
        waiting = asyncio.create_task(join(other))
        while len((await described(wire, "g")).members) < 2:
            pass
        if how == "reset":
            sim.reset()
        else:
            sim.restore(snapshot)
        assert (await waiting).error_code.name == "unknown_member_id"
        beaten = {"group_id": "g", "generation_id": 1, "member_id": member}
        assert (await wire.ask(HEARTBEAT, 2, **beaten)).error_code.name == "unknown_member_id"
        assert (await join(other)).error_code.name == "none"


async def test_too_much_metadata_is_refused(wire: Wire) -> None:
    answer = await wire.ask(
        JOIN_GROUP,
        3,
        group_id="g",
        session_timeout=seconds(600),
        rebalance_timeout=seconds(60),
        member_id="",
        protocol_type="consumer",
        protocols=lambda make: (
            make("JoinGroupRequestProtocol", name="range", metadata=b"m" * (1 << 20)),
        ),
    )
    assert answer.error_code.name == "unknown_server_error"


async def test_offsets_of_a_group_that_nobody_is_in_are_forgotten(
    sim: AsyncSimulator, wire: Wire
) -> None:
    """`offsets.retention.minutes`: 7 days after the last commit, unless somebody is in it."""
    sim.log.groups.commit("grpc only", "t", 0, 0)
    assert await commit(wire, 0) == "none"
    assert isinstance(sim.clock, VirtualClock)
    sim.clock.advance("6d")
    assert await commit(wire, 0) == "none"
    sim.clock.advance("6d")
    assert sim.log.groups.committed("g", "t", 0) == 0
    sim.clock.advance("25h")
    assert sim.log.groups.committed("g", "t", 0) is None
    assert sim.log.groups.committed("grpc only", "t", 0) == 0


async def test_refused_commits_of_groups_leave_nothing_behind(
    sim: AsyncSimulator, wire: Wire
) -> None:
    cluster = sim.kafka._listener().cluster
    assert await commit(wire, 0, topic="missing") == "unknown_topic_or_partition"
    assert await commit(wire, 0, member="m", generation=3) == "illegal_generation"
    assert await commit(wire, 0, metadata="x" * 5000) == "offset_metadata_too_large"
    assert len(cluster.groups._expiry) == 0
    assert await commit(wire, 0) == "none"
    assert len(cluster.groups._expiry) == 1
    await wire.ask(DELETE_GROUPS, 2, groups_names=("g",))
    assert len(cluster.groups._expiry) == 0


async def test_groups_with_offsets_are_limited(
    sim: AsyncSimulator, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.log.groups.MAX_GROUPS", 1)
    sim.log.groups.commit("first", "t", 0, 0)
    assert await commit(wire, 0) == "invalid_group_id"
    assert sim.log.groups.names() == ["first"]
    sim.log.groups.delete("first")
    assert await commit(wire, 0) == "none"


async def test_a_rebalance_ends_in_time_though_a_session_lasts_longer(
    sim: AsyncSimulator, wire: Wire
) -> None:
    """What falls due before that for which the clock is set makes it be set anew."""
    first = await join(wire, 900)
    await wire.ask(
        SYNC_GROUP, 2, group_id="g", generation_id=1, member_id=first.member_id, assignments=()
    )
    assert isinstance(sim.clock, VirtualClock)
    sim.clock.advance("61s")
    joining = asyncio.ensure_future(join(wire, 10))
    async with await Wire.connect(sim.bootstrap_servers) as other, asyncio.timeout(60):
        while (await other.ask(HEARTBEAT, 2, **member_of(first))).error_code.name == "none":
            pass
        sim.clock.advance("61s")
        second = await joining
    assert (second.generation_id, second.leader) == (2, second.member_id)


def member_of(joined: Any) -> dict[str, Any]:
    return {"group_id": "g", "generation_id": 1, "member_id": joined.member_id}
