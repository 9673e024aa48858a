"""What the log keeps: one immutable record, and the place an append gave it."""

from __future__ import annotations

from typing import NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]
"""Record headers in order, as in Kafka: names may repeat, a value may be null."""


class Record(NamedTuple):
    """One record as read back from a partition.

    `timestamp` is in milliseconds since the Unix epoch, as in Kafka. `position` numbers appends
    across all topics of one log, so that readers of several topics see them in append order.
    `unchecked` marks a record that entered a typed topic without validation.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    position: int
    unchecked: bool


class RecordPlace(NamedTuple):
    """Where an appended record lies."""

    topic: str
    partition: int
    offset: int
    timestamp: int
