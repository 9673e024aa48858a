from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, struct_pb2, timestamp_pb2
from grpc_rooms import (
    ALICE,
    BOB,
    START_MS,
    Rooms,
    Server,
    event,
    fails,
    next_records,
    record,
    serving,
    violations,
)

from simulator.listeners.grpc.limits import RESPONSE_BYTES, RESPONSE_RECORDS
from simulator.v1 import broker_pb2, record_pb2

Code = grpc.StatusCode
EMPTY = empty_pb2.Empty()


def start(**fields: Any) -> dict[str, Any]:
    """Keywords of a request that begins somewhere (`from` is a keyword of Python)."""
    return {"from": record_pb2.StartPosition(**fields)}


def at_offsets(*places: tuple[str, int, int]) -> dict[str, Any]:
    offsets = [
        record_pb2.TopicPartitionOffset(topic=topic, partition=partition, offset=offset)
        for topic, partition, offset in places
    ]
    return start(offsets=record_pb2.StartPosition.Offsets(offsets=offsets))


def follow(server: Server, *topics: str, **fields: Any) -> Any:
    return server.broker.Subscribe(broker_pb2.SubscribeRequest(topics=topics, **fields))


# --- where it begins -------------------------------------------------------------------------


async def test_by_default_from_the_earliest(server: Server) -> None:
    server.rooms.put(*range(5))
    server.log.delete_records("anything", 0, 2)
    assert await server.offsets() == [2, 3, 4]
    assert await server.offsets(**start(earliest=EMPTY)) == [2, 3, 4]


async def test_from_the_latest_only_what_comes(server: Server) -> None:
    server.rooms.put(*range(5))
    assert await server.offsets(**start(latest=EMPTY)) == []
    call = follow(server, "anything", **start(latest=EMPTY))
    await call.initial_metadata()  # the subscription is in place
    server.rooms.put("new")
    (new,) = await next_records(call, 1)
    assert (new.offset, new.json) == (5, '"new"')


@pytest.mark.parametrize(
    ("seconds", "nanos", "first"),
    [(0, 0, 0), (1, 0, 1), (1, 1, 2), (1, 999_999, 2), (1, 1_000_000, 2), (9, 0, 3), (-9, 0, 0)],
)
async def test_from_a_time_exact_to_the_record(
    server: Server, seconds: int, nanos: int, first: int
) -> None:
    for milliseconds in (0, 1000, 1001):
        server.log.append("anything", b"1", timestamp=milliseconds)
    moment = timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)
    assert await server.offsets(**start(timestamp=moment)) == list(range(first, 3))


async def test_from_a_time_also_where_times_are_out_of_order(server: Server) -> None:
    for milliseconds in (5000, 1000, 6000, 2000):
        server.log.append("anything", b"1", timestamp=milliseconds)
    moment = timestamp_pb2.Timestamp(seconds=6)
    assert await server.offsets(**start(timestamp=moment)) == [2, 3]


async def test_from_offsets_and_from_the_earliest_where_none_is_given(server: Server) -> None:
    server.log.create_topic("wide", partitions=3)
    for partition in range(3):
        server.rooms.put(*range(4), topic="wide", partition=partition)
    read = await server.read("wide", **at_offsets(("wide", 0, 3), ("wide", 2, 4)))
    assert [(r.partition, r.offset) for r in read] == [(0, 3), (1, 0), (1, 1), (1, 2), (1, 3)]


@pytest.mark.parametrize("offset", [-1, 0, 1, 6, 2**62])
async def test_an_offset_out_of_range_is_answered_with_the_bounds(
    server: Server, offset: int
) -> None:
    server.rooms.put(*range(5))
    server.log.delete_records("anything", 0, 2)
    call = follow(server, "anything", **at_offsets(("anything", 0, offset)))
    error = await fails(call, Code.OUT_OF_RANGE, f"offset {offset}", "use 2", "to 5")
    assert "from.offsets.offsets[0].offset" in violations(error)
    assert await server.offsets(**at_offsets(("anything", 0, 5))) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (at_offsets(("chat", 0, 0)), "from.offsets.offsets[0]"),
        (at_offsets(("anything", 1, 0)), "from.offsets.offsets[0]"),
        (at_offsets(("anything", -1, 0)), "from.offsets.offsets[0]"),
        (at_offsets(("anything", 0, 0), ("anything", 0, 0)), "from.offsets.offsets[1]"),
        (start(timestamp=timestamp_pb2.Timestamp(seconds=2**60)), "from.timestamp"),
        (start(timestamp=timestamp_pb2.Timestamp(nanos=-1)), "from.timestamp"),
        ({"max_records": -1}, "max_records"),
        ({"max_batch": -1}, "max_batch"),
        ({"group": "g" * 256}, "group"),
        ({"filter": record_pb2.Filter(user_ids=["u"] * 1001)}, "filter.user_ids"),
    ],
)
async def test_values_that_make_no_sense(
    server: Server, fields: dict[str, Any], field: str
) -> None:
    error = await fails(follow(server, "anything", **fields), Code.INVALID_ARGUMENT)
    assert list(violations(error)) == [field]


async def test_all_mistakes_of_a_request_at_once(server: Server) -> None:
    call = follow(server, "chat", "chat", max_records=-1, max_batch=-1, group="g" * 300)
    error = await fails(call, Code.INVALID_ARGUMENT)
    assert set(violations(error)) == {"topics[1]", "max_records", "max_batch", "group"}


async def test_no_topic_and_an_unknown_one(server: Server) -> None:
    error = await fails(follow(server), Code.INVALID_ARGUMENT, "at least one")
    assert list(violations(error)) == ["topics"]
    error = await fails(
        follow(server, "chat", "personalchat"), Code.NOT_FOUND, "did you mean 'personalChat'?"
    )
    assert list(violations(error)) == ["topics[1]"]


async def test_a_filter_on_an_unknown_field(server: Server) -> None:
    wanted = record_pb2.Filter(
        names=["userConnect"],
        fields=[
            record_pb2.FieldEquals(
                path="payload.userDisconnected.cod", value=struct_pb2.Value(number_value=1)
            )
        ],
    )
    error = await fails(follow(server, "chat", filter=wanted), Code.INVALID_ARGUMENT)
    found = violations(error)
    assert "userConnected" in found["filter.names[0]"]
    assert "payload.userDisconnected.code" in found["filter.fields[0].path"]


# --- what it gives ---------------------------------------------------------------------------


async def test_records_of_several_topics_come_in_the_order_of_their_appends(
    server: Server,
) -> None:
    server.log.create_topic("wide", partitions=4)
    topics = ("anything", "wide", "chat")
    for n in range(3000):
        topic = topics[n * n % 7 % 3]
        server.rooms.put(n, topic=topic, partition=n % 4 if topic == "wide" else None)
    read = await server.read(*topics)
    assert [int(r.json) for r in read] == list(range(3000))
    assert [r.position for r in read] == list(range(3000))


async def test_it_follows_what_is_appended(server: Server) -> None:
    call = follow(server, "anything", "chat")
    for n in range(20):
        server.rooms.put(n, topic="chat" if n % 3 else "anything")
        (seen,) = await next_records(call, 1)
        assert seen.json == str(n)


async def test_topics_that_were_not_asked_for_do_not_come(server: Server) -> None:
    call = follow(server, "anything")
    server.rooms.put("other", topic="chat")
    server.rooms.put("mine")
    (seen,) = await next_records(call, 1)
    assert seen.json == '"mine"'


async def test_a_maximum_of_records_ends_the_stream(server: Server) -> None:
    server.rooms.put(*range(5))
    assert await server.offsets(max_records=3, stop_at_end=False) == [0, 1, 2]
    call = follow(server, "anything", max_records=7)
    assert len(await next_records(call, 5)) == 5
    server.rooms.put(*range(5))
    assert [r.offset for r in await next_records(call, 2)] == [5, 6]
    assert await call.read() is grpc.aio.EOF


async def test_stop_at_end_is_the_end_at_the_time_of_the_call(server: Server) -> None:
    server.rooms.put(*[b"x" * 100_000] * 50)
    call = follow(server, "anything", stop_at_end=True)
    first = await call.read()
    server.rooms.put("too late")
    rest = [r async for response in _rest(call) for r in response.records]
    assert len(first.records) + len(rest) == 50
    assert await server.offsets("chat") == []


async def _rest(call: Any) -> Any:
    while (response := await call.read()) is not grpc.aio.EOF:
        yield response


async def test_stop_at_end_with_a_topic_whose_end_lies_before_records_of_others(
    server: Server,
) -> None:
    server.rooms.put(1)
    server.rooms.put(2, 3, topic="chat")
    assert await server.offsets("anything") == [0]
    assert await server.offsets("anything", "chat") == [0, 0, 1]


@pytest.mark.parametrize("max_batch", [1, 7, 100])
@pytest.mark.parametrize("filtered", [False, True])
async def test_responses_hold_at_most_as_many_records_as_asked(
    server: Server, max_batch: int, filtered: bool
) -> None:
    server.rooms.put(*({"name": "odd" if n % 2 else "even"} for n in range(400)))
    wanted = record_pb2.Filter(names=["odd"] if filtered else [])
    call = follow(server, "anything", max_batch=max_batch, filter=wanted, stop_at_end=True)
    sizes = [len(response.records) async for response in call]
    assert sum(sizes) == (200 if filtered else 400)
    assert max(sizes) == max_batch


async def test_responses_of_a_full_log_are_large_and_bounded(server: Server) -> None:
    server.rooms.put(*range(5000))
    sizes = [len(r.records) async for r in follow(server, "anything", stop_at_end=True)]
    assert sum(sizes) == 5000
    assert max(sizes) == RESPONSE_RECORDS
    assert len(sizes) == -(-5000 // RESPONSE_RECORDS)


@pytest.mark.parametrize("filtered", [False, True])
async def test_large_records_fit_into_what_clients_accept(server: Server, filtered: bool) -> None:
    largest = server.log.max_record_bytes
    server.rooms.put(*[{"name": "n", "x": "y" * 300_000}] * 20)
    server.log.append("anything", b"z" * largest, timestamp=0)
    server.log.append("anything", b'{"name":"n"}', timestamp=0)
    wanted = record_pb2.Filter(names=["n"] if filtered else [])
    async with grpc.aio.insecure_channel(server.target) as channel:  # 4 MiB by default
        raw = channel.unary_stream("/simulator.v1.Broker/Subscribe")
        request = broker_pb2.SubscribeRequest(topics=["anything"], filter=wanted, stop_at_end=True)
        sizes = [len(data) async for data in raw(request.SerializeToString())]
    assert sum(sizes) > 6_000_000
    assert max(sizes) < 2 * RESPONSE_BYTES + 10_000


async def test_typed_events_beside_the_json(server: Server) -> None:
    server.rooms.put(event("userConnected"), event("userDisconnected"), b"unchecked", topic="chat")
    server.rooms.put(event("userConnected"))
    connected, disconnected, broken, untyped = await server.read("chat", "anything", typed=True)
    assert connected.event.type_url.endswith("/accelbyte.chat.chat.v1.UserConnected")
    assert disconnected.event.type_url.endswith("/accelbyte.chat.chat.v1.UserDisconnected")
    assert connected.json
    assert not broken.HasField("event")
    assert not untyped.HasField("event")
    assert not any(r.HasField("event") for r in await server.read("chat"))
    assert len([r for r in await server.read("chat", typed=True) if r.HasField("event")]) == 2


async def test_the_largest_typed_events_fit_into_what_clients_accept(server: Server) -> None:
    big = event("personalChatSent")
    big["payload"]["personalChatSent"]["payload"] = "x" * 1_000_000
    server.rooms.put(*[big] * 5, topic="personalChat")
    assert len(await server.read("personalChat", typed=True)) == 5


# --- filters ---------------------------------------------------------------------------------


async def test_filters_choose(server: Server) -> None:
    for user in (ALICE, BOB):
        for name in ("userConnected", "userDisconnected"):
            server.rooms.put(event(name, user=user), topic="chat")
    server.rooms.put(event("personalChatSent", user=BOB), topic="personalChat")
    both = ("chat", "personalChat")

    async def positions(**fields: Any) -> list[int]:
        wanted = record_pb2.Filter(**fields)
        return [r.position for r in await server.read(*both, filter=wanted)]

    assert await positions() == [0, 1, 2, 3, 4]
    assert await positions(names=["userConnected"]) == [0, 2]
    assert await positions(names=["userConnected", "personalChatSent"]) == [0, 2, 4]
    assert await positions(user_ids=[BOB.replace("-", "")]) == [2, 3, 4]
    assert await positions(user_ids=[BOB], names=["userDisconnected"]) == [3]
    assert await positions(namespaces=["no such"]) == []
    code = server.rooms.catalog.find("userDisconnected").example["payload"]["userDisconnected"]
    field = record_pb2.FieldEquals(
        path="payload.userDisconnected.code", value=struct_pb2.Value(number_value=code["code"])
    )
    assert await positions(fields=[field]) == [1, 3]
    assert await positions(fields=[field], user_ids=[ALICE]) == [1]


async def test_a_filter_finds_the_one_in_many_and_follows(server: Server) -> None:
    server.rooms.put(*({"name": "hay"} for _ in range(20_000)), {"name": "needle"})
    call = follow(server, "anything", filter=record_pb2.Filter(names=["needle"]))
    (found,) = await next_records(call, 1)
    assert found.offset == 20_000
    server.rooms.put({"name": "hay"}, {"name": "needle"}, {"name": "hay"})
    (found,) = await next_records(call, 1)
    assert found.offset == 20_002


async def test_max_records_counts_what_passes_the_filter(server: Server) -> None:
    server.rooms.put(*({"name": "ab"[n % 2]} for n in range(2000)))
    wanted = record_pb2.Filter(names=["b"])
    assert await server.offsets(filter=wanted, max_records=3, stop_at_end=False) == [1, 3, 5]


async def test_a_long_filtered_read_gives_others_their_turn(server: Server) -> None:
    server.rooms.put(*({"name": "hay"} for _ in range(100_000)))
    nothing = record_pb2.Filter(names=["needle"])
    reading = asyncio.create_task(server.read(filter=nothing))
    served = 0
    while not reading.done():
        await server.broker.DescribeTopics(broker_pb2.DescribeTopicsRequest())
        served += 1
    assert await reading == []
    assert served > 3


# --- many ------------------------------------------------------------------------------------


async def test_many_subscribers_get_the_same(server: Server) -> None:
    calls = [follow(server, "anything", max_records=1100) for _ in range(30)]
    server.rooms.put(*range(600))
    await next_records(calls[0], 600)
    server.rooms.put(*range(600, 1100))

    async def values(call: Any, skip: int) -> list[int]:
        return [int(r.json) for r in await next_records(call, 1100 - skip)]

    got = await asyncio.gather(values(calls[0], 600), *(values(call, 0) for call in calls[1:]))
    assert got[0] == list(range(600, 1100))
    assert all(each == list(range(1100)) for each in got[1:])


async def test_more_streams_on_one_connection_than_the_usual_hundred(rooms: Rooms) -> None:
    async with serving(rooms) as server:
        calls = [follow(server, "anything") for _ in range(300)]
        server.rooms.put(1)
        for call in calls:
            await next_records(call, 1)
        assert server.listener.calls_under_way == 300
        for call in calls:
            call.cancel()
        await server.idle()


def test_the_blocking_client(rooms: Rooms) -> None:
    """grpc's synchronous API against a server in another thread."""

    async def main() -> list[int]:
        async with serving(rooms) as server:
            server.rooms.put(1)
            return await asyncio.to_thread(_publish_and_read, server.target)

    assert asyncio.run(main()) == [1, 2]


def _publish_and_read(target: str) -> list[int]:
    from simulator.v1 import broker_pb2_grpc

    with grpc.insecure_channel(target) as channel:
        stub = broker_pb2_grpc.BrokerStub(channel)
        stub.Publish(broker_pb2.PublishRequest(records=[record("anything", 2)]), timeout=60)
        request = broker_pb2.SubscribeRequest(topics=["anything"], max_records=2)
        call = stub.Subscribe(request, timeout=60)
        read = [r for response in call for r in response.records]
    assert read[0].timestamp_ms == START_MS
    return [int(r.json) for r in read]
