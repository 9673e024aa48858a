"""One Subscribe call: from a checked request to a stream of encoded responses.

A subscriber costs one response at a time: the next is made when gRPC's flow control has taken the
one before, so one that stops reading holds about two mebibytes and a place in the log, and delays
nobody. What it has not read stays in the log as long as retention keeps it; when retention is
faster, it goes on behind the gap and is told, as a Kafka consumer with auto.offset.reset=earliest
goes on, which is told nothing.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from simulator.listeners.grpc.encoding import encode_records
from simulator.listeners.grpc.errors import SubscriptionEnded
from simulator.listeners.grpc.filters import Envelope, RecordFilter, envelope
from simulator.listeners.grpc.limits import (
    CACHE_BYTES,
    RESPONSE_BYTES,
    RESPONSE_RECORDS,
    SCAN_RECORDS,
)
from simulator.listeners.grpc.readers import Batch, Reader
from simulator.listeners.grpc.record_cache import RecordCache
from simulator.listeners.grpc.typed_events import TypedEvents
from simulator.log import RecordColumns, TopicDeleted, TopicLog
from simulator.v1 import broker_pb2


class Caches:
    """What all subscriptions of one listener share, as long as there are any."""

    def __init__(self, log: TopicLog, types: TypedEvents) -> None:
        self._types = types
        self._users = 0
        self.plain: RecordCache[bytes] = RecordCache(log, encode_records, len, CACHE_BYTES)
        self.typed: RecordCache[bytes] = RecordCache(log, self._encode_typed, len, CACHE_BYTES // 2)
        self.envelopes: RecordCache[Envelope] = RecordCache(
            log, _envelopes, lambda _: 200, CACHE_BYTES // 8
        )

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the caches for the time of a subscription; the last one frees them."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                for cache in (self.plain, self.typed, self.envelopes):
                    cache.close()

    def _encode_typed(self, columns: RecordColumns, rows: Sequence[int]) -> list[bytes]:
        return encode_records(columns, rows, self._types.encode)


class Limits(NamedTuple):
    """When a subscription ends, and how many records a response may carry; None: no limit."""

    max_records: int | None = None
    stop_position: int | None = None
    max_batch: int = RESPONSE_RECORDS


class Subscription:
    """Reads, filters and encodes; `responses` is the stream."""

    def __init__(
        self,
        log: TopicLog,
        topics: Sequence[str],
        reader: Reader,
        caches: Caches,
        *,
        typed: bool,
        record_filter: RecordFilter | None,
        limits: Limits,
    ) -> None:
        self._log = log
        self._topics = topics
        self._reader = reader
        self._caches = caches
        self._pieces = caches.typed if typed else caches.plain
        self._filter = record_filter
        self._remaining = limits.max_records
        self._stop_position = limits.stop_position
        self._max_batch = limits.max_batch
        self._finished = False

    async def responses(self) -> AsyncGenerator[bytes | None, None]:
        """Yield serialized `SubscribeResponse`s, until there is all that was asked for.

        The first thing is None: the subscription is in place.
        """
        changed = asyncio.Event()
        wake = changed.set
        with self._caches.in_use():
            try:
                yield None
                while True:
                    responses, caught_up = self._collect()
                    for response in responses:
                        yield response
                    if self._finished:
                        return
                    if responses:
                        continue  # much may have happened while they were sent
                    if caught_up:
                        changed.clear()
                        self._log.wait(wake, self._topics)
                        await changed.wait()
                    else:
                        await asyncio.sleep(0)  # nothing fits so far; others have their turn
            except TopicDeleted as error:
                raise SubscriptionEnded(error.topic) from None
            finally:
                self._log.cancel_wait(wake)
                self._reader.close()

    def _collect(self) -> tuple[list[bytes], bool]:
        """Read until there is a response's worth; return it, and whether the end was reached.

        With `max_batch` it may be several responses. Nothing is awaited here, so the log stands
        still meanwhile.
        """
        pieces: list[bytes] = []
        notice = b""
        scanned = size = 0
        caught_up = False
        while not caught_up and not self._finished:
            batch = self._reader.poll(self._poll_size(), RESPONSE_BYTES)
            notice += self._notice(batch)
            wanted = self._wanted(batch.columns)
            fresh = self._pieces.get(batch.columns, wanted) if wanted else []
            pieces += fresh
            caught_up = self._reader.at_end
            if caught_up and self._stop_position is not None:
                self._finished = True
            if self._filter is None:
                break
            scanned += len(batch.columns)
            size += sum(map(len, fresh))
            if (
                scanned >= SCAN_RECORDS
                or size >= RESPONSE_BYTES // 2
                or len(pieces) >= self._max_batch
            ):
                break
        responses = [
            b"".join(pieces[start : start + self._max_batch])
            for start in range(0, len(pieces), self._max_batch)
        ]
        if notice:
            responses[:1] = [notice + b"".join(responses[:1])]
        return responses, caught_up

    def _poll_size(self) -> int:
        if self._filter is not None:
            return RESPONSE_RECORDS
        return self._max_batch if self._remaining is None else min(self._max_batch, self._remaining)

    def _wanted(self, columns: RecordColumns) -> Sequence[int]:
        """Choose the rows that the subscriber gets, and note when it has all that it asked for."""
        rows: Sequence[int] = range(len(columns))
        if self._stop_position is not None:
            stop = bisect_left(columns.positions, self._stop_position)
            if stop < len(rows):
                rows = range(stop)
                self._finished = True
        if self._filter is not None:
            if self._filter.tests_envelope:
                envelopes = self._caches.envelopes.get(columns, rows)
                rows = [rows[index] for index in self._filter.fitting(envelopes)]
            if self._filter.tests_fields:
                fits = self._filter.fits
                rows = [row for row in rows if fits(columns.values[row])]
        if self._remaining is not None:
            rows = rows[: self._remaining]
            self._remaining -= len(rows)
            self._finished = self._finished or not self._remaining
        return rows

    def _notice(self, batch: Batch) -> bytes:
        """Encode what did not go straight on."""
        if not batch.gaps and not batch.rewound:
            return b""
        response = broker_pb2.SubscribeResponse(rewound=batch.rewound)
        for (topic, partition), first, last in batch.gaps:
            response.gaps.add(
                topic=topic, partition=partition, first_offset=first, last_offset=last
            )
        return response.SerializeToString()


def _envelopes(columns: RecordColumns, rows: Sequence[int]) -> list[Envelope]:
    return [envelope(columns.values[row]) for row in rows]
