"""The parts that settings ask for: which events there are, which clock, and whose log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulator.catalog import Catalog
from simulator.instants import instant_ns
from simulator.log import TopicLog
from simulator.scenario.clock import RealClock, VirtualClock
from simulator.settings import DEFAULT_START, Settings

if TYPE_CHECKING:
    from simulator.clusters.existing import ExistingCluster


def catalog_of(settings: Settings) -> Catalog:
    """The events that exist; raises InvalidDocument where `specs` cannot be read at all."""
    catalog = settings.catalog or Catalog.builtin()
    if settings.specs:
        catalog = Catalog.load([Path(spec) for spec in settings.specs])
    prefix = settings.topic_prefix and settings.topic_prefix + settings.topic_separator
    return catalog.with_topic_prefix(prefix or catalog.topic_prefix)


def clock_of(settings: Settings) -> VirtualClock | RealClock:
    """The clock that events are stamped by."""
    if settings.speed is None:
        return VirtualClock(virtual_start_ns(settings))
    return RealClock(settings.speed, None if settings.start is None else instant_ns(settings.start))


def virtual_start_ns(settings: Settings) -> int:
    """Where a virtual clock begins, in nanoseconds since the Unix epoch."""
    return instant_ns(DEFAULT_START if settings.start is None else settings.start)


def cluster_of(settings: Settings, catalog: Catalog, log: TopicLog) -> ExistingCluster | None:
    """The cluster that the log is a copy of, None for a log of the simulator's own."""
    if settings.log is None:
        return None
    from simulator.clusters.addresses import ClusterAddress
    from simulator.clusters.existing import ExistingCluster  # not needed by most

    topics = (*catalog.channels, *settings.log_topics)
    address = ClusterAddress.parse(settings.log)
    return ExistingCluster(address, topics, catalog=catalog, log=log)
