"""Publish requests: every record of a request is appended, or none of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.catalog import CatalogError
from simulator.errors import SimulatorError
from simulator.listeners.grpc.errors import FieldError
from simulator.listeners.grpc.limits import MAX_RECORDS, MAX_WARNINGS
from simulator.listeners.grpc.requests import Checks
from simulator.listeners.grpc.typed_events import TypedEvents
from simulator.log import (
    InvalidTopicName,
    LogError,
    PartitionNotFound,
    RecordPlace,
    TopicInfo,
    TopicLog,
    TopicNotFound,
)
from simulator.publishing import PreparedRecord, Publisher
from simulator.v1 import broker_pb2

_ROW_BYTES = 512
"""More than the log accounts for a record besides its bytes, or for a header."""


class AtomicPublisher:
    """Publishes whole requests."""

    def __init__(self, publisher: Publisher, log: TopicLog, types: TypedEvents) -> None:
        self._publisher = publisher
        self._log = log
        self._types = types

    async def publish(
        self, request: broker_pb2.PublishRequest
    ) -> tuple[Sequence[RecordPlace], list[str]]:
        """Append the records of a request; return their places, and warnings.

        Raises `FieldError` naming the first record at fault; then nothing has been appended. An
        existing cluster takes each record by itself, and may refuse one and take another.
        """
        (places, warnings), arrived = await self._publisher.through(lambda: self._publish(request))
        return arrived or places, warnings

    def _publish(self, request: broker_pb2.PublishRequest) -> tuple[list[RecordPlace], list[str]]:
        checks = Checks()
        checks.at_most(request.records, MAX_RECORDS, "records")
        checks.done()
        prepared = []
        warnings = []
        validate = False if request.no_validate else None
        for row, record in enumerate(request.records):
            try:
                ready = self._prepare(record, validate)
            except SimulatorError as error:
                raise FieldError(_field(row, record, error), error) from None
            prepared.append(ready)
            warnings += [f"records[{row}]: {near_miss.message}" for near_miss in ready.warnings]
        return self._append(request, prepared), _bounded(warnings)

    def _prepare(self, record: broker_pb2.PublishRecord, validate: bool | None) -> PreparedRecord:
        if not self._log.has_topic(record.topic):
            self._log.topic(record.topic)  # raises, with a suggestion
        value: Any
        match record.WhichOneof("value"):
            case "json":
                value = record.json
            case "raw":
                value = record.raw
            case "event":
                value = self._types.decode(record.topic, record.event)
            case _:
                value = None
        return self._publisher.prepare(
            record.topic,
            value,
            key=record.key if record.HasField("key") else None,
            headers=tuple(
                (header.name, header.value if header.HasField("value") else None)
                for header in record.headers
            ),
            partition=record.partition if record.HasField("partition") else None,
            timestamp=record.timestamp_ms if record.HasField("timestamp_ms") else None,
            validate=validate,
        )

    def _append(
        self, request: broker_pb2.PublishRequest, prepared: Sequence[PreparedRecord]
    ) -> list[RecordPlace]:
        # A single append is atomic by itself. For more, a snapshot can undo the first ones, but it
        # makes the log begin new segments, so it is taken only where an append might be refused.
        snapshot = None
        if len(prepared) > 1 and not self._surely_fit(prepared):
            snapshot = self._log.snapshot()
        places = []
        for row, record in enumerate(prepared):
            try:
                places.append(self._publisher.append(record).place)
            except LogError as error:
                if places and snapshot is not None:
                    self._log.restore(snapshot)
                raise FieldError(_field(row, request.records[row], error), error) from None
        return places

    def _surely_fit(self, prepared: Sequence[PreparedRecord]) -> bool:
        """Whether the log cannot refuse any of these records; never wrongly yes."""
        topics: dict[str, TopicInfo] = {}
        total = 0
        for record in prepared:
            topic = topics.get(record.topic)
            if topic is None:
                topic = topics[record.topic] = self._log.topic(record.topic)
            if record.headers:
                return False
            size = len(record.value or b"") + len(record.key or b"")
            limit = min(self._log.max_record_bytes, topic.retention.max_bytes or size)
            partition = record.partition or 0
            if size > limit or not 0 <= partition < len(topic.partitions):
                return False
            total += size + _ROW_BYTES
        return self._log.memory_held + total <= self._log.max_bytes


def _field(row: int, record: broker_pb2.PublishRecord, error: SimulatorError) -> str:
    """Name the field of a record that an error is about."""
    field = f"records[{row}]"
    if isinstance(error, TopicNotFound | InvalidTopicName):
        return f"{field}.topic"
    if isinstance(error, PartitionNotFound):
        return f"{field}.partition"
    if isinstance(error, CatalogError):
        return f"{field}.{record.WhichOneof('value') or 'value'}"
    return field


def _bounded(warnings: list[str]) -> list[str]:
    if len(warnings) <= MAX_WARNINGS:
        return warnings
    return [*warnings[:MAX_WARNINGS], f"... and {len(warnings) - MAX_WARNINGS} more"]
