"""Topics made and deleted."""

from __future__ import annotations

from typing import Any

from asking import creating, deleting
from brokers import Broker
from steps import steps

BAD_NAMES = ("", ".", "..", "a/b", "a b", "é", "x" * 250, "a:b", "a\x00b")


@steps
async def create_topics_in_every_version(broker: Broker) -> None:
    for version in broker.common("create_topics"):
        new = {"name": broker.name(f"made-{version}"), "num_partitions": 3}
        await broker.ask("create_topics", version, **creating(new))
        await broker.known(new["name"])
        await broker.ask("create_topics", version, label="again", **creating(new))


@steps
async def create_topics_of_bad_names(broker: Broker) -> None:
    for name in BAD_NAMES:
        await broker.ask("create_topics", label=f"topic {name[:9]!r}", **creating({"name": name}))


@steps
async def create_topics_whose_names_collide(broker: Broker) -> None:
    await broker.topic("one.two")
    await broker.ask("create_topics", **creating({"name": broker.name("one_two")}))
    both = [{"name": broker.name("a.b")}, {"name": broker.name("a_b")}]
    await broker.ask("create_topics", label="at once", **creating(*both))


@steps
async def create_topics_with_bad_numbers(broker: Broker) -> None:
    for partitions in (0, -1, -2, -(1 << 31), 10_001, 200_000, 1 << 30):
        new = {"name": broker.name(f"p{partitions}"), "num_partitions": partitions}
        await broker.ask(
            "create_topics",
            label=f"{partitions} partitions",
            **creating(new, validate_only=partitions > 1000),
        )
    for replicas in (0, -1, -2, 2, 3, 32767):
        new = {"name": broker.name(f"r{replicas}"), "replication_factor": replicas}
        await broker.ask("create_topics", label=f"{replicas} replicas", **creating(new))
    for version in (2, 3, 4):
        new = {"name": broker.name(f"v{version}"), "num_partitions": -1, "replication_factor": -1}
        await broker.ask("create_topics", version, label="defaults", **creating(new))


def placed(name: str, *parts: tuple[int, list[int]], **rest: Any) -> dict[str, Any]:
    given = [{"partition_index": index, "broker_ids": brokers} for index, brokers in parts]
    numbers = {"num_partitions": -1, "replication_factor": -1}
    return {"name": name, **numbers, "assignments": given, **rest}


@steps
async def create_topics_with_assignments(broker: Broker) -> None:
    cases: dict[str, Any] = {
        "good": placed("", (0, [1]), (1, [1])),
        "order": placed("", (1, [1]), (0, [1])),
        "gap": placed("", (0, [1]), (2, [1])),
        "from one": placed("", (1, [1])),
        "negative": placed("", (-1, [1])),
        "unknown broker": placed("", (0, [9])),
        "negative broker": placed("", (0, [-1])),
        "broker twice": placed("", (0, [1, 1])),
        "partition twice": placed("", (0, [1]), (0, [1])),
        "no brokers": placed("", (0, [])),
        "uneven": placed("", (0, [1]), (1, [1, 2])),
        "partitions too": placed("", (0, [1]), num_partitions=1),
        "replicas too": placed("", (0, [1]), replication_factor=1),
        "both too": placed("", (0, [1]), num_partitions=1, replication_factor=1),
    }
    for label, topic in cases.items():
        topic["name"] = broker.name(label.replace(" ", "-"))
        await broker.ask("create_topics", label=label, **creating(topic))


@steps
async def create_topics_for_a_try(broker: Broker) -> None:
    new = {"name": broker.name("t"), "num_partitions": 2}
    for version in broker.common("create_topics"):
        await broker.ask("create_topics", version, **creating(new, validate_only=True))
    await broker.topic("there")
    there = {"name": broker.name("there")}
    await broker.ask("create_topics", label="exists", **creating(there, validate_only=True))
    await broker.ask("create_topics", label="bad", **creating({"name": "?"}, validate_only=True))
    await broker.ask("create_topics", label="then", **creating(new))


@steps
async def create_topics_several(broker: Broker) -> None:
    one, two = {"name": broker.name("one")}, {"name": broker.name("two")}
    await broker.ask("create_topics", label="none", **creating())
    await broker.ask("create_topics", label="twice", **creating(one, one))
    await broker.ask("create_topics", label="twice and another", **creating(one, one, two))
    await broker.ask(
        "create_topics", label="good and bad", **creating({"name": "?"}, one, {"name": ""})
    )


CONFIGS = (
    ("retention.ms", "1000"),
    ("retention.ms", "-1"),
    ("retention.ms", "-2"),
    ("retention.ms", "soon"),
    ("retention.ms", ""),
    ("retention.ms", None),
    ("retention.bytes", "1000"),
    ("retention.bytes", "99999999999999999999"),
    ("cleanup.policy", "delete"),
    ("cleanup.policy", "compact"),
    ("cleanup.policy", "compact,delete"),
    ("cleanup.policy", ""),
    ("cleanup.policy", "burn"),
    ("max.message.bytes", "100"),
    ("max.message.bytes", "-1"),
    ("message.timestamp.type", "LogAppendTime"),
    ("message.timestamp.type", "CreateTime"),
    ("message.timestamp.type", "now"),
    ("min.insync.replicas", "1"),
    ("min.insync.replicas", "0"),
    ("min.insync.replicas", "2"),
    ("compression.type", "zstd"),
    ("compression.type", "rar"),
    ("segment.bytes", "1000"),
    ("segment.bytes", "1048576"),
    ("segment.ms", "0"),
    ("no.such.config", "1"),
    ("", "1"),
    ("unclean.leader.election.enable", "true"),
    ("unclean.leader.election.enable", "maybe"),
    ("message.format.version", "2.0"),
    ("message.timestamp.before.max.ms", "10"),
    ("flush.messages", "0"),
    ("index.interval.bytes", "-5"),
    ("file.delete.delay.ms", "5"),
    ("preallocate", "yes"),
    ("min.cleanable.dirty.ratio", "2"),
    ("min.cleanable.dirty.ratio", "0.25"),
    ("remote.storage.enable", "true"),
    ("follower.replication.throttled.replicas", "x"),
    ("leader.replication.throttled.replicas", "*"),
)


def code_and_text(answer: dict[str, Any]) -> Any:
    return [(each["error_code"], each["error_message"]) for each in answer["topics"]]


@steps
async def create_topics_with_configs(broker: Broker) -> None:
    for row, (name, value) in enumerate(CONFIGS):
        new = {"name": broker.name(f"t{row}"), "configs": [{"name": name, "value": value}]}
        await broker.ask(
            "create_topics",
            label=f"{name}={value}",
            only=code_and_text,
            **creating(new, validate_only=True),
        )
    twice = [{"name": "retention.ms", "value": "1"}, {"name": "retention.ms", "value": "2"}]
    new = {"name": broker.name("t"), "configs": twice}
    await broker.ask("create_topics", label="config twice", only=code_and_text, **creating(new))


@steps
async def create_topics_tells_configs(broker: Broker) -> None:
    configs = [
        {"name": "retention.ms", "value": "1000"},
        {"name": "cleanup.policy", "value": "compact"},
    ]
    for version in (5, 6, 7):
        new = {"name": broker.name(f"t{version}"), "configs": configs}
        await broker.ask("create_topics", version, **creating(new))


@steps
async def delete_topics_in_every_version(broker: Broker) -> None:
    for version in broker.common("delete_topics"):
        topic = await broker.topic(f"t{version}")
        await broker.ask("delete_topics", version, **deleting({"name": topic}))
        await broker.known(topic, gone=True)
        await broker.ask("delete_topics", version, label="again", **deleting({"name": topic}))


@steps
async def delete_topics_by_id(broker: Broker) -> None:
    topic, other = await broker.topic("t"), await broker.topic("other")
    strange = "5ca1ab1e-0000-4000-8000-000000000001"
    named = {"name": topic, "topic_id": broker.ids[topic]}
    await broker.ask("delete_topics", label="unknown id", **deleting({"topic_id": strange}))
    await broker.ask("delete_topics", label="neither", **deleting({}))
    await broker.ask("delete_topics", label="name and id", **deleting(named))
    twice = {"topic_id": broker.ids[other]}
    await broker.ask("delete_topics", label="id twice", **deleting(twice, twice))
    await broker.ask("delete_topics", label="by name and by id", **deleting(twice, {"name": other}))
    await broker.ask("delete_topics", label="by id", **deleting(twice))


@steps
async def delete_topics_of_odd_names(broker: Broker) -> None:
    topic = await broker.topic("t")
    for name in BAD_NAMES:
        await broker.ask("delete_topics", label=f"topic {name[:9]!r}", **deleting({"name": name}))
    await broker.ask("delete_topics", label="none", **deleting())
    twice = {"name": topic}
    await broker.ask("delete_topics", label="twice", **deleting(twice, twice))
    missing = {"name": broker.name("missing")}
    await broker.ask("delete_topics", label="one is missing", **deleting(twice, missing))


@steps
async def create_topics_anew(broker: Broker) -> None:
    """A new topic of an old name has another id."""
    topic = await broker.topic("t")
    first = broker.ids[topic]
    await broker.ask("delete_topics", **deleting({"name": topic}))
    await broker.known(topic, gone=True)
    await broker.topic("t")
    broker.note("another id", broker.ids[topic] != first)
