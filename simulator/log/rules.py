"""What the settings of a topic mean for its records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from simulator.log.retention import Retention


class TopicRules(NamedTuple):
    """The settings that act; ages and lags in milliseconds, None means no limit.

    `retention` deletes the oldest. `compact` keeps the newest record of each key, tombstones for
    `delete_retention_ms`, and whatever is younger than `compaction_lag_ms`; `needs_key`
    refuses records without one. `append_time` gives
    Kafka batches the broker's time; otherwise their records may lie `before_max_ms` behind it or
    `after_max_ms` ahead. `min_insync` replicas must be there for a write that waits for all.
    """

    retention: Retention = Retention()
    compact: bool = False
    needs_key: bool = False
    delete_retention_ms: int = 86_400_000
    compaction_lag_ms: int = 0
    max_batch_bytes: int | None = None
    append_time: bool = False
    before_max_ms: int | None = None
    after_max_ms: int | None = None
    min_insync: int = 1


RulesOf = Callable[[Mapping[str, str]], TopicRules]
"""Gives the settings of a topic, by Kafka's names, their meaning."""

AGE, BYTES = "retention.ms", "retention.bytes"


def settings_of(retention: Retention) -> dict[str, str]:
    """The limits of a retention as settings; those that are absent are not set."""
    limits = {AGE: retention.max_age_ms, BYTES: retention.max_bytes}
    return {name: str(limit) for name, limit in limits.items() if limit is not None}


def plain_rules(config: Mapping[str, str]) -> TopicRules:
    """The rules where nobody knows about other settings than these."""
    age, size = (int(config.get(name, -1)) for name in (AGE, BYTES))
    return TopicRules(Retention(age if age > 0 else None, size if size > 0 else None))
