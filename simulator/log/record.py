"""What the log keeps: one immutable record, and the place an append gave it."""

from __future__ import annotations

from array import array
from typing import Final, NamedTuple

from simulator.log.errors import InvalidRecord

Headers = tuple[tuple[str, bytes | None], ...]
"""Record headers in order, as in Kafka: names may repeat, a value may be null."""

MAX_HEADERS: Final = 256
"""Headers of one record. Kafka bounds only their bytes; empty ones would take memory unseen."""


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


def headers_size(topic: str, headers: Headers) -> int:
    """Bytes of the names (in UTF-8) and values of `headers`; InvalidRecord if they are illegal.

    `topic` is for the error.
    """
    if len(headers) > MAX_HEADERS:
        raise InvalidRecord(topic, f"{len(headers)} headers, at most {MAX_HEADERS} are allowed")
    size = 0
    for name, value in headers:
        try:
            size += len(name.encode())
        except UnicodeEncodeError:
            raise InvalidRecord(topic, f"header name {name!r} is not valid Unicode") from None
        if value is not None:
            size += len(value)
    return size


def check_timestamp(topic: str, timestamp: int) -> None:
    """Raise InvalidRecord unless `timestamp` is a 64-bit integer. `topic` is for the error."""
    try:
        array("q", (timestamp,))
    except (TypeError, OverflowError):
        raise InvalidRecord(
            topic, f"timestamp {timestamp!r} is no 64-bit integer (ms since the epoch)"
        ) from None
