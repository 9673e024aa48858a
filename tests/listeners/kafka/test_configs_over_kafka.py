"""DescribeConfigs, AlterConfigs, IncrementalAlterConfigs, ListConfigResources.

Error codes and texts are those with which Apache Kafka 4.4 answered the same requests.
"""

from __future__ import annotations

from typing import Any

import pytest
from admin_wire import (
    APPEND,
    BROKER,
    DELETE,
    GROUP,
    LOGGER,
    METRICS,
    SET,
    SUBTRACT,
    TOPIC,
    change,
    create_topic,
    describe,
    replace,
    value_of,
)
from kafka_wire import LIST_CONFIG_RESOURCES, Wire

from simulator import AsyncSimulator
from simulator.log import Retention
from simulator.simulator import Settings

DEFAULT, TOPIC_SOURCE, ONE_BROKER, ALL_BROKERS, STATIC = 5, 1, 2, 3, 4


async def given(wire: Wire, kind: int, resource: str, name: str) -> list[tuple[Any, ...]]:
    """All values given for a setting, the one that counts first."""
    (found,) = (await describe(wire, kind, resource, name)).configs
    assert found.config_source == (found.synonyms[0].source if found.synonyms else DEFAULT)
    return [(each.name, each.value, each.source) for each in found.synonyms]


async def test_a_topic_has_all_settings(sim: AsyncSimulator, wire: Wire) -> None:
    result = await describe(wire, TOPIC, "chat", documentation=True)
    found = {config.name: config for config in result.configs}
    assert len(found) == 37
    limit = found["max.message.bytes"]
    assert (limit.value, limit.config_source, limit.config_type) == ("1048588", DEFAULT, 3)
    assert [(s.name, s.value) for s in limit.synonyms] == [("message.max.bytes", "1048588")]
    assert not limit.read_only
    assert not limit.is_sensitive
    assert "batch" in limit.documentation
    types = {"cleanup.policy": 7, "min.cleanable.dirty.ratio": 6, "preallocate": 1}
    assert {name: found[name].config_type for name in types} == types


async def test_where_a_topics_value_comes_from() -> None:
    config = {"log.retention.hours": 1}
    async with (
        AsyncSimulator(Settings(config=config)) as sim,
        await Wire.connect(sim.bootstrap_servers) as wire,
    ):
        hours = ("log.retention.hours", "1", STATIC)
        default = ("log.retention.hours", "168", DEFAULT)
        assert await value_of(wire, TOPIC, "chat", "retention.ms") == "3600000"
        await change(wire, BROKER, "", ("log.retention.ms", SET, "3000"))
        await change(wire, BROKER, "1", ("log.retention.ms", SET, "4000"))
        await change(wire, TOPIC, "chat", ("retention.ms", SET, "5"))
        assert await given(wire, TOPIC, "chat", "retention.ms") == [
            ("retention.ms", "5", TOPIC_SOURCE),
            ("log.retention.ms", "4000", ONE_BROKER),
            ("log.retention.ms", "3000", ALL_BROKERS),
            hours,
            default,
        ]
        assert sim.log.topic("chat").retention.max_age_ms == 5
        assert sim.log.topic("personalChat").retention.max_age_ms == 4000


async def test_retention_given_in_python_is_told_and_the_other_way_round(
    sim: AsyncSimulator, wire: Wire
) -> None:
    sim.create_topic("t", retention=Retention(max_age_ms=5000, max_bytes=10, max_records=3))
    assert await given(wire, TOPIC, "t", "retention.ms") == [
        ("retention.ms", "5000", TOPIC_SOURCE),
        ("log.retention.ms", "-1", STATIC),
        ("log.retention.hours", "168", DEFAULT),
    ]
    assert await value_of(wire, TOPIC, "t", "retention.bytes") == "10"
    assert (await change(wire, TOPIC, "t", ("retention.ms", SET, "7")))[0] == "none"
    assert sim.log.topic("t").retention == Retention(7, 10, 3)
    assert (await change(wire, TOPIC, "t", ("retention.ms", DELETE, None)))[0] == "none"
    assert sim.log.topic("t").retention == Retention(None, 10, 3)


async def test_settings_follow_snapshots_and_reset(sim: AsyncSimulator, wire: Wire) -> None:
    snapshot = sim.snapshot()
    await change(wire, TOPIC, "chat", ("retention.ms", SET, "5"))
    await change(wire, BROKER, "", ("log.retention.bytes", SET, "7"))
    sim.restore(snapshot)
    assert await value_of(wire, TOPIC, "chat", "retention.ms") == "-1"
    await change(wire, TOPIC, "chat", ("retention.ms", SET, "5"))
    sim.reset()
    assert await value_of(wire, TOPIC, "chat", "retention.ms") == "-1"
    assert await value_of(wire, BROKER, "1", "log.retention.bytes") == "-1"
    assert sim.log.topic("chat").retention == Retention()


async def test_names_that_there_are_not_are_left_out(wire: Wire) -> None:
    result = await describe(wire, TOPIC, "chat", "cleanup.policy", "nope")
    assert [config.name for config in result.configs] == ["cleanup.policy"]
    (older,) = (await describe(wire, TOPIC, "chat", "cleanup.policy", version=1)).configs
    assert older.value == "delete"


async def test_a_broker_tells_what_is_its_own(sim: AsyncSimulator, wire: Wire) -> None:
    host, _, port = sim.bootstrap_servers.rpartition(":")
    assert await value_of(wire, BROKER, "1", "node.id") == "1"
    assert await value_of(wire, BROKER, "1", "listeners") == f"PLAINTEXT://{host}:{port}"
    assert await given(wire, BROKER, "1", "group.initial.rebalance.delay.ms") == [
        ("group.initial.rebalance.delay.ms", "0", STATIC),
        ("group.initial.rebalance.delay.ms", "3000", DEFAULT),
    ]
    found = {c.name: c for c in (await describe(wire, BROKER, "1")).configs}
    assert len(found) == 350
    assert found["num.partitions"].read_only
    assert not found["log.retention.ms"].read_only
    assert found["ssl.keystore.password"].is_sensitive
    # What was set for all brokers: at first only what eligible leader replicas need (KIP-966).
    assert [c.name for c in (await describe(wire, BROKER, "")).configs] == ["min.insync.replicas"]


async def test_sensitive_values_are_not_told(wire: Wire) -> None:
    assert (await change(wire, BROKER, "1", ("ssl.key.password", SET, "secret")))[0] == "none"
    (found,) = (await describe(wire, BROKER, "1", "ssl.key.password")).configs
    assert (found.value, found.is_sensitive, found.config_source) == (None, True, ONE_BROKER)
    assert [each.value for each in found.synonyms] == [None]


@pytest.mark.parametrize(
    ("kind", "name", "error", "text"),
    [
        (TOPIC, "nope", "unknown_topic_or_partition", ""),
        (
            TOPIC,
            "a/b",
            "invalid_topic_exception",
            "Topic name is invalid: 'a/b' contains one or more characters other than ASCII "
            "alphanumerics, '.', '_' and '-'",
        ),
        (
            TOPIC,
            "",
            "invalid_topic_exception",
            "Topic name is invalid: the empty string is not allowed",
        ),
        (
            BROKER,
            "2",
            "invalid_request",
            "Unexpected broker id, expected 1 or empty string, but received 2",
        ),
        (BROKER, "x", "invalid_request", "Broker id must be an integer, but it is: x"),
        (LOGGER, "2", "invalid_request", "Unexpected broker id, expected 1 but received 2"),
        (GROUP, "", "invalid_request", "Group name must not be empty"),
        (METRICS, "", "invalid_request", "Client metrics subscription name must not be empty"),
    ],
)
async def test_what_cannot_be_described(
    wire: Wire, kind: int, name: str, error: str, text: str
) -> None:
    result = await describe(wire, kind, name)
    assert (result.error_code.name, result.error_message) == (error, text)
    assert result.configs == ()


async def test_an_unknown_type_of_resource(wire: Wire) -> None:
    assert (await describe(wire, 99, "x")).error_code.name == "invalid_request"


async def test_lists_are_appended_to_and_subtracted_from(wire: Wire) -> None:
    async def policy(operation: int, value: str) -> str | None:
        assert await change(wire, TOPIC, "chat", ("cleanup.policy", operation, value)) == (
            "none",
            None,
        )
        return await value_of(wire, TOPIC, "chat", "cleanup.policy")

    assert await policy(APPEND, "compact") == "delete,compact"
    assert await policy(APPEND, "compact") == "delete,compact"
    assert await policy(SUBTRACT, "delete") == "compact"
    assert await policy(SUBTRACT, "delete") == "compact"
    assert await policy(SET, "delete") == "delete"


NULL = "Null value not supported for : retention.ms"


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        (
            [("retention.ms", SET, "x")],
            "invalid_config",
            "Invalid value x for configuration retention.ms: Not a number of type LONG",
        ),
        (
            [("retention.mss", SET, "1")],
            "invalid_config",
            "Unknown topic config name: retention.mss",
        ),
        (
            [("retention.ms", APPEND, "5")],
            "invalid_config",
            "Can't APPEND to key retention.ms because its type is not LIST.",
        ),
        ([("retention.ms", SET, None)], "invalid_request", NULL),
        (
            [("retention.ms", SET, "1"), ("retention.ms", SET, "2")],
            "invalid_request",
            "Error due to duplicate config keys",
        ),
        ([("retention.ms", 7, "1")], "unknown_server_error", None),
        (
            [("min.compaction.lag.ms", SET, "10"), ("max.compaction.lag.ms", SET, "5")],
            "invalid_config",
            "conflict topic config setting min.compaction.lag.ms (10) > max.compaction.lag.ms (5)",
        ),
    ],
)
async def test_what_cannot_be_changed(
    sim: AsyncSimulator,
    wire: Wire,
    changes: list[tuple[str, int, str | None]],
    error: str,
    text: str | None,
) -> None:
    assert await change(wire, TOPIC, "chat", *changes) == (error, text)
    assert dict(sim.log.topic("chat").config) == {}


@pytest.mark.parametrize(
    ("kind", "name", "setting", "value", "error", "text"),
    [
        (TOPIC, "nope", "retention.ms", "1", "unknown_topic_or_partition", "The topic 'nope' does"),
        (TOPIC, "", "retention.ms", "1", "invalid_request", "Default topic resources are not"),
        (TOPIC, "a/b", "retention.ms", "1", "invalid_topic_exception", "Topic name is invalid"),
        (
            BROKER,
            "1",
            "num.partitions",
            "3",
            "invalid_request",
            "Cannot update these configs dynamically: [num.partitions]",
        ),
        (BROKER, "1", "log.retention.ms", "x", "invalid_request", "Invalid value x for"),
        (BROKER, "2", "log.retention.ms", "1", "invalid_request", "Unexpected broker id, expected"),
        (BROKER, "x", "log.retention.ms", "1", "invalid_request", "Node id must be an integer"),
        (BROKER, "1", "no.such", "x", "none", None),
        (BROKER, "1", "min.insync.replicas", "2", "invalid_config", "Broker-level min.insync"),
        (BROKER, "", "min.insync.replicas", "2", "none", None),
        (99, "x", "a", "1", "invalid_request", "Unknown resource type 99"),
        (
            GROUP,
            "g",
            "consumer.session.timeout.ms",
            "4000",
            "invalid_config",
            "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive.",
        ),
        (GROUP, "g", "consumer.session.timeout.ms", "50000", "none", None),
        (GROUP, "", "consumer.session.timeout.ms", "50000", "invalid_request", "Default group"),
        (GROUP, "g", "nope", "1", "invalid_config", "Unknown group config name: nope"),
        (METRICS, "m", "interval.ms", "50000", "none", None),
        (
            METRICS,
            "m",
            "interval.ms",
            "50",
            "invalid_request",
            "Invalid value 50 for interval.ms, interval must be between 100 and 3600000 (1 hour)",
        ),
        (METRICS, "m", "nope", "1", "invalid_request", "Unknown client metrics configuration"),
        (METRICS, "", "interval.ms", "500", "invalid_request", "Subscription name can't be empty"),
        (LOGGER, "1", "root", "WARN", "none", None),
        (LOGGER, "1", "root", "LOUD", "invalid_config", "Cannot set the log level of root to LOUD"),
        (LOGGER, "1", "nope", "WARN", "invalid_config", "Logger nope does not exist!"),
    ],
)
async def test_changes_of_each_kind_of_resource(
    wire: Wire, kind: int, name: str, setting: str, value: str, error: str, text: str | None
) -> None:
    code, told = await change(wire, kind, name, (setting, SET, value))
    assert code == error
    assert (told or "").startswith(text or "")
    if code == "none" and setting != "no.such":
        assert await value_of(wire, kind, name, setting) == value


async def test_validate_only_changes_nothing(sim: AsyncSimulator, wire: Wire) -> None:
    wish = ("retention.ms", SET, "1")
    assert await change(wire, TOPIC, "chat", wish, validate_only=True) == ("none", None)
    assert await replace(wire, ["chat"], {"retention.ms": "1"}, validate_only=True) == [
        ("none", None)
    ]
    assert dict(sim.log.topic("chat").config) == {}


async def test_replacing_puts_the_others_back(sim: AsyncSimulator, wire: Wire) -> None:
    await replace(wire, ["chat"], {"retention.ms": "5", "max.message.bytes": "70000"})
    assert dict(sim.log.topic("chat").config) == {"retention.ms": "5", "max.message.bytes": "70000"}
    await replace(wire, ["chat"], {"retention.ms": "6"})
    assert dict(sim.log.topic("chat").config) == {"retention.ms": "6"}
    assert await replace(wire, ["chat"], {"retention.ms": None}) == [("invalid_request", NULL)]
    once = "Each resource must appear at most once."
    assert await replace(wire, ["chat", "chat"], {}) == [("invalid_request", once)] * 2
    assert (await replace(wire, ["1"], {}, kind=LOGGER))[0][0] == "invalid_request"


async def test_everything_with_settings_is_named(wire: Wire) -> None:
    await change(wire, METRICS, "m", ("interval.ms", SET, "500"))
    await change(wire, GROUP, "g", ("consumer.session.timeout.ms", SET, "50000"))

    async def named(version: int, *types: int) -> tuple[str, list[Any]]:
        answer = await wire.ask(LIST_CONFIG_RESOURCES, version, resource_types=types)
        return answer.error_code.name, [
            (each.resource_name, getattr(each, "resource_type", None))
            for each in answer.config_resources
        ]

    assert await named(1) == (
        "none",
        [
            ("g", GROUP),
            ("m", METRICS),
            ("1", LOGGER),
            ("1", BROKER),
            ("chat", TOPIC),
            ("personalChat", TOPIC),
        ],
    )
    assert await named(1, GROUP) == ("none", [("g", GROUP)])
    assert await named(1, 99) == ("unsupported_version", [])
    assert await named(0) == ("none", [("m", None)])


async def test_settings_are_told_when_a_topic_is_created(sim: AsyncSimulator, wire: Wire) -> None:
    topic = await create_topic(wire, "t", configs={"cleanup.policy": "delete, compact"})
    told = {c.name: (c.value, c.config_source) for c in topic.configs}
    assert len(told) == 37
    assert told["cleanup.policy"] == ("delete, compact", TOPIC_SOURCE)
    assert await value_of(wire, TOPIC, "t", "cleanup.policy") == "delete,compact"
    assert dict(sim.log.topic("t").config) == {"cleanup.policy": "delete, compact"}


async def test_names_with_settings_are_limited_and_those_without_are_not_kept(
    sim: AsyncSimulator, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.listeners.kafka.configs.resources.MAX_NAMED", 1)
    setting = "consumer.session.timeout.ms"
    for group in ("a", "b"):
        assert (await change(wire, GROUP, group, (setting, SET, "50000")))[0] == "none"
        assert (await change(wire, GROUP, group, (setting, DELETE, None)))[0] == "none"
    assert not sim.kafka._listener().cluster.resources._groups
    assert (await change(wire, GROUP, "a", (setting, SET, "50000")))[0] == "none"
    assert (await change(wire, GROUP, "a", (setting, SET, "51000")))[0] == "none"
    assert (await change(wire, GROUP, "b", (setting, SET, "50000")))[0] == "policy_violation"
