"""Several brokers on the wire: who coordinates a group, and what the others say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from kafka_wire import (
    ADD_OFFSETS_TO_TXN,
    ADD_PARTITIONS_TO_TXN,
    CONSUMER_GROUP_DESCRIBE,
    CONSUMER_GROUP_HEARTBEAT,
    DELETE_GROUPS,
    DESCRIBE_GROUPS,
    DESCRIBE_TRANSACTIONS,
    END_TXN,
    FIND_COORDINATOR,
    HEARTBEAT,
    INIT_PRODUCER_ID,
    JOIN_GROUP,
    LEAVE_GROUP,
    LIST_GROUPS,
    OFFSET_COMMIT,
    OFFSET_DELETE,
    OFFSET_FETCH,
    SYNC_GROUP,
    TXN_OFFSET_COMMIT,
    Make,
    Wire,
    seconds,
)

from simulator import AsyncSimulator
from simulator.simulator import Settings


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(brokers=3, grpc_port=None)) as sim:
        sim.create_topic("t")
        sim.kafka.move_coordinator(group="g", to=2)
        sim.kafka.move_coordinator(group="h", to=3)
        yield sim


@pytest.fixture
async def wires(sim: AsyncSimulator) -> AsyncIterator[dict[int, Wire]]:
    """A connection to each broker."""
    async with AsyncExitStack() as stack:
        yield {
            broker.node_id: await stack.enter_async_context(await Wire.connect(broker.address))
            for broker in sim.kafka.brokers()
        }


def joining(group: str = "g", member: str = "") -> dict[str, Any]:
    return {
        "group_id": group,
        "member_id": member,
        "session_timeout": seconds(600),
        "rebalance_timeout": seconds(600),
        "protocol_type": "consumer",
        "protocols": lambda make: (make("JoinGroupRequestProtocol", name="range", metadata=b""),),
    }


def committing(make: Make) -> Any:
    part = make(
        "OffsetCommitRequestPartition",
        partition_index=0,
        committed_offset=3,
        committed_metadata="",
    )
    return (make("OffsetCommitRequestTopic", name="t", partitions=(part,)),)


MEMBER = {"group_id": "g", "member_id": "m", "generation_id": 1}

FOR_ONE_GROUP = {
    JOIN_GROUP: (5, joining()),
    SYNC_GROUP: (3, {**MEMBER, "assignments": ()}),
    HEARTBEAT: (4, MEMBER),
    LEAVE_GROUP: (4, {**MEMBER, "members": lambda make: (make("MemberIdentity", member_id="m"),)}),
    OFFSET_COMMIT: (
        8,
        {"group_id": "g", "member_id": "", "generation_id": -1, "topics": committing},
    ),
    OFFSET_FETCH: (7, {"group_id": "g", "topics": None, "require_stable": False}),
    DESCRIBE_GROUPS: (5, {"groups": ("g",), "include_authorized_operations": False}),
    DELETE_GROUPS: (2, {"groups_names": ("g",)}),
    CONSUMER_GROUP_HEARTBEAT: (
        1,
        {
            "group_id": "g",
            "member_id": "m",
            "member_epoch": 0,
            "rebalance_timeout": seconds(600),
            "subscribed_topic_names": ("t",),
            "topic_partitions": (),
        },
    ),
    CONSUMER_GROUP_DESCRIBE: (
        1,
        {"group_ids": ("g",), "include_authorized_operations": False},
    ),
    OFFSET_DELETE: (0, {"group_id": "g", "topics": ()}),
    TXN_OFFSET_COMMIT: (
        3,
        {
            "transactional_id": "x",
            "group_id": "g",
            "producer_id": 0,
            "producer_epoch": 0,
            "generation_id": -1,
            "member_id": "",
            "topics": lambda make: (
                make(
                    "TxnOffsetCommitRequestTopic",
                    name="t",
                    partitions=(
                        make(
                            "TxnOffsetCommitRequestPartition",
                            partition_index=0,
                            committed_offset=0,
                            committed_metadata=None,
                        ),
                    ),
                ),
            ),
        },
    ),
}

TRANSACTION = {"transactional_id": "x", "producer_id": 0, "producer_epoch": 0}

FOR_ONE_TRANSACTION = {
    INIT_PRODUCER_ID: (4, {**TRANSACTION, "transaction_timeout": seconds(10)}),
    ADD_PARTITIONS_TO_TXN: (
        3,
        {
            "v3_and_below_transactional_id": "x",
            "v3_and_below_producer_id": 0,
            "v3_and_below_producer_epoch": 0,
            **TRANSACTION,
            "v3_and_below_topics": lambda make: (
                make("AddPartitionsToTxnTopic", name="t", partitions=(0,)),
            ),
            "topics": lambda make: (make("AddPartitionsToTxnTopic", name="t", partitions=(0,)),),
        },
    ),
    ADD_OFFSETS_TO_TXN: (3, {**TRANSACTION, "group_id": "g"}),
    END_TXN: (3, {**TRANSACTION, "committed": True}),
    DESCRIBE_TRANSACTIONS: (0, {"transactional_ids": ("x",)}),
}


def errors(answer: Any) -> set[str]:
    """The names of all error codes in a response."""
    if isinstance(answer, tuple):
        return {name for part in answer for name in errors(part)}
    if not hasattr(answer, "__dataclass_fields__"):
        return set()
    found = set()
    for name in answer.__dataclass_fields__:
        value = getattr(answer, name)
        found |= {value.name} if name.endswith("error_code") else errors(value)
    return found


async def test_each_broker_names_the_same_coordinator(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    for wire in wires.values():
        answer = await wire.ask(FIND_COORDINATOR, 4, key_type=0, coordinator_keys=("g", "h"))
        assert [(c.key, c.node_id) for c in answer.coordinators] == [("g", 2), ("h", 3)]
        told = {f"{c.host}:{c.port}" for c in answer.coordinators}
        assert told == {broker.address for broker in sim.kafka.brokers()[1:]}
    assert sim.kafka.coordinator(group="g") == 2


@pytest.mark.parametrize("key", FOR_ONE_GROUP)
async def test_other_brokers_are_not_the_coordinator(wires: dict[int, Wire], key: int) -> None:
    version, values = FOR_ONE_GROUP[key]
    for node in (1, 3):
        told = errors(await wires[node].ask(key, version, **values))
        assert told - {"none"} == {"not_coordinator"}
    assert "not_coordinator" not in errors(await wires[2].ask(key, version, **values))


@pytest.mark.parametrize("key", FOR_ONE_TRANSACTION)
async def test_other_brokers_do_not_coordinate_the_transaction(
    sim: AsyncSimulator, wires: dict[int, Wire], key: int
) -> None:
    sim.kafka.move_coordinator(transactional_id="x", to=3)
    version, values = FOR_ONE_TRANSACTION[key]
    for node in (1, 2):
        told = errors(await wires[node].ask(key, version, **values))
        assert told - {"none"} == {"not_coordinator"}
    assert "not_coordinator" not in errors(await wires[3].ask(key, version, **values))


async def test_a_producer_without_transactions_may_ask_any_broker(wires: dict[int, Wire]) -> None:
    ids = set()
    for wire in wires.values():
        answer = await wire.ask(
            INIT_PRODUCER_ID, 4, transactional_id=None, transaction_timeout=seconds(10)
        )
        assert answer.error_code.name == "none"
        ids.add(answer.producer_id)
    assert len(ids) == 3


async def test_of_several_groups_each_is_answered_for_itself(wires: dict[int, Wire]) -> None:
    answer = await wires[2].ask(
        DESCRIBE_GROUPS, 5, groups=("g", "h"), include_authorized_operations=False
    )
    told = {group.group_id: group.error_code.name for group in answer.groups}
    assert told == {"g": "none", "h": "not_coordinator"}

    def groups(make: Make) -> Any:
        return tuple(make("OffsetFetchRequestGroup", group_id=g, topics=None) for g in "gh")

    answer = await wires[3].ask(OFFSET_FETCH, 8, groups=groups, require_stable=False)
    told = {group.group_id: group.error_code.name for group in answer.groups}
    assert told == {"g": "not_coordinator", "h": "none"}


async def test_each_broker_lists_its_own_groups(wires: dict[int, Wire]) -> None:
    for group, node in (("g", 2), ("h", 3)):
        version, values = FOR_ONE_GROUP[OFFSET_COMMIT]
        answer = await wires[node].ask(OFFSET_COMMIT, version, **{**values, "group_id": group})
        assert errors(answer) == {"none"}
    listed = {
        node: [group.group_id for group in (await wire.ask(LIST_GROUPS, 2)).groups]
        for node, wire in wires.items()
    }
    assert listed == {1: [], 2: ["g"], 3: ["h"]}


async def member_of(wire: Wire) -> str:
    """Become the only member of the group."""
    asked = await wire.ask(JOIN_GROUP, 5, **joining())
    assert asked.error_code.name == "member_id_required"
    joined = await wire.ask(JOIN_GROUP, 5, **joining(member=asked.member_id))
    assert joined.error_code.name == "none"
    return str(asked.member_id)


@pytest.mark.parametrize("how", ["move", "stop"])
async def test_a_group_goes_on_at_its_next_coordinator(
    sim: AsyncSimulator, wires: dict[int, Wire], how: str
) -> None:
    if how == "stop":
        sim.kafka.move_coordinator(group="g", to=3)
        sim.kafka.move_coordinator(group="g", to=2)
    member = await member_of(wires[2])
    synced = await wires[2].ask(SYNC_GROUP, 3, **{**MEMBER, "member_id": member, "assignments": ()})
    assert synced.error_code.name == "none"
    if how == "move":
        sim.kafka.move_coordinator(group="g", to=1)
        answer = await wires[2].ask(HEARTBEAT, 4, **{**MEMBER, "member_id": member})
        assert answer.error_code.name == "not_coordinator"
    else:
        await sim.kafka.stop_broker(2)
    node = sim.kafka.coordinator(group="g")
    assert node != 2
    answer = await wires[node].ask(HEARTBEAT, 4, **{**MEMBER, "member_id": member})
    assert answer.error_code.name == "none"


async def test_who_waits_is_told_when_the_coordinator_moves(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    await member_of(wires[2])
    async with await Wire.connect(sim.kafka.brokers()[1].address) as other:
        asked = await other.ask(JOIN_GROUP, 5, **joining())
        other.send(JOIN_GROUP, 5, **joining(member=asked.member_id))
        await wires[2].ask(LIST_GROUPS, 2)
        sim.kafka.move_coordinator(group="g", to=1)
        answer = await asyncio.wait_for(other.receive(JOIN_GROUP, 5), 60)
        assert answer.error_code.name == "not_coordinator"
        assert answer.members == ()


async def test_the_leaders_of_the_offsets_topic_are_the_coordinators(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    first = sim.kafka.coordinator(group="x")  # hashes to 120, which is partition 20 of 50
    version, values = FOR_ONE_GROUP[OFFSET_COMMIT]
    answer = await wires[first].ask(OFFSET_COMMIT, version, **{**values, "group_id": "x"})
    assert errors(answer) == {"none"}
    assert sim.kafka.place("__consumer_offsets", 20).leader == first
    other = first % 3 + 1
    sim.kafka.move_leader("__consumer_offsets", 20, to=other)
    assert sim.kafka.coordinator(group="x") == other
    answer = await wires[first].ask(OFFSET_COMMIT, version, **{**values, "group_id": "x"})
    assert errors(answer) == {"not_coordinator"}


async def test_without_a_broker_there_is_no_coordinator() -> None:
    settings = Settings(brokers=2, grpc_port=None, config={"default.replication.factor": 1})
    async with AsyncSimulator(settings) as sim:
        node = sim.kafka.coordinator(group="g")
        await sim.kafka.stop_broker(node)
        async with await Wire.connect(sim.bootstrap_servers) as wire:
            answer = await wire.ask(FIND_COORDINATOR, 3, key="g", key_type=0)
        assert (answer.error_code.name, answer.node_id) == ("coordinator_not_available", -1)
