from __future__ import annotations

from grpc_rooms import Server

from simulator.v1 import broker_pb2, record_pb2


async def test_groups_with_members_offsets_and_lag(server: Server) -> None:
    records = [broker_pb2.PublishRecord(topic="t", partition=0, raw=b"v") for _ in range(3)]
    await server.broker.CreateTopic(broker_pb2.CreateTopicRequest(topic="t", partitions=2))
    await server.broker.Publish(broker_pb2.PublishRequest(records=records))
    for group in ("a", "b"):
        await server.broker.Acknowledge(
            broker_pb2.AcknowledgeRequest(
                group=group,
                offsets=[record_pb2.TopicPartitionOffset(topic="t", partition=0, offset=0)],
            )
        )
    subscribed = server.broker.Subscribe(broker_pb2.SubscribeRequest(group="b", topics=["t"]))
    await subscribed.initial_metadata()
    answer = await server.broker.DescribeGroups(broker_pb2.DescribeGroupsRequest())
    first, second = answer.groups
    assert (first.group, first.kind, first.state) == ("a", "classic", "Empty")
    assert list(first.offsets) == [
        broker_pb2.GroupOffset(topic="t", partition=0, offset=1, lag=2),
    ]
    (member,) = second.members
    assert (second.state, member.client_id) == ("Stable", "grpc")
    assert not member.HasField("instance_id")
    assert [(each.topic, each.partition) for each in member.assignment] == [("t", 0), ("t", 1)]
    request = broker_pb2.DescribeGroupsRequest(groups=["b", "nope"])
    named = (await server.broker.DescribeGroups(request)).groups
    assert [group.group for group in named] == ["b"]
    subscribed.cancel()
