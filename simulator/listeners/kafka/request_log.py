"""What clients asked and what they got: the latest requests of a cluster, to be looked at by tests.

Adding one costs little, since it only keeps the decoded request and response; they are made into a
`KafkaRequest` when somebody looks. Of Produce and Fetch, which carry records, a digest is kept
instead, and large requests are made into one at once: so the log stays small, and keeps no records
alive.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from simulator.topic_names import MAX_NAME_LENGTH

if TYPE_CHECKING:
    from simulator.listeners.kafka.registry import Api, Request
    from simulator.listeners.kafka.request_view import KafkaRequest

MAX_ENTRIES: Final = 2000
MAX_BYTES: Final = 4 * 1024 * 1024
"""Of the frames whose requests and responses are kept; decoded they take some times that."""

LARGE: Final = 64 * 1024
"""What is no digest and larger is made into a view, which is bounded, at once."""

MAX_PLACES: Final = 1000
"""Partitions that a digest has, and topics."""

_PRODUCE, _FETCH = 0, 1
_PLACE_BYTES: Final = 40  # of a partition in a digest, or a topic, as they would be in a frame
_VIEW_BYTES: Final = MAX_BYTES // 16  # what a view counts for
_COUNT_AT: Final = 57  # of the records, in the header of a batch


class Entry(NamedTuple):
    """One request with its response, as the codec has them; None for no response.

    Times are those of the event loop, in seconds.
    """

    number: int
    module: str
    version: int
    client_id: str
    client_host: str
    node_id: int
    started: float
    ended: float
    fault_id: int | None
    body: Any
    answer: Any


class ProduceDigest(NamedTuple):
    """A Produce request without its records: for each topic and partition bytes and records."""

    acks: int
    transactional_id: str | None
    topics: tuple[tuple[Any, tuple[tuple[int, int, int], ...]], ...]


class FetchDigest(NamedTuple):
    """A Fetch response without its records.

    For each topic: of each partition its number, error code, high watermark and bytes.
    """

    error: int
    topics: tuple[tuple[Any, tuple[tuple[int, int, int, int], ...]], ...]


class RequestLog:
    """The latest requests, oldest first; it belongs to one event loop."""

    def __init__(self, view: Callable[[Entry], KafkaRequest]) -> None:
        """`view` makes an entry into what users see."""
        self._view = view
        self._entries: deque[Entry | KafkaRequest] = deque()
        self._bytes = 0
        self._sizes: deque[int] = deque()
        self._watchers: list[Callable[[], object]] = []
        self.total = 0
        """How many requests there were, with those that are no longer kept."""

    def add(
        self,
        api: Api,
        request: Request,
        response: Any,
        times: tuple[float, float],
        sizes: tuple[int, int],
        fault_id: int | None = None,
    ) -> None:
        """Keep a request with its response, None for none; `sizes` are their bytes on the wire."""
        body = request.body
        asked, answered = sizes
        if api.key == _PRODUCE:
            body = _produced(body)
            asked = _bytes_of(body.topics) + len(body.transactional_id or "")
        elif api.key == _FETCH and response is not None:
            response = _fetched(response)
            answered = _bytes_of(response.topics)
        if api.key == _FETCH and asked > LARGE:
            body, asked = _shortened(body), LARGE
        size = asked + answered + len(request.client_id)
        viewed = answered > LARGE if api.key == _PRODUCE else size > LARGE and api.key != _FETCH
        if viewed:
            size = _VIEW_BYTES
        self.total += 1
        entry = Entry(
            self.total,
            api.module,
            request.version,
            request.client_id,
            request.client_host,
            request.node_id,
            *times,
            fault_id,
            body,
            response,
        )
        self._entries.append(self._view(entry) if viewed else entry)
        self._sizes.append(size)
        self._bytes += size
        while self._bytes > MAX_BYTES or len(self._entries) > MAX_ENTRIES:
            self._entries.popleft()
            self._bytes -= self._sizes.popleft()
        if self._watchers:
            for watcher in tuple(self._watchers):
                watcher()

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, after: int = 0) -> Iterator[KafkaRequest]:
        """The requests that are kept, from the one behind number `after` on."""
        first = self.total - len(self._entries) + 1
        for index in range(max(after + 1 - first, 0), len(self._entries)):
            entry = self._entries[index]
            if isinstance(entry, Entry):
                entry = self._entries[index] = self._view(entry)
            yield entry

    def watch(self, callback: Callable[[], object]) -> None:
        """Call back after each request from now on."""
        self._watchers.append(callback)

    def unwatch(self, callback: Callable[[], object]) -> None:
        """Call back no more."""
        if callback in self._watchers:
            self._watchers.remove(callback)

    def clear(self) -> None:
        """Forget all requests; their numbers go on."""
        self._entries.clear()
        self._sizes.clear()
        self._bytes = 0


def _produced(body: Any) -> ProduceDigest:
    topics = []
    room = MAX_PLACES
    for topic in body.topic_data:
        partitions = []
        for each in topic.partition_data[:room]:
            records = each.records or b""
            count = int.from_bytes(records[_COUNT_AT : _COUNT_AT + 4])
            partitions.append((each.index, len(records), count))
        topics.append((_key(topic, "name"), tuple(partitions)))
        room -= max(len(partitions), 1)
        if room <= 0:
            break
    return ProduceDigest(body.acks, body.transactional_id, tuple(topics))


def _fetched(answer: Any) -> FetchDigest:
    topics = []
    room = MAX_PLACES
    for topic in answer.responses:
        partitions = [
            (each.partition_index, each.error_code, each.high_watermark, len(each.records or b""))
            for each in topic.partitions[:room]
        ]
        topics.append((_key(topic, "topic"), tuple(partitions)))
        room -= max(len(partitions), 1)
        if room <= 0:
            break
    return FetchDigest(getattr(answer, "error_code", 0), tuple(topics))


def _key(topic: Any, field: str) -> Any:
    """By what a topic is named: its id, or its name as far as a topic can have it."""
    name = getattr(topic, field, None)
    return name[:MAX_NAME_LENGTH] if name is not None else topic.topic_id


def _bytes_of(topics: tuple[tuple[Any, tuple[Any, ...]], ...]) -> int:
    """What the topics of a digest take."""
    return sum(
        _PLACE_BYTES * (1 + len(partitions)) + (len(name) if isinstance(name, str) else 0)
        for name, partitions in topics
    )


def _shortened(body: Any) -> Any:
    """A Fetch that names very many partitions, with the first of them."""
    lists = (name for name in ("topics", "forgotten_topics_data") if hasattr(body, name))
    return replace(body, **{name: tuple(_first(getattr(body, name))) for name in lists})


def _first(topics: tuple[Any, ...]) -> Iterator[Any]:
    room = MAX_PLACES
    for topic in topics:
        if room <= 0:
            break
        named = {"topic": _key(topic, "topic")} if hasattr(topic, "topic") else {}
        yield replace(topic, partitions=topic.partitions[:room], **named)
        room -= max(len(topic.partitions), 1)
