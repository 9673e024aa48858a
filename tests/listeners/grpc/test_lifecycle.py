from __future__ import annotations

import asyncio
import logging
import socket

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_rooms import Rooms, Server, event, fails, next_records, record, serving, together

from simulator.listeners.grpc import AddressUnavailable
from simulator.v1 import broker_pb2, broker_pb2_grpc, scenarios_pb2

Code = grpc.StatusCode


async def test_start_tells_an_address_that_accepts_at_once(rooms: Rooms) -> None:
    listener = rooms.listener()
    target = await listener.start()
    host, _, port = target.rpartition(":")
    assert host == "127.0.0.1"
    with socket.create_connection((host, int(port)), timeout=60):
        pass
    await listener.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=60)


async def test_a_port_in_use_is_named_with_the_option_that_changes_it(server: Server) -> None:
    port = int(server.target.rpartition(":")[2])
    with pytest.raises(AddressUnavailable) as raised:
        await Rooms().listener(port=port).start()
    text = str(raised.value)
    assert f"127.0.0.1:{port}" in text
    assert "in use" in text
    assert "--grpc-port" in text
    assert "grpc_port=" in text
    assert await server.read() == []  # the first one serves on


async def test_a_port_held_by_another_program_is_in_use(rooms: Rooms) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(AddressUnavailable, match="in use"):
            await rooms.listener(port=other.getsockname()[1]).start()


async def test_an_unknown_host_is_named(rooms: Rooms) -> None:
    with pytest.raises(AddressUnavailable, match=r"no-such-host\.invalid:50051"):
        await rooms.listener("no-such-host.invalid", 50051).start()


async def test_listeners_in_one_process_do_not_know_each_other() -> None:
    async with serving(Rooms()) as one, serving(Rooms()) as two:
        one.rooms.put(1)
        assert len(await one.read()) == 1
        assert await two.read() == []


async def test_a_listener_starts_again_on_its_port_after_a_stop(rooms: Rooms) -> None:
    first = rooms.listener()
    target = await first.start()
    await first.stop()
    async with grpc.aio.insecure_channel(target) as channel:
        second = rooms.listener(port=int(target.rpartition(":")[2]))
        assert await second.start() == target
        stub = broker_pb2_grpc.BrokerStub(channel)
        await stub.DescribeTopics(broker_pb2.DescribeTopicsRequest(), wait_for_ready=True)
        await second.stop()


async def test_stop_twice_and_without_start(rooms: Rooms) -> None:
    listener = rooms.listener()
    await listener.stop()
    await listener.start()
    await listener.stop()
    await listener.stop()


@pytest.mark.parametrize(
    "service",
    [
        "",
        *(f"simulator.v1.{name}" for name in ("Broker", "Scenarios", "Chat", "Kafka", "Handlers")),
    ],
)
async def test_health_of_each_service(server: Server, service: str) -> None:
    stub = health_pb2_grpc.HealthStub(server.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_health_of_a_service_that_does_not_exist(server: Server) -> None:
    stub = health_pb2_grpc.HealthStub(server.channel)
    await fails(stub.Check(health_pb2.HealthCheckRequest(service="no.Such")), Code.NOT_FOUND)


async def test_a_watcher_of_health_learns_of_the_stop(server: Server) -> None:
    stub = health_pb2_grpc.HealthStub(server.channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="simulator.v1.Broker"))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    stopping = asyncio.create_task(server.listener.stop())
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
    await stopping


async def test_stop_ends_streams_with_unavailable_and_says_why(server: Server) -> None:
    server.rooms.put(1)
    following = server.broker.Subscribe(broker_pb2.SubscribeRequest(topics=["anything"]))
    await next_records(following, 1)
    publishing = server.broker.PublishStream()
    await publishing.write(broker_pb2.PublishRequest(records=[record("anything", 2)]))
    await server.rooms.appended(2)
    playing = server.scenarios.Play(scenarios_pb2.PlayRequest(yaml=LONG_STORY, speed=1))
    assert (await playing.read()).state == scenarios_pb2.PLAY_STATE_RUNNING

    await server.listener.stop()

    for call in (following, playing):
        await fails(call, Code.UNAVAILABLE, "shutting down")
    await fails(publishing, Code.UNAVAILABLE, "shutting down")
    assert server.listener.calls_under_way == 0
    (play,) = server.rooms.player.plays.values()
    assert play.state.value == "stopped"


LONG_STORY = """
users: [alice]
steps:
  - connect: alice
  - wait: 10h
"""


async def test_publishing_while_shutting_down_does_nothing_or_all(server: Server) -> None:
    """Requests race with a stop: each was answered and is in the log, or it is not there."""
    request = broker_pb2.PublishRequest(records=[record("anything", n) for n in range(3)])
    await server.broker.Publish(request)
    calls = [server.broker.Publish(request) for _ in range(200)]
    await server.rooms.appended(3 + 30)
    stopping = asyncio.create_task(server.listener.stop())
    answers = await together(*(_answer(call) for call in calls))
    await stopping
    refused = [answer for answer in answers if answer is not None]
    assert Code.UNAVAILABLE in refused
    # On a starved machine gRPC itself may cancel a call that it had not handed over yet.
    assert set(refused) <= {Code.UNAVAILABLE, Code.CANCELLED}
    accepted = len(answers) - len(refused)
    assert server.log.end_position == 3 + 3 * accepted


async def _answer(call: grpc.aio.UnaryUnaryCall) -> grpc.StatusCode | None:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return None


async def test_a_client_that_does_not_read_cannot_hold_up_a_stop(server: Server) -> None:
    server.rooms.put(*[b"x" * 500_000] * 40)
    call = server.broker.Subscribe(broker_pb2.SubscribeRequest(topics=["anything"]))
    assert (await call.read()).records
    async with asyncio.timeout(60):
        await server.listener.stop(0.05)
    assert server.listener.calls_under_way == 0
    await fails(call, Code.UNAVAILABLE)  # behind what had arrived


async def test_an_unexpected_error_is_internal_and_logged_once_and_the_server_goes_on(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise ZeroDivisionError("inside secret")

    monkeypatch.setattr(server.rooms, "snapshot", broken)
    with caplog.at_level(logging.ERROR):
        error = await fails(
            server.broker.Snapshot(broker_pb2.SnapshotRequest()), Code.INTERNAL, "Snapshot"
        )
    assert "secret" not in (error.details() or "")
    (entry,) = (entry for entry in caplog.records if entry.name.startswith("simulator"))
    assert entry.name == "simulator.grpc"
    assert entry.exc_info is not None
    assert entry.exc_info[0] is ZeroDivisionError
    caplog.clear()
    assert await server.read() == []


async def test_bytes_that_are_no_message_are_an_invalid_argument(server: Server) -> None:
    raw = server.channel.unary_unary("/simulator.v1.Broker/Publish")
    await fails(raw(b"\xff\xff\xff"), Code.INVALID_ARGUMENT, "simulator.v1.PublishRequest")
    raw = server.channel.unary_stream("/simulator.v1.Broker/Subscribe")
    await fails(raw(b"\xff\xff\xff"), Code.INVALID_ARGUMENT, "simulator.v1.SubscribeRequest")


async def test_a_method_that_does_not_exist_is_unimplemented(server: Server) -> None:
    raw = server.channel.unary_unary("/simulator.v1.Broker/Fetch")
    await fails(raw(b""), Code.UNIMPLEMENTED)


async def test_a_request_that_is_too_large_is_refused_and_the_connection_goes_on(
    server: Server,
) -> None:
    large = broker_pb2.PublishRequest(records=[record("anything", "x" * 1_000_000)] * 6)
    await fails(server.broker.Publish(large), Code.RESOURCE_EXHAUSTED)
    assert server.log.end_position == 0
    await server.broker.Publish(
        broker_pb2.PublishRequest(records=[record("chat", event("userConnected"))])
    )
    assert server.log.end_position == 1


async def test_thousands_of_calls_at_once_are_all_answered(server: Server) -> None:
    calls = [
        server.broker.Publish(broker_pb2.PublishRequest(records=[record("anything", n)]))
        for n in range(5000)
    ]
    await asyncio.gather(*calls)
    assert server.log.end_position == 5000
