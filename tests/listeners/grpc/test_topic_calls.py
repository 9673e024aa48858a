from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_rooms import Server, fails, violations

from simulator.v1 import broker_pb2, record_pb2

Code = grpc.StatusCode


async def create(server: Server, topic: str, **fields: Any) -> Any:
    answer = await server.broker.CreateTopic(broker_pb2.CreateTopicRequest(topic=topic, **fields))
    return answer.topic


async def describe(server: Server, *topics: str) -> Any:
    request = broker_pb2.DescribeTopicsRequest(topics=topics)
    return (await server.broker.DescribeTopics(request)).topics


def before(*places: tuple[str, int, int]) -> broker_pb2.DeleteRecordsRequest:
    offsets = [
        record_pb2.TopicPartitionOffset(topic=topic, partition=partition, offset=offset)
        for topic, partition, offset in places
    ]
    return broker_pb2.DeleteRecordsRequest(before=offsets)


async def test_a_topic_as_it_was_asked_for(server: Server) -> None:
    retention = broker_pb2.Retention(max_age_ms=60_000, max_records=10)
    made = await create(server, "made", partitions=3, retention=retention)
    assert (made.topic, len(made.partitions), list(made.events)) == ("made", 3, [])
    assert made.retention == retention
    assert not made.retention.HasField("max_bytes")
    assert list(await describe(server, "made")) == [made]
    assert len((await create(server, "plain")).partitions) == 1


async def test_all_topics_are_described(server: Server) -> None:
    server.rooms.put(*range(5), topic="chat")
    server.log.delete_records("chat", 0, 2)
    topics = {topic.topic: topic for topic in await describe(server)}
    assert list(topics) == ["anything", "chat", "personalChat"]
    assert list(topics["chat"].events) == [
        "userChatRateLimited",
        "userConnected",
        "userDisconnected",
    ]
    (partition,) = topics["chat"].partitions
    assert (partition.start_offset, partition.end_offset, partition.bytes) == (2, 5, 3)
    assert partition.last_stable_offset == 5


async def test_named_topics_are_described_in_their_order(server: Server) -> None:
    assert [t.topic for t in await describe(server, "chat", "anything")] == ["chat", "anything"]
    error = await fails(describe(server, "chat", "anythin"), Code.NOT_FOUND, "'anything'")
    assert list(violations(error)) == ["topics[1]"]


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"topic": "chat"}, Code.ALREADY_EXISTS, "topic"),
        ({"topic": ""}, Code.INVALID_ARGUMENT, "topic"),
        ({"topic": "a b"}, Code.INVALID_ARGUMENT, "topic"),
        ({"topic": ".."}, Code.INVALID_ARGUMENT, "topic"),
        ({"topic": "x" * 250}, Code.INVALID_ARGUMENT, "topic"),
        ({"topic": "t", "partitions": -1}, Code.INVALID_ARGUMENT, "partitions"),
        ({"topic": "t", "partitions": 2**31 - 1}, Code.INVALID_ARGUMENT, "partitions"),
        ({"topic": "t", "retention": {"max_age_ms": 0}}, Code.INVALID_ARGUMENT, "retention."),
        ({"topic": "t", "retention": {"max_bytes": -1}}, Code.INVALID_ARGUMENT, "retention."),
    ],
)
async def test_topics_that_cannot_be_created(
    server: Server, fields: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    call = server.broker.CreateTopic(broker_pb2.CreateTopicRequest(**fields))
    error = await fails(call, code)
    (found,) = violations(error)
    assert found.startswith(field)
    assert len(await describe(server)) == 3


async def test_delete_and_create_again(server: Server) -> None:
    server.rooms.put(1)
    request = broker_pb2.DeleteTopicRequest(topic="anything")
    await server.broker.DeleteTopic(request)
    error = await fails(server.broker.DeleteTopic(request), Code.NOT_FOUND, "anything")
    assert list(violations(error)) == ["topic"]
    await create(server, "anything")
    assert await server.read() == []


async def test_records_are_deleted_up_to_an_offset(server: Server) -> None:
    server.rooms.put(*range(5))
    server.rooms.put(*range(3), topic="chat")
    answer = await server.broker.DeleteRecords(before(("anything", 0, 4), ("chat", 0, 0)))
    assert [(o.topic, o.partition, o.offset) for o in answer.start_offsets] == [
        ("anything", 0, 4),
        ("chat", 0, 0),
    ]
    assert await server.offsets("anything") == [4]
    assert await server.offsets("chat") == [0, 1, 2]
    answer = await server.broker.DeleteRecords(before(("anything", 0, 1)))
    assert answer.start_offsets[0].offset == 4


@pytest.mark.parametrize(
    ("place", "code"),
    [
        (("anything", 0, 6), Code.OUT_OF_RANGE),
        (("anything", 0, -1), Code.OUT_OF_RANGE),
        (("anything", 3, 0), Code.NOT_FOUND),
        (("nothing", 0, 0), Code.NOT_FOUND),
    ],
)
async def test_of_records_that_cannot_be_deleted_none_is(
    server: Server, place: tuple[str, int, int], code: grpc.StatusCode
) -> None:
    server.rooms.put(*range(5))
    call = server.broker.DeleteRecords(before(("anything", 0, 3), place))
    error = await fails(call, code)
    assert list(violations(error)) == ["before[1]"]
    assert await server.offsets() == [0, 1, 2, 3, 4]


async def test_reset(server: Server) -> None:
    server.rooms.put(1, topic="chat")
    await create(server, "made")
    await server.broker.Reset(broker_pb2.ResetRequest())
    assert [topic.topic for topic in await describe(server)] == ["chat", "personalChat"]
    assert await server.read("chat") == []


async def test_snapshots(server: Server) -> None:
    server.rooms.put(1, 2)
    taken = (await server.broker.Snapshot(broker_pb2.SnapshotRequest())).snapshot_id
    restore = broker_pb2.RestoreRequest(snapshot_id=taken)
    for _ in range(2):  # it can be restored again
        server.rooms.put(3)
        await server.broker.Restore(restore)
        assert await server.offsets() == [0, 1]
    drop = broker_pb2.DropSnapshotRequest(snapshot_id=taken)
    await server.broker.DropSnapshot(drop)
    for call in (server.broker.Restore(restore), server.broker.DropSnapshot(drop)):
        error = await fails(call, Code.NOT_FOUND, taken)
        assert list(violations(error)) == ["snapshot_id"]


async def test_the_number_of_snapshots_is_bounded(server: Server) -> None:
    request = broker_pb2.SnapshotRequest()

    async def fill() -> None:
        for _ in range(100_000):
            await server.broker.Snapshot(request)

    await fails(fill(), Code.RESOURCE_EXHAUSTED, "snapshots")
    await server.broker.DropSnapshot(broker_pb2.DropSnapshotRequest(snapshot_id="snapshot-1"))
    assert (await server.broker.Snapshot(request)).snapshot_id
