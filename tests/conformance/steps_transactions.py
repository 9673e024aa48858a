"""Transactions: producers and their epochs, partitions, offsets, markers, and who is fenced."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

from asking import batch, fetching, listing, producing
from brokers import Broker
from steps import steps

TRANSACTIONAL = 0x10
CONTROL_FREE = 11
"""The last version of Produce that does not add partitions."""


class Producer(NamedTuple):
    """A transactional id with what the broker has given for it."""

    name: str
    producer_id: int
    epoch: int

    def before(self) -> Producer:
        return self._replace(epoch=self.epoch - 1)

    def fields(self) -> dict[str, Any]:
        return {
            "transactional_id": self.name,
            "producer_id": self.producer_id,
            "producer_epoch": self.epoch,
        }


async def coordinated(broker: Broker, name: str, kind: int = 1) -> None:
    """Wait until a real broker coordinates."""
    while True:
        answer = await broker.quietly("find_coordinator", 4, key_type=kind, coordinator_keys=[name])
        if answer["coordinators"][0]["error_code"] == "none":
            return
        await asyncio.sleep(0.05)


async def begun(broker: Broker, name: str = "x", version: int = 5) -> Producer:
    """A producer that may go on; waits until the transaction before is over."""
    full = broker.name(name)
    await coordinated(broker, full)
    body = {"transaction_timeout": 60_000, "producer_id": -1, "producer_epoch": -1}
    while True:
        answer = await broker.quietly("init_producer_id", version, transactional_id=full, **body)
        if answer["error_code"] == "none":
            broker.note(f"epoch of {name}", answer["producer_epoch"])
            return Producer(full, answer["producer_id"], answer["producer_epoch"])
        await asyncio.sleep(0.02)


async def settled(broker: Broker, producer: Producer) -> None:
    """Wait until a real broker has written its markers."""
    ending = {"state_filters": ["PrepareCommit", "PrepareAbort"], "producer_id_filters": []}
    while True:
        told = await broker.quietly("list_transactions", 0, **ending)
        names = {each["transactional_id"] for each in told["transaction_states"]}
        if producer.name not in names:
            return
        await asyncio.sleep(0.02)


async def add(
    broker: Broker, producer: Producer, *places: tuple[str, int], version: int = 3, label: str = ""
) -> None:
    topics: dict[str, list[int]] = {}
    for topic, partition in places:
        topics.setdefault(topic, []).append(partition)
    wanted = [{"name": name, "partitions": found} for name, found in topics.items()]
    fields = {f"v3_and_below_{name}": value for name, value in producer.fields().items()}
    await broker.ask(
        "add_partitions_to_txn",
        version,
        label=label,
        **fields,
        v3_and_below_topics=wanted,
        transactions=[{**producer.fields(), "verify_only": False, "topics": wanted}],
    )


async def send(
    broker: Broker,
    producer: Producer,
    topic: str,
    sequence: int = 0,
    *,
    version: int = CONTROL_FREE,
    label: str = "",
    attributes: int = TRANSACTIONAL,
    transactional_id: str | None = "",
) -> str:
    """Produce one record; returns the name of the error."""
    data = batch(
        [(int(time.time() * 1000), b"k", b"v")],
        attributes=attributes,
        producer=(producer.producer_id, producer.epoch, sequence),
    )
    name = producer.name if transactional_id == "" else transactional_id
    body = producing(broker, (topic, 0, data), transactional_id=name)
    answer = await broker.ask(
        "produce",
        version,
        label=label,
        only=lambda answer: [
            (each["error_code"], each["base_offset"])
            for told in answer["responses"]
            for each in told["partition_responses"]
        ],
        **body,
    )
    return str(answer["responses"][0]["partition_responses"][0]["error_code"])


async def end(
    broker: Broker, producer: Producer, commit: bool, *, version: int = 3, label: str = ""
) -> Producer:
    answer = await broker.ask(
        "end_txn", version, label=label, **producer.fields(), committed=commit
    )
    await settled(broker, producer)
    if version >= 5 and answer["error_code"] == "none":
        return producer._replace(producer_id=answer["producer_id"], epoch=answer["producer_epoch"])
    return producer


async def seen(broker: Broker, topic: str) -> None:
    """What readers of both levels get, and the ends that they are told."""
    for level in (0, 1):
        body = fetching(broker, (topic, 0, 0), isolation_level=level)
        await broker.ask("fetch", label=f"level {level}", **body)
        body = listing(broker, (topic, 0, -1), (topic, 0, -2), isolation_level=level)
        await broker.ask("list_offsets", label=f"level {level}", **body)


async def described(broker: Broker, producer: Producer, topic: str) -> None:
    await broker.ask("describe_transactions", transactional_ids=[producer.name])
    topics = [{"name": topic, "partition_indexes": [0, 9]}]
    await broker.ask("describe_producers", topics=topics)


@steps
async def transactions_of_version_1(broker: Broker) -> None:
    topic = await broker.topic("t")
    producer = await begun(broker)
    for number, commit in enumerate((True, False, True)):
        await add(broker, producer, (topic, 0))
        await send(broker, producer, topic, number)
        await seen(broker, topic)
        await described(broker, producer, topic)
        await end(broker, producer, commit)
        await seen(broker, topic)
        await described(broker, producer, topic)
    for commit in (True, False):
        await end(broker, producer, commit, label=f"again {commit}")


@steps
async def transactions_of_version_2(broker: Broker) -> None:
    topic = await broker.topic("t")
    producer = await begun(broker)
    for commit in (True, False, True):
        await send(broker, producer, topic, version=12)
        await described(broker, producer, topic)
        old, producer = producer, await end(broker, producer, commit, version=5)
        await end(broker, old, commit, version=5, label="again")
        await end(broker, old, not commit, version=5, label="the other way")
        await send(broker, old, topic, 1, version=12, label="in the old epoch")
        await seen(broker, topic)
        await described(broker, producer, topic)


@steps
async def transactions_that_end_with_nothing_open(broker: Broker) -> None:
    topic = await broker.topic("t")
    for name, before in (("empty", None), ("committed", True), ("aborted", False)):
        for commit in (True, False):
            for old in (True, False):
                producer = await begun(broker, f"{name}{commit}{old}")
                if before is not None:
                    await send(broker, producer, topic, version=12)
                    producer = await end(broker, producer, before, version=5)
                asked = producer.before() if old else producer
                label = f"{name}, commit {commit}, old epoch {old}"
                await end(broker, asked, commit, version=5, label=label)
    producer = await begun(broker, "v1")
    for commit in (True, False):
        await end(broker, producer, commit, label=f"version 1, {commit}")


@steps
async def transactions_of_fenced_producers(broker: Broker) -> None:
    topic = await broker.topic("t")
    producer = await begun(broker)
    producer = await begun(broker)
    old, stranger = producer.before(), producer._replace(producer_id=7_000_000)
    nobody = producer._replace(name=broker.name("nobody"))
    for label, wrong in (("old", old), ("stranger", stranger), ("nobody", nobody)):
        for version in broker.common("add_partitions_to_txn"):
            await add(broker, wrong, (topic, 0), version=version, label=label)
        for version in broker.common("add_offsets_to_txn"):
            group = {"group_id": broker.name("g")}
            await broker.ask("add_offsets_to_txn", version, label=label, **wrong.fields(), **group)
        for version in broker.common("end_txn"):
            await end(broker, wrong, True, version=version, label=label)
        for version in (3, 10, 11, 12):
            await send(broker, wrong, topic, version=version, label=label)


@steps
async def transactions_without_their_partitions(broker: Broker) -> None:
    topic, other = await broker.topic("t"), await broker.topic("u")
    producer = await begun(broker)
    missing = broker.name("missing")
    await add(broker, producer, (topic, 0), (missing, 0), (topic, 5), label="missing")
    await send(broker, producer, topic, label="none open")
    await add(broker, producer, (topic, 0))
    for version in (3, 10, 11):
        await send(broker, producer, other, version=version, label="not added")
    await send(broker, producer, topic)
    await send(broker, producer, topic, 1, label="not in the transaction", attributes=0)
    await send(broker, producer, topic, 1, label="without an id", transactional_id=None)
    await send(broker, producer, topic, 2, label="a gap")
    await send(broker, producer, topic, 0, label="again")
    await end(broker, producer, True)
    await send(broker, producer, topic, 1, label="none open again")
    await seen(broker, topic)


@steps
async def transactions_interrupted_by_a_new_producer(broker: Broker) -> None:
    topic = await broker.topic("t")
    for version in (12, CONTROL_FREE):
        old = await begun(broker)
        if version == CONTROL_FREE:
            await add(broker, old, (topic, 0))
        await send(broker, old, topic, version=version)
        body = {"transaction_timeout": 60_000, "producer_id": -1, "producer_epoch": -1}
        await broker.ask("init_producer_id", 5, transactional_id=old.name, **body)
        new = await begun(broker)
        await end(broker, old, True, version=5 if version == 12 else 4, label="old")
        await send(broker, old, topic, 1, version=version, label="old")
        await send(broker, new, topic, version=12, label="new")
        await end(broker, new, True, version=5)
        await seen(broker, topic)


@steps
async def transactions_of_producers_that_go_on(broker: Broker) -> None:
    """KIP-360."""
    producer = await begun(broker)
    given = (
        (producer.producer_id, producer.epoch),
        (producer.producer_id, producer.epoch),
        (producer.producer_id, producer.epoch + 7),
        (7_000_000, 0),
        (producer.producer_id, -1),
        (-1, 3),
    )
    for number, (producer_id, epoch) in enumerate(given):
        for version in (3, 4, 5):
            await broker.ask(
                "init_producer_id",
                version,
                label=f"{number}",
                transactional_id=producer.name,
                transaction_timeout=60_000,
                producer_id=producer_id,
                producer_epoch=epoch,
            )
    for timeout in (-1, 0, 900_000, 900_001):
        await broker.ask(
            "init_producer_id",
            label=f"timeout {timeout}",
            transactional_id=producer.name,
            transaction_timeout=timeout,
            producer_id=-1,
            producer_epoch=-1,
        )


@steps
async def transactions_with_offsets(broker: Broker) -> None:
    topic, group = await broker.topic("t"), broker.name("g")
    await coordinated(broker, group, 0)
    producer = await begun(broker)

    async def commit(version: int, offset: int, label: str = "", **change: Any) -> None:
        part = {
            "partition_index": 0,
            "committed_offset": offset,
            "committed_leader_epoch": -1,
            "committed_metadata": "m",
        }
        body = {
            **producer.fields(),
            "group_id": group,
            "generation_id": -1,
            "member_id": "",
            "group_instance_id": None,
            "topics": [{"name": topic, "partitions": [part]}],
        }
        await broker.ask("txn_offset_commit", version, label=label, **(body | change))

    async def committed() -> None:
        wanted = [{"group_id": group, "topics": [{"name": topic, "partition_indexes": [0]}]}]
        for stable in (True, False):
            await broker.ask(
                "offset_fetch", 8, label=f"stable {stable}", groups=wanted, require_stable=stable
            )

    for version in (0, 3, 4):
        await commit(version, 1, "group not added")
    for version, kept in ((3, True), (4, False)):
        await broker.ask("add_offsets_to_txn", **producer.fields(), group_id=group)
        await commit(version, 10 + version)
        await commit(version, 99, "a missing topic", topics=[])
        await commit(version, 99, "fenced", producer_epoch=producer.epoch - 1)
        await committed()
        await end(broker, producer, kept)
        await committed()
    for kept in (False, True):
        await commit(5, 20)
        await committed()
        producer = await end(broker, producer, kept, version=5)
        await committed()


@steps
async def transactions_ended_by_an_administrator(broker: Broker) -> None:
    topic = await broker.topic("t")
    producer = await begun(broker)
    await add(broker, producer, (topic, 0))
    await send(broker, producer, topic)

    async def write(label: str, epoch: int, coordinator: int, version: int = 0) -> None:
        marker = {
            "producer_id": producer.producer_id,
            "producer_epoch": epoch,
            "transaction_result": False,
            "coordinator_epoch": coordinator,
            "transaction_version": version,
            "topics": [
                {"name": topic, "partition_indexes": [0, 4]},
                {"name": broker.name("missing"), "partition_indexes": [0]},
            ],
        }
        await broker.ask("write_txn_markers", label=label, markers=[marker])

    await write("version 2 in the same epoch", producer.epoch, 0, 2)
    await write("in the same epoch", producer.epoch, 3)
    await seen(broker, topic)
    await write("again", producer.epoch, 3)
    await write("an old coordinator", producer.epoch, 2)
    await write("version 2 in a new epoch", producer.epoch + 2, 3, 2)
    await write("version 2 again", producer.epoch + 2, 3, 2)
    await write("an old epoch", producer.epoch, 3)
    await seen(broker, topic)


@steps
async def transactions_are_listed(broker: Broker) -> None:
    topic = await broker.topic("t")
    open_one, empty = await begun(broker, "open"), await begun(broker, "empty")
    ended = await begun(broker, "ended")
    for producer in (open_one, ended):
        await send(broker, producer, topic, version=12)
    await end(broker, ended, True, version=5)
    names = {producer.name: producer for producer in (open_one, empty, ended)}

    def mine(answer: dict[str, Any]) -> Any:
        states = answer["transaction_states"]
        return answer | {
            "transaction_states": [each for each in states if each["transactional_id"] in names]
        }

    ids = [open_one.producer_id]
    for label, filters in (
        ("all", {}),
        ("open", {"state_filters": ["Ongoing"]}),
        ("unknown", {"state_filters": ["Ongoing", "Bogus"]}),
        ("a producer", {"producer_id_filters": ids}),
        ("long", {"duration_filter": 3_600_000}),
        ("short", {"duration_filter": 0}),
    ):
        body = {"state_filters": [], "producer_id_filters": [], "duration_filter": -1} | filters
        for version in (0, 1):
            await broker.ask("list_transactions", version, label=label, only=mine, **body)
    nobody = ["", broker.name("nobody")]
    await broker.ask("describe_transactions", label="nobody", transactional_ids=nobody)
    topics = [{"name": broker.name("missing"), "partition_indexes": [0]}]
    await broker.ask("describe_producers", label="missing", topics=topics)
