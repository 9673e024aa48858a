"""How much of a partition is kept."""

from __future__ import annotations

from typing import NamedTuple

from simulator.log.errors import InvalidTopicSetting


class Retention(NamedTuple):
    """Limits of each partition of a topic; None means no limit.

    `max_records` and `max_bytes` (keys, values and headers) hold after every append, exact to the
    record: the oldest go first. `max_age_ms` is applied by `TopicLog.apply_retention(now)`: a
    record goes when it and everything before it in its partition are older than that. Offsets
    stay dense that way; a record with an old timestamp behind a young one is kept, as in Kafka,
    where the youngest record of a segment decides.
    """

    max_age_ms: int | None = None
    max_bytes: int | None = None
    max_records: int | None = None

    def check(self) -> None:
        """Raise InvalidTopicSetting unless every limit is absent or at least 1."""
        for name, limit in self._asdict().items():
            if limit is not None and limit < 1:
                raise InvalidTopicSetting(f"retention {name}", limit, "use at least 1, or none")
