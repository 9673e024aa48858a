"""Topic settings by Kafka's names: which act here, which mean nothing, and which are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulator.listeners.kafka.errors import ListenerError
from simulator.log import Retention

_RETENTION: Final = {"retention.ms": "max_age_ms", "retention.bytes": "max_bytes"}

_ONLY: Final = {
    "cleanup.policy": ("delete",),
    "compression.type": ("producer",),
    "message.timestamp.type": ("CreateTime",),
    "min.insync.replicas": ("1",),
    "remote.storage.enable": ("false",),
}
"""Settings of which one value is served."""

_MEANINGLESS: Final = frozenset(
    (
        "delete.retention.ms",
        "file.delete.delay.ms",
        "flush.messages",
        "flush.ms",
        "follower.replication.throttled.replicas",
        "index.interval.bytes",
        "leader.replication.throttled.replicas",
        "local.retention.bytes",
        "local.retention.ms",
        "max.compaction.lag.ms",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "preallocate",
        "remote.log.copy.disable",
        "remote.log.delete.on.disable",
        "segment.bytes",
        "segment.index.bytes",
        "segment.jitter.ms",
        "segment.ms",
        "unclean.leader.election.enable",
    )
)
"""Settings of files and replicas, which there are none of."""

_REFUSED: Final = frozenset(
    ["max.message.bytes", "message.timestamp.after.max.ms", "message.timestamp.before.max.ms"]
)


class InvalidConfig(ListenerError):
    """A topic setting that does not exist, or a value that it cannot have here."""


def retention_of(settings: Mapping[str, str | None]) -> Retention:
    """What the settings of a topic say about retention; raises InvalidConfig."""
    limits: dict[str, int | None] = {}
    for name, value in settings.items():
        if value is None:
            raise InvalidConfig(f"Null value not supported for topic configs: {name}")
        if name in _RETENTION:
            limits[_RETENTION[name]] = _limit(name, value)
        elif name in _ONLY:
            if value not in _ONLY[name]:
                raise InvalidConfig(
                    f"Invalid value {value} for configuration {name}: this broker serves only "
                    f"{', '.join(_ONLY[name])}"
                )
        elif name in _REFUSED:
            raise InvalidConfig(f"configuration {name} is not served by this broker")
        elif name not in _MEANINGLESS:
            raise InvalidConfig(f"Unknown topic config name: {name}")
    return Retention(**limits)


def _limit(name: str, value: str) -> int | None:
    try:
        number = int(value)
    except ValueError:
        number = -2
    if not -1 <= number < 1 << 63:
        raise InvalidConfig(
            f"Invalid value {value} for configuration {name}: Not a number of type LONG, or less "
            "than -1"
        )
    return None if number == -1 else max(number, 1)
