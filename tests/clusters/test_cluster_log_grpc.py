"""The gRPC services on top of a cluster: subscriptions, groups, plays, and their errors."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from click.testing import CliRunner
from confluent_kafka import Consumer, Producer, TopicPartition
from google.protobuf.empty_pb2 import Empty

from simulator import Simulator
from simulator.cli import cli
from simulator.v1 import broker_pb2, chat_pb2, record_pb2, scenarios_pb2
from simulator.v1.broker_pb2_grpc import BrokerStub
from simulator.v1.chat_pb2_grpc import ChatStub
from simulator.v1.scenarios_pb2_grpc import ScenariosStub

PATIENCE = 60.0


@pytest.fixture
def channel(cluster: Simulator) -> Iterator[grpc.Channel]:
    log = f"kafka://{cluster.bootstrap_servers}"
    with (
        Simulator(log=log, log_topics=["orders"]) as sim,
        grpc.insecure_channel(sim.grpc_target) as channel,
    ):
        yield channel


@pytest.fixture
def broker(channel: grpc.Channel) -> BrokerStub:
    return BrokerStub(channel)


def produce(cluster: Simulator, *values: str) -> None:
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for value in values:
        producer.produce("orders", value, partition=0)
    assert producer.flush(PATIENCE) == 0


def request(**fields: object) -> broker_pb2.SubscribeRequest:
    return broker_pb2.SubscribeRequest(topics=["orders"], **fields)  # type: ignore[arg-type]


def values(
    broker: BrokerStub, wanted: broker_pb2.SubscribeRequest
) -> list[tuple[int, bytes | str]]:
    """Offsets and values, up to the end of the stream."""
    return [
        (record.offset, record.json or record.raw)
        for response in broker.Subscribe(wanted, timeout=PATIENCE)
        for record in response.records
    ]


def acknowledge(broker: BrokerStub, group: str, offset: int) -> None:
    place = record_pb2.TopicPartitionOffset(topic="orders", partition=0, offset=offset)
    broker.Acknowledge(
        broker_pb2.AcknowledgeRequest(group=group, offsets=[place]), timeout=PATIENCE
    )


def committed(cluster: Simulator, group: str) -> int:
    """What the cluster says to a client of Kafka."""
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": group})
    try:
        (found,) = consumer.committed([TopicPartition("orders", 0)], timeout=PATIENCE)
        return found.offset
    finally:
        consumer.close()


def commit(cluster: Simulator, group: str, offset: int) -> None:
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": group})
    consumer.commit(offsets=[TopicPartition("orders", 0, offset)], asynchronous=False)
    consumer.close()


def test_the_end_is_that_of_the_cluster(cluster: Simulator, broker: BrokerStub) -> None:
    produce(cluster, *map(str, range(3000)))
    with (
        Simulator(log=f"kafka://{cluster.bootstrap_servers}", log_topics=["orders"]) as sim,
        grpc.insecure_channel(sim.grpc_target) as channel,
    ):
        found = values(BrokerStub(channel), request(stop_at_end=True))  # nothing is read so far
    assert found == [(number, str(number)) for number in range(3000)]


def test_latest_is_behind_all_that_was_there(cluster: Simulator, broker: BrokerStub) -> None:
    produce(cluster, *map(str, range(3000)))
    with (
        Simulator(log=f"kafka://{cluster.bootstrap_servers}", log_topics=["orders"]) as sim,
        grpc.insecure_channel(sim.grpc_target) as channel,
    ):
        start = record_pb2.StartPosition(latest=Empty())
        wanted = request(max_records=1, **{"from": start})
        call = BrokerStub(channel).Subscribe(wanted, timeout=PATIENCE)
        call.initial_metadata()  # it is in place
        produce(cluster, '"new"')
        assert [r.offset for response in call for r in response.records] == [3000]


def test_published_records_have_their_places(cluster: Simulator, broker: BrokerStub) -> None:
    produce(cluster, "0", "1")
    records = [
        broker_pb2.PublishRecord(topic="orders", json=str(number), partition=0)
        for number in range(2, 5)
    ]
    answer = broker.Publish(broker_pb2.PublishRequest(records=records), timeout=PATIENCE)
    assert [place.offset for place in answer.offsets] == [2, 3, 4]
    found = values(broker, request(stop_at_end=True))
    assert found == [(number, str(number)) for number in range(5)]
    stream = broker.PublishStream(
        iter([broker_pb2.PublishRequest(records=records)] * 10), timeout=PATIENCE
    )
    assert stream.accepted == 30
    assert len(cluster.events("orders")) == 35


def test_a_group_goes_on_where_the_cluster_knows_it(cluster: Simulator, broker: BrokerStub) -> None:
    produce(cluster, *"0123456789")
    commit(cluster, "readers", 4)
    found = values(broker, request(group="readers", max_records=6))
    assert [offset for offset, _ in found] == [4, 5, 6, 7, 8, 9]
    acknowledge(broker, "readers", 6)
    assert committed(cluster, "readers") == 7
    commit(cluster, "readers", 9)  # a client of Kafka has gone on
    assert values(broker, request(group="readers", max_records=1)) == [(9, "9")]


def test_a_group_that_has_members_on_the_cluster(cluster: Simulator, broker: BrokerStub) -> None:
    produce(cluster, *"0123")
    settings = {"bootstrap.servers": cluster.bootstrap_servers, "group.id": "busy"}
    consumer = Consumer({**settings, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe(["orders"])
    assert consumer.consume(1, timeout=PATIENCE)
    assert values(broker, request(stop_at_end=True))
    with pytest.raises(grpc.RpcError) as refused:
        acknowledge(broker, "busy", 1)
    consumer.close()
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "offsets of group busy" in refused.value.details()


def test_a_play_writes_to_the_cluster(cluster: Simulator, channel: grpc.Channel) -> None:
    wanted = scenarios_pb2.PlayRequest(name="rate_limited")
    *_, last = ScenariosStub(channel).Play(wanted, timeout=PATIENCE)
    assert last.state == scenarios_pb2.PLAY_STATE_PASSED
    assert len(cluster.events("chat")) + len(cluster.events("personalChat")) == 18


def test_the_chat_service_writes_to_the_cluster(cluster: Simulator, channel: grpc.Channel) -> None:
    ChatStub(channel).Connect(chat_pb2.ConnectRequest(user="alice"), timeout=PATIENCE)
    assert [event.name for event in cluster.events("chat")] == ["userConnected"]


def test_what_is_refused(broker: BrokerStub) -> None:
    place = record_pb2.TopicPartitionOffset(topic="orders", partition=0, offset=0)
    for call, wanted in (
        (broker.Reset, broker_pb2.ResetRequest()),
        (broker.Snapshot, broker_pb2.SnapshotRequest()),
        (broker.CreateTopic, broker_pb2.CreateTopicRequest(topic="more")),
        (broker.DeleteTopic, broker_pb2.DeleteTopicRequest(topic="orders")),
        (broker.DeleteRecords, broker_pb2.DeleteRecordsRequest(before=[place])),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call(wanted, timeout=PATIENCE)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        assert "the topics are those of the Kafka cluster" in refused.value.details()


def test_a_cluster_that_is_away(cluster: Simulator, broker: BrokerStub) -> None:
    """Publishers are told; subscribers stay, and miss nothing."""
    produce(cluster, "0")
    stream = broker.Subscribe(request(max_records=2), timeout=PATIENCE)
    reading = iter(stream)
    assert [record.offset for record in next(reading).records] == [0]
    cluster.kafka.stop_broker(1)
    record = broker_pb2.PublishRecord(topic="orders", json="1")
    with pytest.raises(grpc.RpcError) as late:
        broker.Publish(broker_pb2.PublishRequest(records=[record]), timeout=1)
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    cluster.kafka.start_broker(1)
    produce(cluster, "2")
    assert [record.offset for record in next(reading).records] == [1]


def test_a_cluster_that_is_away_on_the_command_line(
    cluster: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the cluster that does not answer, and not the simulator."""
    monkeypatch.setattr("simulator.clusters.outlet.ACKNOWLEDGED_S", 1)
    log = f"kafka://{cluster.bootstrap_servers}"
    with Simulator(log=log) as sim:
        cluster.kafka.stop_broker(1)
        options = ["produce", "chat", "userConnected", "--server", sim.grpc_target]
        told = CliRunner().invoke(cli, options)
    assert told.exit_code == 1
    assert "the cluster has not acknowledged a record" in told.output
    assert "no simulator answers" not in told.output
