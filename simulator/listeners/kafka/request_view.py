"""One request as a test sees it: what was asked, by whom, and what was answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from simulator.listeners.kafka.faults.places import Place, place_of, walk
from simulator.listeners.kafka.faults.structures import code_fields, nested_class
from simulator.listeners.kafka.request_log import Entry, FetchDigest, ProduceDigest
from simulator.log.kafka_names import api_name, error_name

MAX_ITEMS: Final = 1000
"""Of a list in a request or response; the rest is left out of the view."""

MAX_PARTS: Final = 20_000
"""Of a request or response in all: structures, lists and values. The rest is left out, too."""

MAX_TEXT: Final = 1000

_ASKED_OFFSETS: Final = ("fetch_offset", "committed_offset", "offset")
_GIVEN_OFFSETS: Final = ("base_offset", "committed_offset", "offset", "low_watermark", "end_offset")
_NO_ERROR: Final = 0

TopicName = Callable[[UUID], str | None]


@dataclass(frozen=True, slots=True)
class RequestedPartition:
    """What a request said of one partition, and what it was told; None for nothing.

    `offset`: the one that was asked for or committed. `result`: the one that was answered (of
    Produce the first one given, of ListOffsets the one found). `size`: bytes of records, sent or
    given. `records`: how many records were sent. `error`: by Kafka's name.
    """

    topic: str | None
    partition: int | None
    group: str | None = None
    offset: int | None = None
    result: int | None = None
    high_watermark: int | None = None
    size: int | None = None
    records: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class KafkaRequest:
    """A request of a Kafka client, with its answer.

    `number` counts all requests from 1. `broker` is the node id. `time` is when it came, in seconds
    since the Unix epoch; `duration` the seconds until it was answered. `answered` is False where it
    got no answer: with acks=0, or because a fault dropped it. `errors` are all error codes of the
    answer by Kafka's names, each once. `fault` is the id of the fault that fired. `request` and
    `response` have all fields by the names of Kafka's schema, without the bytes of records.
    """

    number: int
    api: str
    version: int
    client_id: str
    client_host: str
    broker: int
    time: float
    duration: float
    answered: bool
    group: str | None
    transactional_id: str | None
    partitions: tuple[RequestedPartition, ...]
    errors: tuple[str, ...]
    fault: int | None
    request: Mapping[str, Any]
    response: Mapping[str, Any]

    def __str__(self) -> str:
        told = [f"#{self.number} {self.api} v{self.version} of {self.client_id!r}"]
        if self.group is not None:
            told.append(f"group {self.group}")
        told += [_told(each) for each in self.partitions[:3]]
        if len(self.partitions) > 3:
            told.append(f"{len(self.partitions) - 3} more partitions")
        told.append(", ".join(self.errors) if self.errors else "ok")
        if not self.answered:
            told[-1] = "unanswered"
        return ", ".join(told)


def _told(each: RequestedPartition) -> str:
    where = each.topic if each.partition is None else f"{each.topic}-{each.partition}"
    return f"{where}" if each.offset is None else f"{where} offset {each.offset}"


class Viewer:
    """Makes entries of the log into what users see."""

    def __init__(self, topic_name: TopicName, wall: Callable[[float], float]) -> None:
        """`wall` gives the seconds since the Unix epoch for a time of the event loop."""
        self._topic_name = topic_name
        self._wall = wall

    def view(self, entry: Entry) -> KafkaRequest:
        """The view of one entry."""
        whole = place_of(entry.body)
        places = self._places(entry, whole.group)
        groups = {each.group for each in places if each.group is not None}
        return KafkaRequest(
            number=entry.number,
            api=api_name(entry.module),
            version=entry.version,
            client_id=entry.client_id,
            client_host=entry.client_host,
            broker=entry.node_id,
            time=self._wall(entry.started),
            duration=entry.ended - entry.started,
            answered=entry.answer is not None,
            group=whole.group or (groups.pop() if len(groups) == 1 else None),
            transactional_id=whole.transactional_id,
            partitions=places,
            errors=tuple(dict.fromkeys(_errors(entry.answer))),
            fault=entry.fault_id,
            request=MappingProxyType(self._plain_body(entry.body)),
            response=MappingProxyType(self._plain_body(entry.answer)),
        )

    def _places(self, entry: Entry, group: str | None) -> tuple[RequestedPartition, ...]:
        """What was asked and given of each partition; `group` is that of the whole request."""
        found: dict[Place, dict[str, Any]] = {}
        for place, values in chain(self._asked(entry.body), self._given(entry.answer)):
            if place.topic is None:
                continue
            key = Place(place.group or group, None, place.topic, place.partition)
            if key not in found and len(found) >= MAX_ITEMS:
                break
            found.setdefault(key, {}).update(values)
        return tuple(
            RequestedPartition(place.topic, place.partition, place.group, **values)
            for place, values in found.items()
        )

    def _asked(self, body: Any) -> Iterator[tuple[Place, dict[str, Any]]]:
        if isinstance(body, ProduceDigest):
            for topic, partitions in body.topics:
                for index, size, records in partitions:
                    place = Place(topic=self._name(topic), partition=index)
                    yield place, {"size": size, "records": records}
            return
        for place, item in walk(body, self._topic_name):
            yield place, _some(item, "offset", _ASKED_OFFSETS)

    def _given(self, answer: Any) -> Iterator[tuple[Place, dict[str, Any]]]:
        if isinstance(answer, FetchDigest):
            for topic, partitions in answer.topics:
                for index, error, high_watermark, size in partitions:
                    yield (
                        Place(topic=self._name(topic), partition=index),
                        {"high_watermark": high_watermark, "size": size, **_error(error)},
                    )
            return
        if answer is None:
            return
        for place, item in walk(answer, self._topic_name):
            code = next(_codes(item), _NO_ERROR)
            yield place, {**_some(item, "result", _GIVEN_OFFSETS), **_error(code)}

    def _name(self, topic: Any) -> str | None:
        return self._topic_name(topic) if isinstance(topic, UUID) else topic

    def _plain_body(self, body: Any) -> dict[str, Any]:
        if body is None:
            return {}
        if isinstance(body, ProduceDigest):
            return {
                "transactional_id": body.transactional_id,
                "acks": body.acks,
                "topic_data": [
                    {
                        "name": self._name(topic),
                        "partition_data": [
                            {"index": index, "records": f"<{size} bytes>"}
                            for index, size, _ in partitions[:MAX_ITEMS]
                        ],
                    }
                    for topic, partitions in body.topics[:MAX_ITEMS]
                ],
            }
        if isinstance(body, FetchDigest):
            return {
                "error_code": error_name(body.error),
                "responses": [
                    {
                        "topic": self._name(topic),
                        "partitions": [
                            {
                                "partition_index": index,
                                "error_code": error_name(error),
                                "high_watermark": high_watermark,
                                "records": f"<{size} bytes>",
                            }
                            for index, error, high_watermark, size in partitions[:MAX_ITEMS]
                        ],
                    }
                    for topic, partitions in body.topics[:MAX_ITEMS]
                ],
            }
        plain = _plain(body, _Room(MAX_PARTS))
        assert isinstance(plain, dict)
        return plain


def _some(item: Any, name: str, keys: tuple[str, ...]) -> dict[str, Any]:
    value = next((value for key in keys if (value := getattr(item, key, None)) is not None), None)
    return {} if value is None else {name: int(value)}


def _error(code: int) -> dict[str, str]:
    return {"error": error_name(code)} if code != _NO_ERROR else {}


def _codes(item: Any) -> Iterator[int]:
    """The error codes of one structure, without those of its parts."""
    cls: Any = type(item)
    if is_dataclass(item):
        for name in _code_fields(cls):
            yield int(getattr(item, name))


@cache
def _code_fields(cls: Any) -> tuple[str, ...]:
    """The error codes of a class, in order."""
    return tuple(f.name for f in fields(cls) if f.name in code_fields(cls))


@cache
def _parts_with_codes(cls: Any) -> tuple[str, ...]:
    """The fields of a class whose structures have error codes, somewhere."""
    return tuple(
        field.name
        for field in fields(cls)
        if (nested := nested_class(cls, field.name)) is not None
        and (_code_fields(nested) or _parts_with_codes(nested))
    )


def _errors(node: Any) -> Iterator[str]:
    """All errors in a response, by name."""
    cls: Any = type(node)
    if isinstance(node, FetchDigest):
        codes = [node.error, *(each[1] for _, partitions in node.topics for each in partitions)]
        yield from (error_name(code) for code in codes if code != _NO_ERROR)
    elif isinstance(node, tuple):
        for part in node:
            yield from _errors(part)
    elif is_dataclass(node):
        yield from (error_name(code) for code in _codes(node) if code != _NO_ERROR)
        for name in _parts_with_codes(cls):
            yield from _errors(getattr(node, name))


class _Room:
    """How many parts a view may still get."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def _plain(value: Any, room: _Room) -> Any:
    """A structure of the codec in words: mappings, lists, texts, numbers."""
    room.left -= 1
    if is_dataclass(value):
        return {
            field.name: error_name(part)
            if field.metadata.get("kafka_type") == "error_code"
            else _plain(part, room)
            for field in fields(value)
            for part in (getattr(value, field.name),)
        }
    if isinstance(value, tuple):
        return [_plain(part, room) for part in value[:MAX_ITEMS] if room.left > 0]
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, timedelta):
        return value // timedelta(milliseconds=1)
    if isinstance(value, (UUID, datetime)):
        return str(value)
    if isinstance(value, str):
        room.left -= min(len(value), MAX_TEXT) // 100
        return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}..."
    return value
