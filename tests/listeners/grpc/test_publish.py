from __future__ import annotations

import grpc
import orjson
import pytest
from google.protobuf import any_pb2
from grpc_rooms import (
    ALICE,
    START_MS,
    Rooms,
    Server,
    event,
    fails,
    record,
    serving,
    violations,
)

from simulator.log import Retention
from simulator.v1 import broker_pb2

Code = grpc.StatusCode


def request(*records: broker_pb2.PublishRecord, **fields: bool) -> broker_pb2.PublishRequest:
    return broker_pb2.PublishRequest(records=records, **fields)


async def test_records_go_where_they_belong_and_the_answer_says_where(server: Server) -> None:
    server.log.create_topic("wide", partitions=3)
    answer = await server.broker.Publish(
        request(
            record("chat", event("userConnected")),
            record("wide", {"n": 1}, partition=2),
            record("personalChat", event("personalChatSent")),
            record("chat", event("userDisconnected")),
        )
    )
    assert [(o.topic, o.partition, o.offset) for o in answer.offsets] == [
        ("chat", 0, 0),
        ("wide", 2, 0),
        ("personalChat", 0, 0),
        ("chat", 0, 1),
    ]
    assert not answer.warnings


async def test_nothing_is_changed_on_the_way(server: Server) -> None:
    sent = broker_pb2.PublishRecord(
        topic="anything",
        key=b"\x00key",
        raw=b"\xff\x00raw",
        timestamp_ms=-5,
        headers=[
            {"name": "a", "value": b"1"},
            {"name": "a", "value": b""},
            {"name": "b"},
        ],
    )
    await server.broker.Publish(request(sent))
    (kept,) = server.log.read("anything", 0, 0, max_records=10)
    assert kept.value == b"\xff\x00raw"
    assert kept.key == b"\x00key"
    assert kept.timestamp == -5
    assert kept.headers == (("a", b"1"), ("a", b""), ("b", None))
    (read,) = await server.read()
    assert (read.raw, read.key, read.timestamp_ms) == (b"\xff\x00raw", b"\x00key", -5)
    assert list(read.headers) == list(sent.headers)


async def test_key_and_timestamp_come_from_the_event_unless_given(server: Server) -> None:
    connected = event("userConnected", id="e-1", timestamp="2026-01-01T00:00:01.5Z")
    await server.broker.Publish(
        request(
            record("chat", connected),
            record("chat", connected, key=b"mine", timestamp_ms=7),
            record("anything", "no event"),
        )
    )
    seen = [(r.key, r.timestamp_ms) for r in await server.read("chat", "anything")]
    assert seen == [(b"e-1", START_MS + 1500), (b"mine", 7), (b"", START_MS)]
    assert not (await server.read())[0].HasField("key")


async def test_no_value_is_a_null_value(server: Server) -> None:
    await server.broker.Publish(
        request(
            broker_pb2.PublishRecord(topic="chat", key=b"k"),
            broker_pb2.PublishRecord(topic="anything", raw=b""),
        )
    )
    null, empty = await server.read("chat", "anything")
    assert null.WhichOneof("value") is None
    assert (empty.WhichOneof("value"), empty.json) == ("json", "")


async def test_typed_events_become_json(server: Server) -> None:
    message = server.rooms.catalog.find("userDisconnected")
    sent = event("userDisconnected", user=ALICE)
    sent["payload"]["userDisconnected"] = {"reason": "bye", "code": 4000, "forced": True}
    packed = any_pb2.Any(
        type_url=f"type.googleapis.com/{message.proto_name}",
        value=message.to_proto(sent).SerializeToString(),
    )
    await server.broker.Publish(request(broker_pb2.PublishRecord(topic="chat", event=packed)))
    (read,) = await server.read("chat", typed=True)
    value = orjson.loads(read.json)
    assert value["payload"] == {"userDisconnected": {"reason": "bye", "code": 4000, "forced": True}}
    assert value["userId"] == ALICE
    assert read.event.type_url == packed.type_url
    assert message.from_proto(read.event.value) == value


@pytest.mark.parametrize(
    ("type_url", "value", "words"),
    [
        ("type.googleapis.com/accelbyte.chat.chat.v1.NoSuch", b"", "NoSuch"),
        ("", b"", "event"),
        ("type.googleapis.com/accelbyte.chat.chat.v1.PersonalChatSent", b"", "personalChat"),
        ("type.googleapis.com/accelbyte.chat.chat.v1.UserConnected", b"\xff\xff", "UserConnected"),
    ],
)
async def test_typed_events_that_the_topic_cannot_take(
    server: Server, type_url: str, value: bytes, words: str
) -> None:
    bad = broker_pb2.PublishRecord(topic="chat", event=any_pb2.Any(type_url=type_url, value=value))
    error = await fails(server.broker.Publish(request(bad)), Code.INVALID_ARGUMENT, words)
    assert all(field.startswith("records[0].event") for field in violations(error))
    assert server.log.end_position == 0


async def test_a_bad_event_is_refused_with_every_field_at_fault(server: Server) -> None:
    bad = event("userDisconnected")
    bad["payload"]["userDisconnected"]["code"] = "4000"
    bad["timestamp"] = "yesterday"
    good = record("chat", event("userConnected"))
    error = await fails(
        server.broker.Publish(request(good, good, record("chat", bad))), Code.INVALID_ARGUMENT
    )
    assert set(violations(error)) == {
        "records[2].json.payload.userDisconnected.code",
        "records[2].json.timestamp",
    }
    assert server.log.end_position == 0  # also not the good ones


async def test_bad_events_get_in_when_asked_for_and_are_marked(server: Server) -> None:
    await server.broker.Publish(
        request(record("chat", "no json"), record("anything", "x"), no_validate=True)
    )
    unchecked, untyped = await server.read("chat", "anything")
    assert (unchecked.json, unchecked.unchecked) == ("no json", True)
    assert not untyped.unchecked
    assert not unchecked.HasField("event")


async def test_misspelt_fields_are_warned_of(server: Server) -> None:
    odd = event("personalChatSent")
    odd["payload"]["personalChatSent"]["messageId"] = ALICE
    answer = await server.broker.Publish(
        request(record("chat", event("userConnected")), record("personalChat", odd))
    )
    (warning,) = answer.warnings
    assert warning.startswith("records[1]: ")
    assert "message_id" in warning


async def test_warnings_are_bounded(server: Server) -> None:
    odd = event("userConnected", userid=ALICE)
    answer = await server.broker.Publish(request(*[record("chat", odd)] * 150))
    assert len(answer.offsets) == 150
    assert len(answer.warnings) == 101
    assert answer.warnings[-1] == "... and 50 more"


@pytest.mark.parametrize(
    ("bad", "code", "field", "words"),
    [
        (record("chatt", {}), Code.NOT_FOUND, "records[1].topic", "did you mean 'chat'"),
        (record("", {}), Code.NOT_FOUND, "records[1].topic", "does not exist"),
        (record("anything", 1, partition=1), Code.NOT_FOUND, "records[1].partition", "partition 1"),
        (record("anything", 1, partition=-1), Code.NOT_FOUND, "records[1].partition", "-1"),
        (record("anything", "x" * 1_100_000), Code.INVALID_ARGUMENT, "records[1]", "too large"),
        (record("chat", {"x": "y" * 1_100_000}), Code.INVALID_ARGUMENT, None, ""),
        (
            record("anything", 1, headers=[{"name": f"{n}"} for n in range(300)]),
            Code.INVALID_ARGUMENT,
            "records[1]",
            "headers",
        ),
        (record("chat", "null"), Code.INVALID_ARGUMENT, "records[1].json", "object"),
    ],
)
async def test_of_a_request_with_one_bad_record_nothing_gets_in(
    server: Server, bad: broker_pb2.PublishRecord, code: grpc.StatusCode, field: str, words: str
) -> None:
    good = record("anything", 1)
    error = await fails(server.broker.Publish(request(good, bad, good)), code, words)
    if field:
        assert field in violations(error)
    assert server.log.end_position == 0
    assert await server.read() == []
    answer = await server.broker.Publish(request(good))
    assert [offset.offset for offset in answer.offsets] == [0]


async def test_an_empty_request_is_fine(server: Server) -> None:
    assert not (await server.broker.Publish(request())).offsets


async def test_a_full_log_takes_a_whole_request_or_nothing() -> None:
    async with serving(Rooms(max_bytes=100_000)) as server:
        many = request(*[record("anything", "x" * 1000)] * 60)
        await server.broker.Publish(many)
        follower = server.broker.Subscribe(broker_pb2.SubscribeRequest(topics=["anything"]))
        assert len((await follower.read()).records) == 60
        await fails(server.broker.Publish(many), Code.RESOURCE_EXHAUSTED, "full")
        assert server.log.records_held == 60
        few = request(*[record("anything", "y" * 1000)] * 10)
        answer = await server.broker.Publish(few)
        assert [offset.offset for offset in answer.offsets] == list(range(60, 70))
        batch = await follower.read()
        assert [r.json[0] for r in batch.records] == ["y"] * 10
        assert not batch.rewound


async def test_a_full_log_with_retention_goes_on() -> None:
    async with serving(Rooms(max_bytes=100_000)) as server:
        server.log.create_topic("short", retention=Retention(max_records=50))
        for _ in range(200):
            await server.broker.Publish(request(record("short", "x" * 1000)))
        assert server.log.bounds("short", 0) == (150, 200)


async def test_a_stream_of_requests(server: Server) -> None:
    call = server.broker.PublishStream()
    odd = event("userConnected", userid=ALICE)
    for _ in range(3):
        await call.write(request(record("chat", odd), record("anything", 1)))
    await call.done_writing()
    answer = await call
    assert answer.accepted == 6
    assert [warning.partition(":")[0] for warning in answer.warnings] == [
        "requests[0].records[0]",
        "requests[1].records[0]",
        "requests[2].records[0]",
    ]
    assert server.log.end_position == 6


@pytest.mark.parametrize(
    ("before", "note"),
    [
        (1, "(1 record of the requests before it was accepted)"),
        (2, "(2 records of the requests before it were accepted)"),
    ],
)
async def test_a_bad_request_ends_a_stream_and_what_came_before_stays(
    server: Server, before: int, note: str
) -> None:
    call = server.broker.PublishStream()
    good = record("anything", 1)
    await call.write(request(*[good] * before))
    await call.write(request(good, record("nowhere", 1)))
    await call.done_writing()
    error = await fails(call, Code.NOT_FOUND, "requests[1]", "nowhere", note)
    assert "requests[1].records[1].topic" in violations(error)
    assert server.log.end_position == before


async def test_a_stream_that_is_cancelled_keeps_what_was_accepted(server: Server) -> None:
    call = server.broker.PublishStream()
    await call.write(request(record("anything", 1)))
    await server.rooms.appended(1)
    call.cancel()
    await server.idle()
    assert server.log.end_position == 1
