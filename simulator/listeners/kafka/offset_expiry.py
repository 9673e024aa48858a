"""Offsets of groups that nobody has been in for a long time are forgotten, as Kafka does.

`offsets.retention.minutes` after the last commit or the last member, whatever came later, by the
brokers' clock: 7 days, unless set. Only groups that committed over Kafka are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.listeners.kafka.broker_clock import BrokerClock, BrokerTimer
from simulator.listeners.kafka.configs import BrokerConfig


class OffsetExpiry:
    """Looks at the groups that have committed every `offsets.retention.check.interval.ms`."""

    def __init__(
        self,
        clock: BrokerClock,
        config: BrokerConfig,
        has_members: Callable[[str], bool],
        forget: Callable[[str], None],
    ) -> None:
        self._clock = clock
        self._config = config
        self._has_members = has_members
        self._forget = forget
        self._used: dict[str, int] = {}
        self._timer: BrokerTimer | None = None

    def touch(self, group: str) -> None:
        """The group is used now."""
        self._used[group] = self._clock.now_ms()
        if self._timer is None:
            self._look_later()

    def drop(self, group: str) -> None:
        """The group was deleted."""
        self._used.pop(group, None)

    def __len__(self) -> int:
        """Groups that are looked at."""
        return len(self._used)

    def _look_later(self) -> None:
        interval = self._config.int("offsets.retention.check.interval.ms")
        self._timer = self._clock.call_at(self._clock.now_ms() + interval, self._look)

    def _look(self) -> None:
        now = self._clock.now_ms()
        retention = self._config.int("offsets.retention.minutes") * 60_000
        for group, used in list(self._used.items()):
            if self._has_members(group):
                self._used[group] = now
            elif now - used >= retention:
                self._forget(group)
                self.drop(group)
        self._timer = None
        if self._used:
            self._look_later()
