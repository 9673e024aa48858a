"""Fetch sessions (KIP-227): a client says once what it reads, and then only what changes.

Rules as in Kafka's `FetchManager` and `FetchSessionCache`. A session belongs to the broker that
made it. Pure: time comes in as an argument.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple
from uuid import UUID

NO_SESSION: Final = 0

SESSIONLESS_EPOCH: Final = -1
"""Asks for no session; a session that is named with it ends."""

FIRST_EPOCH: Final = 0
"""Asks for a new session in place of the one that is named."""

EVICTION_MS: Final = 120_000
"""`min.incremental.fetch.session.eviction.ms`: one that was used since then is not pushed out."""

MAX_PARTITIONS: Final = 500_000
"""Of all sessions of a broker. Kafka limits their number only; this limits what they take."""

_MAX_EPOCH: Final = (1 << 31) - 1

TopicKey = str | UUID
"""A topic as the client names it: by name, or by id from Fetch 13 on."""

PartitionKey = tuple[TopicKey, int]


class SessionError(Enum):
    """Why a session cannot go on. The values are Kafka's error codes."""

    NONE = 0
    FETCH_SESSION_ID_NOT_FOUND = 70
    INVALID_FETCH_SESSION_EPOCH = 71
    FETCH_SESSION_TOPIC_ID_ERROR = 106


class Wanted(NamedTuple):
    """What a client wants of one partition."""

    topic: TopicKey
    partition: int
    offset: int
    max_bytes: int
    leader_epoch: int
    last_fetched_epoch: int = -1


class Watermarks(NamedTuple):
    """What a client was last told of a partition; it is told again only what has changed."""

    high: int
    last_stable: int
    log_start: int


class FetchSession:
    """The partitions of one client at one broker."""

    __slots__ = ("_by_id", "_told", "_wanted", "epoch", "last_used", "session_id")

    def __init__(self, session_id: int, by_id: bool, wanted: Iterable[Wanted], now: int) -> None:
        self.session_id = session_id
        self.epoch = FIRST_EPOCH + 1
        self.last_used = now
        self._by_id = by_id
        self._wanted = OrderedDict(((each.topic, each.partition), each) for each in wanted)
        self._told: dict[PartitionKey, Watermarks | None] = dict.fromkeys(self._wanted)

    def __len__(self) -> int:
        return len(self._wanted)

    @property
    def wanted(self) -> list[Wanted]:
        """All partitions, those that gave records last at the end."""
        return list(self._wanted.values())

    def speaks(self, by_id: bool) -> bool:
        """Whether the client names topics as it did at first."""
        return self._by_id == by_id

    def update(self, wanted: Iterable[Wanted], forgotten: Iterable[PartitionKey]) -> None:
        """Take what the client changes: partitions are added or set anew, and dropped."""
        for each in wanted:
            key = (each.topic, each.partition)
            self._wanted[key] = each
            self._told.setdefault(key, None)
        for key in forgotten:
            self._wanted.pop(key, None)
            self._told.pop(key, None)

    def told(self, key: PartitionKey, marks: Watermarks, *, failed: bool, records: bool) -> bool:
        """Whether the partition must be part of an incremental answer; notes that it is told.

        An error is told each time, and so is what follows it.
        """
        if key not in self._told:
            return True
        changed = self._told[key] != marks
        self._told[key] = None if failed else marks
        if records:
            self._wanted.move_to_end(key)  # the others come first the next time
        return changed or failed or records


class Granted(NamedTuple):
    """How a request is to be answered; `session` is None for one without.

    `error` refuses all of it. An `incremental` answer leaves out what has not changed, and counts
    only while the session is in the `epoch` in which the request left it.
    """

    error: SessionError
    session: FetchSession | None = None
    wanted: Sequence[Wanted] = ()
    incremental: bool = False
    epoch: int = FIRST_EPOCH

    @property
    def overtaken(self) -> bool:
        """Whether the client has gone on meanwhile, and does not wait for this answer any more."""
        return self.incremental and self.session is not None and self.session.epoch != self.epoch


class FetchSessions:
    """The sessions of all brokers; at most `slots` for each."""

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._caches: dict[int, OrderedDict[int, FetchSession]] = {}
        self._last_id = NO_SESSION

    def count(self, node_id: int) -> int:
        """How many sessions a broker has."""
        return len(self._caches.get(node_id, ()))

    def find(self, node_id: int, session_id: int) -> FetchSession | None:
        """A session of a broker."""
        cache = self._caches.get(node_id)
        return None if cache is None else cache.get(session_id)

    def forget(self, node_id: int) -> None:
        """A broker has ended, and with it its sessions."""
        self._caches.pop(node_id, None)

    def open(
        self,
        node_id: int,
        asked: tuple[int, int],
        wanted: list[Wanted],
        forgotten: list[PartitionKey],
        by_id: bool,
        now: int,
    ) -> Granted:
        """The session that a request goes on with, begins or does without; `now` is in ms.

        `asked` is the id and the epoch of the session that the client names.
        """
        session_id, epoch = asked
        cache = self._caches.setdefault(node_id, OrderedDict())
        if epoch in (FIRST_EPOCH, SESSIONLESS_EPOCH):
            cache.pop(session_id, None)
            session = None
            if epoch == FIRST_EPOCH:
                session = self._create(cache, wanted, by_id, now)
            return Granted(SessionError.NONE, session, wanted)
        session = cache.get(session_id)
        if session is None:
            return Granted(SessionError.FETCH_SESSION_ID_NOT_FOUND)
        if session.epoch != epoch:
            return Granted(SessionError.INVALID_FETCH_SESSION_EPOCH)
        if not session.speaks(by_id):
            return Granted(SessionError.FETCH_SESSION_TOPIC_ID_ERROR)
        before = len(session)
        session.update(wanted, forgotten)
        if len(session) > before and _partitions(cache) > MAX_PARTITIONS:
            del cache[session_id]  # the client begins another, or goes on without any
            return Granted(SessionError.FETCH_SESSION_ID_NOT_FOUND)
        if not session:
            del cache[session_id]
            return Granted(SessionError.NONE)
        session.epoch = 1 if epoch == _MAX_EPOCH else epoch + 1
        session.last_used = now
        cache.move_to_end(session_id)
        return Granted(SessionError.NONE, session, session.wanted, True, session.epoch)

    def _create(
        self, cache: OrderedDict[int, FetchSession], wanted: list[Wanted], by_id: bool, now: int
    ) -> FetchSession | None:
        """A new session; None where there are too many that are in use."""
        if len(cache) >= self._slots:
            oldest = next(iter(cache.values()), None)
            if oldest is None or now - oldest.last_used <= EVICTION_MS:
                return None
            del cache[oldest.session_id]
        if _partitions(cache) + len(wanted) > MAX_PARTITIONS:
            return None
        self._last_id = self._last_id % _MAX_EPOCH + 1
        session = cache[self._last_id] = FetchSession(self._last_id, by_id, wanted, now)
        return session


def _partitions(cache: Mapping[int, FetchSession]) -> int:
    return sum(map(len, cache.values()))
