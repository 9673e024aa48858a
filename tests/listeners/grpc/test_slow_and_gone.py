"""Subscribers that stop reading, and clients that vanish."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_rooms import Rooms, Server, next_records, serving

from simulator.v1 import broker_pb2, scenarios_pb2

CLIENT = """
import sys
import grpc

target, request = sys.argv[1:]
with grpc.insecure_channel(target) as channel:
    subscribe = channel.unary_stream("/simulator.v1.Broker/Subscribe")
    for response in subscribe(bytes.fromhex(request)):
        print(len(response), flush=True)
        sys.stdin.readline()  # reads no further until told to
"""


def request(**fields: Any) -> broker_pb2.SubscribeRequest:
    return broker_pb2.SubscribeRequest(topics=["anything"], **fields)


async def start_client(server: Server, **fields: Any) -> asyncio.subprocess.Process:
    """A client in a process of its own that has read one response and now does not read."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CLIENT,
        server.target,
        request(**fields).SerializeToString().hex(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        assert int(await process.stdout.readline()) > 0
    return process


async def test_one_that_does_not_read_delays_nobody_and_loses_nothing(server: Server) -> None:
    server.rooms.put(0)
    stalled = server.broker.Subscribe(request())
    assert len((await stalled.read()).records) == 1
    reading = server.broker.Subscribe(request())
    await next_records(reading, 1)
    count = 1
    for _ in range(40):
        server.rooms.put(*[b"x" * 10_000] * 50)
        await next_records(reading, 50)
        count += 50
    rest = await next_records(stalled, count - 1)
    assert [r.offset for r in rest] == list(range(1, count))


async def test_those_that_do_not_read_cost_bounded_memory(rooms: Rooms) -> None:
    """A hundred of them, a log of 40 MB: what is held for each is about a response."""
    async with serving(rooms) as server:
        rooms.put(*[b"x" * 100_000] * 400)
        tracemalloc.start()
        try:
            calls = [server.broker.Subscribe(request()) for _ in range(100)]
            for call in calls:
                await call.read()
            (other,) = await next_records(server.broker.Subscribe(request(max_records=1)), 1)
            assert other.offset == 0
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held < 100 * 3_000_000  # not 100 logs, and not the log again for each
        for call in calls:
            call.cancel()
        await server.idle()


@pytest.mark.parametrize("group", ["", "g"])
async def test_a_killed_client_leaves_nothing_behind(server: Server, group: str) -> None:
    server.rooms.put(*[b"x" * 500_000] * 40)
    process = await start_client(server, group=group)
    assert server.listener.calls_under_way == 1
    assert len(server.log.groups.members("g")) == (1 if group else 0)
    process.kill()
    await process.communicate()
    await server.idle()
    assert server.log.groups.members("g") == []
    assert _waiting(server) == 0


async def test_a_killed_client_that_was_idle_leaves_nothing_behind(server: Server) -> None:
    server.rooms.put(1)
    process = await start_client(server, group="g")
    process.kill()
    await process.communicate()
    await server.idle()
    assert server.log.groups.names() == []
    assert _waiting(server) == 0


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="stops a process by a signal")
async def test_a_client_that_stands_still_is_waited_for(server: Server) -> None:
    """As in a debugger: it is not dropped, and gets everything when it goes on."""
    server.rooms.put(*[b"x" * 100_000] * 100)
    process = await start_client(server, stop_at_end=True)
    os.kill(process.pid, signal.SIGSTOP)
    others = [await server.read() for _ in range(3)]
    assert [len(records) for records in others] == [100] * 3
    os.kill(process.pid, signal.SIGCONT)
    output, _ = await process.communicate(b"\n" * 200)
    assert process.returncode == 0
    assert sum(map(int, output.split())) > 100 * 100_000 * 0.8
    await server.idle()


async def test_a_closed_channel_ends_all_its_calls(server: Server) -> None:
    server.rooms.put(*[b"x" * 500_000] * 20)
    await asyncio.to_thread(open_and_close, server.target)
    await server.idle()
    assert server.log.groups.names() == []
    assert _waiting(server) == 0


def open_and_close(target: str) -> None:
    """Leave subscriptions that are read, not read and idle, and a stream of requests."""
    closed = threading.Event()

    def requests() -> Iterator[bytes]:
        yield b""
        closed.wait()

    with grpc.insecure_channel(target) as channel:
        subscribe = channel.unary_stream("/simulator.v1.Broker/Subscribe")
        calls = [subscribe(request(group="g").SerializeToString()) for _ in range(3)]
        calls.append(subscribe(request().SerializeToString()))
        for call in calls:
            call.initial_metadata()
        next(calls[3])
        channel.stream_unary("/simulator.v1.Broker/PublishStream").future(requests())
    closed.set()


async def test_a_cancelled_subscription_of_an_idle_topic_is_cleaned_up(server: Server) -> None:
    server.rooms.put(1)
    call = server.broker.Subscribe(request())
    await next_records(call, 1)
    call.cancel()
    await server.idle()
    assert _waiting(server) == 0


async def test_a_deadline_ends_a_subscription(server: Server) -> None:
    call = server.broker.Subscribe(request(group="g"), timeout=0.2)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call.read()
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await server.idle()
    assert server.log.groups.names() == []


async def test_a_client_that_vanishes_stops_its_play(server: Server) -> None:
    story = "users: [a]\nsteps: [{connect: a}, {wait: 10h}]"
    call = server.scenarios.Play(scenarios_pb2.PlayRequest(yaml=story, speed=1))
    assert (await call.read()).state == scenarios_pb2.PLAY_STATE_RUNNING
    call.cancel()
    await server.idle()
    (play,) = server.rooms.player.plays.values()
    assert play.state.value == "stopped"


async def test_subscribers_come_and_go_without_trace(server: Server) -> None:
    server.rooms.put(*range(10))
    for n in range(200):
        call = server.broker.Subscribe(request(group=f"g{n % 5}"))
        if n % 2:
            await call.read()
        call.cancel()
    await server.idle()
    assert server.log.groups.names() == []
    assert _waiting(server) == 0
    tasks = {task for task in asyncio.all_tasks() if "handle_rpc" in repr(task).lower()}
    assert not tasks


def _waiting(server: Server) -> int:
    """How many callbacks wait on the log."""
    return len(server.log._waiting)
