from __future__ import annotations

import tracemalloc

import orjson
import pytest

from simulator.catalog import Catalog, InvalidEvent
from simulator.log import InvalidRecord, RecordTooLarge, TopicLog, TopicNotFound
from simulator.publishing import Publisher

NOW_MS = 1_700_000_000_000
CONNECTED = {"payload": {"userConnected": {}}, "id": "e1", "name": "userConnected"}


@pytest.fixture
def log() -> TopicLog:
    log = TopicLog()
    for topic in ("chat", "personalChat", "anything"):
        log.create_topic(topic)
    return log


@pytest.fixture
def publisher(log: TopicLog) -> Publisher:
    return Publisher(Catalog.builtin(), log, lambda: NOW_MS)


def only(log: TopicLog, topic: str):
    (record,) = log.read(topic, 0, 0, max_records=10)
    return record


def test_bytes_are_kept_as_they_came(publisher: Publisher, log: TopicLog) -> None:
    value = b'{ "name" : "userConnected",\n "payload": {"userConnected": {}} }'
    publisher.publish("chat", value)
    assert only(log, "chat").value == value


def test_a_mapping_is_encoded_in_its_own_order(publisher: Publisher, log: TopicLog) -> None:
    publisher.publish("chat", CONNECTED)
    assert (
        only(log, "chat").value
        == b'{"payload":{"userConnected":{}},"id":"e1","name":"userConnected"}'
    )


@pytest.mark.parametrize(
    ("event", "given", "key"),
    [
        (CONNECTED, None, b"e1"),
        (CONNECTED, "mine", b"mine"),
        (CONNECTED, b"\x00", b"\x00"),
        ({**CONNECTED, "id": None}, None, None),
    ],
)
def test_the_key_is_the_callers_else_the_events_id(
    publisher: Publisher, log: TopicLog, event: dict, given: str | bytes | None, key: bytes | None
) -> None:
    publisher.publish("chat", event, key=given, validate=event is CONNECTED)
    assert only(log, "chat").key == key


@pytest.mark.parametrize(
    ("stamp", "given", "timestamp"),
    [
        ("1970-01-01T00:00:01.5Z", None, 1500),
        ("1970-01-01T01:00:00+01:00", None, 0),
        ("2019-08-24T14:15:22Z", None, 1_566_656_122_000),
        ("2019-08-24T14:15:22Z", 5, 5),
        (None, None, NOW_MS),
    ],
)
def test_the_timestamp_is_the_callers_else_the_events_else_the_clocks(
    publisher: Publisher, log: TopicLog, stamp: str | None, given: int | None, timestamp: int
) -> None:
    event = CONNECTED if stamp is None else {**CONNECTED, "timestamp": stamp}
    publisher.publish("chat", event, timestamp=given)
    assert only(log, "chat").timestamp == timestamp


@pytest.mark.parametrize("precision", ["789", "789012", "789012345"])
def test_a_timestamp_of_any_precision_is_cut_to_milliseconds(
    publisher: Publisher, log: TopicLog, precision: str
) -> None:
    publisher.publish("chat", {**CONNECTED, "timestamp": f"1970-01-01T00:00:01.{precision}Z"})
    assert only(log, "chat").timestamp == 1789


@pytest.mark.parametrize(
    ("topic", "event", "text"),
    [
        ("chat", b"{", "JSON"),
        ("chat", "not json", "JSON"),
        ("chat", [1], "object"),
        ("chat", {**CONNECTED, "id": 1}, r"\$\.id"),
        ("chat", {**CONNECTED, "payload": {}}, "userConnected"),
        ("chat", {**CONNECTED, "timestamp": "yesterday"}, "yesterday"),
        ("personalChat", CONNECTED, "personalChat"),
        ("chat", {**CONNECTED, "payload": {"userConnected": {1: 2}}}, "str"),
    ],
)
def test_a_bad_event_is_refused_and_leaves_nothing(
    publisher: Publisher, log: TopicLog, topic: str, event: object, text: str
) -> None:
    with pytest.raises(InvalidEvent, match=text):
        publisher.publish(topic, event)  # type: ignore[arg-type]
    assert log.records_held == 0


def test_a_bad_event_can_be_let_through_and_is_marked(publisher: Publisher, log: TopicLog) -> None:
    publisher.publish("chat", b"not json", validate=False)
    record = only(log, "chat")
    assert (record.value, record.unchecked, record.timestamp) == (b"not json", True, NOW_MS)


def test_a_key_that_is_no_text_is_refused(publisher: Publisher, log: TopicLog) -> None:
    with pytest.raises(InvalidRecord, match=r"topic 'chat': key '\\ud800' is not valid Unicode"):
        publisher.publish("chat", CONNECTED, key="\ud800")
    assert log.records_held == 0


def test_an_unknown_topic_and_an_event_over_the_limit(publisher: Publisher, log: TopicLog) -> None:
    with pytest.raises(TopicNotFound, match="did you mean 'chat'"):
        publisher.publish("chta", b"1")
    big = {**CONNECTED, "clientId": "x" * (1 << 20)}
    with pytest.raises(RecordTooLarge):
        publisher.publish("chat", big)
    assert log.records_held == 0


def test_a_topic_without_messages_takes_anything(publisher: Publisher, log: TopicLog) -> None:
    publisher.publish("anything", b"\xff\xfe")
    record = only(log, "anything")
    assert (record.value, record.key, record.unchecked) == (b"\xff\xfe", None, False)


def test_a_null_value_is_a_tombstone(publisher: Publisher, log: TopicLog) -> None:
    publisher.publish("chat", None, key="e1")
    assert (only(log, "chat").value, only(log, "chat").key) == (None, b"e1")


def test_the_bound_way_validates_too(publisher: Publisher, log: TopicLog) -> None:
    publish = publisher.bound(publisher.catalog.message("chat", "userConnected"))
    publish(dict(CONNECTED), "e1", 77)
    record = only(log, "chat")
    assert orjson.loads(record.value) == CONNECTED
    assert (record.key, record.timestamp, record.unchecked) == (b"e1", 77, False)
    with pytest.raises(InvalidEvent, match="version"):
        publish({**CONNECTED, "version": "1"}, "e1", 78)
    with pytest.raises(InvalidEvent, match="JSON"):
        publish({**CONNECTED, "clientId": "\ud800"}, "e1", 79)
    assert log.records_held == 1


def test_a_retained_event_takes_the_memory_of_its_bytes(
    publisher: Publisher, log: TopicLog
) -> None:
    """orjson's working buffers of 4 KiB once stayed attached to every event in the log."""
    emit = publisher.bound(publisher.catalog.message("chat", "userConnected"))
    event = {**CONNECTED, "traceId": "x" * 450}
    count = 1000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(count):
            emit(event, "e1", 77)
            publisher.publish("chat", event)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert log.records_held == 2 * count
    assert (after - before) / (2 * count) < len(orjson.dumps(event)) + 200
