"""Deletes what is past its age, and compacts, on the simulator's clock."""

from __future__ import annotations

from simulator.log import TopicLog
from simulator.scenario.clock import RealClock, Timer, VirtualClock

CHECKS_PER_AGE = 8
MIN_PERIOD_NS = 10_000_000

COMPACTION_PERIOD_NS = 15_000_000_000
"""As often as Kafka's cleaner looks for work (`log.cleaner.backoff.ms`)."""


class RetentionTimer:
    """Applies retention by age as time passes, and leaves the clock alone while no topic has one.

    A record may outlive its topic's `max_age_ms` by an eighth of it. A topic that is looked at
    through `apply` first, as the simulator's own `events` does, shows exactly what should be left.
    """

    def __init__(self, log: TopicLog, clock: VirtualClock | RealClock) -> None:
        """Nothing is timed before the first `arm`."""
        self._log = log
        self._clock = clock
        self._timer: Timer | None = None
        self._compacted: list[str] = []
        self._compact_at = 0

    def apply(self) -> None:
        """Delete what is too old by now."""
        self._log.apply_retention(self._clock.now_ns() // 1_000_000)

    def arm(self) -> None:
        """Look at the topics' settings again, and time the next check."""
        self.disarm()
        periods = [
            max(topic.retention.max_age_ms * 1_000_000 // CHECKS_PER_AGE, MIN_PERIOD_NS)
            for topic in self._log.topics()
            if topic.retention.max_age_ms is not None
        ]
        self._compacted = [
            topic.name for topic in self._log.topics() if topic.rules.compact and not topic.internal
        ]
        if self._compacted:
            periods.append(COMPACTION_PERIOD_NS)
            self._compact_at = min(self._compact_at, self._clock.now_ns() + COMPACTION_PERIOD_NS)
        if periods:
            at = self._clock.now_ns() + min(periods)
            self._timer = self._clock.call_at(at, self._fire)

    def disarm(self) -> None:
        """Stop timing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self.apply()
        now = self._clock.now_ns()
        if now >= self._compact_at:
            self._compact_at = now + COMPACTION_PERIOD_NS
            for topic in self._compacted:
                if self._log.has_topic(topic):
                    self._log.compact(topic, now // 1_000_000)
        self.arm()
