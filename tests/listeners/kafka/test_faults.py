"""Faults as a client sees them, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kafka_batches import build_batch, records_of
from kafka_wire import (
    API_VERSIONS,
    FETCH,
    FIND_COORDINATOR,
    HEARTBEAT,
    JOIN_GROUP,
    LIST_OFFSETS,
    METADATA,
    OFFSET_COMMIT,
    PRODUCE,
    SYNC_GROUP,
    Make,
    Wire,
    fetch,
    list_offsets,
    produce,
    seconds,
)

from simulator import AsyncSimulator, SimulatorError
from simulator.listeners.kafka.faults.actions import ClusterActions
from simulator.log import TopicNotFound
from simulator.log.fault_rules import InvalidFault
from simulator.log.placement import UnknownNode
from simulator.settings import Settings


@pytest.fixture
async def trio() -> AsyncIterator[AsyncSimulator]:
    """Three brokers."""
    async with AsyncSimulator(Settings(brokers=3)) as sim:
        yield sim


def batch(value: bytes = b"v", **more: Any) -> bytes:
    return build_batch([(5, b"k", value, ())], **more)


def two_partitions(first: bytes, second: bytes) -> dict[str, Any]:
    def topics(make: Make) -> tuple[Any, ...]:
        parts = tuple(
            make("PartitionProduceData", index=index, records=data)
            for index, data in enumerate((first, second))
        )
        return (make("TopicProduceData", name="t", partition_data=parts),)

    return {"transactional_id": None, "acks": -1, "timeout": seconds(1), "topic_data": topics}


def metadata(topics: tuple[Any, ...] | None) -> dict[str, Any]:
    return {
        "topics": topics,
        "allow_auto_topic_creation": False,
        "include_cluster_authorized_operations": False,
        "include_topic_authorized_operations": False,
    }


def errors(answer: Any) -> list[str]:
    """The error codes of partitions, in order."""
    return [
        part.error_code.name
        for topic in answer.responses
        for part in getattr(topic, "partition_responses", None) or topic.partitions
    ]


async def member(wire: Wire, group: str = "g") -> tuple[str, int]:
    """Join a group alone; the member's id and generation."""
    joined = await wire.ask(
        JOIN_GROUP,
        3,
        group_id=group,
        session_timeout=seconds(600),
        rebalance_timeout=seconds(600),
        member_id="",
        protocol_type="consumer",
        protocols=lambda make: (make("JoinGroupRequestProtocol", name="range", metadata=b""),),
    )
    await wire.ask(
        SYNC_GROUP,
        3,
        group_id=group,
        generation_id=joined.generation_id,
        member_id=joined.member_id,
        assignments=(),
    )
    return joined.member_id, joined.generation_id


async def beat(wire: Wire, member_id: str, generation: int) -> str:
    answer = await wire.ask(
        HEARTBEAT, 3, group_id="g", generation_id=generation, member_id=member_id
    )
    name: str = answer.error_code.name
    return name


# --- answers -------------------------------------------------------------------------------


async def test_error_in_place_of_the_effect(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    with sim.kafka.fault(api="Produce", topic="t", times=1, error="NOT_ENOUGH_REPLICAS") as fault:
        answer = await wire.ask(PRODUCE, 9, **produce("t", batch()))
        (refused,) = answer.responses[0].partition_responses
        assert (refused.error_code.name, refused.base_offset) == ("not_enough_replicas", -1)
        assert sim.log.bounds("t", 0) == (0, 0)
        answer = await wire.ask(PRODUCE, 9, **produce("t", batch()))
        assert errors(answer) == ["none"]
        assert (fault.fired, fault.seen) == (1, 1)


async def test_only_the_partition_of_the_rule_fails(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t", partitions=2)
    sim.kafka.add_fault(api="Produce", topic="t", partition=1, error="KAFKA_STORAGE_ERROR")
    answer = await wire.ask(PRODUCE, 9, **two_partitions(batch(), batch()))
    assert [topic.name for topic in answer.responses] == ["t"]
    assert errors(answer) == ["none", "kafka_storage_error"]
    assert [sim.log.bounds("t", number)[1] for number in (0, 1)] == [1, 0]


async def test_rule_of_another_topic_client_or_partition_does_not_fire(
    sim: AsyncSimulator, wire: Wire
) -> None:
    sim.create_topic("t")
    sim.create_topic("u", partitions=2)
    faults = [
        sim.kafka.add_fault(error="REQUEST_TIMED_OUT", **conditions)
        for conditions in (
            {"api": "Fetch"},
            {"topic": "u"},
            {"topic": "u", "partition": 0},
            {"client_id": "other"},
            {"group": "g"},
            {"transactional_id": "x"},
        )
    ]
    answer = await wire.ask(PRODUCE, 9, **produce("t", batch()))
    assert errors(answer) == ["none"]
    assert [fault.seen for fault in faults] == [0] * 6


async def test_fetch_with_an_error_is_answered_at_once_and_without_records(
    sim: AsyncSimulator, wire: Wire
) -> None:
    sim.create_topic("t", partitions=2)
    await wire.ask(PRODUCE, 9, **two_partitions(batch(b"a"), batch(b"b")))
    sim.kafka.add_fault(
        api="Fetch", topic="t", partition=0, error="NOT_LEADER_OR_FOLLOWER", times=1
    )
    answer = await wire.ask(FETCH, 12, **fetch(("t", 0, 0), ("t", 1, 1), max_wait=60))
    found = {
        part.partition_index: (part.error_code.name, part.records or b"", part.high_watermark)
        for topic in answer.responses
        for part in topic.partitions
    }
    assert found == {0: ("not_leader_or_follower", b"", -1), 1: ("none", b"", 1)}


async def test_fetch_session_goes_on_after_an_error(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    first = await wire.ask(FETCH, 12, **fetch(("t", 0, 0), session=(0, 0)))
    assert first.session_id > 0
    fault = sim.kafka.add_fault(api="Fetch", topic="t", error="LEADER_NOT_AVAILABLE", times=1)
    answer = await wire.ask(FETCH, 12, **fetch(session=(first.session_id, 1)))
    assert (errors(answer), fault.fired) == (["leader_not_available"], 1)
    await wire.ask(PRODUCE, 9, **produce("t", batch(b"later")))
    answer = await wire.ask(FETCH, 12, **fetch(session=(first.session_id, 2), max_wait=5))
    assert answer.error_code.name == "none"
    records = answer.responses[0].partitions[0].records
    assert [found.value for found in records_of(records)] == [b"later"]


async def test_metadata_keeps_its_brokers(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    sim.create_topic("u")
    sim.kafka.add_fault(api="Metadata", topic="t", error="LEADER_NOT_AVAILABLE")
    answer = await wire.ask(METADATA, 9, **metadata(None))
    codes = {topic.name: topic.error_code.name for topic in answer.topics}
    assert codes["t"] == "leader_not_available"
    assert codes["u"] == "none"
    assert len(answer.brokers) == 1


async def test_group_error_is_that_of_the_response(sim: AsyncSimulator, wire: Wire) -> None:
    sim.kafka.add_fault(group="g", error="COORDINATOR_LOAD_IN_PROGRESS")
    assert await beat(wire, "m", 1) == "coordinator_load_in_progress"
    answer = await wire.ask(FIND_COORDINATOR, 4, key_type=0, coordinator_keys=("g", "h"))
    codes = {each.key: each.error_code.name for each in answer.coordinators}
    assert codes == {"g": "coordinator_load_in_progress", "h": "none"}


async def test_error_without_an_answer_closes(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    sim.kafka.add_fault(api="Produce", error="NOT_ENOUGH_REPLICAS")
    wire.send(PRODUCE, 9, **produce("t", batch(), acks=0))
    assert await wire.closed()


# --- counts --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "fired"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"times": 2}, [0, 1]),
        ({"nth": 3}, [2]),
        ({"every": 2}, [1, 3, 5]),
        ({"every": 2, "times": 1}, [1]),
    ],
)
async def test_how_often_a_rule_fires(
    sim: AsyncSimulator, wire: Wire, counts: dict[str, Any], fired: list[int]
) -> None:
    sim.create_topic("t")
    sim.kafka.add_fault(api="ListOffsets", error="LEADER_NOT_AVAILABLE", **counts)
    failed = []
    for number in range(6):
        answer = await wire.ask(LIST_OFFSETS, 5, **list_offsets("t", -1))
        if answer.topics[0].partitions[0].error_code.name != "none":
            failed.append(number)
    assert failed == fired


async def test_probability_comes_from_the_seed() -> None:
    async def fired(seed: int) -> list[bool]:
        async with AsyncSimulator(Settings(seed=seed)) as sim:
            sim.kafka.add_fault(api="ApiVersions", error="INVALID_REQUEST", probability=0.5)
            async with await Wire.connect(sim.bootstrap_servers) as wire:
                answers = [
                    await wire.ask(
                        API_VERSIONS, 3, client_software_name="a", client_software_version="1"
                    )
                    for _ in range(40)
                ]
            return [answer.error_code.name != "none" for answer in answers]

    first = await fired(1)
    assert first == await fired(1)
    assert first != await fired(2)
    assert 8 < sum(first) < 32


async def test_first_rule_that_fires_decides(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    once = sim.kafka.add_fault(api="Produce", error="NOT_ENOUGH_REPLICAS", times=1)
    then = sim.kafka.add_fault(api="Produce", error="REQUEST_TIMED_OUT")
    got = [errors(await wire.ask(PRODUCE, 9, **produce("t", batch()))) for _ in range(2)]
    assert got == [["not_enough_replicas"], ["request_timed_out"]]
    assert (once.fired, then.fired, then.seen) == (1, 1, 1)


# --- connections ---------------------------------------------------------------------------


@pytest.mark.parametrize(("drop", "stored"), [("before", 0), ("after", 1)])
async def test_drop(sim: AsyncSimulator, wire: Wire, drop: Any, stored: int) -> None:
    sim.create_topic("t")
    sim.kafka.add_fault(api="Produce", drop=drop, times=1)
    wire.send(PRODUCE, 9, **produce("t", batch()))
    assert await wire.closed()
    assert sim.log.bounds("t", 0) == (0, stored)
    async with await Wire.connect(sim.bootstrap_servers) as again:
        assert errors(await again.ask(PRODUCE, 9, **produce("t", batch()))) == ["none"]


async def test_cut_sends_the_first_bytes_only(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    sim.kafka.add_fault(api="ListOffsets", cut=7, times=1)
    wire.send(LIST_OFFSETS, 5, **list_offsets("t", -1))
    data = await asyncio.wait_for(wire.reader.read(), 60)
    assert len(data) == 7
    assert int.from_bytes(data[:4], "big") > 3


async def test_delay_passes_with_the_brokers_clock(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    fault = sim.kafka.add_fault(api="Produce", delay="1h", times=1)
    waiting = asyncio.ensure_future(wire.ask(PRODUCE, 9, **produce("t", batch())))
    async with await Wire.connect(sim.bootstrap_servers) as other:
        while not fault.fired:
            await other.ask(LIST_OFFSETS, 5, **list_offsets("t", -1))
    sim.clock.advance("59m")
    assert sim.log.bounds("t", 0) == (0, 0)
    sim.clock.advance("2m")
    assert errors(await waiting) == ["none"]


async def test_throttle_is_told_and_mutes_the_connection(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    sim.kafka.add_fault(api="Produce", throttle="1h", times=1)
    answer = await wire.ask(PRODUCE, 9, **produce("t", batch()))
    assert (errors(answer), answer.throttle_time) == (["none"], seconds(3600))
    waiting = asyncio.ensure_future(wire.ask(PRODUCE, 9, **produce("t", batch())))
    async with await Wire.connect(sim.bootstrap_servers) as other:  # is served meanwhile
        assert errors(await other.ask(PRODUCE, 9, **produce("t", batch()))) == ["none"]
    assert sim.log.bounds("t", 0) == (0, 2)
    assert not waiting.done()
    sim.clock.advance("61m")
    assert errors(await waiting) == ["none"]


# --- what happens to the cluster -----------------------------------------------------------


async def test_duplicate_is_in_the_log_twice(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    sim.kafka.add_fault(api="Produce", duplicate=True, times=1)
    sent = batch(b"once", producer_id=7, producer_epoch=0, base_sequence=0)
    answer = await wire.ask(PRODUCE, 9, **produce("t", sent))
    assert answer.responses[0].partition_responses[0].base_offset == 0
    answer = await wire.ask(FETCH, 12, **fetch(("t", 0, 0)))
    found = records_of(answer.responses[0].partitions[0].records)
    assert [(each.offset, each.value) for each in found] == [(0, b"once"), (1, b"once")]
    following = batch(b"next", producer_id=7, producer_epoch=0, base_sequence=1)
    assert errors(await wire.ask(PRODUCE, 9, **produce("t", following))) == ["none"]


async def test_session_expires(sim: AsyncSimulator, wire: Wire) -> None:
    member_id, generation = await member(wire)
    assert await beat(wire, member_id, generation) == "none"
    fault = sim.kafka.add_fault(api="Heartbeat", group="g", expire_session=True, nth=2)
    assert await beat(wire, member_id, generation) == "none"
    assert await beat(wire, member_id, generation) == "unknown_member_id"
    assert fault.fired == 1


async def test_session_expires_by_hand(sim: AsyncSimulator, wire: Wire) -> None:
    member_id, generation = await member(wire)
    with pytest.raises(SimulatorError, match="no member 'other'"):
        sim.kafka.expire_session("g", "other")
    sim.kafka.expire_session("g", member_id)
    assert await beat(wire, member_id, generation) == "unknown_member_id"


async def test_nobody_is_there_to_expire_or_to_fence(sim: AsyncSimulator) -> None:
    with pytest.raises(SimulatorError, match="group 'g' has no member on the Kafka door"):
        sim.kafka.expire_session("g")
    with pytest.raises(SimulatorError, match="no producer has the transactional id 'x'"):
        sim.kafka.fence_producer("x")


async def test_leader_moves_before_the_request_is_handled(trio: AsyncSimulator) -> None:
    trio.create_topic("t")
    place = trio.kafka.place("t")
    trio.kafka.add_fault(api="Produce", topic="t", move_leader=True, times=1)
    address = {info.node_id: info.address for info in trio.kafka.brokers()}[place.leader]
    async with await Wire.connect(address) as wire:
        answer = await wire.ask(PRODUCE, 9, **produce("t", batch()))
    assert errors(answer) == ["not_leader_or_follower"]
    moved = trio.kafka.place("t")
    assert moved.leader != place.leader
    assert moved.leader_epoch == place.leader_epoch + 1


async def test_moving_the_leader_of_a_partition_that_is_not_there(trio: AsyncSimulator) -> None:
    """The rule fires, and the client gets the error that it gets anyway."""
    fault = trio.kafka.add_fault(api="Produce", move_leader=True)
    async with await Wire.connect(trio.bootstrap_servers.split(",")[0]) as wire:
        answer = await wire.ask(PRODUCE, 9, **produce("missing", batch()))
    assert answer.responses[0].partition_responses[0].error_code.name == (
        "unknown_topic_or_partition"
    )
    assert fault.fired == 1


async def test_coordinator_moves(trio: AsyncSimulator) -> None:
    before = trio.kafka.coordinator(group="g")
    trio.kafka.add_fault(api="Heartbeat", move_coordinator=True, times=1)
    address = {info.node_id: info.address for info in trio.kafka.brokers()}[before]
    async with await Wire.connect(address) as wire:
        assert await beat(wire, "m", 1) == "not_coordinator"
    assert trio.kafka.coordinator(group="g") != before


async def test_broker_stops_and_comes_back(trio: AsyncSimulator) -> None:
    trio.create_topic("t")
    leader = trio.kafka.place("t").leader
    trio.kafka.add_fault(api="Produce", stop_broker=True, restart_after="1h", times=1)
    address = {info.node_id: info.address for info in trio.kafka.brokers()}[leader]
    async with await Wire.connect(address) as wire:
        wire.send(PRODUCE, 9, **produce("t", batch()))
        assert await wire.closed()
    assert [info.node_id for info in trio.kafka.brokers() if not info.running] == [leader]
    assert trio.kafka.place("t").leader != leader
    trio.clock.advance("61m")
    async with await Wire.connect(trio.bootstrap_servers.split(",")[0]) as other:
        while len((await other.ask(METADATA, 9, **metadata(()))).brokers) < 3:
            pass
    async with await Wire.connect(address) as wire:
        assert (await wire.ask(METADATA, 9, **metadata(()))).brokers


# --- rules -----------------------------------------------------------------------------------


class SlowBrokers:
    """Notes when a broker begins and ends to stop or start."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def stop_broker(self, node_id: int) -> None:
        self.seen.append(f"stops {node_id}")
        await asyncio.sleep(0)
        self.seen.append("stopped")

    async def start_broker(self, node_id: int) -> None:
        self.seen.append(f"starts {node_id}")


async def test_brokers_that_are_to_start_do_not_outlive_the_simulator(sim: AsyncSimulator) -> None:
    """What has begun ends, so that no port is left half open; what waits its turn is left."""
    brokers = SlowBrokers()
    actions = ClusterActions(sim.kafka._listener().cluster, brokers)
    actions.stop_broker(2, None)
    actions.start_broker(2)
    actions.stop_broker(3, None)
    await asyncio.sleep(0)
    await actions.close()
    assert brokers.seen == ["stops 2", "stopped"]
    actions.start_broker(2)
    await actions.close()
    assert brokers.seen == ["stops 2", "stopped"]


@pytest.mark.parametrize(
    ("api", "condition", "told"),
    [
        ("Heartbeat", {"topic": "chat"}, "topic='chat' matches no Heartbeat request: .* group$"),
        ("Produce", {"group": "g"}, "names transactional_id and topic and partition$"),
        ("Fetch", {"transactional_id": "x"}, "names topic and partition$"),
        ("JoinGroup", {"partition": 0}, "names group$"),
        ("Metadata", {"topic": "chat", "partition": 0}, "names topic$"),
        ("ApiVersions", {"group": "g"}, "names none of these$"),
        ("Heartbeat", {"move_leader": True}, "does nothing for Heartbeat, .* no partition$"),
        ("Fetch", {"move_coordinator": True}, "names no group or transactional_id$"),
    ],
)
async def test_rules_about_what_requests_do_not_name(
    sim: AsyncSimulator, api: str, condition: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidFault, match=told):
        sim.kafka.fault(api=api, drop="after", **condition)


@pytest.mark.parametrize(
    ("api", "condition"),
    [
        ("FindCoordinator", {"group": "g"}),
        ("FindCoordinator", {"transactional_id": "x", "move_coordinator": True}),
        ("AddPartitionsToTxn", {"transactional_id": "x", "topic": "chat", "partition": 0}),
        ("TxnOffsetCommit", {"transactional_id": "x", "group": "g", "topic": "chat"}),
        ("OffsetFetch", {"group": "g", "topic": "chat", "partition": 0}),
        ("DescribeConfigs", {"topic": "chat"}),
        ("CreateTopics", {"topic": "still to come"}),
        ("Metadata", {"topic": "still to come"}),
        ("DeleteGroups", {"group": "g"}),
        ("ConsumerGroupHeartbeat", {"group": "g", "topic": "chat"}),
        ("Produce", {"transactional_id": "x", "topic": "chat", "partition": 0}),
        ("Fetch", {"topic": "chat", "move_leader": True}),
    ],
)
async def test_rules_about_what_requests_name(
    sim: AsyncSimulator, api: str, condition: dict[str, Any]
) -> None:
    assert sim.kafka.add_fault(api=api, drop="after", **condition).fired == 0


async def test_a_request_for_a_new_session_is_not_about_the_old_one(
    sim: AsyncSimulator, wire: Wire
) -> None:
    for topic in ("t", "u"):
        sim.create_topic(topic)
    old = (await wire.ask(FETCH, 11, **fetch(("u", 0, 0), session=(0, 0)))).session_id
    fault = sim.kafka.add_fault(api="Fetch", topic="u", error="NOT_LEADER_OR_FOLLOWER")
    answer = await wire.ask(FETCH, 11, **fetch(("t", 0, 0), session=(old, 0)))
    assert [topic.topic for topic in answer.responses] == ["t"]
    assert fault.seen == 0


async def test_a_fetch_that_fails_does_not_wait(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    fault = sim.kafka.add_fault(api="Fetch", topic="t", error="NOT_LEADER_OR_FOLLOWER")
    asked = fetch(("t", 0, 0), max_wait=1000)
    answer = await asyncio.wait_for(wire.ask(FETCH, 11, **asked), 60)
    assert errors(answer) == ["not_leader_or_follower"]
    assert fault.fired == 1


async def test_a_key_is_that_of_a_group_or_of_a_transaction(
    sim: AsyncSimulator, wire: Wire
) -> None:
    faults = [
        sim.kafka.add_fault(error="COORDINATOR_NOT_AVAILABLE", **{about: "x"})  # type: ignore[arg-type]
        for about in ("group", "transactional_id")
    ]
    for kind in (1, 0, 1):
        answer = await wire.ask(FIND_COORDINATOR, 3, key="x", key_type=kind)
        assert answer.error_code.name == "coordinator_not_available"
    assert [fault.fired for fault in faults] == [1, 2]


async def test_leaders_move_round_the_cluster(trio: AsyncSimulator) -> None:
    trio.create_topic("t")
    trio.kafka.move_replicas("t", to=[1, 2, 3])
    actions = ClusterActions(trio.kafka._listener().cluster, SlowBrokers())
    leaders = []
    for _ in range(4):
        actions.move_leader("t", 0, None)
        leaders.append(trio.kafka.place("t").leader)
    start = leaders[0]
    assert leaders == [(start - 1 + step) % 3 + 1 for step in range(4)]


async def test_rules_that_could_never_fire(sim: AsyncSimulator) -> None:
    with pytest.raises(TopicNotFound, match="did you mean 'chat'"):
        sim.kafka.fault(api="Produce", topic="chatt", error="NOT_ENOUGH_REPLICAS")
    with pytest.raises(UnknownNode):
        sim.kafka.fault(stop_broker=4)
    with pytest.raises(InvalidFault, match="ShareFetch is not served"):
        sim.kafka.fault(api="ShareFetch", error="REQUEST_TIMED_OUT")
    with pytest.raises(InvalidFault, match="expire_session does nothing for Produce"):
        sim.kafka.fault(api="Produce", expire_session=True)
    with pytest.raises(InvalidFault, match="fence_producer does nothing for Fetch"):
        sim.kafka.fault(api="Fetch", fence_producer=True)
    with pytest.raises(TopicNotFound, match="topic 3 does not exist"):
        sim.kafka.fault(topic=3, drop="after")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"'eror'.*'error'"):
        sim.kafka.fault(api="Fetch", eror="REQUEST_TIMED_OUT")  # type: ignore[call-arg]
    assert sim.kafka.faults() == []


async def test_removed_rules_do_not_fire(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    with sim.kafka.fault(api="Produce", error="NOT_ENOUGH_REPLICAS"):
        pass
    kept = sim.kafka.add_fault(api="Produce", error="NOT_ENOUGH_REPLICAS")
    kept.remove()
    kept.remove()
    sim.kafka.add_fault(api="Produce", error="NOT_ENOUGH_REPLICAS")
    sim.kafka.clear_faults()
    sim.kafka.add_fault(api="Produce", error="NOT_ENOUGH_REPLICAS")
    sim.reset()
    sim.create_topic("t")
    assert errors(await wire.ask(PRODUCE, 9, **produce("t", batch()))) == ["none"]


async def test_commit_with_an_error_commits_nothing(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")

    def topics(make: Make) -> Any:
        part = make(
            "OffsetCommitRequestPartition",
            partition_index=0,
            committed_offset=3,
            committed_metadata="",
        )
        return (make("OffsetCommitRequestTopic", name="t", partitions=(part,)),)

    sim.kafka.add_fault(api="OffsetCommit", group="g", topic="t", error="REBALANCE_IN_PROGRESS")
    answer = await wire.ask(OFFSET_COMMIT, 7, group_id="g", member_id="", topics=topics)
    assert answer.topics[0].partitions[0].error_code.name == "rebalance_in_progress"
    assert sim.log.groups.committed("g", "t", 0) is None
