"""Metadata, CreateTopics and DeleteTopics: what they tell, make, and refuse."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from kafka_wire import CREATE_TOPICS, DELETE_TOPICS, METADATA, Make, Wire, seconds

from simulator import AsyncSimulator
from simulator.log import Retention
from simulator.settings import Settings


async def metadata(wire: Wire, *names: Any, version: int = 12, **options: Any) -> Any:
    def topics(make: Make) -> Any:
        return tuple(
            make("MetadataRequestTopic", name=name, topic_id=None)
            if isinstance(name, str)
            else make("MetadataRequestTopic", name=None, topic_id=name)
            for name in names
        )

    return await wire.ask(
        METADATA,
        version,
        topics=topics if names else None,
        allow_auto_topic_creation=options.get("create", False),
        include_topic_authorized_operations=options.get("operations", False),
    )


async def test_tells_the_broker_and_all_topics(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t", partitions=3)
    answer = await metadata(wire)
    (broker,) = answer.brokers
    assert f"{broker.host}:{broker.port}" == sim.bootstrap_servers
    assert answer.controller_id == broker.node_id
    assert len(answer.cluster_id) == 22
    found = {topic.name: topic for topic in answer.topics}
    assert set(found) == {"chat", "personalChat", "t"}
    assert found["t"].topic_id == sim.log.topic("t").topic_id
    assert [p.partition_index for p in found["t"].partitions] == [0, 1, 2]
    assert {(p.leader_id, p.isr_nodes) for p in found["t"].partitions} == {
        (broker.node_id, (broker.node_id,))
    }


async def test_version_0_has_an_empty_list_for_all(wire: Wire) -> None:
    answer = await wire.ask(METADATA, 0, topics=())
    assert {topic.name for topic in answer.topics} == {"chat", "personalChat"}


async def test_topics_are_created_where_the_client_allows_it(
    sim: AsyncSimulator, wire: Wire
) -> None:
    (topic,) = (await metadata(wire, "new")).topics
    assert topic.error_code.name == "unknown_topic_or_partition"
    assert not sim.log.has_topic("new")
    (topic,) = (await metadata(wire, "new", create=True)).topics
    assert (topic.error_code.name, len(topic.partitions)) == ("none", 1)
    # Version 1 cannot say, and allows it.
    await metadata(wire, "old", version=1)
    assert sim.log.has_topic("old")
    (topic,) = (await metadata(wire, "no/such", create=True)).topics
    assert topic.error_code.name == "invalid_topic_exception"


async def test_topics_by_id(sim: AsyncSimulator, wire: Wire) -> None:
    (topic,) = (await metadata(wire, sim.log.topic("chat").topic_id)).topics
    assert (topic.error_code.name, topic.name) == ("none", "chat")
    unknown = uuid4()
    (topic,) = (await metadata(wire, unknown)).topics
    assert (topic.error_code.name, topic.topic_id) == ("unknown_topic_id", unknown)


async def test_operations_are_told_when_asked_for(wire: Wire) -> None:
    (topic,) = (await metadata(wire, "chat")).topics
    assert topic.topic_authorized_operations == -(1 << 31)
    (topic,) = (await metadata(wire, "chat", operations=True)).topics
    # READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS
    expected = sum(1 << code for code in (3, 4, 5, 6, 7, 8, 10, 11))
    assert topic.topic_authorized_operations == expected


async def create(wire: Wire, *names: str, validate_only: bool = False, **values: Any) -> list[Any]:
    def topics(make: Make) -> Any:
        configs = tuple(
            make("CreatableTopicConfig", name=name, value=value)
            for name, value in values.get("configs", {}).items()
        )
        assignments = tuple(
            make("CreatableReplicaAssignment", partition_index=index, broker_ids=brokers)
            for index, brokers in values.get("assignments", {}).items()
        )
        return tuple(
            make(
                "CreatableTopic",
                name=name,
                num_partitions=values.get("partitions", -1),
                replication_factor=values.get("replicas", -1),
                assignments=assignments,
                configs=configs,
            )
            for name in names
        )

    answer = await wire.ask(CREATE_TOPICS, 7, topics=topics, validate_only=validate_only)
    return list(answer.topics)


async def test_creates_topics(sim: AsyncSimulator, wire: Wire) -> None:
    one, two = await create(
        wire,
        "one",
        "two",
        partitions=3,
        replicas=1,
        configs={"retention.ms": "60000", "retention.bytes": "-1", "segment.ms": "1"},
    )
    assert [t.error_code.name for t in (one, two)] == ["none", "none"]
    assert (one.num_partitions, one.replication_factor) == (3, 1)
    info = sim.log.topic("one")
    assert (info.topic_id, len(info.partitions)) == (one.topic_id, 3)
    assert info.retention == Retention(max_age_ms=60_000)
    (defaults,) = await create(wire, "three")
    assert defaults.num_partitions == 1
    (assigned,) = await create(wire, "four", assignments={0: (1,), 1: (1,)})
    assert assigned.num_partitions == 2


@pytest.mark.parametrize(
    ("name", "values", "error"),
    [
        ("chat", {}, "topic_already_exists"),
        ("a/b", {}, "invalid_topic_exception"),
        ("", {}, "invalid_topic_exception"),
        ("t", {"partitions": 0}, "invalid_partitions"),
        ("t", {"partitions": -2}, "invalid_partitions"),
        ("t", {"partitions": 10_001}, "policy_violation"),
        ("t", {"replicas": 0}, "invalid_replication_factor"),
        ("t", {"replicas": 2}, "invalid_replication_factor"),
        ("t", {"configs": {"retention.mss": "1"}}, "invalid_config"),
        ("t", {"configs": {"retention.ms": "soon"}}, "invalid_config"),
        ("t", {"configs": {"retention.ms": None}}, "invalid_config"),
        ("t", {"configs": {"cleanup.policy": "vanish"}}, "invalid_config"),
        ("t", {"configs": {"max.message.bytes": "-1"}}, "invalid_config"),
        ("t", {"configs": {"remote.storage.enable": "true"}}, "invalid_config"),
        ("t", {"assignments": {0: (1,)}, "partitions": 1}, "invalid_request"),
        ("t", {"assignments": {0: (1,)}, "replicas": 1}, "invalid_request"),
        ("t", {"assignments": {0: (2,)}}, "invalid_replica_assignment"),
        ("t", {"assignments": {1: (1,)}}, "invalid_replica_assignment"),
    ],
)
async def test_refuses_topics(
    sim: AsyncSimulator, wire: Wire, name: str, values: dict[str, Any], error: str
) -> None:
    before = sim.topics()
    (topic,) = await create(wire, name, **values)
    assert topic.error_code.name == error
    assert topic.error_message
    assert sim.topics() == before


async def test_a_name_given_twice_is_created_not_once(sim: AsyncSimulator, wire: Wire) -> None:
    results = await create(wire, "t", "u", "t")
    assert {t.name: t.error_code.name for t in results} == {"t": "invalid_request", "u": "none"}
    assert not sim.log.has_topic("t")


async def test_validate_only_creates_nothing(sim: AsyncSimulator, wire: Wire) -> None:
    (topic,) = await create(wire, "t", validate_only=True)
    assert (topic.error_code.name, topic.num_partitions) == ("none", 1)
    (topic,) = await create(wire, "chat", validate_only=True)
    assert topic.error_code.name == "topic_already_exists"
    assert not sim.log.has_topic("t")


async def test_deletes_topics(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    sim.create_topic("u")
    topic_id = sim.log.topic("u").topic_id
    wanted = [("t", None), (None, topic_id), ("v", None), (None, uuid4()), (None, None)]

    def topics(make: Make) -> Any:
        return tuple(make("DeleteTopicState", name=n, topic_id=i) for n, i in wanted)

    answer = await wire.ask(DELETE_TOPICS, 6, topics=topics, timeout=seconds(1))
    assert [t.error_code.name for t in answer.responses] == [
        "none",
        "none",
        "unknown_topic_or_partition",
        "unknown_topic_id",
        "invalid_request",
    ]
    assert answer.responses[1].name == "u"
    assert not sim.log.has_topic("t")
    assert not sim.log.has_topic("u")


async def test_names_of_one_request_collide_with_each_other(
    sim: AsyncSimulator, wire: Wire
) -> None:
    """Metadata creates one after the other."""
    answer = await metadata(wire, "a.b", "a_b", "a_c", "plain", create=True)
    assert {topic.name: topic.error_code.name for topic in answer.topics} == {
        "a.b": "none",
        "a_b": "invalid_topic_exception",
        "a_c": "none",
        "plain": "none",
    }
    (topic,) = (await metadata(wire, "a.c", create=True)).topics
    assert topic.error_code.name == "invalid_topic_exception"


async def test_topics_that_cannot_be_created_are_no_end_of_the_connection() -> None:
    settings = Settings(kafka_port=0, config={"num.partitions": 20_000})
    async with AsyncSimulator(settings) as sim, await Wire.connect(sim.bootstrap_servers) as wire:
        (topic,) = (await metadata(wire, "t", create=True)).topics
        assert topic.error_code.name == "unknown_topic_or_partition"


async def test_partitions_of_all_topics_are_limited(
    sim: AsyncSimulator, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.log.topics.MAX_ALL_PARTITIONS", 4)  # two are there
    answer = await metadata(wire, "a", "b", "c", create=True)
    assert [topic.error_code.name for topic in answer.topics] == [
        "none",
        "none",
        "unknown_topic_or_partition",
    ]
    (refused,) = await create(wire, "c")
    assert refused.error_code.name == "policy_violation"
    assert refused.error_message == "no room for topic 'c': there may be 4 partitions in all"
