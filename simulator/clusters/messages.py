"""What a message of confluent-kafka says, as the log has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.log import Headers

if TYPE_CHECKING:
    from confluent_kafka import Message


def key_of(message: Message) -> bytes | None:
    """The key."""
    return _as_bytes(message.key())


def value_of(message: Message) -> bytes | None:
    """The value; None for a tombstone."""
    return _as_bytes(message.value())


def headers_of(message: Message) -> Headers:
    """The headers, in order."""
    headers: Any = message.headers() or ()
    return tuple((name, _as_bytes(value)) for name, value in headers)


def timestamp_of(message: Message) -> int:
    """Milliseconds; -1 for a record of a format that has none, as in Kafka."""
    from confluent_kafka import TIMESTAMP_NOT_AVAILABLE

    kind, timestamp = message.timestamp()
    return -1 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp


def _as_bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
