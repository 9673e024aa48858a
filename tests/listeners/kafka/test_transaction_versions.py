"""What the versions of the APIs of transactions differ in.

The errors are those of Apache Kafka 4.4.0, which `tests/conformance` asks the same.
"""

from __future__ import annotations

from typing import Any

import pytest
from kafka_batches import build_batch
from kafka_wire import (
    ADD_OFFSETS_TO_TXN,
    ADD_PARTITIONS_TO_TXN,
    END_TXN,
    INIT_PRODUCER_ID,
    JOIN_GROUP,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    WRITE_TXN_MARKERS,
    Make,
    Wire,
    produce,
    seconds,
)

from simulator import AsyncSimulator

NOBODY = (-1, -1)


@pytest.fixture(autouse=True)
def topic(sim: AsyncSimulator) -> None:
    sim.create_topic("t", partitions=2)


async def init(
    wire: Wire, version: int = 5, producer: tuple[int, int] = NOBODY
) -> tuple[str, int, int]:
    """The error, the producer id and the epoch that transactional id x gets."""
    answer = await wire.ask(
        INIT_PRODUCER_ID,
        version,
        transactional_id="x",
        transaction_timeout=seconds(60),
        producer_id=producer[0],
        producer_epoch=producer[1],
    )
    return answer.error_code.name, answer.producer_id, answer.producer_epoch


async def add(
    wire: Wire, producer: tuple[int, int], *topics: str, version: int = 3
) -> dict[str, str]:
    """The errors of partition 0 of some topics."""
    body = {
        "v3_and_below_transactional_id": "x",
        "v3_and_below_producer_id": producer[0],
        "v3_and_below_producer_epoch": producer[1],
        "v3_and_below_topics": lambda make: tuple(
            make("AddPartitionsToTxnTopic", name=name, partitions=(0,)) for name in topics
        ),
    }
    answer = await wire.ask(ADD_PARTITIONS_TO_TXN, version, **body)
    return {
        topic.name: partition.partition_error_code.name
        for topic in answer.results_by_topic_v3_and_below
        for partition in topic.results_by_partition
    }


async def end(wire: Wire, producer: tuple[int, int], version: int) -> tuple[str, int, int]:
    body = {"producer_id": producer[0], "producer_epoch": producer[1], "committed": True}
    answer = await wire.ask(END_TXN, version, transactional_id="x", **body)
    told = getattr(answer, "producer_id", -1), getattr(answer, "producer_epoch", -1)
    return answer.error_code.name, *told


async def send(
    wire: Wire, producer: tuple[int, int], version: int, partition: int = 0, sequence: int = 0
) -> str:
    data = build_batch(
        [(6, None, b"v", ())],
        producer_id=producer[0],
        producer_epoch=producer[1],
        base_sequence=sequence,
        transactional=True,
    )
    body = produce("t", data, partition=partition) | {"transactional_id": "x"}
    answer = await wire.ask(PRODUCE, version, **body)
    return str(answer.responses[0].partition_responses[0].error_code.name)


async def commit(
    wire: Wire,
    producer: tuple[int, int],
    version: int,
    *,
    generation: int = -1,
    member: str = "",
) -> str:
    def topics(make: Make) -> Any:
        part = make(
            "TxnOffsetCommitRequestPartition",
            partition_index=0,
            committed_offset=1,
            committed_leader_epoch=0,
            committed_metadata=None,
        )
        return (make("TxnOffsetCommitRequestTopic", name="t", partitions=(part,)),)

    answer = await wire.ask(
        TXN_OFFSET_COMMIT,
        version,
        transactional_id="x",
        group_id="g",
        producer_id=producer[0],
        producer_epoch=producer[1],
        generation_id=generation,
        member_id=member,
        topics=topics,
    )
    return str(answer.topics[0].partitions[0].error_code.name)


async def test_fenced_producers(wire: Wire) -> None:
    _, producer_id, _ = await init(wire)
    _, _, epoch = await init(wire)
    old = (producer_id, epoch - 1)
    found = [
        [(await init(wire, version, (producer_id, epoch + 7)))[0] for version in (3, 4, 5)],
        [(await add(wire, old, "t", version=version))["t"] for version in (0, 1, 2, 3)],
        [(await end(wire, old, version))[0] for version in (0, 1, 2, 3, 4, 5)],
    ]
    gone, fenced = "invalid_producer_epoch", "producer_fenced"
    assert found == [
        [gone, fenced, fenced],
        [gone, gone, fenced, fenced],
        [gone, gone, fenced, fenced, fenced, fenced],
    ]


async def test_half_a_producer_is_refused(wire: Wire) -> None:
    _, producer_id, _ = await init(wire)
    for half in ((producer_id, -1), (-1, 3)):
        assert (await init(wire, 3, half))[0] == "invalid_request"
    assert (await init(wire, 2))[0] == "none"  # which cannot name one


async def test_partitions_are_added_all_or_none(sim: AsyncSimulator, wire: Wire) -> None:
    _, *producer = await init(wire)
    told = await add(wire, (producer[0], producer[1]), "t", "missing")
    assert told == {"t": "operation_not_attempted", "missing": "unknown_topic_or_partition"}


async def test_what_was_not_added_to_the_transaction(wire: Wire) -> None:
    _, producer_id, epoch = await init(wire)
    producer = (producer_id, epoch)
    await add(wire, producer, "t")
    found = [await send(wire, producer, version, partition=1) for version in (3, 10, 11)]
    assert found == ["invalid_txn_state", "invalid_txn_state", "transaction_abortable"]
    found = [await commit(wire, producer, version) for version in (0, 3, 4)]
    assert found == ["invalid_txn_state", "invalid_txn_state", "transaction_abortable"]
    assert await send(wire, producer, 11) == "none"
    assert await send(wire, producer, 12, partition=1) == "none"
    assert await commit(wire, producer, 5) == "none"


async def test_only_version_5_ends_with_another_epoch(wire: Wire) -> None:
    _, producer_id, epoch = await init(wire)
    producer = (producer_id, epoch)
    assert await send(wire, producer, 12) == "none"
    assert await end(wire, producer, 4) == ("none", -1, -1)
    assert await send(wire, producer, 12, sequence=1) == "none"
    assert await end(wire, producer, 5) == ("none", producer_id, epoch + 1)


async def test_members_are_checked_from_version_3_on(wire: Wire) -> None:
    _, producer_id, epoch = await init(wire)
    producer = (producer_id, epoch)
    body = {"transactional_id": "x", "producer_id": producer_id, "producer_epoch": epoch}
    await wire.ask(ADD_OFFSETS_TO_TXN, 3, **body, group_id="g")
    assert await commit(wire, producer, 3, generation=3) == "illegal_generation"
    assert await commit(wire, producer, 2, generation=3) == "none"


async def test_leader_epochs_are_kept_from_version_2_on(sim: AsyncSimulator, wire: Wire) -> None:
    for version, kept in ((1, -1), (2, 0)):
        _, producer_id, epoch = await init(wire)
        body = {"transactional_id": "x", "producer_id": producer_id, "producer_epoch": epoch}
        await wire.ask(ADD_OFFSETS_TO_TXN, 3, **body, group_id="g")
        assert await commit(wire, (producer_id, epoch), version) == "none"
        assert (await end(wire, (producer_id, epoch), 3))[0] == "none"
        assert sim.log.groups.commits("g")["t", 0].leader_epoch == kept


async def test_markers_of_administrators(wire: Wire) -> None:
    _, producer_id, epoch = await init(wire)
    assert await send(wire, (producer_id, epoch), 12) == "none"

    async def write(epoch: int, coordinator: int, topic: str = "t", kind: int = 0) -> list[str]:
        def markers(make: Make) -> Any:
            topics = (make("WritableTxnMarkerTopic", name=topic, partition_indexes=(0, 50)),)
            return (
                make(
                    "WritableTxnMarker",
                    producer_id=producer_id,
                    producer_epoch=epoch,
                    transaction_result=True,
                    coordinator_epoch=coordinator,
                    transaction_version=kind,
                    topics=topics,
                ),
            )

        answer = await wire.ask(WRITE_TXN_MARKERS, 2, markers=markers)
        (told,) = answer.markers[0].topics
        return [each.error_code.name for each in told.partitions]

    unknown = "unknown_topic_or_partition"
    assert await write(epoch, 3, kind=2) == ["invalid_producer_epoch", unknown]
    assert await write(epoch, 3) == ["none", unknown]
    assert await write(epoch, 2) == ["transaction_coordinator_fenced", unknown]
    assert await write(epoch, 3, topic="missing") == [unknown, unknown]
    assert await write(epoch, 3, topic="__consumer_offsets") == ["none", unknown]
    assert await write(epoch + 1, 3, kind=2) == ["none", unknown]
    assert await write(epoch + 1, 3, kind=2) == ["none", unknown]  # the same once more


async def test_brokers_add_or_verify(wire: Wire) -> None:
    _, producer_id, epoch = await init(wire)

    async def ask(partition: int, *, verify: bool) -> str:
        def transactions(make: Make) -> Any:
            topics = (make("AddPartitionsToTxnTopic", name="t", partitions=(partition,)),)
            return (
                make(
                    "AddPartitionsToTxnTransaction",
                    transactional_id="x",
                    producer_id=producer_id,
                    producer_epoch=epoch,
                    verify_only=verify,
                    topics=topics,
                ),
            )

        answer = await wire.ask(ADD_PARTITIONS_TO_TXN, 4, transactions=transactions)
        (told,) = answer.results_by_transaction[0].topic_results
        return str(told.results_by_partition[0].partition_error_code.name)

    assert await ask(0, verify=True) == "transaction_abortable"  # KIP-890
    assert await ask(0, verify=False) == "none"
    assert await ask(0, verify=True) == "none"
    assert await ask(1, verify=True) == "transaction_abortable"


async def test_a_partition_without_records_has_a_marker_too(
    sim: AsyncSimulator, wire: Wire
) -> None:
    _, producer_id, epoch = await init(wire)
    await add(wire, (producer_id, epoch), "t")
    assert (await end(wire, (producer_id, epoch), 3))[0] == "none"
    assert sim.log.bounds("t", 0) == (0, 1)


async def test_offsets_of_a_transaction_are_taken_while_the_group_rebalances(wire: Wire) -> None:
    joined = await wire.ask(
        JOIN_GROUP,
        3,
        group_id="g",
        session_timeout=seconds(600),
        rebalance_timeout=seconds(600),
        member_id="",
        protocol_type="consumer",
        protocols=lambda make: (make("JoinGroupRequestProtocol", name="range", metadata=b""),),
    )
    _, producer_id, epoch = await init(wire)
    member = {"member": joined.member_id, "generation": joined.generation_id}
    assert await commit(wire, (producer_id, epoch), 5, **member) == "none"
    # Kafka: `ClassicGroup.validateOffsetCommit`; a commit by itself is told REBALANCE_IN_PROGRESS.
    assert await commit(wire, (producer_id, epoch), 5, member="stranger") == "unknown_member_id"
