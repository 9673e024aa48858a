"""The log of requests: what it tells, that it can be waited on, and that it stays small."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from kafka_batches import build_batch
from kafka_wire import (
    FETCH,
    HEARTBEAT,
    LIST_OFFSETS,
    OFFSET_COMMIT,
    PRODUCE,
    Make,
    Wire,
    fetch,
    list_offsets,
    produce,
    seconds,
)

from simulator import AsyncSimulator, Simulator, WaitTimeout
from simulator.errors import InvalidSetting
from simulator.listeners.kafka.request_log import MAX_ENTRIES
from simulator.log.fault_rules import InvalidFault


def batch(value: bytes = b"v") -> bytes:
    return build_batch([(5, b"k", value, ()), (6, b"k", value, ())])


def commit(group: str, topic: str, offset: int) -> dict[str, Any]:
    def topics(make: Make) -> Any:
        part = make(
            "OffsetCommitRequestPartition",
            partition_index=0,
            committed_offset=offset,
            committed_metadata="",
        )
        return (make("OffsetCommitRequestTopic", name=topic, partitions=(part,)),)

    return {"group_id": group, "member_id": "", "topics": topics}


async def test_tells_what_was_asked_and_answered(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    sent = batch()
    await wire.ask(PRODUCE, 9, **produce("t", sent))
    await wire.ask(FETCH, 12, **fetch(("t", 0, 0)))
    await wire.ask(LIST_OFFSETS, 5, **list_offsets("t", -1))
    await wire.ask(OFFSET_COMMIT, 7, **commit("g", "t", 2))
    produced, fetched, listed, committed = sim.kafka.requests()

    assert (produced.api, produced.version, produced.client_id) == ("Produce", 9, "test")
    assert (produced.broker, produced.answered, produced.errors) == (1, True, ())
    assert produced.request["acks"] == -1
    (place,) = produced.partitions
    assert (place.topic, place.partition, place.size) == ("t", 0, len(sent))
    assert (place.records, place.result, place.error) == (2, 0, None)

    (place,) = fetched.partitions
    assert (place.topic, place.offset, place.high_watermark) == ("t", 0, 2)
    assert place.size == len(sent)
    assert fetched.request["max_wait"] == 0

    (place,) = listed.partitions
    assert place.result == 2

    (place,) = committed.partitions
    assert (committed.group, place.group, place.offset) == ("g", "g", 2)
    assert produced.number < fetched.number < listed.number < committed.number
    assert produced.duration >= 0


async def test_a_reset_forgets_what_was_asked(sim: AsyncSimulator, wire: Wire) -> None:
    await wire.ask(HEARTBEAT, 3, group_id="g", generation_id=1, member_id="m")
    assert len(sim.kafka.requests()) == 1
    sim.reset()
    assert sim.kafka.requests() == []


async def test_errors_are_told_by_name(sim: AsyncSimulator, wire: Wire) -> None:
    await wire.ask(PRODUCE, 9, **produce("none", batch()))
    await wire.ask(HEARTBEAT, 3, group_id="g", generation_id=1, member_id="m")
    first, second = sim.kafka.requests()
    assert first.errors == ("UNKNOWN_TOPIC_OR_PARTITION",)
    assert first.partitions[0].error == "UNKNOWN_TOPIC_OR_PARTITION"
    assert (second.errors, second.group) == (("UNKNOWN_MEMBER_ID",), "g")
    assert second.request["member_id"] == "m"
    assert second.response["error_code"] == "UNKNOWN_MEMBER_ID"


async def test_conditions(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    sim.create_topic("u")
    fault = sim.kafka.add_fault(topic="u", drop="after", times=1)
    await wire.ask(PRODUCE, 9, **produce("t", batch()))
    await wire.ask(OFFSET_COMMIT, 7, **commit("g", "t", 7))
    wire.send(PRODUCE, 9, **produce("u", batch()))
    assert await wire.closed()

    def numbers(**conditions: Any) -> list[int]:
        return [request.number for request in sim.kafka.requests(**conditions)]

    assert numbers() == [1, 2, 3]
    assert numbers(api="Produce") == [1, 3]
    assert numbers(topic="t") == [1, 2]
    assert numbers(topic="t", partition=1) == []
    assert numbers(group="g") == [2]
    assert numbers(group="g", offset=7) == [2]
    assert numbers(fault=fault.id) == [3]
    assert numbers(client_id="other") == []
    assert numbers(broker=1, after=1) == [2, 3]
    assert numbers(error="NONE", api="OffsetCommit") == [2]
    assert numbers(matching=lambda request: not request.answered) == [3]
    assert sim.kafka.requests(topic="u")[0].fault == fault.id


async def test_names_that_kafka_does_not_have(sim: AsyncSimulator) -> None:
    with pytest.raises(InvalidFault, match="did you mean OffsetCommit"):
        sim.kafka.requests(api="OfsetCommit")
    with pytest.raises(InvalidFault, match="did you mean UNKNOWN_MEMBER_ID"):
        sim.kafka.requests(error="UNKNOWN_MEMBER")
    with pytest.raises(TypeError, match=r"'grup'.*'group'"):
        sim.kafka.requests(grup="g")  # type: ignore[call-arg]


async def test_waits_for_a_request_that_is_still_to_come(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    waiting = asyncio.ensure_future(
        sim.kafka.wait_for_request(api="Produce", topic="t", timeout=60)
    )
    await wire.ask(LIST_OFFSETS, 5, **list_offsets("t", -1))
    assert not waiting.done()
    await wire.ask(PRODUCE, 9, **produce("t", batch()))
    assert (await waiting).partitions[0].records == 2


async def test_says_what_came_instead(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    with pytest.raises(WaitTimeout, match="none came; no client asked for anything"):
        await sim.kafka.wait_for_request(api="Produce", timeout=0)
    await wire.ask(OFFSET_COMMIT, 7, **commit("g", "t", 7))
    await wire.ask(LIST_OFFSETS, 5, **list_offsets("t", -1))
    with pytest.raises(WaitTimeout) as told:
        await sim.kafka.wait_for_request(api="OffsetCommit", group="other", timeout=0)
    assert "a request with api='OffsetCommit', group='other'" in str(told.value)
    assert "#1 OffsetCommit v7 of 'test', group g, t-0 offset 7, ok" in str(told.value)
    assert "what came: OffsetCommit, ListOffsets" in str(told.value)
    assert isinstance(told.value, AssertionError)


async def test_a_timeout_is_a_number(sim: AsyncSimulator) -> None:
    for waiting in (
        sim.kafka.wait_for_request(api="Fetch", timeout="5s"),  # type: ignore[arg-type]
        sim.kafka.wait_for_commit("g", "chat", timeout="5s"),  # type: ignore[arg-type]
        sim.wait_for("chat", timeout="5s"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidSetting, match="timeout='5s' cannot be: use real seconds"):
            await waiting


async def test_waits_for_a_commit(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    waiting = asyncio.ensure_future(sim.kafka.wait_for_commit("g", "t", offset=12, timeout=60))
    await wire.ask(OFFSET_COMMIT, 7, **commit("g", "t", 7))
    await asyncio.sleep(0)
    assert not waiting.done()
    await wire.ask(OFFSET_COMMIT, 7, **commit("g", "t", 13))
    assert await waiting == 13
    assert await sim.kafka.wait_for_commit("g", "t") == 13
    with pytest.raises(WaitTimeout, match="offset 20 of t-0: it has committed 13"):
        await sim.kafka.wait_for_commit("g", "t", offset=20, timeout=0)
    with pytest.raises(WaitTimeout, match=r"groups that have: g\)"):
        await sim.kafka.wait_for_commit("h", "t", timeout=0)


async def test_waits_for_a_fault(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    fault = sim.kafka.add_fault(api="ListOffsets", error="LEADER_NOT_AVAILABLE")
    with pytest.raises(WaitTimeout):
        await fault.wait(timeout=0)
    await wire.ask(LIST_OFFSETS, 5, **list_offsets("t", -1))
    await fault.wait(timeout=60)


async def test_stays_small_and_keeps_no_records(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    marker = b"a value that nobody else has" * 10
    await wire.ask(PRODUCE, 9, **produce("t", batch(marker)))
    await wire.ask(FETCH, 12, **fetch(("t", 0, 0)))
    entries = sim.kafka._listener().cluster.request_log._entries
    assert len(entries) == 2
    assert "nobody else" not in repr(entries)

    for _ in range(MAX_ENTRIES + 5):
        wire.send(HEARTBEAT, 3, group_id="g", generation_id=1, member_id="m")
    for _ in range(MAX_ENTRIES + 5):
        await wire.receive(HEARTBEAT, 3)
    kept = sim.kafka.requests()
    assert len(kept) == MAX_ENTRIES
    assert kept[0].number == 8
    assert kept[-1].number == MAX_ENTRIES + 7


async def test_large_requests_are_bounded_too(sim: AsyncSimulator, wire: Wire) -> None:
    for _ in range(80):
        await wire.ask(HEARTBEAT, 3, group_id="g" * 30_000, generation_id=1, member_id="m" * 30_000)
    kept = sim.kafka.requests()
    assert 0 < len(kept) < 80
    assert len(kept[-1].request["member_id"]) < 1100


async def test_many_partitions_are_bounded_too(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    await wire.ask(FETCH, 12, **fetch(*(("t", number, 0) for number in range(3000))))
    (request,) = sim.kafka.requests()
    assert len(request.partitions) == 1000
    assert len(request.request["topics"]) == 1000
    assert len(request.response["responses"]) <= 1000
    assert request.errors == ("UNKNOWN_TOPIC_OR_PARTITION",)


@pytest.mark.parametrize("partitions", [0, 1])
async def test_long_names_of_many_topics_are_bounded_too(
    sim: AsyncSimulator, wire: Wire, partitions: int
) -> None:
    def topics(make: Make) -> Any:
        part = make("PartitionProduceData", index=0, records=None)
        return tuple(
            make(
                "TopicProduceData",
                name=f"{number}".ljust(2000, "x"),
                partition_data=(part,) * partitions,
            )
            for number in range(2000)
        )

    asked = {"transactional_id": None, "acks": -1, "timeout": seconds(1), "topic_data": topics}
    await wire.ask(PRODUCE, 8, **asked)
    await wire.ask(FETCH, 11, **fetch(*((f"{n}".ljust(2000, "x"), 0, 0) for n in range(2000))))
    log = sim.kafka._listener().cluster.request_log
    assert len(log) == 2
    assert len(repr(list(log._entries))) < 6_000_000  # of 16 million
    for _ in range(20):
        await wire.ask(PRODUCE, 8, **asked)
    assert 0 < len(log) < 20


async def test_lists_in_lists_are_bounded_too(sim: AsyncSimulator, wire: Wire) -> None:
    def topics(make: Make) -> Any:
        parts = tuple(
            make(
                "ListOffsetsPartition", partition_index=index, timestamp=-1, current_leader_epoch=0
            )
            for index in range(300)
        )
        return tuple(
            make("ListOffsetsTopic", name=f"t{number}", partitions=parts) for number in range(300)
        )

    await wire.ask(LIST_OFFSETS, 5, replica_id=-1, isolation_level=0, topics=topics)
    (request,) = sim.kafka.requests()
    assert sum(len(topic["partitions"]) for topic in request.request["topics"]) < 10_000
    assert sum(len(topic["partitions"]) for topic in request.response["topics"]) < 10_000


async def test_a_request_that_cannot_be_noted_is_answered_all_the_same(
    sim: AsyncSimulator, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise AttributeError("no such field")

    monkeypatch.setattr("simulator.listeners.kafka.request_log._produced", broken)
    sim.create_topic("t")
    answer = await wire.ask(PRODUCE, 9, **produce("t", batch()))
    assert answer.responses[0].partition_responses[0].base_offset == 0
    await wire.ask(FETCH, 12, **fetch(("t", 0, 0)))
    assert [each.api for each in sim.kafka.requests()] == ["Fetch"]


@pytest.mark.parametrize("version", [3, 8, 9, 12])
async def test_a_topic_without_a_name_is_noted(
    sim: AsyncSimulator, wire: Wire, version: int
) -> None:
    answer = await wire.ask(PRODUCE, version, **produce("", batch()))
    assert answer.responses[0].partition_responses[0].error_code.value
    assert [each.api for each in sim.kafka.requests()] == ["Produce"]


def test_synchronous_simulator_has_the_same() -> None:
    with Simulator() as sim:
        with sim.kafka.fault(api="Produce", topic="chat", times=1, error="REQUEST_TIMED_OUT") as f:
            assert [fault.id for fault in sim.kafka.faults()] == [f.id]
            assert (f.fired, f.seen) == (0, 0)
        assert sim.kafka.faults() == []
        assert sim.kafka.requests() == []
        with pytest.raises(WaitTimeout):
            sim.kafka.wait_for_request(api="Produce", timeout=0)
        with pytest.raises(WaitTimeout):
            sim.kafka.wait_for_commit("g", "chat", timeout=0)
