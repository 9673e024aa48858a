"""What a Fetch request asks for in full: with what its session already knows (KIP-227)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from simulator.listeners.kafka.faults.structures import nested_class
from simulator.listeners.kafka.fetch_sessions import TopicKey, Wanted
from simulator.listeners.kafka.registry import Request


def in_full(request: Request) -> Any:
    """The body of a Fetch request, with every partition of its session named."""
    body = request.body
    if request.version < 7 or body.session_epoch <= 0:
        return body
    session = request.cluster.fetch_sessions.find(request.node_id, body.session_id)
    if session is None:
        return body
    field = "topic_id" if request.version >= 13 else "topic"
    topics: dict[TopicKey, dict[int, Any]] = {}
    cls: Any = type(body)
    make_topic = nested_class(cls, "topics")
    make_partition = nested_class(make_topic, "partitions")
    for wanted in session.wanted:
        partition = _partition(make_partition, wanted)
        topics.setdefault(wanted.topic, {})[wanted.partition] = partition
    for topic in body.topics:
        for partition in topic.partitions:
            topics.setdefault(getattr(topic, field), {})[partition.partition] = partition
    return replace(
        body,
        topics=tuple(
            make_topic(**{field: topic}, partitions=tuple(partitions.values()))
            for topic, partitions in topics.items()
        ),
    )


def _partition(make: Any, wanted: Wanted) -> Any:
    return make(
        partition=wanted.partition,
        fetch_offset=wanted.offset,
        partition_max_bytes=wanted.max_bytes,
    )
