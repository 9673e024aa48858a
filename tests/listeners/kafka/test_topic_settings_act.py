"""Settings of topics that mean something: what Produce does with them, and what is deleted.

Error codes, texts and bytes are those of Apache Kafka 4.4.
"""

from __future__ import annotations

import struct
from typing import Any

import pytest
from admin_wire import BROKER, SET, change, create_topic
from crc32c import crc32c
from kafka_batches import build_batch, records_of
from kafka_wire import FETCH, METADATA, PRODUCE, Wire, fetch, produce

from simulator import AsyncSimulator, Simulator, SimulatorError
from simulator.listeners.kafka.configs import InvalidConfig
from simulator.simulator import Settings

NOW = 1_767_225_600_000
"""Where the virtual clock stands: 2026-01-01."""


async def send(wire: Wire, topic: str, data: bytes, *, acks: int = -1) -> Any:
    answer = await wire.ask(PRODUCE, 9, **produce(topic, data, acks=acks))
    return answer.responses[0].partition_responses[0]


def batch(*timestamps: int, key: bytes | None = b"k", value: bytes = b"v") -> bytes:
    return build_batch([(timestamp, key, value, ()) for timestamp in timestamps])


async def fetched(wire: Wire, topic: str) -> bytes:
    answer = await wire.ask(FETCH, 11, **fetch((topic, 0, 0)))
    return bytes(answer.responses[0].partitions[0].records)


async def test_a_batch_may_be_as_large_as_the_topic_says(wire: Wire) -> None:
    data = batch(NOW, value=b"x" * 100)
    await create_topic(wire, "small", configs={"max.message.bytes": str(len(data) - 1)})
    await create_topic(wire, "enough", configs={"max.message.bytes": str(len(data))})
    refused = await send(wire, "small", data)
    assert (refused.error_code.name, refused.base_offset) == ("message_too_large", -1)
    assert (await send(wire, "enough", data)).error_code.name == "none"


async def test_log_append_time_is_given_to_the_batch_and_told(
    sim: AsyncSimulator, wire: Wire
) -> None:
    await create_topic(wire, "t", configs={"message.timestamp.type": "LogAppendTime"})
    sim.clock.advance("1500ms")  # type: ignore[union-attr]
    result = await send(wire, "t", batch(7, 9))
    assert result.error_code.name == "none"
    assert result.log_append_time.timestamp() * 1000 == NOW + 1500
    raw = await fetched(wire, "t")
    attributes, _, base, largest = struct.unpack_from(">hiqq", raw, 21)
    assert (attributes, base, largest) == (8, 7, NOW + 1500)
    assert struct.unpack_from(">I", raw, 17)[0] == crc32c(raw[21:])
    records = sim.log.read("t", 0, 0, max_records=10)
    assert [record.timestamp for record in records] == [NOW + 1500] * 2


async def test_create_time_is_not_told(wire: Wire) -> None:
    result = await send(wire, "personalChat", build_batch([(7, b"k", None, ())]))
    assert (result.error_code.name, result.log_append_time) == ("none", None)


RANGE = f"The timestamp should be within [{NOW - 1000}, {NOW + 500}]"


async def test_timestamps_far_from_the_clock_are_refused(wire: Wire) -> None:
    limits = {"message.timestamp.before.max.ms": "1000", "message.timestamp.after.max.ms": "500"}
    await create_topic(wire, "t", configs=limits)
    assert (await send(wire, "t", batch(NOW - 1000, NOW, NOW + 500, -1))).error_code.name == "none"
    result = await send(wire, "t", batch(NOW, NOW - 1001, NOW + 501))
    assert (result.error_code.name, result.base_offset) == ("invalid_timestamp", -1)
    assert result.log_start_offset == 0
    assert result.error_message == "One or more records have been rejected due to invalid timestamp"
    assert {e.batch_index: e.batch_index_error_message for e in result.record_errors} == {
        1: f"Timestamp {NOW - 1001} of message with offset 1 is out of range. {RANGE}",
        2: f"Timestamp {NOW + 501} of message with offset 2 is out of range. {RANGE}",
    }


async def test_log_append_time_knows_no_limits_but_no_claims(wire: Wire) -> None:
    config = {"message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": "1"}
    await create_topic(wire, "t", configs=config)
    assert (await send(wire, "t", batch(7))).error_code.name == "none"
    claiming = bytearray(batch(7))
    claiming[22] |= 8
    struct.pack_into(">I", claiming, 17, crc32c(bytes(claiming[21:])))
    assert (await send(wire, "t", bytes(claiming))).error_code.name == "invalid_timestamp"
    # A topic that keeps the producer's times takes such a batch, and tells whose times they are.
    await create_topic(wire, "u")
    assert (await send(wire, "u", bytes(claiming))).error_code.name == "none"
    raw = await fetched(wire, "u")
    assert raw[22] & 8 == 0
    assert struct.unpack_from(">I", raw, 17)[0] == crc32c(raw[21:])


async def test_a_compacted_topic_takes_no_record_without_a_key(wire: Wire) -> None:
    await create_topic(wire, "t", configs={"cleanup.policy": "compact"})
    result = await send(wire, "t", build_batch([(7, b"k", b"v", ()), (7, None, b"v", ())]))
    why = "Compacted topic cannot accept message without key in topic partition t-0"
    assert result.error_code.name == "invalid_record"
    assert [(e.batch_index, e.batch_index_error_message) for e in result.record_errors] == [
        (1, why)
    ]
    assert result.error_message == (
        "One or more records have been rejected due to 1 record errors in total, and only showing "
        f"the first three errors at most: [RecordError(batchIndex=1, message='{why}')]"
    )
    assert (await send(wire, "t", batch(7))).error_code.name == "none"


async def test_enough_replicas_must_be_in_sync() -> None:
    async with (
        AsyncSimulator(Settings(brokers=3)) as sim,
        await Wire.connect(sim.bootstrap_servers.split(",")[0]) as wire,
    ):
        await create_topic(
            wire, "t", assignments={0: (1, 2, 3)}, configs={"min.insync.replicas": "2"}
        )
        await create_topic(
            wire, "alone", assignments={0: (1,)}, configs={"min.insync.replicas": "2"}
        )
        await sim.kafka.stop_broker(2)
        assert (await send(wire, "t", batch(7))).error_code.name == "none"
        await sim.kafka.stop_broker(3)
        assert (await send(wire, "t", batch(7))).error_code.name == "not_enough_replicas"
        assert (await send(wire, "t", batch(7), acks=1)).error_code.name == "none"
        # As many as there are replicas are enough (KIP-966).
        assert (await send(wire, "alone", batch(7))).error_code.name == "none"


async def test_the_newest_record_outlives_a_small_retention(
    sim: AsyncSimulator, wire: Wire
) -> None:
    await create_topic(wire, "t", configs={"retention.bytes": "10"})
    for offset in range(2):
        result = await send(wire, "t", batch(7, value=b"x" * 100))
        assert (result.error_code.name, result.base_offset) == ("none", offset)
    assert sim.log.bounds("t", 0) == (1, 2)


async def test_old_records_stay_unless_a_retention_says_otherwise(
    sim: AsyncSimulator, wire: Wire
) -> None:
    await create_topic(wire, "t")
    await create_topic(wire, "kept", configs={"retention.ms": "1000", "cleanup.policy": "compact"})
    await create_topic(wire, "short", configs={"retention.ms": "1000"})
    for topic in ("t", "kept", "short"):
        assert (await send(wire, topic, batch(7, 8))).error_code.name == "none"
    sim.clock.advance("10s")  # type: ignore[union-attr]
    assert sim.log.bounds("t", 0) == (0, 2)
    assert sim.log.bounds("kept", 0) == (0, 2)
    assert sim.log.bounds("short", 0) == (2, 2)
    await change(wire, BROKER, "", ("log.retention.ms", SET, "1000"))
    sim.clock.advance("10s")  # type: ignore[union-attr]
    assert sim.log.bounds("t", 0) == (2, 2)


async def metadata(wire: Wire, name: str, version: int) -> str:
    answer = await wire.ask(
        METADATA,
        version,
        topics=lambda make: (make("MetadataRequestTopic", name=name, topic_id=None),),
        allow_auto_topic_creation=True,
        include_topic_authorized_operations=False,
    )
    (topic,) = answer.topics
    error: str = topic.error_code.name
    return error


@pytest.mark.parametrize("version", [1, 12])
async def test_topics_are_created_by_themselves_only_if_the_broker_may(version: int) -> None:
    config = {"auto.create.topics.enable": False}
    async with (
        AsyncSimulator(Settings(config=config)) as sim,
        await Wire.connect(sim.bootstrap_servers) as wire,
    ):
        assert await metadata(wire, "new", version) == "unknown_topic_or_partition"
        assert not sim.log.has_topic("new")
    async with (
        AsyncSimulator(Settings(config={"num.partitions": 4})) as sim,
        await Wire.connect(sim.bootstrap_servers) as wire,
    ):
        assert await metadata(wire, "new", version) == "none"
        assert len(sim.log.topic("new").partitions) == 4
        assert await metadata(wire, "new.topic", version) == "none"
        assert await metadata(wire, "new_topic", version) == "invalid_topic_exception"


async def test_a_compacted_topic_keeps_the_newest_of_each_key(
    sim: AsyncSimulator, wire: Wire
) -> None:
    await create_topic(wire, "t", configs={"cleanup.policy": "compact"})
    for number in range(6):
        data = build_batch([(number, b"k%d" % (number % 2), b"v%d" % number, ())], codec=1)
        assert (await send(wire, "t", data)).error_code.name == "none"
    sim.clock.advance("20s")  # type: ignore[union-attr]
    assert [(r.offset, r.value) for r in records_of(await fetched(wire, "t"))] == [
        (4, b"v4"),
        (5, b"v5"),
    ]
    assert (await send(wire, "t", batch(7, key=b"k0"))).base_offset == 6
    assert sim.compact("t") == 1
    assert [r.offset for r in records_of(await fetched(wire, "t"))] == [5, 6]


def test_compaction_from_a_synchronous_test() -> None:
    with Simulator() as sim:
        sim.create_topic("t", config={"cleanup.policy": "compact"})
        for value in ("1", "2"):
            sim.publish("t", value, key="k")
        assert sim.compact("t") == 1
        assert dict(sim.configure_topic("t", {"retention.ms": 5}).config) == {"retention.ms": "5"}
        assert len(sim.add_partitions("t", 3).partitions) == 3
        with pytest.raises(SimulatorError, match="is compacted only"):
            sim.compact("t")
        with pytest.raises(InvalidConfig, match=r"did you mean retention\.ms"):
            sim.create_topic("u", config={"retention.mss": 5})
