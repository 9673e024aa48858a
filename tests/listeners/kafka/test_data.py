"""Produce, Fetch and ListOffsets: what is stored, what is handed back, and every refusal."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from kafka_batches import build_batch, records_of
from kafka_wire import (
    FETCH,
    INIT_PRODUCER_ID,
    LIST_OFFSETS,
    PRODUCE,
    Make,
    Wire,
    fetch,
    list_offsets,
    produce,
    seconds,
)

from simulator import AsyncSimulator
from simulator.catalog import Catalog
from simulator.log import Retention
from simulator.simulator import Settings

ONE = build_batch([(7, b"k", b"v", (("h", b"x"),))])


@pytest.fixture(autouse=True)
def topic(sim: AsyncSimulator) -> None:
    sim.create_topic("t", partitions=2)


async def stored(wire: Wire, *args: Any, version: int = 9, **options: Any) -> Any:
    answer = await wire.ask(PRODUCE, version, **produce(*args, **options))
    return answer.responses[0].partition_responses[0]


async def fetched(wire: Wire, *places: Any, version: int = 11, **options: Any) -> list[Any]:
    answer = await wire.ask(FETCH, version, **fetch(*places, **options))
    return [part for topic in answer.responses for part in topic.partitions]


# --- Produce -------------------------------------------------------------------------------


async def test_a_batch_is_read_through_every_door(sim: AsyncSimulator, wire: Wire) -> None:
    sim.publish("t", b"plain", partition=0, timestamp=5)
    result = await stored(wire, "t", ONE)
    assert (result.error_code.name, result.base_offset, result.log_start_offset) == ("none", 1, 0)
    records = sim.log.read("t", 0, 0, max_records=9)
    assert [(r.offset, r.value, r.headers) for r in records] == [
        (0, b"plain", ()),
        (1, b"v", (("h", b"x"),)),
    ]
    (part,) = await fetched(wire, ("t", 0, 0))
    assert [(r.offset, r.value) for r in records_of(part.records)] == [(0, b"plain"), (1, b"v")]
    assert (part.high_watermark, part.last_stable_offset, part.log_start_offset) == (2, 2, 0)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (ONE[:-1] + b"!", "corrupt_message"),
        (ONE[:30], "invalid_record"),
        (ONE + ONE, "invalid_record"),
        (ONE[:16] + b"\x01" + ONE[17:], "invalid_record"),
        (b"", "invalid_record"),
        (None, "invalid_record"),
        (build_batch([(0, None, bytes(1_048_588), ())]), "message_too_large"),
    ],
)
async def test_bad_batches_are_refused(
    sim: AsyncSimulator, wire: Wire, data: bytes | None, error: str
) -> None:
    result = await stored(wire, "t", data)
    assert (result.error_code.name, result.base_offset) == (error, -1)
    assert result.error_message
    assert sim.log.records_held == 0


async def test_some_refusals_tell_the_first_offset(wire: Wire) -> None:
    elsewhere = (5).to_bytes(8, "big") + ONE[8:]  # its base offset, which the CRC does not cover
    found = []
    for data in (elsewhere, ONE[:-1] + b"!", ONE + ONE):
        result = await stored(wire, "t", data)
        found.append((result.error_code.name, result.log_start_offset))
    # As a real Kafka: the log refuses the first one, and nobody asks it for the others.
    assert found == [("invalid_record", 0), ("corrupt_message", -1), ("invalid_record", -1)]


async def test_other_refusals_of_produce(wire: Wire) -> None:
    assert (await stored(wire, "nope", ONE)).error_code.name == "unknown_topic_or_partition"
    result = await stored(wire, "t", ONE, partition=2)
    assert result.error_code.name == "unknown_topic_or_partition"
    assert (await stored(wire, "t", ONE, acks=2)).error_code.name == "invalid_required_acks"
    zstd = build_batch([(0, None, b"v", ())], codec=4)
    result = await stored(wire, "t", zstd, version=6)
    assert result.error_code.name == "unsupported_compression_type"
    assert (await stored(wire, "t", zstd, version=7)).error_code.name == "none"
    answer = await wire.ask(PRODUCE, 13, **produce("t", ONE, topic_id=uuid4()))
    (result,) = answer.responses[0].partition_responses
    assert result.error_code.name == "unknown_topic_id"


async def test_acks_0_has_no_answer(sim: AsyncSimulator, wire: Wire) -> None:
    wire.send(PRODUCE, 9, **produce("t", ONE, acks=0))
    assert (await stored(wire, "t", ONE, acks=1)).base_offset == 1
    wire.send(PRODUCE, 9, **produce("nope", ONE, acks=0))
    assert await wire.closed()


async def test_events_are_validated_one_by_one(sim: AsyncSimulator, wire: Wire) -> None:
    good = json.dumps(Catalog.builtin().message("chat", "userConnected").example).encode()
    drafts: list[Any] = [(0, None, value, ()) for value in (good, b"{", None, b'{"name": 1}')]
    result = await stored(wire, "chat", build_batch(drafts, codec=4))
    assert (result.error_code.name, result.base_offset) == ("invalid_record", -1)
    assert [found.batch_index for found in result.record_errors] == [1, 3]
    assert "not a JSON event" in result.record_errors[0].batch_index_error_message
    assert result.error_message.startswith("2 of 4 records are refused; record 1")
    assert sim.log.records_held == 0
    result = await stored(wire, "chat", build_batch([drafts[0], drafts[2]]))
    assert (result.error_code.name, result.record_errors) == ("none", ())
    assert [event.name for event in sim.events("chat")][:1] == ["userConnected"]


@pytest.mark.parametrize(
    ("settings", "marked"),
    [
        (Settings(kafka_validation="mark"), [False, True, False, True]),
        (Settings(kafka_validation="off"), [True] * 4),
        (Settings(validate=False), [True] * 4),
    ],
)
async def test_what_is_no_event_is_marked_where_that_is_asked(
    settings: Settings, marked: list[bool]
) -> None:
    good = json.dumps(Catalog.builtin().message("chat", "userConnected").example).encode()
    drafts: list[Any] = [(0, None, value, ()) for value in (good, b"{", None, b'{"name": 1}')]
    async with AsyncSimulator(settings) as sim:
        async with await Wire.connect(sim.bootstrap_servers) as wire:
            for codec in (0, 4):
                result = await stored(wire, "chat", build_batch(drafts, codec=codec))
                assert result.error_code.name == "none"
        records = sim.log.read("chat", 0, 0, max_records=9)
        assert [record.unchecked for record in records] == 2 * marked
        records = sim.log.read("chat", 0, 5, max_records=1)
        assert records[0].unchecked
        sim.log.delete_records("chat", 0, 5)
        sim.log.delete_records("chat", 0, 6)
        (record, last) = sim.log.read("chat", 0, 6, max_records=9)
        assert [record.unchecked, last.unchecked] == marked[2:]


async def test_a_full_log_says_so() -> None:
    async with AsyncSimulator(Settings(kafka_port=0, max_bytes=500)) as sim:
        sim.create_topic("t")
        async with await Wire.connect(sim.bootstrap_servers) as wire:
            data = build_batch([(0, None, bytes(600), ())])
            result = await stored(wire, "t", data)
            assert result.error_code.name == "policy_violation"
            assert "the log is full" in result.error_message


async def test_idempotent_producers(wire: Wire) -> None:
    ids = set()
    for _ in range(2):
        answer = await wire.ask(
            INIT_PRODUCER_ID, 4, transactional_id=None, transaction_timeout=seconds(1)
        )
        assert (answer.error_code.name, answer.producer_epoch) == ("none", 0)
        ids.add(answer.producer_id)
    assert len(ids) == 2

    async def send(sequence: int, epoch: int = 0) -> Any:
        data = build_batch(
            [(0, None, b"v", ())],
            producer_id=min(ids),
            producer_epoch=epoch,
            base_sequence=sequence,
        )
        return await stored(wire, "t", data)

    assert [(await send(n)).base_offset for n in (0, 1, 0, 1, 2)] == [0, 1, 0, 1, 2]
    assert (await send(9)).error_code.name == "out_of_order_sequence_number"
    assert (await send(0, epoch=1)).base_offset == 3
    assert (await send(3)).error_code.name == "invalid_producer_epoch"


# --- Fetch ---------------------------------------------------------------------------------


async def test_waiting_ends_as_soon_as_there_are_records(sim: AsyncSimulator, wire: Wire) -> None:
    wire.send(FETCH, 11, **fetch(("t", 1, 0), max_wait=1000))
    await asyncio.sleep(0)
    async with await Wire.connect(sim.bootstrap_servers) as other:
        await stored(other, "t", ONE, partition=0)  # not what it waits for
        await stored(other, "t", ONE, partition=1)
    answer = await asyncio.wait_for(wire.receive(FETCH, 11), 60)
    (part,) = answer.responses[0].partitions
    assert [r.value for r in records_of(part.records)] == [b"v"]


async def test_waiting_goes_on_below_min_bytes(sim: AsyncSimulator, wire: Wire) -> None:
    wire.send(FETCH, 11, **fetch(("t", 0, 0), max_wait=1000, min_bytes=2 * len(ONE)))
    async with await Wire.connect(sim.bootstrap_servers) as other:
        await stored(other, "t", ONE)
        await stored(other, "t", ONE)
    answer = await asyncio.wait_for(wire.receive(FETCH, 11), 60)
    assert len(answer.responses[0].partitions[0].records) == 2 * len(ONE)


async def test_offsets_of_a_partition_that_is_asked_for_twice(wire: Wire) -> None:
    def topics(make: Make) -> Any:
        wanted = [
            make("ListOffsetsPartition", partition_index=index, timestamp=-1) for index in (0, 1, 0)
        ]
        return (make("ListOffsetsTopic", name="t", partitions=tuple(wanted)),)

    answer = await wire.ask(LIST_OFFSETS, 7, **list_offsets("t", -1) | {"topics": topics})
    told = [(each.partition_index, each.error_code.name) for each in answer.topics[0].partitions]
    assert told == [(0, "invalid_request"), (1, "none")]  # once each, as from a real Kafka


async def test_nobody_waits_for_more_than_a_response_may_hold(wire: Wire) -> None:
    await stored(wire, "t", ONE)  # Kafka: `fetchMinBytes` is at most `fetchMaxBytes`
    asked = fetch(("t", 0, 0), max_wait=1000, min_bytes=1 << 20, max_bytes=len(ONE))
    answer = await asyncio.wait_for(wire.ask(FETCH, 11, **asked), 60)
    assert len(answer.responses[0].partitions[0].records) == len(ONE)


async def test_waiting_ends_when_its_time_is_over(wire: Wire) -> None:
    (part,) = await fetched(wire, ("t", 0, 0), max_wait=0.02)
    assert (part.records, part.error_code.name, part.high_watermark) == (b"", "none", 0)


async def test_a_reset_wakes_those_who_wait(sim: AsyncSimulator, wire: Wire) -> None:
    wire.send(FETCH, 11, **fetch(("t", 0, 0), max_wait=1000))
    async with await Wire.connect(sim.bootstrap_servers) as other:
        await fetched(other, ("t", 0, 0))
    sim.reset()
    answer = await asyncio.wait_for(wire.receive(FETCH, 11), 60)
    (part,) = answer.responses[0].partitions
    assert part.error_code.name == "unknown_topic_or_partition"


async def test_limits_in_bytes(wire: Wire) -> None:
    for partition in (0, 1):
        for _ in range(3):
            await stored(wire, "t", ONE, partition=partition)
    size = len(ONE)
    both = (("t", 0, 0), ("t", 1, 0))

    async def sizes(**limits: int) -> list[int]:
        return [len(part.records) // size for part in await fetched(wire, *both, **limits)]

    assert await sizes() == [3, 3]
    assert await sizes(partition_max_bytes=2 * size) == [2, 2]
    assert await sizes(max_bytes=4 * size) == [3, 1]
    assert await sizes(max_bytes=1) == [1, 0]
    assert await sizes(max_bytes=0) == [1, 0]
    assert await sizes(partition_max_bytes=1) == [1, 0]
    assert await sizes(max_bytes=size) == [1, 0]


@pytest.mark.parametrize("version", [11, 16])
async def test_refusals_of_fetch(sim: AsyncSimulator, wire: Wire, version: int) -> None:
    await stored(wire, "t", ONE)
    ids = {"t": sim.log.topic("t").topic_id, "nope": uuid4()}

    async def error(*place: Any, **options: Any) -> str:
        (part,) = await fetched(
            wire, place, version=version, topic_ids=ids, max_wait=1000, **options
        )
        assert (part.records, part.high_watermark) == (b"", -1)
        return str(part.error_code.name)

    assert await error("t", 0, 2) == "offset_out_of_range"
    assert await error("t", 0, -1) == "offset_out_of_range"
    assert await error("t", 2, 0) == "unknown_topic_or_partition"
    assert await error("t", 0, 0, epoch=1) == "unknown_leader_epoch"
    by_name = "unknown_topic_or_partition"
    assert await error("nope", 0, 0) == ("unknown_topic_id" if version == 16 else by_name)


async def test_read_committed_sees_the_same(wire: Wire) -> None:
    await stored(wire, "t", ONE)
    (part,) = await fetched(wire, ("t", 0, 0), isolation_level=1)
    assert (part.last_stable_offset, part.aborted_transactions) == (1, ())
    assert len(records_of(part.records)) == 1


# --- ListOffsets ---------------------------------------------------------------------------


async def test_offsets_by_time_are_exact(sim: AsyncSimulator, wire: Wire) -> None:
    times = [10, 40, 20, 30]
    await stored(wire, "t", build_batch([(t, None, b"v", ()) for t in times], codec=3))
    sim.publish("t", b"plain", partition=0, timestamp=35)

    async def find(timestamp: int, version: int = 9) -> tuple[str, int, int]:
        answer = await wire.ask(LIST_OFFSETS, version, **list_offsets("t", timestamp))
        (part,) = answer.topics[0].partitions
        return part.error_code.name, part.offset, part.timestamp

    assert await find(0) == ("none", 0, 10)
    assert await find(11) == ("none", 1, 40)
    assert await find(41) == ("none", -1, -1)
    assert await find(-1) == ("none", 5, -1)
    assert await find(-2) == ("none", 0, -1)
    assert await find(-3) == ("none", 1, 40)
    assert await find(-5) == ("none", -1, -1)
    assert (await find(-3, version=6))[0] == "unsupported_version"
    sim.log.delete_records("t", 0, 2)
    assert await find(-2) == ("none", 2, -1)
    assert await find(-4) == ("none", 2, -1)
    assert await find(-3) == ("none", 4, 35)
    answer = await wire.ask(LIST_OFFSETS, 9, **list_offsets("nope", 0))
    assert answer.topics[0].partitions[0].error_code.name == "unknown_topic_or_partition"


async def test_an_old_timestamp_does_not_make_count_limits_eat_a_record(
    sim: AsyncSimulator, wire: Wire
) -> None:
    sim.create_topic("few", retention=Retention(max_records=2))
    await stored(wire, "few", build_batch([(1, None, b"%d" % n, ()) for n in range(5)]))
    assert sim.log.bounds("few", 0) == (3, 5)
    (part,) = await fetched(wire, ("few", 0, 3))
    assert [r.value for r in records_of(part.records)][-2:] == [b"3", b"4"]
