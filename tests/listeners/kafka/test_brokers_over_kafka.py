"""Several brokers on the wire: who they are, who leads, and what the others say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest
from kafka_batches import build_batch
from kafka_wire import (
    ALTER_PARTITION_REASSIGNMENTS,
    API_VERSIONS,
    DESCRIBE_CLUSTER,
    DESCRIBE_PRODUCERS,
    DESCRIBE_QUORUM,
    ELECT_LEADERS,
    FETCH,
    LIST_OFFSETS,
    LIST_PARTITION_REASSIGNMENTS,
    METADATA,
    OFFSET_FOR_LEADER_EPOCH,
    PRODUCE,
    WRITE_TXN_MARKERS,
    Make,
    Wire,
    fetch,
    list_offsets,
    produce,
    seconds,
)

from simulator import AsyncSimulator, KafkaBroker, Simulator, SimulatorError
from simulator.listeners.kafka import AddressUnavailable
from simulator.log import PartitionNotFound
from simulator.log.placement import NodeStopped, NotAReplica, UnknownNode
from simulator.simulator import Settings

BATCH = build_batch([(5, b"k", b"v", ())])


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(brokers=3, grpc_port=None)) as sim:
        sim.create_topic("t")
        sim.kafka.move_replicas("t", to=[1, 2])  # and so into epoch 1, since broker 3 has lost it
        assert sim.kafka.place("t") == (1, 1, (1, 2), (1, 2), (), ())
        yield sim


@pytest.fixture
async def wires(sim: AsyncSimulator) -> AsyncIterator[dict[int, Wire]]:
    """A connection to each broker."""
    async with AsyncExitStack() as stack:
        yield {
            broker.node_id: await stack.enter_async_context(await Wire.connect(broker.address))
            for broker in sim.kafka.brokers()
        }


def error(answer: Any) -> str:
    """The error of the only partition in a response."""
    return str(only(answer).error_code.name)


def only(answer: Any) -> Any:
    (topic,) = getattr(answer, "responses", None) or answer.topics
    (partition,) = getattr(topic, "partition_responses", None) or topic.partitions
    return partition


async def metadata(wire: Wire, topic: str) -> Any:
    def topics(make: Make) -> Any:
        return (make("MetadataRequestTopic", name=topic, topic_id=None),)

    return await wire.ask(
        METADATA,
        12,
        topics=topics,
        allow_auto_topic_creation=False,
        include_topic_authorized_operations=False,
    )


# --- who they are --------------------------------------------------------------------------


async def test_all_brokers_tell_the_same_cluster(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    for wire in wires.values():
        answer = await metadata(wire, "t")
        told = [f"{broker.host}:{broker.port}" for broker in answer.brokers]
        assert ",".join(told) == sim.bootstrap_servers
        assert [broker.node_id for broker in answer.brokers] == [1, 2, 3]
        assert answer.controller_id == 1
        (partition,) = answer.topics[0].partitions
        assert (partition.leader_id, partition.replica_nodes) == (1, (1, 2))
        assert partition.isr_nodes == (1, 2)
        assert partition.offline_replicas == ()


async def test_brokers_have_the_ids_ports_and_racks_that_are_asked_for() -> None:
    brokers = [KafkaBroker(7, rack="a"), KafkaBroker(3, rack="b")]
    async with AsyncSimulator(Settings(brokers=brokers, grpc_port=None)) as sim:
        first = sim.bootstrap_servers.split(",")[0]
        async with await Wire.connect(first) as wire:
            answer = await metadata(wire, "chat")
        assert [(b.node_id, b.rack) for b in answer.brokers] == [(7, "a"), (3, "b")]
        ports = [broker.port for broker in answer.brokers]
    again = [KafkaBroker(1, ports[0]), KafkaBroker(2, ports[1])]
    async with AsyncSimulator(Settings(brokers=again, grpc_port=None)) as sim:
        assert [int(a.rpartition(":")[2]) for a in sim.bootstrap_servers.split(",")] == ports


async def test_a_stopped_broker_is_gone(sim: AsyncSimulator, wires: dict[int, Wire]) -> None:
    address = sim.kafka.brokers()[0].address
    await sim.kafka.stop_broker(1)
    assert await wires[1].closed()
    with pytest.raises(ConnectionRefusedError):
        await Wire.connect(address)
    assert address not in sim.bootstrap_servers
    answer = await metadata(wires[2], "t")
    assert [broker.node_id for broker in answer.brokers] == [2, 3]
    assert answer.controller_id == 2
    (partition,) = answer.topics[0].partitions
    assert (partition.leader_id, partition.leader_epoch, partition.isr_nodes) == (2, 2, (2,))
    assert (partition.replica_nodes, partition.offline_replicas) == ((1, 2), (1,))
    assert (await wires[2].ask(PRODUCE, 9, **produce("t", BATCH))).responses


async def test_it_comes_back_at_its_port_as_a_follower(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    address = sim.kafka.brokers()[0].address
    await sim.kafka.stop_broker(1)
    await sim.kafka.stop_broker(1)
    await sim.kafka.start_broker(1)
    await sim.kafka.start_broker(1)
    async with await Wire.connect(address) as wire:
        assert (await wire.ask(API_VERSIONS, 0)).api_keys
        (partition,) = (await metadata(wire, "t")).topics[0].partitions
    assert (partition.leader_id, partition.isr_nodes, partition.offline_replicas) == (2, (2, 1), ())
    sim.clock.advance("200s")
    assert sim.kafka.place("t").leader == 2
    sim.clock.advance("100s")  # leader.imbalance.check.interval.seconds is 300
    assert sim.kafka.place("t").leader == 1


async def test_leaders_stay_where_they_are_without_auto_rebalance() -> None:
    settings = Settings(brokers=2, grpc_port=None, config={"auto.leader.rebalance.enable": "false"})
    async with AsyncSimulator(settings) as sim:
        leader = sim.kafka.place("chat").leader
        await sim.kafka.stop_broker(leader)
        await sim.kafka.start_broker(leader)
        sim.clock.advance("1h")
        assert sim.kafka.place("chat").leader != leader
        sim.kafka.elect_preferred()
        assert sim.kafka.place("chat").leader == leader


async def test_a_partition_whose_only_replica_is_stopped_has_no_leader(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    sim.kafka.move_replicas("t", to=[3])
    await sim.kafka.stop_broker(3)
    (partition,) = (await metadata(wires[1], "t")).topics[0].partitions
    assert (partition.error_code.name, partition.leader_id) == ("leader_not_available", -1)
    assert (partition.isr_nodes, partition.offline_replicas) == ((3,), (3,))
    refused = only(await wires[1].ask(PRODUCE, 10, **produce("t", BATCH)))
    assert refused.error_code.name == "not_leader_or_follower"
    assert refused.current_leader.leader_id == -1
    await sim.kafka.start_broker(3)
    assert sim.kafka.place("t").leader == 3


async def test_reset_starts_all_brokers_again(sim: AsyncSimulator) -> None:
    addresses = [broker.address for broker in sim.kafka.brokers()]
    await sim.kafka.stop_broker(2)
    await sim.kafka.stop_broker(3)
    sim.reset()
    await sim.kafka_settled()
    assert sim.bootstrap_servers == ",".join(addresses)
    for address in addresses:
        async with await Wire.connect(address) as wire:
            assert (await wire.ask(API_VERSIONS, 0)).api_keys


async def test_starts_and_stops_at_once_are_done_one_after_the_other(sim: AsyncSimulator) -> None:
    kafka = sim.kafka
    for last in (kafka.stop_broker, kafka.start_broker):
        changes = [kafka.stop_broker, kafka.start_broker, kafka.start_broker, kafka.stop_broker]
        await asyncio.gather(*(change(2) for change in [*changes, last]))
        running = last == kafka.start_broker
        assert sim.kafka.brokers()[1].running is running
        assert (2 in sim.kafka.place("t").isr) is running


def test_reset_of_a_synchronous_simulator_waits_for_the_brokers() -> None:
    with Simulator(brokers=2, grpc_port=None) as sim:
        servers = sim.bootstrap_servers
        sim.kafka.stop_broker(1)
        sim.kafka.stop_broker(2)
        sim.reset()
        assert sim.bootstrap_servers == servers
        assert all(broker.running for broker in sim.kafka.brokers())


async def test_what_cannot_be_is_an_error(sim: AsyncSimulator) -> None:
    with pytest.raises(UnknownNode, match="no broker 4; the brokers are 1, 2, 3"):
        await sim.kafka.stop_broker(4)
    with pytest.raises(NotAReplica):
        sim.kafka.move_leader("t", to=3)
    for partition in (-1, 1):
        with pytest.raises(PartitionNotFound):
            sim.kafka.place("t", partition)
    await sim.kafka.stop_broker(2)
    with pytest.raises(NodeStopped):
        sim.kafka.move_leader("t", to=2)
    with pytest.raises(NodeStopped):
        sim.kafka.move_coordinator(group="g", to=2)


async def test_where_one_port_is_taken_none_is_served() -> None:
    async with AsyncSimulator(Settings(grpc_port=None)) as other:
        taken = int(other.bootstrap_servers.rpartition(":")[2])
        sim = AsyncSimulator(
            Settings(brokers=[KafkaBroker(1), KafkaBroker(2, taken)], grpc_port=None)
        )
        with pytest.raises(AddressUnavailable, match=f":{taken}: the port is in use"):
            await sim.start()
        with pytest.raises(SimulatorError, match="no Kafka listener"):
            sim.kafka.brokers()


# --- leaders -------------------------------------------------------------------------------


async def test_others_than_the_leader_refuse_records_and_name_it(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    for node in (2, 3):
        answer = await wires[node].ask(PRODUCE, 10, **produce("t", BATCH))
        refused = only(answer)
        assert refused.error_code.name == "not_leader_or_follower"
        assert (refused.current_leader.leader_id, refused.current_leader.leader_epoch) == (1, 1)
        (endpoint,) = answer.node_endpoints
        assert (endpoint.node_id, f"{endpoint.host}:{endpoint.port}") == (
            1,
            sim.kafka.brokers()[0].address,
        )
        assert error(await wires[node].ask(PRODUCE, 9, **produce("t", BATCH))) == (
            "not_leader_or_follower"
        )
    assert sim.log.bounds("t", 0) == (0, 0)
    answer = await wires[1].ask(PRODUCE, 10, **produce("t", BATCH))
    assert (error(answer), answer.node_endpoints) == ("none", ())


async def test_records_are_read_from_a_replica(sim: AsyncSimulator, wires: dict[int, Wire]) -> None:
    topic_ids = {"t": sim.log.topic("t").topic_id}
    sim.publish("t", b"v")
    told = [error(await wires[n].ask(FETCH, 10, **fetch(("t", 0, 0)))) for n in (1, 2, 3)]
    assert told == ["none", "not_leader_or_follower", "not_leader_or_follower"]
    # From 11 on a broker that follows answers too (KIP-392).
    told = [error(await wires[n].ask(FETCH, 11, **fetch(("t", 0, 0)))) for n in (1, 2, 3)]
    assert told == ["none", "none", "not_leader_or_follower"]
    answer = await wires[3].ask(FETCH, 16, **fetch(("t", 0, 0), topic_ids=topic_ids))
    assert only(answer).current_leader.leader_id == 1
    assert [endpoint.node_id for endpoint in answer.node_endpoints] == [1]


async def test_epochs_of_another_leader_are_refused(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    sim.publish("t", b"v")
    sim.kafka.move_leader("t", to=2)
    for epoch, expected in ((1, "fenced_leader_epoch"), (2, "none"), (3, "unknown_leader_epoch")):
        asked = fetch(("t", 0, 0), epoch=epoch)
        for version in (9, 12):  # KIP-320
            assert error(await wires[2].ask(FETCH, version, **asked)) == expected
        assert error(await wires[3].ask(FETCH, 12, **asked)) == "not_leader_or_follower"
    topic_ids = {"t": sim.log.topic("t").topic_id}
    answer = await wires[2].ask(FETCH, 17, **fetch(("t", 0, 0), epoch=0, topic_ids=topic_ids))
    leader = only(answer).current_leader
    assert (leader.leader_id, leader.leader_epoch) == (2, 2)
    assert [endpoint.node_id for endpoint in answer.node_endpoints] == [2]


async def test_a_fetch_that_waits_is_answered_when_the_leader_moves(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    wires[1].send(FETCH, 12, **fetch(("t", 0, 0), max_wait=1000, epoch=1))
    async with asyncio.timeout(60):
        while not sim.log._waiters.by_topic:  # noqa: ASYNC110
            await asyncio.sleep(0)
    sim.kafka.move_leader("t", to=2)
    answer = await asyncio.wait_for(wires[1].receive(FETCH, 12), 60)
    assert error(answer) == "fenced_leader_epoch"


def with_last_epoch(asked: dict[str, Any], epoch: int) -> dict[str, Any]:
    """A Fetch request of one partition, whose reader has read that epoch last."""

    def topics(make: Make) -> Any:
        (topic,) = asked["topics"](make)
        (partition,) = topic.partitions
        return (replace(topic, partitions=(replace(partition, last_fetched_epoch=epoch),)),)

    return {**asked, "topics": topics}


async def test_only_the_leader_writes_the_markers_of_administrators(
    wires: dict[int, Wire],
) -> None:
    def markers(make: Make) -> Any:
        topic = make("WritableTxnMarkerTopic", name="t", partition_indexes=(0,))
        return (
            make(
                "WritableTxnMarker",
                producer_id=1,
                producer_epoch=0,
                transaction_result=False,
                coordinator_epoch=0,
                topics=(topic,),
            ),
        )

    told = []
    for node in (1, 2):
        answer = await wires[node].ask(WRITE_TXN_MARKERS, 1, markers=markers)
        told.append(answer.markers[0].topics[0].partitions[0].error_code.name)
    assert told == ["none", "unknown_topic_or_partition"]


async def test_a_broker_that_comes_back_knows_no_fetch_sessions(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    number = (await wires[1].ask(FETCH, 12, **fetch(("t", 0, 0), session=(0, 0)))).session_id
    assert number > 0
    await sim.kafka.stop_broker(1)
    await sim.kafka.start_broker(1)
    async with await Wire.connect(sim.kafka.brokers()[0].address) as wire:
        answer = await wire.ask(FETCH, 12, **fetch(session=(number, 1)))
    assert answer.error_code.name == "fetch_session_id_not_found"  # KIP-227: kept in memory


async def test_histories_that_part_are_told(sim: AsyncSimulator, wires: dict[int, Wire]) -> None:
    for _ in range(3):
        sim.publish("t", b"v")
    sim.kafka.move_leader("t", to=2)
    sim.kafka.move_leader("t", to=1)  # epoch 3; no record has epoch 2

    async def diverging(offset: int, epoch: int) -> tuple[int, int]:
        asked = with_last_epoch(fetch(("t", 0, offset), epoch=3, max_wait=1000), epoch)
        answer = only(await wires[1].ask(FETCH, 12, **asked))
        return answer.diverging_epoch.epoch, answer.diverging_epoch.end_offset

    assert await diverging(4, 2) == (1, 3)
    assert await diverging(2, 1) == (-1, -1)
    at_its_end = with_last_epoch(fetch(("t", 0, 3), epoch=3), 1)
    assert only(await wires[1].ask(FETCH, 12, **at_its_end)).diverging_epoch.end_offset == -1
    sim.delete_records("t", 2)
    asked = with_last_epoch(fetch(("t", 0, 1), epoch=3), 2)
    # Below the first offset kept, whatever history was read (Kafka: `Partition.readRecords`).
    assert error(await wires[1].ask(FETCH, 12, **asked)) == "offset_out_of_range"


async def test_the_client_names_its_leader_from_version_4_of_list_offsets_on(
    sim: AsyncSimulator, wires: dict[int, Wire]
) -> None:
    asked = list_offsets("t", -1)

    def topics(make: Make) -> Any:
        wanted = make(
            "ListOffsetsPartition", partition_index=0, timestamp=-1, current_leader_epoch=7
        )
        return (make("ListOffsetsTopic", name="t", partitions=(wanted,)),)

    for version, expected in ((3, "none"), (4, "unknown_leader_epoch")):
        answer = await wires[1].ask(LIST_OFFSETS, version, **asked | {"topics": topics})
        assert error(answer) == expected  # KIP-320


async def test_offsets_are_asked_of_the_leader(sim: AsyncSimulator, wires: dict[int, Wire]) -> None:
    sim.publish("t", b"v")
    sim.kafka.move_leader("t", to=2)
    sim.publish("t", b"v")
    assert error(await wires[1].ask(LIST_OFFSETS, 6, **list_offsets("t", -1))) == (
        "not_leader_or_follower"
    )
    told = [
        only(await wires[2].ask(LIST_OFFSETS, 6, **list_offsets("t", time))) for time in (-2, -1)
    ]
    assert [(each.offset, each.leader_epoch) for each in told] == [(0, 1), (2, 2)]


async def test_where_epochs_end(sim: AsyncSimulator, wires: dict[int, Wire]) -> None:
    sim.publish("t", b"v")
    sim.kafka.move_leader("t", to=2)
    sim.publish("t", b"v")

    async def ask(
        node: int, epoch: int, current: int = -1, topic: str = "t"
    ) -> tuple[str, int, int]:
        def topics(make: Make) -> Any:
            asked = make(
                "OffsetForLeaderPartition",
                partition=0,
                current_leader_epoch=current,
                leader_epoch=epoch,
            )
            return (make("OffsetForLeaderTopic", topic=topic, partitions=(asked,)),)

        told = only(await wires[node].ask(OFFSET_FOR_LEADER_EPOCH, 4, topics=topics))
        return told.error_code.name, told.leader_epoch, told.end_offset

    assert await ask(2, 1) == ("none", 1, 1)
    assert await ask(2, 2) == ("none", 2, 2)
    assert await ask(2, 3) == ("none", -1, -1)
    assert await ask(1, 2) == ("not_leader_or_follower", -1, -1)
    assert await ask(2, 2, current=1) == ("fenced_leader_epoch", -1, -1)
    assert await ask(2, 2, current=3) == ("unknown_leader_epoch", -1, -1)
    assert await ask(2, 2, topic="missing") == ("unknown_topic_or_partition", -1, -1)


async def test_elections(sim: AsyncSimulator, wires: dict[int, Wire]) -> None:
    async def elect(*topics: str, kind: int = 0, partition: int = 0) -> Any:
        def asked(make: Make) -> Any:
            return tuple(make("TopicPartitions", topic=t, partitions=(partition,)) for t in topics)

        answer = await wires[2].ask(
            ELECT_LEADERS,
            2,
            election_type=kind,
            topic_partitions=asked if topics else None,
            timeout=seconds(1),
        )
        results = {
            (found.topic, each.partition_id): each.error_code.name
            for found in answer.replica_election_results
            for each in found.partition_result
        }
        return answer.error_code.name, results

    assert await elect("t") == ("none", {("t", 0): "election_not_needed"})
    sim.kafka.move_leader("t", to=2)
    assert await elect("t", "no") == (
        "none",
        {("t", 0): "none", ("no", 0): "unknown_topic_or_partition"},
    )
    assert sim.kafka.place("t").leader == 1
    assert await elect("t", partition=5) == ("none", {("t", 5): "unknown_topic_or_partition"})
    sim.kafka.move_leader("t", to=2)
    assert await elect() == ("none", {("t", 0): "none"})  # of all, only what was needed
    assert await elect("t", kind=1) == ("none", {("t", 0): "election_not_needed"})
    assert await elect("t", kind=7) == ("invalid_request", {("t", 0): "invalid_request"})
    await sim.kafka.stop_broker(1)
    assert await elect("t") == ("none", {("t", 0): "preferred_leader_not_available"})
    sim.kafka.move_replicas("t", to=[3])
    await sim.kafka.stop_broker(3)
    assert await elect("t", kind=1) == ("none", {("t", 0): "eligible_leaders_not_available"})


async def reassign(wire: Wire, replicas: Any, *, topic: str = "t", free: bool = True) -> str:
    def topics(make: Make) -> Any:
        wanted = make("ReassignablePartition", partition_index=0, replicas=replicas)
        return (make("ReassignableTopic", name=topic, partitions=(wanted,)),)

    answer = await wire.ask(
        ALTER_PARTITION_REASSIGNMENTS,
        1,
        topics=topics,
        timeout=seconds(1),
        allow_replication_factor_change=free,
    )
    return error(answer)


async def test_reassignments(sim: AsyncSimulator, wires: dict[int, Wire]) -> None:
    async def waiting() -> Any:
        answer = await wires[1].ask(
            LIST_PARTITION_REASSIGNMENTS, 0, topics=None, timeout=seconds(1)
        )
        return [
            (found.name, p.partition_index, p.replicas, p.adding_replicas, p.removing_replicas)
            for found in answer.topics
            for p in found.partitions
        ]

    assert await reassign(wires[1], (3, 2)) == "none"
    assert sim.kafka.place("t")[:3] == (3, 2, (3, 2))
    assert await waiting() == []
    assert await reassign(wires[1], None) == "no_reassignment_in_progress"
    await sim.kafka.stop_broker(1)
    async with await Wire.connect(sim.kafka.brokers()[1].address) as wire:
        wires[1] = wire
        assert await reassign(wires[1], (1,)) == "none"
        assert await waiting() == [("t", 0, (1, 3, 2), (1,), (3, 2))]
        await sim.kafka.start_broker(1)
        assert await waiting() == []
    assert sim.kafka.place("t")[:4:2] == (1, (1,))


async def test_replicas_that_cannot_be(wires: dict[int, Wire]) -> None:
    assert await reassign(wires[1], ()) == "invalid_replica_assignment"
    assert await reassign(wires[1], (1, 9)) == "invalid_replica_assignment"
    assert await reassign(wires[1], (1, 1)) == "invalid_replica_assignment"
    assert await reassign(wires[1], (1,), topic="no") == "unknown_topic_or_partition"
    assert await reassign(wires[1], (1, 2, 3), free=False) == "invalid_replication_factor"


async def test_the_cluster_is_described(sim: AsyncSimulator, wires: dict[int, Wire]) -> None:
    await sim.kafka.stop_broker(3)

    async def described(version: int, **options: Any) -> Any:
        options = {"include_fenced_brokers": False, "endpoint_type": 1, **options}
        return await wires[1].ask(
            DESCRIBE_CLUSTER, version, include_cluster_authorized_operations=False, **options
        )

    answer = await described(0)
    assert [(b.broker_id, f"{b.host}:{b.port}") for b in answer.brokers] == [
        (broker.node_id, broker.address) for broker in sim.kafka.brokers()[:2]
    ]
    assert (answer.controller_id, answer.cluster_authorized_operations) == (1, -(1 << 31))
    answer = await described(2, include_fenced_brokers=True)
    assert [(b.broker_id, b.is_fenced) for b in answer.brokers] == [
        (1, False),
        (2, False),
        (3, True),
    ]
    assert (await described(1, endpoint_type=2)).error_code.name == "mismatched_endpoint_type"
    assert (await described(1, endpoint_type=9)).error_code.name == "unsupported_endpoint_type"


async def test_the_quorum_is_described(wires: dict[int, Wire]) -> None:
    async def described(topic: str, partition: int = 0) -> Any:
        def topics(make: Make) -> Any:
            asked = make("PartitionData", partition_index=partition)
            return (make("TopicData", topic_name=topic, partitions=(asked,)),)

        return await wires[1].ask(DESCRIBE_QUORUM, 2, topics=topics)

    answer = await described("__cluster_metadata")
    quorum = only(answer)
    assert (quorum.error_code.name, quorum.leader_id, quorum.leader_epoch) == ("none", 1, 1)
    assert [voter.replica_id for voter in quorum.current_voters] == [1, 2, 3]
    assert {voter.log_end_offset for voter in quorum.current_voters} == {quorum.high_watermark}
    assert [node.node_id for node in answer.nodes] == [1, 2, 3]
    for asked in (("t", 0), ("__cluster_metadata", 1)):
        assert error(await described(*asked)) == "unknown_topic_or_partition"


async def test_followers_tell_the_producers_of_a_partition(wires: dict[int, Wire]) -> None:
    # KIP-664: `kafka-transactions.sh find-hanging --broker-id` asks any replica.
    def topics(make: Make) -> Any:
        return (make("TopicRequest", name="t", partition_indexes=(0,)),)

    told = {}
    for node_id, wire in wires.items():
        answer = await wire.ask(DESCRIBE_PRODUCERS, 0, topics=topics)
        told[node_id] = answer.topics[0].partitions[0].error_code.name
    assert told == {1: "none", 2: "none", 3: "not_leader_or_follower"}


async def test_a_connection_that_is_made_while_its_broker_stops_is_cut_off(
    sim: AsyncSimulator,
) -> None:
    listener = sim.kafka._listener()
    broker = listener.brokers[0]
    connection = broker._connection(lambda: listener.cluster)()
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    with client:
        await sim.kafka.stop_broker(broker.node_id)
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: connection, accepted)
        client.setblocking(False)
        with suppress(ConnectionError):
            assert await asyncio.wait_for(loop.sock_recv(client, 1), 60) == b""
        assert connection not in broker.connections
