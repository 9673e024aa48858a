"""Fetch, key 1, versions 4 to 17.

Behavior
- Gives whole record batches from the one that holds the asked offset on, as they are stored; what
  lies before the offset in the first one is for the client to skip.
- At least one batch is given however large it is (KIP-74); beyond that, `max_bytes` bounds the
  response and `partition_max_bytes` each partition.
- With fewer than `min_bytes` it waits for up to `max_wait`, and is answered as soon as enough has
  been appended. An error in any partition is told at once.
- OFFSET_OUT_OF_RANGE before the first offset kept and behind the end;
  UNKNOWN_TOPIC_OR_PARTITION, and UNKNOWN_TOPIC_ID from version 13 on; UNKNOWN_LEADER_EPOCH for an
  epoch that is still to come.
- No fetch sessions are kept: the session id is 0, as from a broker whose session cache is full, and
  clients then name all partitions each time (KIP-227). FETCH_SESSION_ID_NOT_FOUND for any other.
- Without transactions the last stable offset is the high watermark.

Version notes
- 5 adds the start offset; 7 sessions; 9 leader epochs (KIP-320); 11 the rack (KIP-392); 12 is
  flexible; 13 names topics by id (KIP-516); 15 moves the replica into a tag; 17 is for followers.
"""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.limits import MAX_FETCH_BYTES
from simulator.listeners.kafka.registry import Request, api, later
from simulator.log import OffsetOutOfRange, PartitionNotFound, TopicLog, TopicNotFound


class _Failed(Exception):
    def __init__(self, code: ErrorCode) -> None:
        self.code = code


class _Collected(NamedTuple):
    """What there is now: (topic as asked, its partitions) pairs, their bytes, and any error."""

    topics: list[tuple[Any, list[Any]]]
    size: int
    failed: bool


@api(1, "fetch", (4, 17))
def fetch(request: Request) -> Any:
    """Give records, at once or when there are some."""
    body = request.body
    if request.version >= 7 and (body.session_id != 0 or body.session_epoch > 0):
        return request.schema.response(
            error_code=ErrorCode.fetch_session_id_not_found, session_id=0, responses=()
        )
    collected = _collect(request)
    wait = body.max_wait.total_seconds()
    if collected.size >= body.min_bytes or collected.failed or wait <= 0 or not body.topics:
        return _response(request, collected)
    return _Waiting(request, wait).future


class _Waiting:
    """A request that waits until there is enough, its time is over, or its client is gone."""

    def __init__(self, request: Request, seconds: float) -> None:
        self.future: asyncio.Future[Any] = later()
        self._request = request
        self._log = request.cluster.log
        self._topics = {
            name for topic in request.body.topics if (name := _name(request, topic)) is not None
        }
        self._loop = asyncio.get_running_loop()
        self._check_soon: asyncio.Handle | None = None
        self._timer = self._loop.call_later(seconds, self._finish)
        self._log.wait(self._changed, self._topics)
        self.future.add_done_callback(self._clean_up)

    def _changed(self) -> None:
        # Whatever else the present call into the log appends comes along.
        self._check_soon = self._loop.call_soon(self._check)

    def _check(self) -> None:
        self._check_soon = None
        if self.future.done():
            return
        collected = _collect(self._request)
        if collected.size >= self._request.body.min_bytes or collected.failed:
            self.future.set_result(_response(self._request, collected))
        else:
            self._log.wait(self._changed, self._topics)

    def _finish(self) -> None:
        if not self.future.done():
            self.future.set_result(_response(self._request, _collect(self._request)))

    def _clean_up(self, _: object) -> None:
        self._timer.cancel()
        self._log.cancel_wait(self._changed)
        if self._check_soon is not None:
            self._check_soon.cancel()


def _name(request: Request, topic: Any) -> str | None:
    if request.version >= 13:
        return request.cluster.topic_name(topic.topic_id)
    name: str = topic.topic
    return name


def _response(request: Request, collected: _Collected) -> Any:
    make = request.schema.make
    by_id = request.version >= 13
    return request.schema.response(
        error_code=ErrorCode.none,
        session_id=0,
        responses=tuple(
            make(
                "FetchableTopicResponse",
                partitions=tuple(partitions),
                **({"topic_id": topic.topic_id} if by_id else {"topic": topic.topic}),
            )
            for topic, partitions in collected.topics
        ),
    )


def _collect(request: Request) -> _Collected:
    body, log = request.body, request.cluster.log
    left = min(body.max_bytes, MAX_FETCH_BYTES)
    size, failed = 0, False
    topics = []
    for topic in body.topics:
        name = _name(request, topic)
        partitions = []
        for wanted in topic.partitions:
            records, start, end = b"", -1, -1
            code = ErrorCode.none
            try:
                if name is None:
                    raise _Failed(ErrorCode.unknown_topic_id)
                limit = min(left, wanted.partition_max_bytes)
                records, start, end = _read(request, log, name, wanted, limit, size == 0)
            except _Failed as error:
                code, failed = error.code, True
            left -= len(records)
            size += len(records)
            partitions.append(_partition(request, wanted.partition, code, records, start, end))
        topics.append((topic, partitions))
    return _Collected(topics, size, failed)


def _read(
    request: Request, log: TopicLog, topic: str, wanted: Any, limit: int, first: bool
) -> tuple[bytes, int, int]:
    """The records of one partition, and its bounds."""
    try:
        start, end = log.bounds(topic, wanted.partition)
        if request.version >= 9 and wanted.current_leader_epoch > 0:
            raise _Failed(ErrorCode.unknown_leader_epoch)
        if not first and limit <= 0:
            return b"", start, end
        batches = log.read_batches(topic, wanted.partition, wanted.fetch_offset, max(limit, 0))
    except (TopicNotFound, PartitionNotFound):
        raise _Failed(ErrorCode.unknown_topic_or_partition) from None
    except OffsetOutOfRange:
        raise _Failed(ErrorCode.offset_out_of_range) from None
    if not first and batches and len(batches[0]) > limit:
        return b"", start, end
    return b"".join(batches), start, end


def _partition(
    request: Request, index: int, code: ErrorCode, records: bytes, start: int, end: int
) -> Any:
    read_committed = request.body.isolation_level == 1
    return request.schema.make(
        "PartitionData",
        partition_index=index,
        error_code=code,
        high_watermark=end,
        last_stable_offset=end,
        log_start_offset=start,
        aborted_transactions=() if read_committed else None,
        preferred_read_replica=-1,
        records=records,
    )
