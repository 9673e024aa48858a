"""The hand-made wire form against the generated code, which is the source of what is right."""

from __future__ import annotations

import orjson
import pytest
from grpc_rooms import ALICE, event
from hypothesis import given
from hypothesis import strategies as st

from simulator.catalog import Catalog
from simulator.listeners.grpc.encoding import encode_records, varint
from simulator.listeners.grpc.typed_events import TypedEvents
from simulator.log import Headers, TopicLog
from simulator.v1 import broker_pb2, record_pb2

numbers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [0, 1, 127, 128, 16383, 16384, 2**28 - 1, 2**28, 2**42, 2**63 - 1, -1, -(2**63)]
)
values = (
    st.none()
    | st.binary(max_size=40)
    | st.text(max_size=40).map(str.encode)
    | st.sampled_from(
        [b"x" * 127, b"x" * 128, b"x" * 4095, b"x" * 4096, b"x" * 16384, b"\xff" * 20000, b""]
    )
)
headers = st.lists(
    st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=3
).map(tuple)
rows = st.tuples(
    values, st.none() | st.binary(max_size=20), numbers, headers, st.integers(0, 2), st.booleans()
)


@given(numbers)
def test_varint(number: int) -> None:
    assert b"\x20" + varint(number) == (
        record_pb2.Record(timestamp_ms=number).SerializeToString() or b"\x20\x00"
    )


@given(st.lists(rows, max_size=30), st.integers(1, 30))
def test_records_as_the_generated_code_would_write_them(
    appended: list[tuple[bytes | None, bytes | None, int, Headers, int, bool]], batch: int
) -> None:
    log = TopicLog()
    log.create_topic("topic", partitions=3)
    for value, key, timestamp, given_headers, partition, unchecked in appended:
        log.append(
            "topic",
            value,
            key=key,
            timestamp=timestamp,
            headers=given_headers,
            partition=partition,
            unchecked=unchecked,
        )
    cursor = log.cursor({("topic", partition): 0 for partition in range(3)})
    response = broker_pb2.SubscribeResponse()
    while len(columns := cursor.poll_columns(batch)):
        pieces = encode_records(columns, range(len(columns)))
        assert len(pieces) == len(columns)
        response.MergeFromString(b"".join(pieces))
    assert [_plain(record) for record in response.records] == [
        (value, key, timestamp, headers, partition, unchecked, position)
        for position, (value, key, timestamp, headers, partition, unchecked) in enumerate(appended)
    ]
    for partition in range(3):
        offsets = [r.offset for r in response.records if r.partition == partition]
        assert offsets == list(range(len(offsets)))
    assert {record.topic for record in response.records} <= {"topic"}


def _plain(record: record_pb2.Record) -> tuple[object, ...]:
    kind = record.WhichOneof("value")
    value = None if kind is None else record.json.encode() if kind == "json" else record.raw
    if kind == "raw":
        with pytest.raises(UnicodeDecodeError):
            record.raw.decode()
    return (
        value,
        record.key if record.HasField("key") else None,
        record.timestamp_ms,
        tuple((h.name, h.value if h.HasField("value") else None) for h in record.headers),
        record.partition,
        record.unchecked,
        record.position,
    )


def test_some_rows_only() -> None:
    log = TopicLog()
    log.create_topic("topic")
    for n in range(10):
        log.append("topic", b"%d" % n, timestamp=n)
    columns = log.read_columns("topic", 0, 2, max_records=8)
    (one, two) = encode_records(columns, [1, 4])
    response = broker_pb2.SubscribeResponse.FromString(one + two)
    assert [(r.offset, r.json) for r in response.records] == [(3, "3"), (6, "6")]


def test_offsets_and_positions_of_any_size() -> None:
    log = TopicLog()
    log.create_topic("topic")
    columns = log.read_columns("topic", 0, 0, max_records=1)
    for number in (0, 127, 128, 16383, 16384, 2**35, 2**62):
        fields = {name: getattr(columns, name) for name in columns.__slots__}
        fields |= {"offsets": [number], "positions": [number], "timestamps": [0], "keys": [None]}
        fields |= {"values": [b"1"], "sources": (("topic", 0),), "source": [0]}
        (piece,) = encode_records(type(columns)(**fields), range(1))
        (record,) = broker_pb2.SubscribeResponse.FromString(piece).records
        assert (record.offset, record.position) == (number, number)


def test_typed_events_of_every_kind() -> None:
    catalog = Catalog.builtin()
    types = TypedEvents(catalog)
    for message in catalog.messages:
        value = orjson.dumps(event(message.name))
        encoded = types.encode(message.channel, value)
        assert encoded is not None
        typed = record_pb2.Record.FromString(b"\x4a" + varint(len(encoded)) + encoded).event
        assert typed.type_url == f"type.googleapis.com/{message.proto_name}"
        assert message.from_proto(typed.value)["userId"] == ALICE
        assert types.decode(message.channel, typed)["name"] == message.name


def test_typed_events_are_the_same_bytes_in_every_process() -> None:
    # Unless it is asked for, the order of a map's keys differs from process to process.
    keys = [f"key-{number:03}" for number in range(100)]
    value = event("userConnected") | {"payload": {"userConnected": dict.fromkeys(keys, True)}}
    encoded = TypedEvents(Catalog.builtin()).encode("chat", orjson.dumps(value))
    assert encoded is not None
    places = [encoded.index(key.encode()) for key in keys]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("chat", b"no json"),
        ("chat", b"[]"),
        ("chat", b'{"name": "noSuchEvent"}'),
        ("chat", b'{"name": "userDisconnected", "payload": 7}'),
        ("anything", orjson.dumps(event("userConnected"))),
        ("chat", b"\xff\xfe"),
    ],
)
def test_what_has_no_typed_form(topic: str, value: bytes) -> None:
    assert TypedEvents(Catalog.builtin()).encode(topic, value) is None
