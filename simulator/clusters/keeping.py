"""How long a cluster keeps records, and whether it makes topics: what its settings say.

Apache Kafka deletes by the timestamps that records carry, not by when they came: a segment goes
when its largest timestamp is older than `retention.ms`, by default a week. It looks 30 s after a
broker has started, and every 5 minutes from then on (`log.retention.check.interval.ms`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from simulator.clusters.addresses import ClusterAddress

_DAY_MS: Final = 86_400_000


class ClusterSettings:
    """Asks a cluster for its settings; whoever may not know them is told None."""

    def __init__(self, address: ClusterAddress, patience_s: float) -> None:
        """Nothing is asked yet; an answer may take `patience_s`."""
        from confluent_kafka.admin import AdminClient

        self._patience_s = patience_s
        self._client = AdminClient({"bootstrap.servers": address.servers, "log_level": 0})

    def keeps_ms(self, topic: str) -> int | None:
        """How old a record's own timestamp may be before the record is deleted, in ms."""
        return keeps_ms(self._of("topic", topic))

    def makes_topics(self, broker: int) -> bool | None:
        """Whether topics are made when somebody asks for them."""
        told = self._of("broker", str(broker)).get("auto.create.topics.enable")
        return None if told is None else told == "true"

    def _of(self, kind: str, name: str) -> dict[str, Any]:
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]

        asked = [ConfigResource(kind, name)]
        (answer,) = self._client.describe_configs(asked, request_timeout=self._patience_s).values()
        with suppress(
            KafkaException
        ):  # it may be forbidden: what is asked for is only good to know
            return {key: entry.value for key, entry in answer.result().items()}
        return {}


def keeps_ms(settings: Mapping[str, str | None]) -> int | None:
    """How long a topic with such settings keeps a record by its own timestamp; None for ever."""
    if "delete" not in (settings.get("cleanup.policy") or "") or (
        settings.get("message.timestamp.type") == "LogAppendTime"
    ):
        return None
    kept = int(settings.get("retention.ms") or -1)
    return None if kept < 0 else kept


def too_old(topic: str, timestamp: int, kept_ms: int) -> str:
    """Say that the cluster will delete a record for its timestamp (ms)."""
    return (
        f"{topic} keeps records for {_duration(kept_ms)} by their own timestamps, and this story's "
        f"are of {_instant(timestamp)}: the cluster may delete them within minutes"
    )


def better_start(kept_ms: int, now_ms: int) -> str:
    """Say what keeps records: a start that is recent, with room for the story behind it."""
    start = _instant(now_ms - min(kept_ms // 2, _DAY_MS))
    return (
        f"let the story begin later, such as --start {start} (the same for all shards), "
        "or set retention.ms=-1 for the topic"
    )


def _instant(ms: int) -> str:
    whole = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{whole:%Y-%m-%dT%H:%M:%SZ}"


def _duration(ms: int) -> str:
    return f"{ms / _DAY_MS:.3g} days" if ms >= 2 * _DAY_MS else f"{ms / 3_600_000:.3g} h"
