"""A simulator whose log is an existing cluster: what is there is read, and written."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from clusters_filled import PATIENCE, address, event, produce
from confluent_kafka import Producer
from ports import refusing_port

from simulator import AsyncSimulator, InvalidEvent, PlayFailed, Simulator, SimulatorError
from simulator.clusters import ClusterUnavailable
from simulator.publishing import LogUnavailable
from simulator.settings import Settings


@pytest.fixture
def sim(cluster: Simulator) -> Iterator[Simulator]:
    with Simulator(log=address(cluster), grpc_port=None) as sim:
        yield sim


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread brings about, and nobody tells of."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stored(sim: Simulator, *topics: str) -> list[tuple[object, ...]]:
    """All records as they are kept, in the order of their places."""
    names = topics or ("chat", "personalChat")
    records = [event.record for topic in names for event in sim.events(topic)]
    return sorted(tuple(record[:7]) for record in records)  # type: ignore[type-var]


def test_what_is_there_is_read_and_what_comes_as_well(cluster: Simulator) -> None:
    cluster.play("rate_limited")
    with Simulator(log=address(cluster), grpc_port=None) as sim:
        sim.wait_for_count(18, timeout=PATIENCE)
        assert stored(sim) == stored(cluster)
        cluster.play("first_connect")
        total = len(cluster.events())
        sim.wait_for_count(total, timeout=PATIENCE)
        assert stored(sim) == stored(cluster)


def test_what_is_published_is_on_the_cluster_and_here(cluster: Simulator, sim: Simulator) -> None:
    value = event(cluster)
    first = sim.publish("chat", value, key="k", headers={"a": b"b"}, timestamp=77)
    second = sim.publish("chat", value)
    assert [first.place.offset, second.place.offset] == [0, 1]
    (record, _) = (found.record for found in sim.events("chat"))
    assert (record.key, record.timestamp, record.headers) == (b"k", 77, (("a", b"b"),))
    assert not record.unchecked
    assert stored(sim) == stored(cluster)


def test_offsets_are_those_of_the_cluster(cluster: Simulator) -> None:
    produce(cluster, "chat", *[b"old"] * 5)
    cluster.delete_records("chat", 5)
    with Simulator(log=address(cluster), grpc_port=None) as sim:
        place = sim.publish("chat", event(cluster)).place
        assert (place.partition, place.offset) == (0, 5)
        partition = next(topic for topic in sim.topics() if topic.name == "chat").partitions[0]
        assert (partition.start, partition.end) == (5, 6)


def test_keys_choose_the_partition_that_kafka_would(cluster: Simulator) -> None:
    cluster.add_partitions("chat", 5)
    value = event(cluster)
    with Simulator(log=address(cluster), grpc_port=None) as sim:
        keys = [f"key-{number}" for number in range(20)]
        here = [sim.publish("chat", value, key=key).place.partition for key in keys]
        there = [cluster.publish("chat", value, key=key).place.partition for key in keys]
        assert here == there
        sim.wait_for_count(40, timeout=PATIENCE)
        assert stored(sim) == stored(cluster)


def test_a_story_is_played_to_the_cluster(cluster: Simulator, sim: Simulator) -> None:
    sim.play("party_chat")
    assert stored(sim) == stored(cluster)
    with Simulator(grpc_port=None, kafka_port=None) as plain:
        plain.play("party_chat")
        assert stored(cluster) == stored(plain)


def test_copies_of_what_a_story_has_published(cluster: Simulator, sim: Simulator) -> None:
    from simulator.scenario import parse_script

    steps = "[{connect: alice}, {wait: 400ms}, {duplicate: 1}]"
    script = parse_script(f"{{users: [alice], steps: {steps}}}", file="twice.yaml")
    sim.play(script)
    first, second = cluster.events("chat")
    assert first.id == second.id


def test_the_chat_service_writes_there_too(cluster: Simulator, sim: Simulator) -> None:
    sim.chat.connect("alice")
    sim.chat.connect("bob")
    sim.chat.send("alice", "hello", to="bob")
    sim.chat.disconnect("alice")
    names = [found.name for found in sim.events()]
    assert sorted(names) == [
        "personalChatSent",
        "userConnected",
        "userConnected",
        "userDisconnected",
    ]
    assert stored(sim) == stored(cluster)


def test_events_that_are_wrong_go_nowhere(cluster: Simulator, sim: Simulator) -> None:
    with pytest.raises(InvalidEvent):
        sim.publish("chat", {"id": "1"})
    with pytest.raises(SimulatorError, match="did you mean 'chat'"):
        sim.publish("chta", b"{}")
    assert cluster.events() == sim.events() == []


def test_what_others_write_is_told_apart(cluster: Simulator, sim: Simulator) -> None:
    produce(cluster, "chat", event(cluster), b"no event", None)
    sim.wait_for_count(3, timeout=PATIENCE)
    good, bad, null = (found.record for found in sim.events("chat"))
    assert (good.unchecked, bad.unchecked, null.unchecked) == (False, True, False)
    assert null.value is None


def test_missing_topics_are_made(cluster: Simulator) -> None:
    cluster.delete_topic("chat")
    options = {"grpc_port": None, "log_topics": ["orders"]}
    with Simulator(log=address(cluster), **options) as sim:  # type: ignore[arg-type]
        assert {"chat", "orders"} <= {topic.name for topic in cluster.topics()}
        assert sim.publish("orders", b"one").place.offset == 0
        assert stored(sim, "orders") == stored(cluster, "orders")


def test_topics_with_a_prefix(cluster: Simulator) -> None:
    with Simulator(log=address(cluster), grpc_port=None, topic_prefix="dev") as sim:
        sim.chat.connect("alice")
        assert [found.record.topic for found in cluster.events()] == ["dev.chat"]


def test_a_cluster_that_refuses_a_topic(cluster: Simulator) -> None:
    with (
        pytest.raises(SimulatorError, match=r"topic a b: .*Invalid topic"),
        Simulator(log=address(cluster), log_topics=["a b"], grpc_port=None),
    ):
        pass


def test_a_record_that_the_cluster_refuses() -> None:
    with Simulator(grpc_port=None, config={"message.max.bytes": 700}) as cluster:
        value = json.loads(event(cluster))
        with Simulator(log=address(cluster), grpc_port=None) as sim:
            sim.publish("chat", value)
            with pytest.raises(SimulatorError, match=r"topic chat, .*the cluster refuses a record"):
                sim.publish("chat", value, headers={"much": b"x" * 1000})
            sim.publish("chat", value)
            assert len(sim.events("chat")) == 2
            with pytest.raises(PlayFailed, match="refuses a record"):
                sim.play("rate_limited")


def test_calls_that_only_the_owner_of_a_cluster_should_do(sim: Simulator) -> None:
    for call in (
        sim.reset,
        sim.snapshot,
        lambda: sim.restore("snapshot-1"),
        lambda: sim.create_topic("orders"),
        lambda: sim.delete_topic("chat"),
        lambda: sim.add_partitions("chat", 3),
        lambda: sim.configure_topic("chat", {}),
        lambda: sim.compact("chat"),
        lambda: sim.delete_records("chat", 0),
    ):
        with pytest.raises(SimulatorError, match=r"not possible here.*Kafka cluster at"):
            call()


def test_it_has_no_brokers_of_its_own(cluster: Simulator, sim: Simulator) -> None:
    assert sim.bootstrap_servers == cluster.bootstrap_servers
    assert f"on the Kafka cluster at {cluster.bootstrap_servers}" in repr(sim)
    with pytest.raises(SimulatorError, match="no Kafka listener"):
        sim.kafka.stop_broker(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"log": "localhost:9092"},
        {"log": "kafka://a:1", "brokers": 3},
        {"log": "kafka://a:1", "kafka_port": 9092},
        {"log": "kafka://a:1", "config": {"num.partitions": 2}},
        {"log_topics": ["orders"]},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, object]) -> None:
    with pytest.raises(SimulatorError, match=r"kafka://|Kafka"):
        Settings(**wrong)  # type: ignore[arg-type]


def test_a_cluster_that_is_not_there() -> None:
    with (
        refusing_port() as port,
        pytest.raises(
            ClusterUnavailable, match=rf":{port} does not answer: .*Connect to .*refused"
        ),
        Simulator(log=f"kafka://127.0.0.1:{port}"),
    ):
        pass


async def test_publishing_in_an_event_loop(cluster: Simulator) -> None:
    value = event(cluster)
    async with AsyncSimulator(Settings(log=address(cluster), grpc_port=None)) as sim:
        for _ in range(1000):
            assert sim.publish("chat", value).place.offset == -1
        sim.chat.connect("alice")
        await sim.written()
        assert [found.record.offset for found in sim.events("chat")] == list(range(1001))
        assert len(cluster.events("chat")) == 1001
        sim.publish("chat", value)
    assert len(cluster.events("chat")) == 1002  # what was accepted is handed over at the end
    sim.publish("chat", value)
    for late in (sim.written(), sim.chat.through(lambda: sim.chat.connect("bob"))):
        with pytest.raises(LogUnavailable, match="was stopped"):
            async with asyncio.timeout(PATIENCE):
                await late


def test_a_topic_that_is_deleted_and_made_again(cluster: Simulator, sim: Simulator) -> None:
    value = event(cluster)
    for _ in range(3):
        sim.publish("chat", value)
    cluster.delete_topic("chat")
    cluster.create_topic("chat", partitions=2)
    cluster.publish("chat", value, partition=1)
    until(lambda: len(sim.events("chat")) == 1)
    assert stored(sim) == stored(cluster)
    assert sim.publish("chat", value, partition=1).place.offset == 1


def test_a_topic_that_is_deleted(cluster: Simulator, sim: Simulator) -> None:
    cluster.delete_topic("personalChat")
    until(lambda: [topic.name for topic in sim.topics()] == ["chat"])
    with pytest.raises(SimulatorError, match="topic 'personalChat' does not exist"):
        sim.publish("personalChat", b"{}", validate=False)
    cluster.create_topic("personalChat")
    until(lambda: len(sim.topics()) == 2)
    assert sim.publish("personalChat", b"{}", validate=False).place.offset == 0


def test_more_partitions(cluster: Simulator, sim: Simulator) -> None:
    cluster.add_partitions("chat", 4)
    produce(cluster, "chat", b"three", partition=3)
    until(lambda: len(sim.events("chat")) == 1)
    assert stored(sim) == stored(cluster)
    assert sim.publish("chat", event(cluster), partition=3).place.offset == 1


def test_only_what_is_committed_is_read(cluster: Simulator, sim: Simulator) -> None:
    settings = {"bootstrap.servers": cluster.bootstrap_servers, "transactional.id": "t"}
    producer = Producer(settings)
    producer.init_transactions()
    for value, end in ((b"kept", True), (b"dropped", False), (b"kept too", True)):
        producer.begin_transaction()
        producer.produce("chat", value, partition=0)
        producer.flush(PATIENCE)
        producer.commit_transaction() if end else producer.abort_transaction()
    until(lambda: sim.topics()[0].partitions[0].end == 6)  # three records and three markers
    place = sim.publish("chat", event(cluster)).place
    assert place.offset == 6
    records = [found.record for found in sim.events("chat")]
    assert [(record.offset, record.value) for record in records[:2]] == [
        (0, b"kept"),
        (4, b"kept too"),
    ]
    assert records[2].offset == 6


def test_many_records_and_little_memory(cluster: Simulator) -> None:
    produce(cluster, "chat", *[b"x" * 1000] * 5000)
    options = {"grpc_port": None, "max_bytes": 1_000_000}
    with Simulator(log=address(cluster), **options) as sim:  # type: ignore[arg-type]
        until(lambda: sim.topics()[0].partitions[0].end == 5000)
        partition = sim.topics()[0].partitions[0]
        assert 4000 < partition.start < 4900
        offsets = [found.record.offset for found in sim.events("chat")]
        assert offsets == list(range(partition.start, 5000))


def test_publishers_at_the_same_time_keep_their_places(cluster: Simulator, sim: Simulator) -> None:
    value = json.loads(event(cluster))

    def publish(number: int) -> tuple[int, int]:
        return sim.publish("chat", value, key=str(number)).place.offset, number

    with ThreadPoolExecutor(8) as pool:
        places = dict(pool.map(publish, range(200)))
    assert sorted(places) == list(range(200))
    for found in cluster.events("chat"):
        assert found.record.key == str(places[found.record.offset]).encode()


class TestWhileTheClusterIsAway:
    def test_it_comes_back_with_all_it_had(self) -> None:
        with Simulator(grpc_port=None, brokers=1, kafka_validation="off") as cluster:
            value = event(cluster)
            with Simulator(log=address(cluster), grpc_port=None) as sim:
                sim.publish("chat", value)
                cluster.kafka.stop_broker(1)
                with ThreadPoolExecutor(1) as pool:
                    waiting = pool.submit(sim.publish, "chat", value)
                    cluster.kafka.start_broker(1)
                    assert waiting.result(PATIENCE).place.offset == 1
                cluster.publish("chat", value)
                sim.wait_for_count(3, "chat", timeout=PATIENCE)
                assert stored(sim) == stored(cluster)
                assert [found.record.offset for found in sim.events("chat")] == [0, 1, 2]

    def test_publishers_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("simulator.clusters.outlet.ACKNOWLEDGED_S", 1)
        with (
            Simulator(grpc_port=None, kafka_validation="off") as cluster,
            Simulator(log=address(cluster), grpc_port=None) as sim,
        ):
            cluster.kafka.stop_broker(1)
            with pytest.raises(LogUnavailable, match="not acknowledged a record"):
                sim.publish("chat", event(cluster))

    def test_a_cluster_that_has_lost_its_records(self, cluster: Simulator, sim: Simulator) -> None:
        value = event(cluster)
        for _ in range(3):
            sim.publish("chat", value)
        cluster.reset()
        until(lambda: not sim.events("chat"))
        assert sim.publish("chat", value).place.offset == 0
        assert stored(sim) == stored(cluster)
