"""`simulator.v1.Broker`: the log over gRPC."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from simulator.catalog import Catalog
from simulator.errors import SimulatorError
from simulator.listeners.grpc.control import Control
from simulator.listeners.grpc.errors import FieldError, NotPublishedYet
from simulator.listeners.grpc.events import described_events
from simulator.listeners.grpc.filters import compile_filter
from simulator.listeners.grpc.groups import group_description
from simulator.listeners.grpc.limits import (
    MAX_RECORDS,
    MAX_TOPICS,
    MAX_WARNINGS,
    RESPONSE_RECORDS,
)
from simulator.listeners.grpc.publish import AtomicPublisher
from simulator.listeners.grpc.readers import GroupReader, GroupStarts, Reader
from simulator.listeners.grpc.requests import Checks
from simulator.listeners.grpc.starts import start_offsets
from simulator.listeners.grpc.subscription import Caches, Limits, Subscription
from simulator.listeners.grpc.typed_events import TypedEvents
from simulator.log import InvalidTopicSetting, OffsetOutOfRange, Retention, TopicInfo, TopicLog
from simulator.publishing import Publisher
from simulator.v1 import broker_pb2, record_pb2


class BrokerServicer:
    """One method for each of the service; requests are checked here, the log does the work."""

    def __init__(
        self, catalog: Catalog, log: TopicLog, publisher: Publisher, control: Control
    ) -> None:
        types = TypedEvents(catalog)
        self._catalog = catalog
        self._log = log
        self._control = control
        self._publisher = AtomicPublisher(publisher, publisher.log, types)
        self._caches = Caches(log, types)
        self._group_starts = GroupStarts(log)

    # --- records ---------------------------------------------------------------------------

    async def publish(self, request: broker_pb2.PublishRequest) -> broker_pb2.PublishResponse:
        """Append all records of the request, or none."""
        places, warnings = await self._publisher.publish(request)
        return broker_pb2.PublishResponse(
            offsets=[
                record_pb2.TopicPartitionOffset(
                    topic=place.topic, partition=place.partition, offset=place.offset
                )
                for place in places
            ],
            warnings=warnings,
        )

    async def publish_stream(
        self, requests: AsyncIterator[broker_pb2.PublishRequest]
    ) -> broker_pb2.PublishStreamResponse:
        """Append request after request; a bad one ends the stream, and what came before stays."""
        accepted = 0
        warnings: list[str] = []
        number = 0
        async for request in requests:
            try:
                places, more = await self._publisher.publish(request)
            except SimulatorError as error:
                raise FieldError(
                    f"requests[{number}]",
                    error,
                    f" ({accepted} {'record' if accepted == 1 else 'records'} of the requests "
                    f"before it {'was' if accepted == 1 else 'were'} accepted)",
                ) from None
            accepted += len(places)
            room = MAX_WARNINGS - len(warnings)
            warnings += [f"requests[{number}].{warning}" for warning in more[: max(room, 0)]]
            number += 1
        return broker_pb2.PublishStreamResponse(accepted=accepted, warnings=warnings)

    async def subscribe(
        self, request: broker_pb2.SubscribeRequest
    ) -> AsyncGenerator[bytes | None, None]:
        """Send records as they are asked for; see `Subscription`."""
        checks = Checks()
        checks.require(request.topics, "topics", "is empty; name at least one topic")
        checks.at_most(request.topics, MAX_TOPICS, "topics")
        checks.unique(request.topics, "topics")
        checks.not_negative(request.max_records, "max_records")
        checks.not_negative(request.max_batch, "max_batch")
        if request.group:
            checks.name(request.group, "group", "a group")
        checks.done()
        begin = getattr(request, "from").WhichOneof("at")
        await self._control.opened(
            request.group, whole=request.stop_at_end or begin in ("latest", "timestamp")
        )
        async with aclosing(self._subscription(request).responses()) as responses:
            async for response in responses:
                yield response

    def _subscription(self, request: broker_pb2.SubscribeRequest) -> Subscription:
        topics = tuple(request.topics)
        starts = start_offsets(self._log, topics, getattr(request, "from"))
        record_filter = compile_filter(request.filter, topics, self._catalog)
        limits = Limits(
            max_records=request.max_records or None,
            stop_position=self._log.end_position if request.stop_at_end else None,
            max_batch=min(request.max_batch or RESPONSE_RECORDS, RESPONSE_RECORDS),
        )
        reader = (
            GroupReader(self._log, starts, request.group, self._group_starts)
            if request.group
            else Reader(self._log, starts)
        )
        return Subscription(
            self._log,
            topics,
            reader,
            self._caches,
            typed=request.typed,
            record_filter=record_filter,
            limits=limits,
        )

    async def acknowledge(
        self, request: broker_pb2.AcknowledgeRequest
    ) -> broker_pb2.AcknowledgeResponse:
        """Commit, for each partition, the offset after the one that was dealt with."""
        checks = Checks()
        checks.name(request.group, "group", "the group that acknowledges")
        checks.at_most(request.offsets, MAX_RECORDS, "offsets")
        for row, entry in enumerate(request.offsets):
            checks.not_negative(entry.offset, f"offsets[{row}].offset")
        checks.done()
        for row, entry in enumerate(request.offsets):
            try:
                _, end = self._log.bounds(entry.topic, entry.partition)
                if entry.offset >= end:
                    raise NotPublishedYet(entry.topic, entry.partition, entry.offset, end)
            except SimulatorError as error:
                raise FieldError(f"offsets[{row}]", error) from None
        response = broker_pb2.AcknowledgeResponse()
        for entry in request.offsets:
            following = entry.offset + 1
            self._log.groups.commit(request.group, entry.topic, entry.partition, following)
            response.next.add(topic=entry.topic, partition=entry.partition, offset=following)
        await self._control.committed(request.group)
        return response

    # --- topics ----------------------------------------------------------------------------

    async def create_topic(
        self, request: broker_pb2.CreateTopicRequest
    ) -> broker_pb2.CreateTopicResponse:
        """Create an empty topic."""
        wanted = request.retention
        retention = Retention(
            max_age_ms=wanted.max_age_ms if wanted.HasField("max_age_ms") else None,
            max_bytes=wanted.max_bytes if wanted.HasField("max_bytes") else None,
            max_records=wanted.max_records if wanted.HasField("max_records") else None,
        )
        try:
            topic = self._control.create_topic(
                request.topic, partitions=request.partitions or 1, retention=retention
            )
        except InvalidTopicSetting as error:
            field = error.setting.replace("number of ", "").replace(" ", ".")
            raise FieldError(field, error) from None
        except SimulatorError as error:
            raise FieldError("topic", error) from None
        return broker_pb2.CreateTopicResponse(topic=self._description(topic))

    async def delete_topic(
        self, request: broker_pb2.DeleteTopicRequest
    ) -> broker_pb2.DeleteTopicResponse:
        """Delete a topic and what groups acknowledged on it; its subscriptions end."""
        try:
            self._control.delete_topic(request.topic)
        except SimulatorError as error:
            raise FieldError("topic", error) from None
        return broker_pb2.DeleteTopicResponse()

    async def describe_topics(
        self, request: broker_pb2.DescribeTopicsRequest
    ) -> broker_pb2.DescribeTopicsResponse:
        """Describe the named topics, or all."""
        topics = []
        for row, name in enumerate(request.topics):
            try:
                topics.append(self._log.topic(name))
            except SimulatorError as error:
                raise FieldError(f"topics[{row}]", error) from None
        if not request.topics:
            topics = [topic for topic in self._log.topics() if not topic.internal]
        return broker_pb2.DescribeTopicsResponse(topics=map(self._description, topics))

    async def describe_events(
        self, request: broker_pb2.DescribeEventsRequest
    ) -> broker_pb2.DescribeEventsResponse:
        """Describe events of the catalogue, a page at a time."""
        return await described_events(self._catalog, request)

    async def describe_groups(
        self, request: broker_pb2.DescribeGroupsRequest
    ) -> broker_pb2.DescribeGroupsResponse:
        """Describe the named groups, or all."""
        groups = self._control.groups()
        wanted = set(request.groups) or {group.name for group in groups}
        return broker_pb2.DescribeGroupsResponse(
            groups=[group_description(group) for group in groups if group.name in wanted]
        )

    async def delete_records(
        self, request: broker_pb2.DeleteRecordsRequest
    ) -> broker_pb2.DeleteRecordsResponse:
        """Delete records up to an offset in each partition, in all of them or in none."""
        checks = Checks()
        checks.at_most(request.before, MAX_RECORDS, "before")
        checks.done()
        for row, entry in enumerate(request.before):
            try:
                first, end = self._log.bounds(entry.topic, entry.partition)
                if not 0 <= entry.offset <= end:
                    raise OffsetOutOfRange(entry.topic, entry.partition, entry.offset, first, end)
            except SimulatorError as error:
                raise FieldError(f"before[{row}]", error) from None
        response = broker_pb2.DeleteRecordsResponse()
        for entry in request.before:
            start = self._control.delete_records(
                entry.topic, entry.offset, partition=entry.partition
            )
            response.start_offsets.add(topic=entry.topic, partition=entry.partition, offset=start)
        return response

    def _description(self, topic: TopicInfo) -> broker_pb2.TopicDescription:
        channel = self._catalog.channels.get(topic.name)
        return broker_pb2.TopicDescription(
            topic=topic.name,
            partitions=[
                broker_pb2.PartitionDescription(
                    partition=index,
                    start_offset=partition.start,
                    end_offset=partition.end,
                    bytes=partition.bytes,
                    last_stable_offset=self._log.transactions.last_stable_offset(topic.name, index),
                )
                for index, partition in enumerate(topic.partitions)
            ],
            retention=broker_pb2.Retention(**topic.retention._asdict()),
            events=sorted(channel.messages) if channel else (),
        )

    # --- the whole simulator ---------------------------------------------------------------

    async def reset(self, request: broker_pb2.ResetRequest) -> broker_pb2.ResetResponse:
        """Empty the simulator."""
        self._control.reset()
        return broker_pb2.ResetResponse()

    async def snapshot(self, request: broker_pb2.SnapshotRequest) -> broker_pb2.SnapshotResponse:
        """Keep the present state under an id."""
        return broker_pb2.SnapshotResponse(snapshot_id=self._control.snapshot())

    async def restore(self, request: broker_pb2.RestoreRequest) -> broker_pb2.RestoreResponse:
        """Go back to a kept state."""
        try:
            self._control.restore(request.snapshot_id)
        except SimulatorError as error:
            raise FieldError("snapshot_id", error) from None
        return broker_pb2.RestoreResponse()

    async def drop_snapshot(
        self, request: broker_pb2.DropSnapshotRequest
    ) -> broker_pb2.DropSnapshotResponse:
        """Forget a kept state."""
        try:
            self._control.drop_snapshot(request.snapshot_id)
        except SimulatorError as error:
            raise FieldError("snapshot_id", error) from None
        return broker_pb2.DropSnapshotResponse()
