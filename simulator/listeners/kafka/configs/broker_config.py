"""The settings of the brokers: given at the start, changed while they run, or else the default."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from enum import IntEnum
from itertools import dropwhile
from typing import Final, NamedTuple

from simulator.listeners.kafka.configs.definitions import (
    ConfigType,
    Definition,
    UnknownConfig,
    Value,
    definitions,
    printed,
)

FOREVER: Final = (1 << 63) - 1

HERE: Final[Mapping[str, str]] = {
    "group.consumer.assignment.interval.ms": "0",
    "group.initial.rebalance.delay.ms": "0",
    "log.dirs": "/kafka-logs",
    "log.message.timestamp.after.max.ms": str(FOREVER),
    "log.retention.ms": "-1",
    "max.connections": "1000",
    "offsets.topic.replication.factor": "1",
    "process.roles": "broker,controller",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.replication.factor": "1",
}
"""What a simulator's brokers are started with, as a configuration file would say: no wait before a
group's rebalance, and nothing lost or refused because its clock is not that of the client."""

_FALLBACKS: Final[Mapping[str, tuple[tuple[str, int], ...]]] = {
    "log.retention.ms": (("log.retention.minutes", 60_000), ("log.retention.hours", 3_600_000)),
    "log.roll.ms": (("log.roll.hours", 3_600_000),),
    "log.roll.jitter.ms": (("log.roll.jitter.hours", 3_600_000),),
    "log.flush.interval.ms": (("log.flush.scheduler.interval.ms", 1),),
}
"""Settings that stand in for one that is not set, in larger units."""


class Source(IntEnum):
    """Where a value comes from, by the numbers of DescribeConfigs."""

    TOPIC = 1
    BROKER = 2
    ALL_BROKERS = 3
    STATIC = 4
    DEFAULT = 5
    LOGGER = 6
    CLIENT_METRICS = 7
    GROUP = 8


class Setting(NamedTuple):
    """A value of a setting, with where it comes from."""

    name: str
    value: str | None
    source: Source


class BrokerConfig:
    """The settings of all brokers; raises InvalidConfig for names and values that cannot be."""

    def __init__(
        self, given: Mapping[str, object] | None = None, *, brokers: builtins.int = 1
    ) -> None:
        """`given` has settings by Kafka's names, as Python values or as text.

        A topic has three replicas by default, as far as there are `brokers`.
        """
        self.definitions = definitions("broker")
        given = given or {}
        self._given = dict(HERE)
        if brokers > 1:
            self._given["default.replication.factor"] = str(min(brokers, 3))
        if given.keys() & {"log.retention.minutes", "log.retention.hours"}:
            del self._given["log.retention.ms"]
        for name, value in given.items():
            definition = self.definition(name)
            self._given[name] = text = as_text(definition, value)
            definition.parse(text)
        self._all: dict[str, str] = {}
        self._of: dict[builtins.int, dict[str, str]] = {}
        self._parsed: dict[str, Value] = {}
        self.reset()

    def reset(self) -> None:
        """Forget what was changed since the start."""
        # A cluster with eligible leader replicas (KIP-966) has this one for all brokers.
        self._all = {"min.insync.replicas": self._given.get("min.insync.replicas", "1")}
        self._of = {}
        self._parsed.clear()

    def definition(self, name: str) -> Definition:
        """What there is to know of a setting."""
        found = self.definitions.get(name)
        if found is None:
            raise UnknownConfig(f"Unknown broker config name: {name}", name, self.definitions)
        return found

    # Values

    def get(self, name: str) -> Value:
        """The value that counts, of whatever type the setting has."""
        if name in self._parsed:
            return self._parsed[name]
        definition = self.definition(name)
        first = next(self._set(name), None)
        text = definition.default if first is None else first.value
        value = None if text is None else definition.parse(text)
        if value is None:
            for other, factor in _FALLBACKS.get(name, ()):
                found = self.get(other)
                if isinstance(found, int):
                    value = found * factor if found >= 0 else -1
                    break
        self._parsed[name] = value
        return value

    def int(self, name: str) -> builtins.int:
        """The value of a setting that is a whole number."""
        value = self.get(name)
        assert isinstance(value, int), f"{name} is no whole number"
        return value

    def bool(self, name: str) -> builtins.bool:
        """The value of a setting that is true or false."""
        value = self.get(name)
        assert isinstance(value, bool), f"{name} is neither true nor false"
        return value

    def list(self, name: str) -> builtins.list[str]:
        """The value of a setting that is a list."""
        value = self.get(name)
        assert isinstance(value, list), f"{name} is no list"
        return value

    def text(self, name: str) -> str:
        """The value of a setting as Kafka prints it; empty where there is none."""
        return printed(self.get(name)) or ""

    # Where values come from

    def settings(self, name: str, node_id: builtins.int | None = None) -> builtins.list[Setting]:
        """Every value given for a setting or what stands in for it, the one that counts first.

        Only what is for all brokers, unless `node_id` names one.
        """
        found: builtins.list[Setting] = []
        for each in (name, *(other for other, _ in _FALLBACKS.get(name, ()))):
            found += self._set(each, node_id)
            default = self.definition(each).default
            if default is not None:
                found.append(Setting(each, default, Source.DEFAULT))
        return found

    def synonyms(self, name: str, node_id: builtins.int) -> builtins.list[Setting]:
        """The same as a broker tells it: nothing where only what stands in is set."""
        found = self.settings(name, node_id)
        return list(dropwhile(lambda setting: setting.name != name, found))

    def _set(self, name: str, node_id: builtins.int | None = None) -> Iterator[Setting]:
        own = self._of if node_id is None else {node_id: self._of.get(node_id, {})}
        for values in own.values():
            if name in values:
                yield Setting(name, values[name], Source.BROKER)
                break
        if name in self._all:
            yield Setting(name, self._all[name], Source.ALL_BROKERS)
        if name in self._given:
            yield Setting(name, self._given[name], Source.STATIC)

    def changed(self, node_id: builtins.int | None) -> Mapping[str, str]:
        """What was changed while running, of one broker or (None) of all."""
        return self._all if node_id is None else self._of.get(node_id, {})

    def change(self, node_id: builtins.int | None, values: Mapping[str, str]) -> None:
        """Replace what was changed, of one broker or (None) of all; values have been checked."""
        if node_id is None:
            self._all = dict(values)
        else:
            self._of[node_id] = dict(values)
        self._parsed.clear()


def as_text(definition: Definition, value: object) -> str:
    """A Python value as Kafka would have it in a file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    if value is None:
        raise definition.invalid("None", f"a value of type {ConfigType(definition.type).name}")
    return str(value)
