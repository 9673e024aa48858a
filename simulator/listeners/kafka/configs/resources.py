"""Everything that has settings: topics, brokers, groups, metrics subscriptions, loggers.

Which settings a resource has, what a client may change, and with which error it is refused, follow
Apache Kafka 4.4 (`ConfigAdminManager`, `ConfigurationControlManager`, `DynamicBrokerConfig`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from simulator.listeners.kafka.configs.broker_config import BrokerConfig, Setting, Source
from simulator.listeners.kafka.configs.checks import (
    ROOT_LOGGER,
    apply,
    changed_levels,
    check_broker,
    check_group,
    check_metrics,
    check_node,
    check_nulls,
)
from simulator.listeners.kafka.configs.definitions import (
    ConfigType,
    Definition,
    InvalidConfig,
    Value,
    definitions,
    printed,
)
from simulator.listeners.kafka.configs.resource_types import (
    Change,
    Code,
    Operation,
    Refused,
    ResourceType,
    invalid,
)
from simulator.listeners.kafka.configs.topic_configs import TopicConfigs
from simulator.listeners.kafka.topic_names import name_problem
from simulator.log import TopicInfo, TopicLog

MAX_NAMED: Final = 10_000
"""Groups that have settings of their own, and metrics subscriptions: names that clients give."""


class Described(NamedTuple):
    """A setting of a resource; `given` are all values given for it, the one that counts first."""

    definition: Definition
    value: str | None
    source: Source
    read_only: bool
    given: Sequence[Setting]


class Control(Protocol):
    """Changes topics so that the whole simulator knows."""

    def configure_topic(self, topic: str, config: Mapping[str, object]) -> TopicInfo:
        """Replace the settings given for a topic."""
        ...

    def settle_topics(self) -> None:
        """Look at the settings of all topics again: those of the brokers have changed."""
        ...


class Resources:
    """The settings of a cluster."""

    def __init__(self, config: BrokerConfig, log: TopicLog, control: Control) -> None:
        self.brokers = config
        self.topics = TopicConfigs(config)
        self._log = log
        self._control = control
        self._groups: dict[str, Mapping[str, str]] = {}
        self._metrics: dict[str, Mapping[str, str]] = {}
        self._levels: dict[int, Mapping[str, str]] = {}

    def reset(self) -> None:
        """Forget what was changed, but for topics."""
        self.brokers.reset()
        self._groups.clear()
        self._metrics.clear()
        self._levels.clear()

    def group(self, group_id: str, name: str) -> Value:
        """The value of a setting for a group, its own or that of the brokers."""
        definition = definitions("group")[name]
        own = self._groups.get(group_id, {})
        if name in own:
            return definition.parse(own[name])
        if definition.synonyms:
            return self.brokers.get(definition.synonyms[0])
        return None if definition.default is None else definition.parse(definition.default)

    def named(self, node_ids: Sequence[int]) -> Iterator[tuple[ResourceType, str]]:
        """All that have settings, as ListConfigResources tells them."""
        for name in sorted(name for name, config in self._groups.items() if config):
            yield ResourceType.GROUP, name
        for name in sorted(name for name, config in self._metrics.items() if config):
            yield ResourceType.CLIENT_METRICS, name
        for kind in (ResourceType.BROKER_LOGGER, ResourceType.BROKER):
            for node_id in node_ids:
                yield kind, str(node_id)
        for topic in self._log.topics():
            yield ResourceType.TOPIC, topic.name

    # Describing

    def describe(
        self, kind: int, name: str, node_id: int, static: Mapping[str, str]
    ) -> Iterator[Described]:
        """The settings of a resource as the broker `node_id` tells them.

        `static` are those that only this broker has. Raises Refused.
        """
        if kind == ResourceType.TOPIC:
            return self._describe_topic(name, node_id)
        if kind == ResourceType.BROKER:
            if not name:
                return self._describe_all_brokers()
            check_node(name, node_id, "Broker", " or empty string,")
            return self._describe_broker(node_id, static)
        if kind == ResourceType.BROKER_LOGGER:
            check_node(name, node_id, "Broker", "")
            return self._describe_loggers(node_id)
        if kind == ResourceType.CLIENT_METRICS:
            if not name:
                raise invalid("Client metrics subscription name must not be empty")
            return self._describe_metrics(name)
        if kind == ResourceType.GROUP:
            if not name:
                raise invalid("Group name must not be empty")
            return self._describe_group(name, node_id)
        raise invalid(f"Unsupported resource type: {kind}")

    def _describe_topic(self, name: str, node_id: int) -> Iterator[Described]:
        _check_topic_name(name)
        if not self._log.has_topic(name):
            raise Refused(Code.UNKNOWN_TOPIC_OR_PARTITION, "")
        return self.topic_settings(self._log.topic(name).config, node_id)

    def topic_settings(self, config: Mapping[str, str], node_id: int) -> Iterator[Described]:
        """The settings of a topic that was given `config`."""
        for definition, value, given in self.topics.describe(config, node_id):
            source = given[0].source if given else Source.DEFAULT
            yield Described(definition, value, source, False, given)

    def _describe_all_brokers(self) -> Iterator[Described]:
        for name, value in sorted(self.brokers.changed(None).items()):
            if name in self.brokers.definitions:
                definition = self.brokers.definitions[name]
                given = [Setting(name, _shown(definition, value), Source.ALL_BROKERS)]
                yield Described(definition, given[0].value, given[0].source, False, given)

    def _describe_broker(self, node_id: int, static: Mapping[str, str]) -> Iterator[Described]:
        for name, definition in self.brokers.definitions.items():
            given = self.brokers.synonyms(name, node_id)
            if name in static:
                own = Setting(name, static[name], Source.STATIC)
                given = [own, *(each for each in given if each.source is Source.DEFAULT)]
            value = given[0].value if given else None
            source = given[0].source if given else Source.DEFAULT
            given = [each._replace(value=_shown(definition, each.value)) for each in given]
            value = _shown(definition, value)
            yield Described(definition, value, source, not definition.dynamic, given)

    def _describe_loggers(self, node_id: int) -> Iterator[Described]:
        levels = {ROOT_LOGGER: "INFO"} | dict(self._levels.get(node_id, {}))
        for name, level in levels.items():
            definition = Definition(name, ConfigType.STRING, None, "any", True, (), "")
            given = [Setting(name, level, Source.LOGGER)]
            yield Described(definition, level, Source.LOGGER, False, given)

    def _describe_metrics(self, name: str) -> Iterator[Described]:
        config = self._metrics.get(name, {})
        for setting, definition in definitions("client_metrics").items():
            if setting in config:
                given = [Setting(setting, config[setting], Source.CLIENT_METRICS)]
                yield Described(definition, config[setting], given[0].source, False, given)
            else:
                yield Described(definition, definition.default, Source.DEFAULT, False, ())

    def _describe_group(self, name: str, node_id: int) -> Iterator[Described]:
        config = self._groups.get(name, {})
        for setting, definition in definitions("group").items():
            given: list[Setting] = []
            if setting in config:
                given.append(Setting(setting, config[setting], Source.GROUP))
            if definition.synonyms:
                given += self.brokers.synonyms(definition.synonyms[0], node_id)
            elif definition.default is not None:
                given.append(Setting(setting, definition.default, Source.DEFAULT))
            value = printed(self.group(name, setting))
            yield Described(definition, value, given[0].source, False, given)

    # Changing

    def replace(
        self, kind: int, name: str, node_id: int, config: Mapping[str, str | None], dry: bool
    ) -> None:
        """Replace all that was given for a resource, as AlterConfigs does; raises Refused.

        With `dry` it is only checked.
        """
        if kind == ResourceType.BROKER_LOGGER:
            raise invalid(
                "AlterConfigs is deprecated and does not support the resource type BROKER_LOGGER."
            )
        self._check_resource(kind, name, node_id)
        check_nulls(each for each, value in config.items() if value is None)
        values = {each: value for each, value in config.items() if value is not None}
        self._put(kind, name, self._current(kind, name), values, dry)

    def change(
        self, kind: int, name: str, node_id: int, changes: Sequence[Change], dry: bool
    ) -> None:
        """Change single settings, as IncrementalAlterConfigs does; raises Refused."""
        if len({change.name for change in changes}) < len(changes):
            raise invalid("Error due to duplicate config keys")
        check_nulls(
            change.name
            for change in changes
            if change.value is None and change.operation != Operation.DELETE
        )
        self._check_resource(kind, name, node_id)
        current = self._current(kind, name)
        if kind == ResourceType.BROKER_LOGGER:
            levels = changed_levels(self._levels.get(node_id, {}), changes)
            if not dry:
                self._levels[node_id] = levels
            return
        known, values = self._definitions(kind), dict(current)
        for change in changes:
            apply(known, values, change)
        self._put(kind, name, current, values, dry)

    def _check_resource(self, kind: int, name: str, node_id: int) -> None:
        if kind == ResourceType.TOPIC:
            if not name:
                raise invalid("Default topic resources are not allowed.")
            _check_topic_name(name)
            if not self._log.has_topic(name):
                text = f"The topic '{name}' does not exist."
                raise Refused(Code.UNKNOWN_TOPIC_OR_PARTITION, text)
        elif kind in (ResourceType.BROKER, ResourceType.BROKER_LOGGER):
            if name or kind == ResourceType.BROKER_LOGGER:
                check_node(name, node_id, "Node", ",")
        elif kind == ResourceType.GROUP:
            if not name:
                raise invalid("Default group resources are not allowed.")
        elif kind == ResourceType.CLIENT_METRICS:
            if not name:
                raise invalid("Subscription name can't be empty")
        else:
            raise invalid(f"Unknown resource type {kind}")

    def _current(self, kind: int, name: str) -> Mapping[str, str]:
        if kind == ResourceType.TOPIC:
            return self._log.topic(name).config
        if kind == ResourceType.BROKER:
            return self.brokers.changed(int(name) if name else None)
        kept = self._groups if kind == ResourceType.GROUP else self._metrics
        return kept.get(name, {})

    def _definitions(self, kind: int) -> Mapping[str, Definition]:
        tables = {
            ResourceType.TOPIC: "topic",
            ResourceType.BROKER: "broker",
            ResourceType.GROUP: "group",
        }
        return definitions(tables.get(ResourceType(kind), "client_metrics"))

    def _put(
        self, kind: int, name: str, before: Mapping[str, str], after: Mapping[str, str], dry: bool
    ) -> None:
        """Check what a resource is to have, and keep it."""
        if kind == ResourceType.TOPIC:
            try:
                self.topics.check(after)
            except InvalidConfig as error:
                raise Refused(Code.INVALID_CONFIG, str(error)) from None
            if not dry:
                self._control.configure_topic(name, after)
        elif kind == ResourceType.BROKER:
            check_broker(self.brokers, name, before, after)
            if not dry:
                self.brokers.change(int(name) if name else None, after)
                self._control.settle_topics()
        elif kind == ResourceType.GROUP:
            check_group(self.brokers, after)
            if not dry:
                _keep(self._groups, name, after)
        else:
            check_metrics(after)
            if not dry:
                _keep(self._metrics, name, after)


def _keep(kept: dict[str, Mapping[str, str]], name: str, config: Mapping[str, str]) -> None:
    """Keep what was set for a group or a metrics subscription, if anything was."""
    if not config:
        kept.pop(name, None)
        return
    if name not in kept and len(kept) >= MAX_NAMED:
        raise Refused(Code.POLICY_VIOLATION, f"There are settings of {MAX_NAMED} already.")
    kept[name] = config


def _check_topic_name(name: str) -> None:
    problem = name_problem(name)
    if problem:
        raise Refused(Code.INVALID_TOPIC_EXCEPTION, problem)


def _shown(definition: Definition, value: str | None) -> str | None:
    """What a client may see of a value."""
    return None if definition.type is ConfigType.PASSWORD else value
