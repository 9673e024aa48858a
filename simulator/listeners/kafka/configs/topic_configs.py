"""The settings of topics: which hold, where they come from, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from simulator.listeners.kafka.configs.broker_config import (
    FOREVER,
    BrokerConfig,
    Setting,
    Source,
    as_text,
)
from simulator.listeners.kafka.configs.definitions import (
    Definition,
    InvalidConfig,
    UnknownConfig,
    Value,
    definitions,
    printed,
)
from simulator.log import Retention
from simulator.log.rules import TopicRules

_NO_TIERS: Final = (
    "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with "
    "remote log storage."
)


class TopicConfigs:
    """Settings of topics over those of the brokers."""

    def __init__(self, broker: BrokerConfig) -> None:
        self._broker = broker
        self.definitions = definitions("topic")

    def definition(self, name: str) -> Definition:
        """What there is to know of a setting; raises InvalidConfig."""
        found = self.definitions.get(name)
        if found is None:
            raise UnknownConfig(f"Unknown topic config name: {name}", name, self.definitions)
        return found

    def check(self, given: Mapping[str, str | None]) -> dict[str, str]:
        """The settings given for a topic, if it can have them; raises InvalidConfig."""
        checked: dict[str, str] = {}
        for name, value in given.items():
            definition = self.definition(name)
            if value is None:
                raise InvalidConfig(f"Null value not supported for topic configs: {name}")
            definition.parse(value)
            checked[name] = value
        if self.value(checked, "remote.storage.enable"):
            raise InvalidConfig(_NO_TIERS)
        least, most = (self._int(checked, f"{end}.compaction.lag.ms") for end in ("min", "max"))
        if least > most:
            raise InvalidConfig(
                f"conflict topic config setting min.compaction.lag.ms ({least}) > "
                f"max.compaction.lag.ms ({most})"
            )
        return checked

    def given(self, config: Mapping[str, object]) -> dict[str, str]:
        """The same for Python values; raises InvalidConfig."""
        try:
            return self.check(
                {name: as_text(self.definition(name), config[name]) for name in config}
            )
        except UnknownConfig as error:
            raise InvalidConfig(f"{error}{error.suggestion}") from None

    # Values

    def value(self, config: Mapping[str, str], name: str) -> Value:
        """The value that counts for a topic that was given `config`."""
        definition = self.definitions[name]
        if name in config:
            return definition.parse(config[name])
        if definition.synonyms:
            value = self._broker.get(definition.synonyms[0])
            if value is not None:
                return value
        return None if definition.default is None else definition.parse(definition.default)

    def _int(self, config: Mapping[str, str], name: str) -> int:
        value = self.value(config, name)
        assert isinstance(value, int), f"{name} is no whole number"
        return value

    def rules(self, config: Mapping[str, str]) -> TopicRules:
        """What the settings of a topic mean for its records."""
        policies = self.value(config, "cleanup.policy")
        assert isinstance(policies, list), "policies are a list"
        retention = Retention()
        if "delete" in policies:
            retention = Retention(
                _limit(self._int(config, "retention.ms")),
                _limit(self._int(config, "retention.bytes")),
            )
        return TopicRules(
            retention,
            compact="compact" in policies and self._broker.bool("log.cleaner.enable"),
            needs_key="compact" in policies,
            delete_retention_ms=self._int(config, "delete.retention.ms"),
            compaction_lag_ms=self._int(config, "min.compaction.lag.ms"),
            max_batch_bytes=self._int(config, "max.message.bytes"),
            append_time=self.value(config, "message.timestamp.type") == "LogAppendTime",
            before_max_ms=_bound(self._int(config, "message.timestamp.before.max.ms")),
            after_max_ms=_bound(self._int(config, "message.timestamp.after.max.ms")),
            min_insync=self._int(config, "min.insync.replicas"),
        )

    # Where values come from

    def describe(
        self, config: Mapping[str, str], node_id: int
    ) -> Iterator[tuple[Definition, str | None, list[Setting]]]:
        """Each setting of a topic, its value, and all values given for it, as a broker tells it."""
        for name, definition in self.definitions.items():
            given: list[Setting] = []
            if name in config:
                value = printed(definition.parse(config[name]))
                given.append(Setting(name, value, Source.TOPIC))
            if definition.synonyms:
                given += self._broker.synonyms(definition.synonyms[0], node_id)
            yield definition, printed(self.value(config, name)), given


def _limit(number: int) -> int | None:
    """A limit of retention: below 0 is none, and the log knows no limit of 0."""
    return None if number < 0 else max(number, 1)


def _bound(number: int) -> int | None:
    return None if number == FOREVER else number
