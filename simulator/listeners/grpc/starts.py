"""Where a subscription begins: `simulator.v1.StartPosition` turned into offsets."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf import timestamp_pb2

from simulator.errors import SimulatorError
from simulator.listeners.grpc.errors import FieldError, FieldViolation, InvalidRequest
from simulator.log import OffsetOutOfRange, TopicLog
from simulator.v1 import record_pb2

Place = tuple[str, int]
"""A topic and a partition."""

_MIN_SECONDS, _MAX_SECONDS = -62135596800, 253402300799


def start_offsets(
    log: TopicLog, topics: Sequence[str], start: record_pb2.StartPosition
) -> dict[Place, int]:
    """Return the offset at which each partition of the topics begins to be read.

    Raises the log's own errors with the field at fault: an unknown topic or partition, an offset
    that is not retained or not yet there.
    """
    bounds: dict[Place, tuple[int, int]] = {}
    for row, topic in enumerate(topics):
        try:
            partitions = log.topic(topic).partitions
        except SimulatorError as error:
            raise FieldError(f"topics[{row}]", error) from None
        for index, partition in enumerate(partitions):
            bounds[topic, index] = (partition.start, partition.end)
    match start.WhichOneof("at"):
        case "latest":
            return {place: end for place, (_, end) in bounds.items()}
        case "timestamp":
            timestamp = _milliseconds(start)
            found = {place: log.offset_for_timestamp(*place, timestamp) for place in bounds}
            return {
                place: bounds[place][1] if offset is None else offset
                for place, offset in found.items()
            }
        case "offsets":
            return {place: first for place, (first, _) in bounds.items()} | _explicit(
                bounds, start.offsets, topics
            )
        case _:
            return {place: first for place, (first, _) in bounds.items()}


def _explicit(
    bounds: dict[Place, tuple[int, int]],
    offsets: record_pb2.StartPosition.Offsets,
    topics: Sequence[str],
) -> dict[Place, int]:
    explicit: dict[Place, int] = {}
    for row, entry in enumerate(offsets.offsets):
        field = f"from.offsets.offsets[{row}]"
        place = (entry.topic, entry.partition)
        if place in explicit:
            problem = f"lists partition {entry.partition} of topic {entry.topic!r} again"
            raise InvalidRequest([FieldViolation(field, problem)])
        if place not in bounds:
            problem = (
                f"topic {entry.topic!r} has no partition {entry.partition}"
                if entry.topic in topics
                else f"topic {entry.topic!r} is not among the topics of the request"
            )
            raise InvalidRequest([FieldViolation(field, problem)])
        first, end = bounds[place]
        if not first <= entry.offset <= end:
            raise FieldError(f"{field}.offset", OffsetOutOfRange(*place, entry.offset, first, end))
        explicit[place] = entry.offset
    return explicit


def timestamp_is_valid(timestamp: timestamp_pb2.Timestamp) -> bool:
    """Whether a timestamp is one that `google.protobuf.Timestamp` allows: years 1 to 9999."""
    return _MIN_SECONDS <= timestamp.seconds <= _MAX_SECONDS and 0 <= timestamp.nanos < 10**9


def _milliseconds(start: record_pb2.StartPosition) -> int:
    """The first whole millisecond at or after the given time."""
    if not timestamp_is_valid(start.timestamp):
        problem = "lies outside the years 1 to 9999, or its nanos are not 0 to 999999999"
        raise InvalidRequest([FieldViolation("from.timestamp", problem)])
    return start.timestamp.seconds * 1000 - (-start.timestamp.nanos // 1_000_000)
