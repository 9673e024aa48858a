"""Settings described and changed."""

from __future__ import annotations

from typing import Any

from brokers import SHORT_PATIENCE, Broker
from steps import steps

TOPIC, BROKER, LOGGER, CLIENT_METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


def describing(*resources: tuple[int, str, list[str] | None], **more: bool) -> dict[str, Any]:
    return {
        "resources": [
            {"resource_type": kind, "resource_name": name, "configuration_keys": keys}
            for kind, name, keys in resources
        ],
        "include_synonyms": False,
        "include_documentation": False,
        **more,
    }


def altering(
    *resources: tuple[int, str, dict[str, str | None]], validate_only: bool = False
) -> dict[str, Any]:
    """The settings of resources as a whole."""
    return {
        "resources": [
            {
                "resource_type": kind,
                "resource_name": name,
                "configs": [{"name": key, "value": value} for key, value in configs.items()],
            }
            for kind, name, configs in resources
        ],
        "validate_only": validate_only,
    }


def changing(
    kind: int, name: str, *changes: tuple[str, int, str | None], validate_only: bool = False
) -> dict[str, Any]:
    """Single settings of one resource: name, operation, value."""
    return {
        "resources": [
            {
                "resource_type": kind,
                "resource_name": name,
                "configs": [
                    {"name": key, "config_operation": operation, "value": value}
                    for key, operation, value in changes
                ],
            }
        ],
        "validate_only": validate_only,
    }


SHOWN = ["retention.ms", "cleanup.policy", "min.insync.replicas", "compression.type"]


@steps
async def describe_configs_of_a_topic(broker: Broker) -> None:
    topic = await broker.topic("t", retention_ms="1000")
    for version in broker.common("describe_configs"):
        for synonyms in (False, True):
            body = describing((TOPIC, topic, None), include_synonyms=synonyms)
            await broker.ask("describe_configs", version, label=f"synonyms {synonyms}", **body)
        for keys in ([], ["retention.ms"], ["no.such.config"], ["retention.ms", "cleanup.policy"]):
            body = describing((TOPIC, topic, keys))
            await broker.ask("describe_configs", version, label=f"keys {keys}", **body)
    documented = describing((TOPIC, topic, SHOWN), include_documentation=True)
    await broker.ask("describe_configs", label="with documentation", **documented)


@steps
async def describe_configs_of_odd_resources(broker: Broker) -> None:
    topic = await broker.topic("t")
    for kind in (0, 1, 3, 5, 7, 64, -1):
        body = describing((kind, topic, SHOWN))
        await broker.ask("describe_configs", label=f"type {kind}", **body)
    for name in ("", "a/b", broker.name("missing"), "x" * 250):
        body = describing((TOPIC, name, SHOWN))
        await broker.ask("describe_configs", label=f"topic {name[:9]!r}", **body)
    for name in ("", "2", "one", "-1"):
        body = describing((BROKER, name, ["log.retention.ms"]))
        await broker.ask("describe_configs", label=f"broker {name!r}", **body)
        body = describing((LOGGER, name, ["kafka"]))
        await broker.ask("describe_configs", label=f"logger {name!r}", **body)
    for kind, name in ((GROUP, "g"), (GROUP, ""), (CLIENT_METRICS, "m"), (CLIENT_METRICS, "")):
        body = describing((kind, name, None))
        await broker.ask("describe_configs", label=f"type {kind} {name!r}", **body)
    await broker.ask("describe_configs", label="none", **describing())
    twice = describing((TOPIC, topic, SHOWN), (TOPIC, topic, SHOWN))
    await broker.ask("describe_configs", label="twice", **twice)


BROKER_SETTINGS = [
    "num.partitions",
    "auto.create.topics.enable",
    "default.replication.factor",
    "group.initial.rebalance.delay.ms",
    "group.min.session.timeout.ms",
    "group.max.session.timeout.ms",
    "group.max.size",
    "offset.metadata.max.bytes",
    "offsets.retention.minutes",
    "log.retention.bytes",
    "log.cleanup.policy",
    "log.message.timestamp.type",
    "message.max.bytes",
    "min.insync.replicas",
    "transaction.max.timeout.ms",
    "transactional.id.expiration.ms",
    "max.incremental.fetch.session.cache.slots",
    "fetch.max.bytes",
    "socket.request.max.bytes",
    "connections.max.idle.ms",
    "compression.type",
    "delete.topic.enable",
    "no.such.config",
]


@steps
async def describe_configs_of_the_broker(broker: Broker) -> None:
    for name in ("1", ""):
        for synonyms in (False, True):
            body = describing((BROKER, name, BROKER_SETTINGS), include_synonyms=synonyms)
            label = f"broker {name!r} synonyms {synonyms}"
            await broker.ask("describe_configs", label=label, **body)


async def look(broker: Broker, topic: str, label: str) -> None:
    body = describing((TOPIC, topic, None))
    await broker.ask(
        "describe_configs",
        label=label,
        only=lambda answer: {
            each["name"]: each["value"]
            for each in answer["results"][0]["configs"]
            if each["config_source"] == 1
        },
        **body,
    )


@steps
async def alter_configs_of_a_topic(broker: Broker) -> None:
    topic = await broker.topic("t")
    for version in broker.common("alter_configs"):
        given: dict[str, str | None] = {"retention.ms": f"{1000 + version}"}
        await broker.ask("alter_configs", version, **altering((TOPIC, topic, given)))
        await broker.settled_configs(topic, "retention.ms", f"{1000 + version}")
        await look(broker, topic, "altered")
    await broker.ask(
        "alter_configs",
        label="for a try",
        **altering((TOPIC, topic, {"cleanup.policy": "compact"}), validate_only=True),
    )
    await look(broker, topic, "as before")
    cases: dict[str, dict[str, Any]] = {
        "bad value": altering((TOPIC, topic, {"retention.ms": "soon"})),
        "unknown": altering((TOPIC, topic, {"no.such.config": "1"})),
        "null": altering((TOPIC, topic, {"retention.ms": None})),
        "missing topic": altering((TOPIC, broker.name("missing"), {"retention.ms": "1"})),
        "bad topic": altering((TOPIC, "a/b", {"retention.ms": "1"})),
        "no topic": altering((TOPIC, "", {"retention.ms": "1"})),
        "bad type": altering((3, topic, {"retention.ms": "1"})),
        "other broker": altering((BROKER, "2", {"log.retention.ms": "1"})),
        "bad broker": altering((BROKER, "one", {"log.retention.ms": "1"})),
        "nothing": altering(),
    }
    for label, body in cases.items():
        await broker.ask("alter_configs", label=label, **body)
    twice = altering((TOPIC, topic, {}), (TOPIC, topic, {"retention.ms": "1"}))
    await broker.ask("alter_configs", label="twice", patience=SHORT_PATIENCE, **twice)
    await look(broker, topic, "at last")


@steps
async def incremental_alter_configs_of_a_topic(broker: Broker) -> None:
    topic = await broker.topic("t", retention_ms="1000")
    cases: dict[str, dict[str, Any]] = {
        "set": changing(TOPIC, topic, ("retention.bytes", SET, "5000")),
        "delete": changing(TOPIC, topic, ("retention.ms", DELETE, None)),
        "delete what is not set": changing(TOPIC, topic, ("segment.ms", DELETE, None)),
        "append": changing(TOPIC, topic, ("cleanup.policy", APPEND, "compact")),
        "append again": changing(TOPIC, topic, ("cleanup.policy", APPEND, "compact")),
        "subtract": changing(TOPIC, topic, ("cleanup.policy", SUBTRACT, "delete")),
        "append to a number": changing(TOPIC, topic, ("retention.ms", APPEND, "1")),
        "set null": changing(TOPIC, topic, ("retention.ms", SET, None)),
        "bad value": changing(TOPIC, topic, ("retention.ms", SET, "soon")),
        "bad list": changing(TOPIC, topic, ("cleanup.policy", SET, "burn")),
        "unknown": changing(TOPIC, topic, ("no.such.config", SET, "1")),
        "operation 9": changing(TOPIC, topic, ("retention.ms", 9, "1")),
        "twice": changing(TOPIC, topic, ("retention.ms", SET, "1"), ("retention.ms", SET, "2")),
        "good and bad": changing(
            TOPIC, topic, ("retention.ms", SET, "77"), ("segment.ms", SET, "-1")
        ),
        "for a try": changing(TOPIC, topic, ("retention.ms", SET, "88"), validate_only=True),
        "missing topic": changing(TOPIC, broker.name("missing"), ("retention.ms", SET, "1")),
        "bad topic": changing(TOPIC, "a/b", ("retention.ms", SET, "1")),
        "no topic": changing(TOPIC, "", ("retention.ms", SET, "1")),
        "bad type": changing(3, topic, ("retention.ms", SET, "1")),
        "other broker": changing(BROKER, "2", ("log.retention.ms", SET, "1")),
        "bad broker": changing(BROKER, "one", ("log.retention.ms", SET, "1")),
        "read-only": changing(BROKER, "1", ("node.id", SET, "5")),
        "nothing": changing(TOPIC, topic),
    }
    for label, body in cases.items():
        await broker.ask("incremental_alter_configs", label=label, **body)
    await broker.settled_configs(topic, "cleanup.policy", "compact")
    await look(broker, topic, "at last")


@steps
async def config_resources(broker: Broker) -> None:
    if "list_config_resources" not in broker.served:
        return
    topic = await broker.topic("t", retention_ms="1000")

    def mine(answer: dict[str, Any]) -> Any:
        return {
            "error_code": answer["error_code"],
            "resources": [
                each
                for each in answer.get("config_resources", ())
                if each["resource_name"] == topic or each.get("resource_type") == BROKER
            ],
        }

    for version in broker.common("list_config_resources"):
        for types in ((), (TOPIC,), (BROKER,), (LOGGER,), (GROUP,), (CLIENT_METRICS,), (3,), (99,)):
            await broker.ask(
                "list_config_resources",
                version,
                label=f"types {types}",
                only=mine,
                resource_types=types,
            )
