"""What may be set where, in the words and with the error codes of a broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from simulator.listeners.kafka.configs.broker_config import BrokerConfig
from simulator.listeners.kafka.configs.definitions import (
    ConfigType,
    Definition,
    InvalidConfig,
    definitions,
)
from simulator.listeners.kafka.configs.resource_types import (
    Change,
    Code,
    Operation,
    Refused,
    invalid,
)

LEVELS: Final = ("DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN")
ROOT_LOGGER: Final = "root"


def check_node(name: str, node_id: int, what: str, also: str) -> None:
    """Refuse a resource that is not the broker `node_id`."""
    if not name:
        raise invalid(f"{what} id must not be empty")
    try:
        number = int(name)
    except ValueError:
        raise invalid(f"{what} id must be an integer, but it is: {name}") from None
    if number != node_id:
        raise invalid(f"Unexpected broker id, expected {node_id}{also} but received {name}")


def check_nulls(names: Iterable[str]) -> None:
    """Refuse settings that were given no value."""
    found = ",".join(names)
    if found:
        raise invalid(f"Null value not supported for : {found}")


def apply(known: Mapping[str, Definition], values: dict[str, str], change: Change) -> None:
    """Make one change in `values`; raises Refused."""
    name, text = change.name, change.value or ""
    if change.operation == Operation.SET:
        values[name] = text
    elif change.operation == Operation.DELETE:
        values.pop(name, None)
    elif change.operation in (Operation.APPEND, Operation.SUBTRACT):
        operation = Operation(change.operation)
        definition = known.get(name)
        if definition is None or definition.type is not ConfigType.LIST:
            why = f"Can't {operation.name} to key {name} because its type is not LIST."
            raise Refused(Code.INVALID_CONFIG, why)
        before = _parts(values.get(name, definition.default or ""))
        parts = _parts(text)
        if operation is Operation.APPEND:
            after = before + [part for part in dict.fromkeys(parts) if part not in before]
        else:
            after = [part for part in before if part not in parts]
        values[name] = ",".join(after)
    else:
        raise Refused(Code.UNKNOWN_SERVER_ERROR, None)


def check_broker(
    brokers: BrokerConfig, name: str, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Refuse what brokers cannot change while they run; `name` is empty for all of them."""
    changed = [each for each in {*before, *after} if before.get(each) != after.get(each)]
    known = brokers.definitions
    fixed = sorted(each for each in changed if each in known and not known[each].dynamic)
    if fixed:
        names = ", ".join(fixed)
        raise invalid(f"Cannot update these configs dynamically: [{names}]")
    if "min.insync.replicas" in changed:
        trouble = None
        if name:
            trouble = "Broker-level min.insync.replicas cannot be altered while ELR is enabled."
        elif "min.insync.replicas" not in after:
            trouble = "Cluster-level min.insync.replicas cannot be removed while ELR is enabled."
        if trouble:
            raise Refused(Code.INVALID_CONFIG, trouble)
    for each, value in after.items():
        if each in known:
            try:
                known[each].parse(value)
            except InvalidConfig as error:
                raise invalid(str(error)) from None


def check_group(brokers: BrokerConfig, config: Mapping[str, str]) -> None:
    """Refuse settings that no group can have."""
    known = definitions("group")
    for name, text in config.items():
        if name not in known:
            raise Refused(Code.INVALID_CONFIG, f"Unknown group config name: {name}")
        try:
            value = known[name].parse(text)
        except InvalidConfig as error:
            raise Refused(Code.INVALID_CONFIG, str(error)) from None
        kind, _, rest = name.partition(".")
        bounds = [f"group.{kind}.{end}.{rest}" for end in ("min", "max")]
        if isinstance(value, int) and all(each in brokers.definitions for each in bounds):
            low, high = map(brokers.int, bounds)
            if not low <= value <= high:
                why = f"{name} must be in the range {low} to {high} inclusive."
                raise Refused(Code.INVALID_CONFIG, why)


def check_metrics(config: Mapping[str, str]) -> None:
    """Refuse settings that no subscription can have."""
    known = definitions("client_metrics")
    for name, text in config.items():
        if name not in known:
            raise invalid(f"Unknown client metrics configuration: {name}")
        try:
            known[name].parse(text)
        except InvalidConfig:
            raise invalid(
                f"Invalid value {text} for {name}, interval must be between 100 and 3600000 "
                "(1 hour)"
            ) from None


def changed_levels(levels: Mapping[str, str], changes: Sequence[Change]) -> dict[str, str]:
    """The levels of loggers after the changes; raises Refused."""
    after = dict(levels)
    for name, operation, level in changes:
        if name != ROOT_LOGGER:
            raise Refused(Code.INVALID_CONFIG, f"Logger {name} does not exist!")
        if operation == Operation.DELETE:
            raise invalid("Removing the log level of the root logger is not allowed")
        if operation != Operation.SET:
            raise invalid(
                f"{Operation(operation).name} operation is not allowed for the BROKER_LOGGER "
                "resource"
            )
        if level not in LEVELS:
            raise Refused(
                Code.INVALID_CONFIG,
                f"Cannot set the log level of {name} to {level} as it is not a supported log "
                f"level. Valid log levels are {', '.join(LEVELS)}",
            )
        after[name] = level
    return after


def _parts(text: str) -> list[str]:
    return text.split(",") if text.strip() else []
