"""Fetch, key 1, versions 4 to 18.

Behavior
- Gives whole record batches from the one that holds the asked offset on, as they are stored; what
  lies before the offset in the first one is for the client to skip.
- At least one batch is given however large it is (KIP-74); beyond that, `max_bytes` bounds the
  response and `partition_max_bytes` each partition.
- With fewer than `min_bytes` it waits for up to `max_wait`, and is answered as soon as enough has
  been appended, or as much as `max_bytes` lets through. An error in any partition is told at once.
- OFFSET_OUT_OF_RANGE before the first offset kept and behind the end;
  UNKNOWN_TOPIC_OR_PARTITION, and UNKNOWN_TOPIC_ID from version 13 on.
- FENCED_LEADER_EPOCH and UNKNOWN_LEADER_EPOCH for another epoch than the leader's;
  NOT_LEADER_OR_FOLLOWER from a broker that does not lead the partition. From version 11 on, one
  that follows answers too. A request that waits is answered at once when the leader moves.
- For a `last_fetched_epoch` whose records end earlier, the place where the histories part.
- A client may open a session, and then names only what changes (KIP-227): see `fetch_sessions`.
  FETCH_SESSION_ID_NOT_FOUND, FETCH_SESSION_TOPIC_ID_ERROR; INVALID_FETCH_SESSION_EPOCH, also
  for a request that still waits when the next one of its session comes.
- Readers of committed records (isolation level 1) get batches up to the last stable offset, where
  the oldest open transaction begins, and the aborted transactions to pass over. The end of a
  transaction wakes those who wait.

Version notes
- 5 adds the start offset; 7 sessions; 9 leader epochs (KIP-320); 11 the rack (KIP-392); 12 is
  flexible and adds diverging epochs (KIP-595); 13 names topics by id (KIP-516); 15 moves the
  replica into a tag; 16 tells the leader beside an error (KIP-951); 17 and 18 are for followers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.errors import Refused
from simulator.listeners.kafka.fetch_sessions import (
    NO_SESSION,
    SESSIONLESS_EPOCH,
    FetchSession,
    Granted,
    SessionError,
    Wanted,
    Watermarks,
)
from simulator.listeners.kafka.isolation import aborted_in, is_committed
from simulator.listeners.kafka.leadership import (
    NO_EPOCH,
    REDIRECTED,
    current_leader,
    leader_error,
    node_endpoints,
)
from simulator.listeners.kafka.messages import Pieces
from simulator.listeners.kafka.registry import Request, api, later
from simulator.log import OffsetOutOfRange, PartitionNotFound, TopicNotFound
from simulator.log.acls import Operation, ResourceType
from simulator.log.leader_epochs import UNDEFINED, EpochEnd
from simulator.log.transaction_index import AbortedTransaction


class _Found(NamedTuple):
    """What there is of one partition."""

    wanted: Wanted
    code: ErrorCode
    records: bytes | Pieces
    start: int
    end: int
    parted: EpochEnd | None = None
    stable: int = -1
    aborted: Sequence[AbortedTransaction] = ()


class _Collected(NamedTuple):
    """What there is now, whether any of it is an error, and whether it is to be told at once."""

    found: list[_Found]
    failed: bool
    enough: bool


@api(1, "fetch", (4, 18))
def fetch(request: Request) -> Any:
    """Give records, at once or when there are some."""
    body = request.body
    granted = _granted(request)
    if granted.error is not SessionError.NONE:
        return request.schema.response(
            error_code=ErrorCode(granted.error.value), session_id=NO_SESSION, responses=()
        )
    collected = _collect(request, granted)
    wait = body.max_wait.total_seconds()
    if collected.enough or wait <= 0 or not granted.wanted:
        return _response(request, granted, collected)
    return _Waiting(request, granted, wait).future


def _granted(request: Request) -> Granted:
    """What the request wants to read, with the session that it is part of."""
    body, version = request.body, request.version
    by_id = version >= 13
    wanted = [
        Wanted(
            topic.topic_id if by_id else topic.topic,
            each.partition,
            each.fetch_offset,
            each.partition_max_bytes,
            max(each.current_leader_epoch, NO_EPOCH) if version >= 9 else NO_EPOCH,
            max(each.last_fetched_epoch, NO_EPOCH) if version >= 12 else NO_EPOCH,
        )
        for topic in body.topics
        for each in topic.partitions
    ]
    if version < 7:
        return Granted(SessionError.NONE, None, wanted)
    forgotten = [
        (topic.topic_id if by_id else topic.topic, partition)
        for topic in body.forgotten_topics_data
        for partition in topic.partitions
    ]
    if body.session_epoch == SESSIONLESS_EPOCH and body.session_id == NO_SESSION:
        return Granted(SessionError.NONE, None, wanted)
    return request.cluster.fetch_sessions.open(
        request.node_id,
        (body.session_id, body.session_epoch),
        wanted,
        forgotten,
        by_id,
        request.cluster.clock.now_ms(),
    )


class _Waiting:
    """A request that waits until there is enough, its time is over, or its client is gone."""

    def __init__(self, request: Request, granted: Granted, seconds: float) -> None:
        self.future: asyncio.Future[Any] = later()
        self._request = request
        self._granted = granted
        self._log = request.cluster.log
        self._topics = {
            name for each in granted.wanted if (name := _name(request, each)) is not None
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
        self._answer(at_last=False)

    def _finish(self) -> None:
        if not self.future.done():
            self._answer(at_last=True)

    def _answer(self, *, at_last: bool) -> None:
        """Answer with what there is, if it is enough or the last chance; a failure is told, too."""
        try:
            collected = _collect(self._request, self._granted)
            if at_last or collected.enough:
                self.future.set_result(_response(self._request, self._granted, collected))
            else:
                self._log.wait(self._changed, self._topics)
        except Exception as failure:
            self.future.set_exception(failure)

    def _clean_up(self, _: object) -> None:
        self._timer.cancel()
        self._log.cancel_wait(self._changed)
        if self._check_soon is not None:
            self._check_soon.cancel()


def _name(request: Request, wanted: Wanted) -> str | None:
    topic = wanted.topic
    return topic if isinstance(topic, str) else request.cluster.topic_name(topic)


def _response(request: Request, granted: Granted, collected: _Collected) -> Any:
    make = request.schema.make
    session = granted.session
    if session is not None and granted.overtaken:
        return request.schema.response(
            error_code=ErrorCode.invalid_fetch_session_epoch,
            session_id=session.session_id,
            responses=(),
        )
    topics: dict[Any, list[Any]] = {}
    for found in collected.found:
        if session is None or _is_told(session, found) or not granted.incremental:
            topics.setdefault(found.wanted.topic, []).append(_partition(request, found))
    by_id = request.version >= 13
    leaders: dict[str, Any] = {}
    if collected.failed and request.version >= 16:
        leaders = node_endpoints(request, (each for told in topics.values() for each in told))
    return request.schema.response(
        error_code=ErrorCode.none,
        session_id=NO_SESSION if session is None else session.session_id,
        responses=tuple(
            make(
                "FetchableTopicResponse",
                partitions=tuple(partitions),
                **({"topic_id": topic} if by_id else {"topic": topic}),
            )
            for topic, partitions in topics.items()
        ),
        **leaders,
    )


def _is_told(session: FetchSession, found: _Found) -> bool:
    """Whether the client of a session must be told, which is noted."""
    key = (found.wanted.topic, found.wanted.partition)
    marks = Watermarks(found.end, found.stable, found.start)
    failed = found.code is not ErrorCode.none or found.parted is not None
    return session.told(key, marks, failed=failed, records=bool(found.records))


def _collect(request: Request, granted: Granted) -> _Collected:
    left = most = min(request.body.max_bytes, request.cluster.config.int("fetch.max.bytes"))
    size, failed, urgent = 0, False, False
    all_found = []
    for wanted in granted.wanted:
        try:
            found = _read(request, wanted, min(left, wanted.max_bytes), size == 0)
        except Refused as refused:
            found, failed = _Found(wanted, refused.code, b"", -1, -1), True
        urgent = urgent or found.parted is not None
        left -= len(found.records)
        size += len(found.records)
        all_found.append(found)
    enough = failed or urgent or size >= min(request.body.min_bytes, most)
    return _Collected(all_found, failed, enough)


def _read(request: Request, wanted: Wanted, limit: int, first: bool) -> _Found:
    """The records of one partition, and its bounds."""
    log, topic = request.cluster.log, _name(request, wanted)
    if topic is None:
        raise Refused(ErrorCode.unknown_topic_id)
    if not request.allowed(Operation.READ, ResourceType.TOPIC, topic):
        raise Refused(ErrorCode.topic_authorization_failed)
    try:
        start, end = log.bounds(topic, wanted.partition)
        stable = log.transactions.last_stable_offset(topic, wanted.partition)
        code = leader_error(
            request,
            topic,
            wanted.partition,
            wanted.leader_epoch,
            follower_too=request.version >= 11,
        )
        if code is not ErrorCode.none:
            raise Refused(code)
        if wanted.last_fetched_epoch != NO_EPOCH and wanted.offset >= start:
            parted = _parted(request, topic, wanted)
            if parted is not None:
                return _Found(wanted, ErrorCode.none, b"", start, end, parted, stable)
        if not start <= wanted.offset <= end:
            raise Refused(ErrorCode.offset_out_of_range)
        if not first and limit <= 0:
            return _Found(wanted, ErrorCode.none, b"", start, end, None, stable)
        committed = is_committed(request)
        batches = log.read_batches(
            topic, wanted.partition, wanted.offset, max(limit, 0), committed=committed
        )
    except (TopicNotFound, PartitionNotFound):
        raise Refused(ErrorCode.unknown_topic_or_partition) from None
    except OffsetOutOfRange:
        raise Refused(ErrorCode.offset_out_of_range) from None
    if not first and batches and len(batches[0]) > limit:
        batches = []
    records = batches[0] if len(batches) == 1 else Pieces(batches)
    aborted: Sequence[AbortedTransaction] = ()
    if committed:
        aborted = aborted_in(request, topic, wanted.partition, wanted.offset, batches)
    return _Found(wanted, ErrorCode.none, records, start, end, None, stable, aborted)


def _parted(request: Request, topic: str, wanted: Wanted) -> EpochEnd | None:
    """Where the history that the client has read ends in this log, unless it is the same."""
    ended = request.cluster.log.epoch_end(topic, wanted.partition, wanted.last_fetched_epoch)
    if ended.epoch == UNDEFINED:
        raise Refused(ErrorCode.offset_out_of_range)
    same = ended.epoch == wanted.last_fetched_epoch and ended.end_offset >= wanted.offset
    return None if same else ended


_UNKNOWN = (ErrorCode.unknown_topic_or_partition, ErrorCode.unknown_topic_id)


def _partition(request: Request, found: _Found) -> Any:
    committed = is_committed(request) and found.code is ErrorCode.none
    told = committed or found.code in _UNKNOWN
    more: dict[str, Any] = {}
    if found.code in REDIRECTED and request.version >= 16:
        more = current_leader(request, _name(request, found.wanted), found.wanted.partition)
    if found.parted is not None:
        epoch, end_offset = found.parted
        parted = request.schema.make("EpochEndOffset", epoch=epoch, end_offset=end_offset)
        more = {"diverging_epoch": parted}
    return request.schema.make(
        "PartitionData",
        partition_index=found.wanted.partition,
        error_code=found.code,
        high_watermark=found.end,
        last_stable_offset=found.stable,
        log_start_offset=found.start,
        aborted_transactions=tuple(
            request.schema.make(
                "AbortedTransaction",
                producer_id=each.producer_id,
                first_offset=each.first_offset,
            )
            for each in found.aborted
        )
        if told
        else None,
        preferred_read_replica=-1,
        records=found.records,
        **more,
    )
