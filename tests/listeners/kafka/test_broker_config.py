"""Broker settings: names, values and defaults as Kafka 4.4 has them."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Simulator, SimulatorError
from simulator.listeners.kafka.configs import BrokerConfig, InvalidConfig
from simulator.listeners.kafka.configs.definitions import definitions
from simulator.settings import InvalidSetting, Settings


def test_defaults_are_those_of_kafka() -> None:
    config = BrokerConfig()
    # https://kafka.apache.org/documentation/#brokerconfigs
    assert config.int("num.partitions") == 1
    assert config.bool("auto.create.topics.enable") is True
    assert config.int("message.max.bytes") == 1_048_588
    assert config.int("group.min.session.timeout.ms") == 6_000
    assert config.int("group.max.session.timeout.ms") == 1_800_000
    assert config.int("transaction.max.timeout.ms") == 900_000
    assert config.int("producer.id.expiration.ms") == 86_400_000
    assert config.int("offset.metadata.max.bytes") == 4096
    assert config.int("fetch.max.bytes") == 55 * 1024 * 1024
    assert config.list("group.consumer.assignors") == ["uniform", "range"]
    assert config.list("log.cleanup.policy") == ["delete"]
    assert config.get("advertised.listeners") is None


def test_some_settings_are_the_simulators_own() -> None:
    config = BrokerConfig()
    assert config.int("group.initial.rebalance.delay.ms") == 0
    assert config.int("log.retention.ms") == -1
    assert BrokerConfig({"log.retention.ms": 5}).int("log.retention.ms") == 5


def test_hours_and_minutes_of_retention_stand_in_for_milliseconds() -> None:
    assert BrokerConfig({"log.retention.hours": 2}).int("log.retention.ms") == 7_200_000
    both = {"log.retention.hours": 2, "log.retention.minutes": 3}
    assert BrokerConfig(both).int("log.retention.ms") == 180_000
    assert BrokerConfig({**both, "log.retention.ms": 7}).int("log.retention.ms") == 7
    assert BrokerConfig({"log.retention.hours": -1}).int("log.retention.ms") == -1


@pytest.mark.parametrize(("value", "expected"), [(4, 4), ("4", 4), (" 4 ", 4)])
def test_values_are_python_values_or_text(value: object, expected: int) -> None:
    assert BrokerConfig({"num.partitions": value}).int("num.partitions") == expected


def test_lists_and_truth_values() -> None:
    config = BrokerConfig(
        {"log.cleanup.policy": ["compact", "delete"], "delete.topic.enable": False}
    )
    assert config.list("log.cleanup.policy") == ["compact", "delete"]
    assert config.text("log.cleanup.policy") == "compact,delete"
    assert config.bool("delete.topic.enable") is False


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        # The words of Apache Kafka 4.4, asked through CreateTopics and IncrementalAlterConfigs.
        ("log.retention.bytes", "soon", "Not a number of type LONG"),
        ("num.partitions", 1 << 31, "Not a number of type INT"),
        ("num.partitions", 0, "Value must be at least 1"),
        ("log.cleaner.min.cleanable.ratio", 2, "Value must be no more than 1"),
        ("delete.topic.enable", "maybe", "Expected value to be either true or false"),
        (
            "log.message.timestamp.type",
            "now",
            "String must be one of: CreateTime, LogAppendTime",
        ),
        ("log.cleanup.policy", "delete,none", "String must be one of: compact, delete"),
        ("compression.gzip.level", 0, "Value must be between 1 and 9 or equal to -1"),
    ],
)
def test_values_that_cannot_be(name: str, value: object, text: str) -> None:
    with pytest.raises(InvalidConfig) as refused:
        BrokerConfig({name: value})
    assert str(refused.value).startswith("Invalid value ")
    assert str(refused.value).endswith(f" for configuration {name}: {text}")


def test_a_misspelt_setting_is_told_at_once() -> None:
    with pytest.raises(InvalidSetting, match=r"did you mean num\.partitions\?"):
        Simulator(config={"num.partition": 4})
    with pytest.raises(SimulatorError, match="at least 1"):
        Settings(config={"num.partitions": 0})


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("kafka_port", "9092"),
        ("grpc_port", "50051"),
        ("brokers", "3"),
        ("brokers", True),
        ("brokers", ["a"]),
        ("config", ["num.partitions=4"]),
        ("config", {3: 4}),
        ("security", "SASL_SSL"),
        ("max_bytes", "1GiB"),
    ],
)
def test_settings_of_another_type_are_named(setting: str, value: Any) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Settings(**{setting: value})
    assert refused.value.setting == setting


@pytest.mark.parametrize("table", ["broker", "topic", "group", "client_metrics"])
def test_tables_are_whole(table: str) -> None:
    found: dict[str, Any] = dict(definitions(table))
    for name, definition in found.items():
        assert definition.name == name
        assert definition.documentation.endswith(".")
        if definition.default is not None:
            definition.parse(definition.default)
        for synonym in definition.synonyms:
            assert synonym in definitions("broker") or table == "group"


def test_changed_values_come_first_and_can_be_forgotten() -> None:
    config = BrokerConfig({"log.retention.bytes": 10})
    config.change(None, {"log.retention.bytes": "20"})
    assert config.int("log.retention.bytes") == 20
    config.change(1, {"log.retention.bytes": "30"})
    assert config.int("log.retention.bytes") == 30
    settings = config.settings("log.retention.bytes", 1)
    assert [(s.value, int(s.source)) for s in settings] == [
        ("30", 2),
        ("20", 3),
        ("10", 4),
        ("-1", 5),
    ]
    config.reset()
    assert config.int("log.retention.bytes") == 10
