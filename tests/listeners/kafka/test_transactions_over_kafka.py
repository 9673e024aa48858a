"""Transactions on the wire: what waits for them, what ends them, and what undoes them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from kafka_batches import build_batch, records_of
from kafka_wire import (
    DELETE_GROUPS,
    DESCRIBE_TRANSACTIONS,
    END_TXN,
    FETCH,
    INIT_PRODUCER_ID,
    LIST_OFFSETS,
    PRODUCE,
    TXN_OFFSET_COMMIT,
    Make,
    Wire,
    fetch,
    list_offsets,
    produce,
    seconds,
)

from simulator import AsyncSimulator
from simulator.simulator import Settings

CHAT = "t"


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(kafka_port=0, grpc_port=None)) as sim:
        sim.create_topic(CHAT)
        yield sim


class Client:
    """A producer of transaction version 2."""

    def __init__(self, wire: Wire, name: str = "x") -> None:
        self.wire = wire
        self.name = name
        self.producer_id = self.epoch = -1
        self.sequence = 0

    async def init(self) -> str:
        answer = await self.wire.ask(
            INIT_PRODUCER_ID,
            5,
            transactional_id=self.name,
            transaction_timeout=seconds(600),
            producer_id=-1,
            producer_epoch=-1,
        )
        self.producer_id, self.epoch = answer.producer_id, answer.producer_epoch
        error: str = answer.error_code.name
        return error

    async def send(
        self, value: bytes, sequence: int | None = None, *, version: int = 12, topic: str = CHAT
    ) -> str:
        data = build_batch(
            [(6, None, value, ())],
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            base_sequence=self.sequence if sequence is None else sequence,
            transactional=True,
        )
        body = produce(topic, data) | {"transactional_id": self.name}
        answer = await self.wire.ask(PRODUCE, version, **body)
        self.sequence += 1
        error: str = answer.responses[0].partition_responses[0].error_code.name
        return error

    async def end(self, commit: bool = True) -> str:
        answer = await self.wire.ask(
            END_TXN,
            5,
            transactional_id=self.name,
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            committed=commit,
        )
        self.producer_id, self.epoch, self.sequence = answer.producer_id, answer.producer_epoch, 0
        error: str = answer.error_code.name
        return error

    async def commit_offset(self, offset: int) -> str:
        """Commit an offset of group g in the transaction."""

        def topics(make: Make) -> Any:
            part = make(
                "TxnOffsetCommitRequestPartition",
                partition_index=0,
                committed_offset=offset,
                committed_metadata=None,
            )
            return (make("TxnOffsetCommitRequestTopic", name=CHAT, partitions=(part,)),)

        answer = await self.wire.ask(
            TXN_OFFSET_COMMIT,
            5,
            transactional_id=self.name,
            group_id="g",
            producer_id=self.producer_id,
            producer_epoch=self.epoch,
            topics=topics,
        )
        error: str = answer.topics[0].partitions[0].error_code.name
        return error

    async def state(self) -> str:
        answer = await self.wire.ask(DESCRIBE_TRANSACTIONS, 0, transactional_ids=(self.name,))
        state: str = answer.transaction_states[0].transaction_state
        return state


@pytest.fixture
async def client(sim: AsyncSimulator) -> AsyncIterator[Client]:
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        client = Client(wire)
        assert await client.init() == "none"
        yield client


async def part_of(wire: Wire, offset: int = 0, level: int = 1) -> Any:
    answer = await wire.ask(FETCH, 11, **fetch((CHAT, 0, offset), isolation_level=level))
    return answer.responses[0].partitions[0]


def values(sim: AsyncSimulator) -> list[bytes | None]:
    return [record.value for record in sim.log.read(CHAT, 0, 0, max_records=99)]


async def test_a_waiting_reader_gets_what_is_committed(sim: AsyncSimulator, client: Client) -> None:
    async with await Wire.connect(sim.bootstrap_servers) as reader:
        assert await client.send(b"v") == "none"
        part = await part_of(client.wire)
        assert (part.high_watermark, part.last_stable_offset, part.records) == (1, 0, b"")
        waiting = fetch((CHAT, 0, 0), isolation_level=1, max_wait=1000)
        asked = asyncio.create_task(reader.ask(FETCH, 11, **waiting))
        assert await client.end() == "none"
        (part,) = (await asyncio.wait_for(asked, 60)).responses[0].partitions
        assert (part.high_watermark, part.last_stable_offset) == (2, 2)
        assert next(r.value for r in records_of(part.records)) == b"v"


async def test_offsets_are_told_by_isolation_level(sim: AsyncSimulator, client: Client) -> None:
    sim.publish(CHAT, b"plain", timestamp=5)
    await client.send(b"v")
    for level, offsets in ((0, [2, 0, 0, 1]), (1, [1, 0, 0, -1])):
        found = []
        for timestamp in (-1, -2, 5, 6):
            asked = list_offsets(CHAT, timestamp) | {"isolation_level": level}
            answer = await client.wire.ask(LIST_OFFSETS, 7, **asked)
            found.append(answer.topics[0].partitions[0].offset)
        assert found == offsets, level


async def test_an_open_transaction_does_not_hide_where_a_partition_begins(
    sim: AsyncSimulator, client: Client
) -> None:
    await client.send(b"v")
    for version, timestamp, level, offset in (
        (8, -2, 1, 0),
        (8, -4, 1, 0),
        (8, 6, 1, -1),
        (8, -1, 1, 0),
        (2, -1, 1, 0),
        (1, -1, 1, 1),  # has no isolation level
        (8, -1, 2, 1),  # there is none of that number
    ):
        asked = list_offsets(CHAT, timestamp) | {"isolation_level": level}
        answer = await client.wire.ask(LIST_OFFSETS, version, **asked)
        assert answer.topics[0].partitions[0].offset == offset, (version, timestamp, level)


async def test_aborted_transactions_of_later_batches_are_told_as_well(
    sim: AsyncSimulator, client: Client
) -> None:
    sim.publish(CHAT, b"plain")
    await client.send(b"v")
    producer_id = client.producer_id
    assert await client.end(commit=False) == "none"
    told = (await part_of(client.wire)).aborted_transactions
    assert [(each.producer_id, each.first_offset) for each in told] == [(producer_id, 1)]


async def test_the_clock_ends_a_transaction(sim: AsyncSimulator, client: Client) -> None:
    await client.send(b"v")
    sim.clock.advance("9m")
    assert await client.state() == "Ongoing"
    sim.clock.advance("61s")
    assert await client.state() == "CompleteAbort"
    assert await client.send(b"late") == "invalid_producer_epoch"
    fenced = client.producer_id, client.epoch
    assert await client.end() == "invalid_txn_state"  # as Apache Kafka 4.4.0 says
    client.producer_id, client.epoch = fenced
    assert await client.end(commit=False) == "none"  # which the abort was, sent again
    assert values(sim) == []
    assert (await part_of(client.wire)).last_stable_offset == 2
    assert await client.send(b"next") == "none"
    assert await client.end() == "none"
    assert values(sim) == [b"next"]


async def test_what_a_group_commits_later_outlives_a_transaction(
    sim: AsyncSimulator, client: Client
) -> None:
    assert await client.commit_offset(10) == "none"
    sim.log.groups.commit("g", CHAT, 0, 0)
    assert await client.end() == "none"
    assert sim.log.groups.committed("g", CHAT, 0) == 0  # as in a real Kafka
    assert await client.commit_offset(11) == "none"
    assert await client.end() == "none"
    assert sim.log.groups.committed("g", CHAT, 0) == 11


async def test_a_deleted_group_gets_nothing_from_a_transaction(
    sim: AsyncSimulator, client: Client
) -> None:
    assert await client.commit_offset(10) == "none"
    answer = await client.wire.ask(DELETE_GROUPS, 2, groups_names=("g",))
    assert answer.results[0].error_code.name == "none"
    assert await client.end() == "none"
    assert sim.log.groups.committed("g", CHAT, 0) is None


async def test_a_reset_takes_away_records_and_not_the_transaction(
    sim: AsyncSimulator, client: Client
) -> None:
    await client.send(b"before")
    sim.reset()
    sim.create_topic(CHAT)
    assert await client.send(b"after", sequence=1) == "none"
    assert await client.end() == "none"
    assert values(sim) == [b"after"]
    assert await client.send(b"next") == "none"
    sim.reset()
    sim.create_topic(CHAT)
    assert await client.end() == "none"
    assert sim.log.bounds(CHAT, 0) == (0, 0)  # nothing was open here, so no marker is written


async def test_what_a_snapshot_brings_back_open_is_aborted(
    sim: AsyncSimulator, client: Client
) -> None:
    await client.send(b"one")
    assert await client.end() == "none"
    await client.send(b"two")
    snapshot = sim.snapshot()
    assert await client.end() == "none"
    await client.send(b"three")
    sim.restore(snapshot)
    assert values(sim) == [b"one"]
    assert (await part_of(client.wire)).last_stable_offset == 4  # behind the marker
    assert await client.send(b"four") == "none"
    assert await client.end() == "none"
    assert values(sim) == [b"one", b"four"]


async def test_a_transaction_that_is_still_open_goes_on_after_a_fork(
    sim: AsyncSimulator, client: Client
) -> None:
    await client.send(b"one")
    async with sim.fork():
        await client.send(b"two")
    await client.send(b"three")
    assert await client.end() == "none"
    assert values(sim) == [b"one", b"three"]


async def test_markers_wait_for_the_leader() -> None:
    config = {"default.replication.factor": 1}
    settings = Settings(kafka_port=0, grpc_port=None, brokers=2, config=config)
    async with AsyncSimulator(settings) as sim, AsyncExitStack() as stack:
        sim.create_topic(CHAT)
        leader = sim.kafka.place(CHAT).leader
        other = 3 - leader
        sim.kafka.move_coordinator(transactional_id="x", to=other)
        wires = {
            broker.node_id: await stack.enter_async_context(await Wire.connect(broker.address))
            for broker in sim.kafka.brokers()
        }
        client = Client(wires[other])
        assert await client.init() == "none"
        client.wire = wires[leader]
        assert await client.send(b"v") == "none"
        client.wire = wires[other]
        await sim.kafka.stop_broker(leader)
        assert await client.end() == "none"
        assert await client.state() == "PrepareCommit"
        assert values(sim) == []
        sim.create_topic("u")
        sim.kafka.move_replicas("u", to=[other])
        told = [await client.send(b"w", version=version, topic="u") for version in (11, 12)]
        # Old clients would give up on the second (KIP-890, `ReplicaManager`).
        assert told == ["not_enough_replicas", "concurrent_transactions"]
        await sim.kafka.start_broker(leader)
        assert await client.state() == "CompleteCommit"
        assert values(sim) == [b"v"]
