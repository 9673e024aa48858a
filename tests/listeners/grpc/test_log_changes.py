"""What subscribers see when the log does not just grow."""

from __future__ import annotations

from typing import Any

import grpc
from grpc_rooms import Server, fails, next_records

from simulator.log import Retention
from simulator.v1 import broker_pb2

Code = grpc.StatusCode


def follow(server: Server, *topics: str, **fields: Any) -> Any:
    return server.broker.Subscribe(broker_pb2.SubscribeRequest(topics=topics, **fields))


def gaps(response: Any) -> list[tuple[str, int, int, int]]:
    return [(g.topic, g.partition, g.first_offset, g.last_offset) for g in response.gaps]


async def test_deleted_records_are_a_gap_and_the_stream_goes_on(server: Server) -> None:
    server.rooms.put(*range(3))
    call = follow(server, "anything")
    await next_records(call, 3)
    server.rooms.put(*range(3, 10))
    server.log.delete_records("anything", 0, 7)
    response = await call.read()
    assert gaps(response) == [("anything", 0, 3, 6)]
    assert [r.offset for r in response.records] == [7, 8, 9]
    assert not response.rewound


async def test_deletions_of_what_was_read_are_no_gap(server: Server) -> None:
    server.rooms.put(*range(3))
    call = follow(server, "anything")
    await next_records(call, 3)
    server.log.delete_records("anything", 0, 3)
    server.rooms.put(3)
    response = await call.read()
    assert gaps(response) == []
    assert [r.offset for r in response.records] == [3]


async def test_a_gap_with_nothing_behind_it_is_told_at_once(server: Server) -> None:
    server.log.create_topic("wide", partitions=2)
    call = follow(server, "wide")
    server.rooms.put(0, topic="wide", partition=0)
    await next_records(call, 1)
    server.rooms.put(*range(4), topic="wide", partition=1)
    server.log.delete_records("wide", 1, 4)
    response = await call.read()
    assert gaps(response) == [("wide", 1, 0, 3)]
    assert not response.records


async def test_retention_faster_than_a_reader(server: Server) -> None:
    """Nothing that is retained is lost, and what is missing is told to the offset."""
    server.log.create_topic("short", retention=Retention(max_records=100))
    call = follow(server, "short")
    seen: list[int] = []
    missed: list[int] = []
    for n in range(50):
        server.rooms.put(*[b"x" * 10_000] * (n * 7), topic="short")
        end = server.log.bounds("short", 0)[1]
        while len(seen) + len(missed) < end:
            response = await call.read()
            for _, _, first, last in gaps(response):
                missed += range(first, last + 1)
            seen += [r.offset for r in response.records]
    assert sorted(seen + missed) == list(range(end))
    assert seen == sorted(seen)
    assert missed


async def test_after_a_reset_the_stream_goes_on_with_what_is_new(server: Server) -> None:
    server.rooms.put(*range(3), topic="chat")
    call = follow(server, "chat")
    await next_records(call, 3)
    server.rooms.reset()
    server.rooms.put("new", topic="chat")
    response = await call.read()
    assert response.rewound
    assert [(r.offset, r.position, r.json) for r in response.records] == [(0, 0, '"new"')]
    server.rooms.put("more", topic="chat")
    response = await call.read()
    assert not response.rewound
    assert [r.json for r in response.records] == ['"more"']


async def test_a_reset_is_told_also_when_nothing_follows(server: Server) -> None:
    server.rooms.put(1, topic="chat")
    call = follow(server, "chat")
    await next_records(call, 1)
    server.rooms.reset()
    response = await call.read()
    assert response.rewound
    assert not response.records


async def test_a_reset_of_an_empty_log_is_not_worth_a_word(server: Server) -> None:
    call = follow(server, "chat")
    server.rooms.put(1)
    server.rooms.reset()
    server.rooms.put(1, topic="chat")
    response = await call.read()
    assert not response.rewound
    assert len(response.records) == 1


async def test_after_a_restore_offsets_are_used_again_with_other_records(server: Server) -> None:
    server.rooms.put("base")
    snapshot = server.rooms.snapshot()
    server.rooms.put("first", "second")
    call, late = follow(server, "anything"), None
    assert [r.json for r in await next_records(call, 3)][1:] == ['"first"', '"second"']
    server.rooms.restore(snapshot)
    server.rooms.put("other")
    response = await call.read()
    assert response.rewound
    assert [(r.offset, r.json) for r in response.records] == [(1, '"other"')]
    late = follow(server, "anything")
    assert [r.json for r in await next_records(late, 2)] == ['"base"', '"other"']


async def test_a_subscriber_that_lags_behind_a_snapshot_notices_nothing(server: Server) -> None:
    server.rooms.put(*range(5))
    call = follow(server, "anything", max_batch=1)
    await next_records(call, 2)
    with server.log.fork():
        server.rooms.put("undone")
    records = await next_records(call, 3)
    assert [r.offset for r in records] == [2, 3, 4]


async def test_a_deleted_topic_ends_the_stream(server: Server) -> None:
    call = follow(server, "chat", "anything")
    server.rooms.put(1)
    await next_records(call, 1)
    server.log.delete_topic("anything")
    await fails(call, Code.NOT_FOUND, "'anything'", "deleted")
    await server.idle()


async def test_a_topic_that_a_reset_takes_away_ends_the_stream(server: Server) -> None:
    call = follow(server, "anything")
    server.rooms.put(1)
    await next_records(call, 1)
    server.rooms.reset()
    await fails(call, Code.NOT_FOUND, "anything")


async def test_a_topic_deleted_and_created_again_is_another(server: Server) -> None:
    call = follow(server, "anything")
    server.rooms.put(1)
    await next_records(call, 1)
    server.log.delete_topic("anything")
    server.log.create_topic("anything")
    server.rooms.put(2)
    await fails(call, Code.NOT_FOUND, "deleted")


async def test_stop_at_end_ends_also_when_the_log_is_reset_on_the_way(server: Server) -> None:
    server.rooms.put(*[b"x" * 300_000] * 40, topic="chat")
    call = follow(server, "chat", stop_at_end=True)
    await call.read()
    server.rooms.reset()
    server.rooms.put("new", topic="chat")
    while (response := await call.read()) is not grpc.aio.EOF:
        last = response
    assert [r.json for r in last.records] in ([], ['"new"'])
    await server.idle()
