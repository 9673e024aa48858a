"""What consumers of classic groups put into metadata and assignments: Kafka's ConsumerProtocol.

The coordinator hands these bytes on as they are. It reads them to know which topics a group is
subscribed to, and writes them to show the members of the gRPC door. Versions only add fields at the
end, so that the first one reads them all.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import import_module
from typing import Any

_VERSION = b"\0\0"


def decode_subscription(data: bytes) -> frozenset[str] | None:
    """The topics that a member names; None where the bytes are something else."""
    from kio.serial import entity_reader

    try:
        found, _ = entity_reader(_module("subscription").ConsumerProtocolSubscription)(data, 2)
    except Exception:  # the codec raises what it likes on garbage
        return None
    return frozenset(found.topics)


def decode_assignment(data: bytes) -> frozenset[tuple[str, int]] | None:
    """Topics and partitions of a member; None where the bytes are something else."""
    from kio.serial import entity_reader

    try:
        found, _ = entity_reader(_module("assignment").ConsumerProtocolAssignment)(data, 2)
    except Exception:  # the codec raises what it likes on garbage
        return None
    return frozenset((each.topic, n) for each in found.assigned_partitions for n in each.partitions)


def encode_subscription(topics: Sequence[str]) -> bytes:
    """Metadata of a member that reads these topics."""
    made = _module("subscription").ConsumerProtocolSubscription(
        topics=tuple(topics), user_data=None
    )
    return _written(made)


def encode_assignment(places: Iterable[tuple[str, int]]) -> bytes:
    """An assignment of these topics and partitions."""
    by_topic: dict[str, list[int]] = {}
    for topic, partition in sorted(places):
        by_topic.setdefault(topic, []).append(partition)
    module = _module("assignment")
    made = module.ConsumerProtocolAssignment(
        assigned_partitions=tuple(
            module.TopicPartition(topic=topic, partitions=tuple(partitions))
            for topic, partitions in by_topic.items()
        ),
        user_data=None,
    )
    return _written(made)


def _written(entity: Any) -> bytes:
    from kio.serial import entity_writer

    buffer = io.BytesIO()
    buffer.write(_VERSION)
    entity_writer(type(entity))(buffer, entity)
    return buffer.getvalue()


@cache
def _module(kind: str) -> Any:
    return import_module(f"kio.schema.consumer_protocol_{kind}.v0.data")
