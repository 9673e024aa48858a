"""Requests of administration, each with what comes back in short form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kafka_wire import (
    ALTER_CONFIGS,
    CREATE_TOPICS,
    DESCRIBE_CONFIGS,
    INCREMENTAL_ALTER_CONFIGS,
    Make,
    Wire,
    seconds,
)

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3


async def create_topic(
    wire: Wire, name: str, *, validate_only: bool = False, version: int = 7, **values: Any
) -> Any:
    """The result of one topic; `partitions`, `replicas`, `configs`, `assignments` of it."""

    def topics(make: Make) -> Any:
        configs = tuple(
            make("CreatableTopicConfig", name=name, value=value)
            for name, value in values.get("configs", {}).items()
        )
        assignments = tuple(
            make("CreatableReplicaAssignment", partition_index=index, broker_ids=brokers)
            for index, brokers in values.get("assignments", {}).items()
        )
        return (
            make(
                "CreatableTopic",
                name=name,
                num_partitions=values.get("partitions", -1),
                replication_factor=values.get("replicas", -1),
                assignments=assignments,
                configs=configs,
            ),
        )

    answer = await wire.ask(
        CREATE_TOPICS, version, topics=topics, timeout=seconds(1), validate_only=validate_only
    )
    (result,) = answer.topics
    return result


async def describe(
    wire: Wire, kind: int, name: str, *names: str, version: int = 4, documentation: bool = False
) -> Any:
    """The result of one resource."""

    def resources(make: Make) -> Any:
        return (
            make(
                "DescribeConfigsResource",
                resource_type=kind,
                resource_name=name,
                configuration_keys=names or None,
            ),
        )

    answer = await wire.ask(
        DESCRIBE_CONFIGS,
        version,
        resources=resources,
        include_synonyms=True,
        include_documentation=documentation,
    )
    (result,) = answer.results
    return result


async def value_of(wire: Wire, kind: int, resource: str, name: str) -> str | None:
    """The value of one setting."""
    (found,) = (await describe(wire, kind, resource, name)).configs
    value: str | None = found.value
    return value


async def change(
    wire: Wire,
    kind: int,
    name: str,
    *changes: tuple[str, int, str | None],
    validate_only: bool = False,
    version: int = 1,
) -> tuple[str, str | None]:
    """Error and text of an incremental change."""

    def resources(make: Make) -> Any:
        configs = tuple(
            make("AlterableConfig", name=setting, config_operation=operation, value=value)
            for setting, operation, value in changes
        )
        return (
            make("AlterConfigsResource", resource_type=kind, resource_name=name, configs=configs),
        )

    answer = await wire.ask(
        INCREMENTAL_ALTER_CONFIGS, version, resources=resources, validate_only=validate_only
    )
    (result,) = answer.responses
    return result.error_code.name, result.error_message


async def replace(
    wire: Wire,
    names: Sequence[str],
    config: Mapping[str, str | None],
    *,
    kind: int = TOPIC,
    validate_only: bool = False,
) -> list[tuple[str, str | None]]:
    """Errors and texts of a change of everything, for each of the resources."""

    def resources(make: Make) -> Any:
        configs = tuple(make("AlterableConfig", name=n, value=v) for n, v in config.items())
        return tuple(
            make("AlterConfigsResource", resource_type=kind, resource_name=name, configs=configs)
            for name in names
        )

    answer = await wire.ask(ALTER_CONFIGS, 2, resources=resources, validate_only=validate_only)
    return [(result.error_code.name, result.error_message) for result in answer.responses]
