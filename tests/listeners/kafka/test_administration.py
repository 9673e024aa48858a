"""CreatePartitions, DeleteRecords, DescribeTopicPartitions, log directories, quotas.

Error codes and texts are those with which Apache Kafka 4.4 answered the same requests.
"""

from __future__ import annotations

from typing import Any

import pytest
from admin_wire import SET, TOPIC, change, create_topic, value_of
from kafka_batches import build_batch
from kafka_wire import (
    ALTER_CLIENT_QUOTAS,
    ALTER_REPLICA_LOG_DIRS,
    CREATE_PARTITIONS,
    DELETE_RECORDS,
    DELETE_TOPICS,
    DESCRIBE_CLIENT_QUOTAS,
    DESCRIBE_LOG_DIRS,
    DESCRIBE_TOPIC_PARTITIONS,
    METADATA,
    PRODUCE,
    Make,
    Wire,
    produce,
    seconds,
)

from simulator import AsyncSimulator
from simulator.simulator import Settings

# --- partitions ----------------------------------------------------------------------------


async def grow(
    wire: Wire, *wanted: tuple[str, int, list[tuple[int, ...]] | None], validate_only: bool = False
) -> list[tuple[str, str | None]]:
    def topics(make: Make) -> Any:
        return tuple(
            make(
                "CreatePartitionsTopic",
                name=name,
                count=count,
                assignments=None
                if assignments is None
                else tuple(make("CreatePartitionsAssignment", broker_ids=a) for a in assignments),
            )
            for name, count, assignments in wanted
        )

    answer = await wire.ask(
        CREATE_PARTITIONS, 3, topics=topics, timeout=seconds(1), validate_only=validate_only
    )
    return [(result.error_code.name, result.error_message) for result in answer.results]


async def test_partitions_are_added(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t", partitions=2)
    assert await grow(wire, ("t", 4, None), validate_only=True) == [("none", None)]
    assert len(sim.log.topic("t").partitions) == 2
    assert await grow(wire, ("t", 3, [(1,)])) == [("none", None)]
    assert await grow(wire, ("t", 5, None)) == [("none", None)]
    assert len(sim.log.topic("t").partitions) == 5
    answer = await wire.ask(
        PRODUCE, 9, **produce("t", build_batch([(1, b"k", b"v", ())]), partition=4)
    )
    assert answer.responses[0].partition_responses[0].error_code.name == "none"


@pytest.mark.parametrize(
    ("count", "assignments", "error", "text"),
    [
        (2, None, "invalid_partitions", "Topic already has 2 partition(s)."),
        (
            1,
            None,
            "invalid_partitions",
            "The topic t currently has 2 partition(s); 1 would not be an increase.",
        ),
        (
            -1,
            None,
            "invalid_partitions",
            "The topic t currently has 2 partition(s); -1 would not be an increase.",
        ),
        (
            20_000,
            None,
            "policy_violation",
            "Excessively large number of additional partitions per request.",
        ),
        (
            4,
            [(1,)],
            "invalid_replica_assignment",
            "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified.",
        ),
        (
            3,
            [(2,)],
            "invalid_replica_assignment",
            "The manual partition assignment includes broker 2, but no such broker is registered.",
        ),
        (
            3,
            [(1, 1)],
            "invalid_replica_assignment",
            "The manual partition assignment includes the broker 1 more than once.",
        ),
        (
            3,
            [()],
            "invalid_replica_assignment",
            "The manual partition assignment includes an empty replica list.",
        ),
    ],
)
async def test_partitions_that_cannot_be_added(
    sim: AsyncSimulator,
    wire: Wire,
    count: int,
    assignments: list[tuple[int, ...]] | None,
    error: str,
    text: str,
) -> None:
    sim.create_topic("t", partitions=2)
    assert await grow(wire, ("t", count, assignments)) == [(error, text)]
    assert len(sim.log.topic("t").partitions) == 2


async def test_partitions_of_no_topic_or_of_one_twice(sim: AsyncSimulator, wire: Wire) -> None:
    assert await grow(wire, ("nope", 2, None)) == [("unknown_topic_or_partition", None)]
    twice = [("invalid_request", "Duplicate topic name.")]
    assert await grow(wire, ("chat", 3, None), ("chat", 4, None)) == twice


async def test_partitions_follow_snapshots_and_reset(sim: AsyncSimulator, wire: Wire) -> None:
    few = sim.snapshot()
    await grow(wire, ("chat", 3, None))
    sim.log.append("chat", b"{}", timestamp=1, partition=2)
    many = sim.snapshot()
    sim.restore(few)
    assert len(sim.log.topic("chat").partitions) == 1
    sim.restore(many)
    assert [p.end for p in sim.log.topic("chat").partitions] == [0, 0, 1]
    sim.reset()
    assert len(sim.log.topic("chat").partitions) == 1


async def test_replicas_are_spread_over_the_brokers() -> None:
    async with (
        AsyncSimulator(Settings(brokers=3)) as sim,
        await Wire.connect(sim.bootstrap_servers.split(",")[0]) as wire,
    ):
        topic = await create_topic(wire, "t", partitions=3, replicas=2)
        assert (topic.error_code.name, topic.replication_factor) == ("none", 2)
        await grow(wire, ("t", 6, None))
        places = [sim.kafka.place("t", partition) for partition in range(6)]
        assert {len(set(place.replicas)) for place in places} == {2}
        assert {place.leader for place in places} == {1, 2, 3}
        given = await create_topic(wire, "u", assignments={0: (3, 1), 1: (2, 3)})
        assert (given.num_partitions, given.replication_factor) == (2, 2)
        assert [sim.kafka.place("u", p).replicas for p in (0, 1)] == [(3, 1), (2, 3)]
        refused = await create_topic(wire, "v", replicas=4)
        assert refused.error_code.name == "invalid_replication_factor"
        assert "because only 3 broker(s) are registered" in refused.error_message


# --- records -------------------------------------------------------------------------------


async def delete(wire: Wire, topic: str, *wanted: tuple[int, int]) -> list[tuple[int, str]]:
    def topics(make: Make) -> Any:
        partitions = tuple(
            make("DeleteRecordsPartition", partition_index=partition, offset=offset)
            for partition, offset in wanted
        )
        return (make("DeleteRecordsTopic", name=topic, partitions=partitions),)

    answer = await wire.ask(DELETE_RECORDS, 2, topics=topics, timeout=seconds(1))
    (found,) = answer.topics
    return [(p.low_watermark, p.error_code.name) for p in found.partitions]


async def test_records_are_deleted_up_to_an_offset(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t", partitions=2)
    for _ in range(5):
        sim.publish("t", b"v", partition=0)
    assert await delete(wire, "t", (0, 2), (1, 0), (77, 0)) == [
        (2, "none"),
        (0, "none"),
        (-1, "unknown_topic_or_partition"),
    ]
    assert await delete(wire, "t", (0, 1)) == [(2, "none")]
    assert await delete(wire, "t", (0, 99)) == [(-1, "offset_out_of_range")]
    assert await delete(wire, "t", (0, -2)) == [(-1, "offset_out_of_range")]
    assert await delete(wire, "t", (0, -1)) == [(5, "none")]
    assert await delete(wire, "nope", (0, 0)) == [(-1, "unknown_topic_or_partition")]
    await change(wire, TOPIC, "t", ("cleanup.policy", SET, "compact"))
    assert await delete(wire, "t", (0, -1)) == [(-1, "policy_violation")]


# --- partitions, some at a time ------------------------------------------------------------


async def pages(
    wire: Wire, *names: str, limit: int = 2000, cursor: tuple[str, int] | None = None
) -> tuple[list[tuple[str, str, list[int]]], tuple[str, int] | None]:
    answer = await wire.ask(
        DESCRIBE_TOPIC_PARTITIONS,
        0,
        topics=lambda make: tuple(make("TopicRequest", name=name) for name in names),
        response_partition_limit=limit,
        cursor=lambda make: (
            cursor and make("Cursor", topic_name=cursor[0], partition_index=cursor[1])
        ),
    )
    following = answer.next_cursor
    return [
        (t.error_code.name, t.name, [p.partition_index for p in t.partitions])
        for t in answer.topics
    ], following and (following.topic_name, following.partition_index)


async def test_topics_are_told_some_partitions_at_a_time(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t", partitions=5)
    assert await pages(wire, "t", limit=2) == ([("none", "t", [0, 1])], ("t", 2))
    assert await pages(wire, "t", limit=2, cursor=("t", 4)) == ([("none", "t", [4])], None)
    assert await pages(wire, "t", "chat", limit=2) == (
        [("none", "chat", [0]), ("none", "t", [0])],
        ("t", 1),
    )
    everything = [("none", "chat", [0]), ("none", "personalChat", [0])]
    assert await pages(wire, limit=2) == (everything, ("t", 0))
    assert await pages(wire, "chat", limit=0) == (everything[:1], None)


async def test_topics_that_cannot_be_told(wire: Wire) -> None:
    assert await pages(wire, "nope", "a/b", "chat", "chat") == (
        [
            ("invalid_topic_exception", "a/b", []),
            ("none", "chat", [0]),
            ("unknown_topic_or_partition", "nope", []),
        ],
        None,
    )
    refused = ([("invalid_request", "chat", [])], None)
    assert await pages(wire, "chat", cursor=("b", 0)) == refused
    assert await pages(wire, "chat", cursor=("chat", -1)) == refused


# --- directories ---------------------------------------------------------------------------


async def test_the_directory_of_a_broker(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t", partitions=2)
    sim.publish("t", b"12345", partition=1)
    answer = await wire.ask(DESCRIBE_LOG_DIRS, 4, topics=None)
    (directory,) = answer.results
    sizes = {
        (t.name, p.partition_index): p.partition_size
        for t in directory.topics
        for p in t.partitions
    }
    assert sizes == {("chat", 0): 0, ("personalChat", 0): 0, ("t", 0): 0, ("t", 1): 5}
    assert 0 < directory.usable_bytes < directory.total_bytes == sim.settings.max_bytes

    answer = await wire.ask(
        DESCRIBE_LOG_DIRS,
        4,
        topics=lambda make: tuple(
            make("DescribableLogDirTopic", topic=name, partitions=(1, 9)) for name in ("t", "nope")
        ),
    )
    ((topic,),) = (result.topics for result in answer.results)
    assert [p.partition_index for p in topic.partitions] == [1]

    def move(path: str) -> Any:
        return lambda make: (
            make(
                "AlterReplicaLogDir",
                path=path,
                topics=(make("AlterReplicaLogDirTopic", name="t", partitions=(0, 9)),),
            ),
        )

    errors = {}
    for path in (directory.log_dir, "/elsewhere"):
        answer = await wire.ask(ALTER_REPLICA_LOG_DIRS, 2, dirs=move(path))
        errors[path] = [p.error_code.name for t in answer.results for p in t.partitions]
    assert errors == {
        directory.log_dir: ["none", "unknown_topic_or_partition"],
        "/elsewhere": ["log_dir_not_found"] * 2,
    }


# --- quotas --------------------------------------------------------------------------------

Names = list[tuple[str, str | None]]


async def alter(
    wire: Wire, *entries: tuple[Names, dict[str, float | None]], validate_only: bool = False
) -> list[tuple[str, str | None]]:
    def made(make: Make) -> Any:
        return tuple(
            make(
                "EntryData",
                entity=tuple(make("EntityData", entity_type=t, entity_name=n) for t, n in names),
                ops=tuple(
                    make("OpData", key=key, value=float(value or 0), remove=value is None)
                    for key, value in quotas.items()
                ),
            )
            for names, quotas in entries
        )

    answer = await wire.ask(ALTER_CLIENT_QUOTAS, 1, entries=made, validate_only=validate_only)
    return [(entry.error_code.name, entry.error_message) for entry in answer.entries]


async def quotas(
    wire: Wire, *components: tuple[str, int, str | None], strict: bool = False
) -> dict[tuple[tuple[str, str | None], ...], dict[str, float]] | tuple[str, str]:
    answer = await wire.ask(
        DESCRIBE_CLIENT_QUOTAS,
        1,
        components=lambda make: tuple(
            make("ComponentData", entity_type=kind, match_type=match, match=name)
            for kind, match, name in components
        ),
        strict=strict,
    )
    if answer.error_code.name != "none":
        return answer.error_code.name, answer.error_message
    return {
        tuple((e.entity_type, e.entity_name) for e in entry.entity): {
            value.key: value.value for value in entry.values
        }
        for entry in answer.entries
    }


async def test_quotas_are_kept_and_found(sim: AsyncSimulator, wire: Wire) -> None:
    both: Names = [("user", "u"), ("client-id", "c")]
    assert (
        await alter(
            wire,
            ([("user", "u")], {"producer_byte_rate": 100, "controller_mutation_rate": 1.5}),
            (both, {"consumer_byte_rate": 50}),
            ([("client-id", None)], {"request_percentage": 5}),
            ([("ip", "127.0.0.1")], {"connection_creation_rate": 5}),
        )
        == [("none", None)] * 4
    )
    user = {"producer_byte_rate": 100.0, "controller_mutation_rate": 1.5}
    pair = (("client-id", "c"), ("user", "u"))
    everything = await quotas(wire)
    assert len(everything) == 4
    assert await quotas(wire, ("user", 0, "u")) == {
        (("user", "u"),): user,
        pair: {"consumer_byte_rate": 50.0},
    }
    assert await quotas(wire, ("user", 0, "u"), strict=True) == {(("user", "u"),): user}
    assert await quotas(wire, ("client-id", 1, None)) == {
        (("client-id", None),): {"request_percentage": 5.0}
    }
    assert await quotas(wire, ("client-id", 2, None), ("user", 2, None)) == {
        pair: {"consumer_byte_rate": 50.0}
    }
    assert await quotas(wire, ("user", 0, "nobody")) == {}
    await alter(wire, (both, {"consumer_byte_rate": None}))
    await alter(wire, (both, {"consumer_byte_rate": 9}), validate_only=True)
    assert len(await quotas(wire)) == 3
    sim.reset()
    assert await quotas(wire) == {}


@pytest.mark.parametrize(
    ("names", "wish", "text"),
    [
        ([("ip", "not-an-ip!")], {"connection_creation_rate": 5}, "not-an-ip! is not a valid IP"),
        ([("ip", "127.0.0.1")], {"producer_byte_rate": 5}, "Invalid configuration key producer"),
        (
            [("user", "u"), ("ip", "127.0.0.1")],
            {"producer_byte_rate": 5},
            "Invalid quota entity combination, IP entity shouldnot be combined with User or",
        ),
        ([("foo", "u")], {"producer_byte_rate": 5}, "Unhandled client quota entity type: foo"),
        ([("user", "u")], {"foo": 5}, "Invalid configuration key foo"),
        (
            [("user", "u")],
            {"producer_byte_rate": -5},
            "Quota producer_byte_rate must be greater than 0",
        ),
        (
            [("user", "u")],
            {"producer_byte_rate": 5.5},
            "producer_byte_rate cannot be a fractional value.",
        ),
        ([("user", "")], {"producer_byte_rate": 5}, "Empty user not supported"),
        ([], {"producer_byte_rate": 5}, "Invalid empty client quota entity"),
    ],
)
async def test_quotas_that_cannot_be(
    wire: Wire, names: Names, wish: dict[str, float | None], text: str
) -> None:
    ((error, told),) = await alter(wire, (names, wish))
    assert error == "invalid_request"
    assert (told or "").startswith(text)
    assert await quotas(wire) == {}


async def test_an_entity_named_twice_counts_once(wire: Wire) -> None:
    names: Names = [("user", "u")]
    text = "Ignoring duplicate entity ClientQuotaEntity(entries={user=u})"
    assert await alter(
        wire, (names, {"producer_byte_rate": 7}), (names, {"producer_byte_rate": 8})
    ) == [("invalid_request", text)]
    assert await quotas(wire) == {(("user", "u"),): {"producer_byte_rate": 7.0}}


@pytest.mark.parametrize(
    ("components", "error", "text"),
    [
        ([("foo", 0, "x")], "unsupported_version", "Unsupported entity type foo"),
        (
            [("user", 0, "u"), ("user", 0, "v")],
            "invalid_request",
            "Entity type user cannot appear more than once in the filter.",
        ),
        ([("user", 9, "u")], "invalid_request", "Unknown match type 9"),
        (
            [("user", 0, None)],
            "invalid_request",
            "Request specified MATCH_TYPE_EXACT, but set match string to null.",
        ),
        (
            [("user", 1, "x")],
            "invalid_request",
            "Request specified MATCH_TYPE_DEFAULT, but also specified a match string.",
        ),
        ([("", 1, "x")], "invalid_request", "Invalid empty entity type."),
        (
            [("ip", 0, "127.0.0.1"), ("user", 0, "u")],
            "invalid_request",
            "Invalid entity filter component combination. IP filter component should not be used "
            "with user or clientId filter component.",
        ),
    ],
)
async def test_filters_that_cannot_be(
    wire: Wire, components: list[tuple[str, int, str | None]], error: str, text: str
) -> None:
    assert await quotas(wire, *components) == (error, text)


# --- what a broker's settings forbid -------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "error"), [(2, "invalid_request"), (6, "topic_deletion_disabled")]
)
async def test_topics_are_deleted_only_if_the_broker_may(version: int, error: str) -> None:
    async with (
        AsyncSimulator(Settings(config={"delete.topic.enable": False})) as sim,
        await Wire.connect(sim.bootstrap_servers) as wire,
    ):
        answer = await wire.ask(
            DELETE_TOPICS,
            version,
            topics=lambda make: (make("DeleteTopicState", name="chat", topic_id=None),),
            topic_names=("chat",),
            timeout=seconds(1),
        )
        assert [result.error_code.name for result in answer.responses] == [error]
        assert sim.log.has_topic("chat")


# --- topics that the cluster keeps for itself ----------------------------------------------


async def internal(wire: Wire, version: int = 12) -> dict[str, tuple[bool, int]]:
    answer = await wire.ask(
        METADATA,
        version,
        topics=None,
        allow_auto_topic_creation=False,
        include_topic_authorized_operations=False,
    )
    return {
        topic.name: (topic.is_internal, len(topic.partitions))
        for topic in answer.topics
        if topic.name.startswith("__")
    }


async def test_offsets_are_seen_to_be_kept_once_a_group_has_committed(
    sim: AsyncSimulator, wire: Wire
) -> None:
    assert await internal(wire) == {}
    fresh = sim.snapshot()
    sim.log.groups.commit("g", "chat", 0, 0)
    assert await internal(wire) == {"__consumer_offsets": (True, 50)}
    assert [topic.name for topic in sim.topics()] == ["chat", "personalChat"]
    policy = await value_of(wire, TOPIC, "__consumer_offsets", "cleanup.policy")
    assert policy == "compact"
    data = build_batch([(1, b"k", b"v", ())])
    answer = await wire.ask(PRODUCE, 9, **produce("__consumer_offsets", data))
    (refused,) = answer.responses[0].partition_responses
    assert (refused.error_code.name, refused.error_message) == ("invalid_topic_exception", None)
    assert await delete(wire, "__consumer_offsets", (0, -1)) == [(-1, "invalid_topic_exception")]
    sim.restore(fresh)
    assert await internal(wire) == {}


async def test_internal_topics_change_no_ids_of_others(sim: AsyncSimulator, wire: Wire) -> None:
    alone = sim.create_topic("t").topic_id
    sim.reset()
    sim.log.groups.commit("g", "chat", 0, 0)
    await internal(wire)
    assert sim.create_topic("t").topic_id != alone  # every topic of a log has an id of its own
    async with AsyncSimulator() as other:
        other.create_topic("t")
        other.reset()
        assert other.create_topic("t").topic_id == sim.log.topic("t").topic_id


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (float("inf"), "invalid_request"),
        (float("nan"), "invalid_request"),
        (1e300, "invalid_request"),
        (1000.0000001, "none"),
        (1000.1, "invalid_request"),
    ],
)
async def test_quotas_that_are_no_numbers_to_count_with(
    wire: Wire, value: float, error: str
) -> None:
    """Kafka compares with the whole part to six places; infinity has none."""
    entry: tuple[Names, dict[str, float | None]] = ([("user", "u")], {"consumer_byte_rate": value})
    assert [code for code, _ in await alter(wire, entry)] == [error]
