from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from grpc_rooms import Server, fails, next_records, violations

from simulator.v1 import broker_pb2, record_pb2

Code = grpc.StatusCode
LATEST = {"from": record_pb2.StartPosition(latest=empty_pb2.Empty())}


def join(server: Server, *topics: str, group: str = "g", **fields: Any) -> Any:
    request = broker_pb2.SubscribeRequest(topics=topics or ("anything",), group=group, **fields)
    return server.broker.Subscribe(request)


async def acknowledge(server: Server, *places: tuple[str, int, int], group: str = "g") -> Any:
    offsets = [
        record_pb2.TopicPartitionOffset(topic=topic, partition=partition, offset=offset)
        for topic, partition, offset in places
    ]
    return await server.broker.Acknowledge(
        broker_pb2.AcknowledgeRequest(group=group, offsets=offsets)
    )


async def members(server: Server, count: int, group: str = "g") -> None:
    """Return once the group has so many members."""
    async with asyncio.timeout(60):
        while len(server.log.groups.members(group)) != count:
            changed = asyncio.Event()
            server.log.wait(changed.set)
            await changed.wait()


async def test_a_group_goes_on_behind_what_it_acknowledged(server: Server) -> None:
    server.rooms.put(*range(10))
    assert await server.offsets(group="g", max_records=5) == [0, 1, 2, 3, 4]
    answer = await acknowledge(server, ("anything", 0, 2))
    assert [(n.topic, n.partition, n.offset) for n in answer.next] == [("anything", 0, 3)]
    assert await server.offsets(group="g") == [3, 4, 5, 6, 7, 8, 9]
    await acknowledge(server, ("anything", 0, 9))
    assert await server.offsets(group="g") == []
    assert await server.offsets(group="other") == list(range(10))
    assert await server.offsets() == list(range(10))


async def test_what_was_acknowledged_goes_before_the_start_position(server: Server) -> None:
    server.rooms.put(*range(4))
    await acknowledge(server, ("anything", 0, 0))
    assert await server.offsets(group="g", **LATEST) == [1, 2, 3]
    assert await server.offsets(group="new", **LATEST) == []


async def test_an_acknowledgement_may_go_back(server: Server) -> None:
    server.rooms.put(*range(4))
    await acknowledge(server, ("anything", 0, 3))
    await acknowledge(server, ("anything", 0, 0))
    assert await server.offsets(group="g") == [1, 2, 3]


async def test_a_cancelled_member_leaves_nothing_behind(server: Server) -> None:
    call = join(server)
    await members(server, 1)
    call.cancel()
    await members(server, 0)
    await server.idle()
    assert "g" not in server.log.groups.names()


async def test_members_share_partitions_and_each_record_goes_to_one(server: Server) -> None:
    server.log.create_topic("wide", partitions=4)
    one, two = join(server, "wide"), join(server, "wide")
    await members(server, 2)
    for n in range(40):
        server.rooms.put(n, topic="wide", partition=n % 4)
    got = await asyncio.gather(next_records(one, 20), next_records(two, 20))
    partitions = [{r.partition for r in records} for records in got]
    assert sorted(map(sorted, partitions)) == [[0, 1], [2, 3]]
    assert sorted(int(r.json) for records in got for r in records) == list(range(40))


async def test_when_a_member_goes_the_others_go_on_from_its_last_acknowledgement(
    server: Server,
) -> None:
    server.log.create_topic("wide", partitions=2)
    one = join(server, "wide")
    await members(server, 1)
    two = join(server, "wide")
    await members(server, 2)
    for n in range(6):
        server.rooms.put(n, topic="wide", partition=n % 2)
    first, second = await asyncio.gather(next_records(one, 3), next_records(two, 3))
    assert {r.partition for r in first} == {0}
    assert {r.partition for r in second} == {1}
    await acknowledge(server, ("wide", 1, 0))
    two.cancel()
    again = await next_records(one, 2)  # what `two` got and did not acknowledge
    assert [(r.partition, r.offset) for r in again] == [(1, 1), (1, 2)]
    server.rooms.put("new", topic="wide", partition=0)
    (new,) = await next_records(one, 1)
    assert (new.partition, new.offset) == (0, 3)  # its own partition goes straight on


async def test_a_member_that_comes_takes_over_where_nothing_was_acknowledged(
    server: Server,
) -> None:
    """Also with `from: latest`: what came after the group began is not lost on the way."""
    server.log.create_topic("wide", partitions=2)
    server.rooms.put("before", topic="wide", partition=1)
    one = join(server, "wide", **LATEST)
    await members(server, 1)
    server.rooms.put("between", topic="wide", partition=1)
    await next_records(one, 1)
    two = join(server, "wide", **LATEST)
    (again,) = await next_records(two, 1)
    assert again.json == '"between"'


async def test_a_group_that_acknowledged_nothing_and_is_gone_has_no_place(server: Server) -> None:
    server.rooms.put("before")
    call = join(server, **LATEST)
    await members(server, 1)
    call.cancel()
    await members(server, 0)
    assert await server.offsets(group="g") == [0]  # `from` counts again


async def test_more_members_than_partitions_wait_in_reserve(server: Server) -> None:
    one = join(server)
    await members(server, 1)
    reserve = join(server)
    await members(server, 2)
    server.rooms.put(1)
    await next_records(one, 1)
    one.cancel()
    assert [r.offset for r in await next_records(reserve, 1)] == [0]


async def test_a_member_in_reserve_ends_at_once_where_it_shall_stop_at_the_end(
    server: Server,
) -> None:
    server.rooms.put(1)
    one = join(server)
    await next_records(one, 1)
    assert await server.offsets(group="g") == []


async def test_groups_over_several_topics(server: Server) -> None:
    one, two = join(server, "anything", "chat"), join(server, "anything", "chat")
    await members(server, 2)
    server.rooms.put(1)
    server.rooms.put(2, topic="chat")
    got = await asyncio.gather(next_records(one, 1), next_records(two, 1))
    assert sorted(r.topic for (r,) in got) == ["anything", "chat"]


async def test_retention_may_have_taken_what_comes_next(server: Server) -> None:
    server.rooms.put(*range(10))
    await acknowledge(server, ("anything", 0, 2))
    server.log.delete_records("anything", 0, 6)
    call = join(server)
    response = await call.read()
    (gap,) = response.gaps
    assert (gap.topic, gap.partition, gap.first_offset, gap.last_offset) == ("anything", 0, 3, 5)
    assert [r.offset for r in response.records] == [6, 7, 8, 9]


async def test_a_reset_forgets_what_was_acknowledged_and_keeps_members(server: Server) -> None:
    server.rooms.put(*range(3), topic="chat")
    call = join(server, "chat")
    await next_records(call, 3)
    await acknowledge(server, ("chat", 0, 2))
    server.rooms.reset()
    server.rooms.put("new", topic="chat")
    response = await call.read()
    while not response.records:
        response = await call.read()
    assert [(r.offset, r.json) for r in response.records] == [(0, '"new"')]
    assert await server.offsets("chat", group="late") == [0]


async def test_after_a_reset_a_member_that_comes_gets_all_that_is_new(server: Server) -> None:
    server.log.create_topic("wide", partitions=2, permanent=True)
    server.rooms.put(*range(9), topic="wide", partition=1)
    one = join(server, "wide", **LATEST)
    await members(server, 1)
    server.rooms.reset()
    server.rooms.put("new", topic="wide", partition=1)
    await next_records(one, 1)
    two = join(server, "wide", **LATEST)
    (again,) = await next_records(two, 1)
    assert (again.offset, again.json) == (0, '"new"')


async def test_a_snapshot_holds_what_was_acknowledged(server: Server) -> None:
    server.rooms.put(*range(5))
    await acknowledge(server, ("anything", 0, 1))
    snapshot = server.rooms.snapshot()
    await acknowledge(server, ("anything", 0, 4))
    server.rooms.restore(snapshot)
    assert await server.offsets(group="g") == [2, 3, 4]


async def test_what_cannot_be_acknowledged(server: Server) -> None:
    server.rooms.put(*range(3))
    error = await _refused(server, ("anything", 0, 3), code=Code.OUT_OF_RANGE)
    assert "the last one is 2" in (error.details() or "")
    await _refused(server, ("chat", 0, 0), code=Code.OUT_OF_RANGE)
    await _refused(server, ("anythin", 0, 0), code=Code.NOT_FOUND)
    await _refused(server, ("anything", 1, 0), code=Code.NOT_FOUND)
    await _refused(server, ("anything", 0, -1), code=Code.INVALID_ARGUMENT)
    # One that is wrong among right ones: none of them counts.
    error = await _refused(
        server, ("anything", 0, 2), ("anything", 0, 2**63 - 1), code=Code.OUT_OF_RANGE
    )
    assert list(violations(error)) == ["offsets[1]"]
    assert await server.offsets(group="g") == [0, 1, 2]


async def _refused(
    server: Server, *places: tuple[str, int, int], code: grpc.StatusCode
) -> grpc.aio.AioRpcError:
    return await fails(acknowledge(server, *places), code)


@pytest.mark.parametrize("group", ["", "g" * 256])
async def test_group_names(server: Server, group: str) -> None:
    server.rooms.put(1)
    error = await fails(acknowledge(server, ("anything", 0, 0), group=group), Code.INVALID_ARGUMENT)
    assert list(violations(error)) == ["group"]


async def test_deleted_records_may_be_acknowledged(server: Server) -> None:
    server.rooms.put(*range(5))
    server.log.delete_records("anything", 0, 4)
    await acknowledge(server, ("anything", 0, 1))
    assert await server.offsets(group="g") == [4]


async def test_a_topic_created_again_begins_anew_for_a_group_that_lives_on(server: Server) -> None:
    other = join(server, "chat")
    server.rooms.put(*range(5))
    call = join(server)
    await next_records(call, 5)
    server.log.delete_topic("anything")
    await fails(call, Code.NOT_FOUND, "anything")
    server.log.create_topic("anything")
    server.rooms.put("new")
    assert [r.json for r in await next_records(join(server), 1)] == ['"new"']
    other.cancel()
