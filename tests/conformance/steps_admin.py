"""The cluster described, partitions added, records deleted, leaders elected."""

from __future__ import annotations

from typing import Any

from asking import batch, committed, committing, listing, producing
from brokers import Broker
from steps import steps
from steps_fetch import filled
from steps_groups import stable


def deleting(*places: tuple[str, int, int]) -> dict[str, Any]:
    return {
        "topics": [
            {"name": topic, "partitions": [{"partition_index": partition, "offset": offset}]}
            for topic, partition, offset in places
        ],
        "timeout": 5000,
    }


@steps
async def delete_records(broker: Broker) -> None:
    for version in broker.common("delete_records"):
        topic = await filled(broker, f"t{version}")
        for offset in (0, 3, 1, 99, -2, -1):
            body = deleting((topic, 0, offset))
            await broker.ask("delete_records", version, label=f"before {offset}", **body)
            body = listing(broker, (topic, 0, -2))
            await broker.ask("list_offsets", label=f"start after {offset}", **body)
        body = deleting((topic, 7, 0), (broker.name("missing"), 0, 0))
        await broker.ask("delete_records", version, label="unknown", **body)
        await broker.ask("delete_records", version, label="nothing", **deleting())
        await broker.ask("produce", **producing(broker, (topic, 0, batch())))
    compact = await broker.topic("compact", cleanup_policy="compact")
    await broker.ask("delete_records", label="of compacted", **deleting((compact, 0, 0)))


def growing(name: str, count: int, assignments: list[list[int]] | None = None) -> dict[str, Any]:
    given = None if assignments is None else [{"broker_ids": each} for each in assignments]
    return {"name": name, "count": count, "assignments": given}


@steps
async def create_partitions(broker: Broker) -> None:
    for version in broker.common("create_partitions"):
        topic = await broker.topic(f"t{version}", 2)
        for label, new in {
            "for a try": growing(topic, 3),
            "more": growing(topic, 3),
            "as many": growing(topic, 3),
            "fewer": growing(topic, 1),
            "none": growing(topic, 0),
            "negative": growing(topic, -1),
            "far too many": growing(topic, 100_000),
            "assigned": growing(topic, 4, [[1]]),
            "assigned too few": growing(topic, 6, [[1]]),
            "assigned too many": growing(topic, 5, [[1], [1]]),
            "assigned elsewhere": growing(topic, 5, [[9]]),
            "assigned nowhere": growing(topic, 5, [[]]),
            "unknown": growing(broker.name("missing"), 3),
            "bad name": growing("a/b", 3),
        }.items():
            await broker.ask(
                "create_partitions",
                version,
                label=label,
                topics=[new],
                timeout=5000,
                validate_only=label == "for a try",
            )
        both = [growing(topic, 5), growing(topic, 6)]
        await broker.ask("create_partitions", version, label="twice", topics=both, timeout=5000)


@steps
async def describe_topic_partitions(broker: Broker) -> None:
    one, two = await broker.topic("one", 3), await broker.topic("two")
    missing = broker.name("missing")
    for label, names, limit, cursor in (
        ("both", [one, two], 2000, None),
        ("turned", [two, one], 2000, None),
        ("missing", [missing, one], 2000, None),
        ("bad", ["a/b", ""], 2000, None),
        ("twice", [one, one], 2000, None),
        ("two partitions", [one, two], 2, None),
        ("limit 0", [one], 0, None),
        ("limit -1", [one], -1, None),
        ("from a cursor", [one, two], 2000, {"topic_name": one, "partition_index": 2}),
        ("from the next topic", [one, two], 2000, {"topic_name": two, "partition_index": 0}),
        ("from nowhere", [one, two], 2000, {"topic_name": missing, "partition_index": 0}),
        ("from beyond", [one, two], 2000, {"topic_name": one, "partition_index": 9}),
        ("from -1", [one, two], 2000, {"topic_name": one, "partition_index": -1}),
    ):
        await broker.ask(
            "describe_topic_partitions",
            label=label,
            topics=[{"name": name} for name in names],
            response_partition_limit=limit,
            cursor=cursor,
        )


@steps
async def describe_log_dirs(broker: Broker) -> None:
    topic = await filled(broker, partitions=2)

    def mine(answer: dict[str, Any]) -> Any:
        return {
            "error_code": answer.get("error_code"),
            "dirs": [
                {
                    "error_code": each["error_code"],
                    "topics": [found for found in each["topics"] if found["name"] == topic],
                }
                for each in answer["results"]
            ],
        }

    for version in broker.common("describe_log_dirs"):
        for label, topics in (
            ("all", None),
            ("one", [{"topic": topic, "partitions": [0]}]),
            ("unknown", [{"topic": topic, "partitions": [7]}]),
            ("none", []),
        ):
            await broker.ask(
                "describe_log_dirs", version, label=f"dirs of {label}", only=mine, topics=topics
            )


@steps
async def offset_delete(broker: Broker) -> None:
    topic, other = await broker.topic("t", 2), await broker.topic("other")
    group, busy = broker.name("g"), broker.name("busy")
    body = committing(broker, group, (topic, 0, 1), (other, 0, 2))
    await broker.ask("offset_commit", **body)
    await stable(broker, busy)
    for label, name, places in (
        ("missing group", broker.name("missing"), {topic: [0]}),
        ("no group", "", {topic: [0]}),
        ("unknown", group, {topic: [7], broker.name("missing"): [0]}),
        ("not committed", group, {topic: [1]}),
        ("committed", group, {topic: [0]}),
        ("busy", busy, {topic: [0]}),
        ("nothing", group, {}),
    ):
        await broker.ask(
            "offset_delete",
            label=label,
            group_id=name,
            topics=[
                {"name": each, "partitions": [{"partition_index": index} for index in indexes]}
                for each, indexes in places.items()
            ],
        )
    await broker.ask("offset_fetch", **committed(broker, group, everything=True))


@steps
async def alter_replica_log_dirs(broker: Broker) -> None:
    topic = await broker.topic("t")
    for version in broker.common("alter_replica_log_dirs"):
        for name, partition in ((topic, 0), (topic, 7), (broker.name("missing"), 0)):
            moved = {"name": name, "partitions": [partition]}
            await broker.ask(
                "alter_replica_log_dirs",
                version,
                label=f"{name} {partition}".replace(broker.name(""), ""),
                dirs=[{"path": "/no/such/directory", "topics": [moved]}],
            )
        await broker.ask("alter_replica_log_dirs", version, label="nothing", dirs=[])
