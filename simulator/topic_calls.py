"""The calls of a simulator that are about topics: making, setting up, cutting, describing them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from simulator.catalog import Catalog
from simulator.errors import SimulatorError
from simulator.log import Retention, TopicInfo, TopicLog
from simulator.log.group_info import GroupInfo, describe_groups
from simulator.retention_timer import RetentionTimer
from simulator.scenario.clock import RealClock, VirtualClock
from simulator.settings import Settings

if TYPE_CHECKING:
    from simulator.clusters.existing import ExistingCluster
    from simulator.listeners.kafka import KafkaListener
    from simulator.listeners.kafka.configs import BrokerConfig
    from simulator.listeners.kafka.configs.topic_configs import TopicConfigs


class NotOnCluster(SimulatorError):
    """A call that would do to an existing cluster what only its owner should do."""

    def __init__(self, call: str, servers: str) -> None:
        super().__init__(
            f"{call} is not possible here: the topics are those of the Kafka cluster at {servers}; "
            "a simulator without log= (--log) has topics of its own"
        )


class TopicCalls:
    """One part of `AsyncSimulator`, which has the rooms that the calls are about."""

    settings: Settings
    catalog: Catalog
    log: TopicLog
    clock: VirtualClock | RealClock
    _retention: RetentionTimer
    _kafka: KafkaListener | None
    _cluster: ExistingCluster | None
    _reaper: asyncio.Handle | None

    def create_topic(
        self,
        topic: str,
        *,
        partitions: int = 1,
        retention: Retention = Retention(),
        config: Mapping[str, object] | None = None,
    ) -> TopicInfo:
        """Create a topic; `config` has Kafka's settings for it, which overrule `retention`.

        Raises `TopicExists`, `InvalidTopicName` or `InvalidConfig`.
        """
        self._check_own_log("create_topic")
        settings = self._topic_configs.given(config) if config else {}
        created = self.log.create_topic(topic, partitions, retention, config=settings)
        if created.retention.max_age_ms is not None or created.rules.compact:
            self._retention.arm()  # which looks at all topics
        return created

    def configure_topic(self, topic: str, config: Mapping[str, object]) -> TopicInfo:
        """Replace the settings that were given for a topic, by Kafka's names.

        Raises `TopicNotFound` or `InvalidConfig`.
        """
        self._check_own_log("configure_topic")
        topic = self.catalog.topic(topic)
        self.log.configure_topic(topic, self._topic_configs.given(config))
        self._retention.arm()
        return self.log.topic(topic)

    def add_partitions(self, topic: str, total: int) -> TopicInfo:
        """Give a topic so many partitions in all; raises `TopicNotFound`."""
        self._check_own_log("add_partitions")
        topic = self.catalog.topic(topic)
        self.log.add_partitions(topic, total)
        return self.log.topic(topic)

    def settle_topics(self) -> None:
        """Look at the settings of all topics again: those of the brokers have changed."""
        self.log.use_rules(self._topic_configs.rules)
        self._retention.arm()

    def delete_records(self, topic: str, before_offset: int, *, partition: int = 0) -> int:
        """Delete the records before an offset; return the first offset that is left.

        Raises `TopicNotFound`, `PartitionNotFound` or `OffsetOutOfRange`.
        """
        self._check_own_log("delete_records")
        start = self.log.delete_records(self.catalog.topic(topic), partition, before_offset)
        self._reap_later()
        return start

    def compact(self, topic: str) -> int:
        """Compact a topic now, as happens by itself every 15 s; return how many records it deleted.

        Raises `TopicNotFound`, or `InvalidTopicSetting` unless its cleanup.policy has compact.
        """
        self._check_own_log("compact")
        deleted = self.log.compact(self.catalog.topic(topic), self._now_ms())
        self._reap_later()
        return deleted

    def delete_topic(self, topic: str) -> None:
        """Delete a topic and its records; raises `TopicNotFound`."""
        self._check_own_log("delete_topic")
        self.log.delete_topic(self.catalog.topic(topic))
        self._reap_later()

    def groups(self) -> list[GroupInfo]:
        """Describe all groups, of Kafka's clients and of gRPC subscribers, by name.

        Each with its members and what they read, its committed offsets, and its lag.
        """
        if self._kafka is None:
            return describe_groups(self.log)
        from simulator.listeners.kafka import group_views

        return group_views.describe_groups(self._kafka.cluster.groups, self.log)

    def topics(self) -> list[TopicInfo]:
        """Describe all topics, but for those that the cluster keeps for itself."""
        self._retention.apply()
        return [topic for topic in self.log.topics() if not topic.internal]

    # --- on an existing cluster ------------------------------------------------------------

    async def opened(self, group: str, *, whole: bool) -> None:
        """Be ready for a reader: of a group, if it has a name, or of all that was there.

        `whole`: where it begins depends on where the topics end. Returns at once unless the log
        is a copy of a cluster's. Raises `LogUnavailable`, or the cluster's reason.
        """
        if self._cluster is not None and group:
            await self._cluster.opened(group)
        if self._cluster is not None and whole:
            await self._cluster.caught_up()

    async def committed(self, group: str) -> None:
        """Have an existing cluster know what a group has committed; errors as those of `opened`."""
        if self._cluster is not None:
            await self._cluster.committed(group)

    # --- inside ----------------------------------------------------------------------------

    @cached_property
    def _broker_config(self) -> BrokerConfig:
        """What the brokers are set up with; only made when somebody asks for Kafka's settings."""
        from simulator.listeners.kafka.configs import BrokerConfig

        return BrokerConfig(self.settings.config, brokers=len(self.settings.kafka_brokers))

    @cached_property
    def _topic_configs(self) -> TopicConfigs:
        """What Kafka's settings of topics mean; the log takes them from now on."""
        from simulator.listeners.kafka.configs.topic_configs import TopicConfigs

        configs = TopicConfigs(self._broker_config)
        self.log.use_rules(configs.rules)
        return configs

    def _check_own_log(self, call: str) -> None:
        """Raise `NotOnCluster` where the topics belong to an existing cluster."""
        if self._cluster is not None:
            raise NotOnCluster(call, self._cluster.servers)

    def _now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000

    def _reap_later(self) -> None:
        """Free what was dropped in small slices between other work, not in one long pause."""
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_soon(self._reap)

    def _reap(self) -> None:
        self._reaper = None
        if self.log.reap():
            self._reap_later()
