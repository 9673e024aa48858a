"""What does not speak gRPC: the server answers or hangs up, and serves on."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import grpc
import pytest
from grpc_rooms import Server, fails, next_records

from simulator.v1 import broker_pb2

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"

GARBAGE = {
    "nothing": b"",
    "one byte": b"\x00",
    "zeros": b"\x00" * 100_000,
    "noise": bytes(range(256)) * 1000,
    "http 1": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "http 1 with a body": b"POST /simulator.v1.Broker/Publish HTTP/1.1\r\n"
    b"Content-Length: 1000000\r\n\r\n" + b"x" * 1_000_000,
    "tls hello": bytes.fromhex("16030100a5010000a10303") + b"\x00" * 154,
    "kafka api versions": bytes.fromhex("0000001400120003000000010004746573740000000000"),
    "half a preface": PREFACE[:10],
    "preface only": PREFACE,
    "unknown frame": PREFACE + SETTINGS + b"\x00\x00\x04\xee\x00\x00\x00\x00\x00abcd",
    "frame too large": PREFACE + SETTINGS + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01" + b"x" * 1000,
    "data on no stream": PREFACE + SETTINGS + b"\x00\x00\x04\x00\x00\x00\x00\x00\x07abcd",
    "bad headers": PREFACE + SETTINGS + b"\x00\x00\x04\x01\x04\x00\x00\x00\x01\xff\xff\xff\xff",
    "window of zero": PREFACE + SETTINGS + b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    "many settings": PREFACE + SETTINGS * 20_000,
    "many pings": PREFACE + SETTINGS + b"\x00\x00\x08\x06\x00\x00\x00\x00\x00pingping" * 5_000,
}


def send(target: str, data: bytes) -> None:
    """Send bytes on a connection of their own, and read until the server hangs up."""
    host, _, port = target.rpartition(":")
    # It may hang up, or reset the connection, at any of these steps.
    with socket.create_connection((host, int(port)), 60) as client, contextlib.suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


@pytest.mark.parametrize("kind", GARBAGE)
async def test_garbage_disturbs_nobody(server: Server, kind: str) -> None:
    server.rooms.put(1)
    call = server.broker.Subscribe(broker_pb2.SubscribeRequest(topics=["anything"]))
    await next_records(call, 1)
    async with asyncio.timeout(60):
        await asyncio.gather(
            *(asyncio.to_thread(send, server.target, GARBAGE[kind]) for _ in range(3))
        )
    server.rooms.put(2)
    assert [r.json for r in await next_records(call, 1)] == ["2"]  # on its old connection
    async with grpc.aio.insecure_channel(server.target) as channel:  # and on a new one
        describe = channel.unary_unary("/simulator.v1.Broker/DescribeTopics")
        assert await describe(b"")


async def test_connections_that_say_nothing_disturb_nobody(server: Server) -> None:
    host, _, port = server.target.rpartition(":")
    with contextlib.ExitStack() as silent:
        for _ in range(50):
            silent.enter_context(socket.create_connection((host, int(port)), 60))
        server.rooms.put(1)
        assert len(await server.read()) == 1


async def test_huge_headers_are_refused_for_the_call_alone(server: Server) -> None:
    describe = server.broker.DescribeTopics
    request = broker_pb2.DescribeTopicsRequest()
    await describe(request, metadata=[("small", "x" * 1000)])
    await fails(
        describe(request, metadata=[("huge", "x" * 1_000_000)]),
        grpc.StatusCode.RESOURCE_EXHAUSTED,
    )
    await describe(request)


async def test_an_unknown_service_is_unimplemented(server: Server) -> None:
    call = server.channel.unary_unary("/no.such.Service/Method")
    await fails(call(b""), grpc.StatusCode.UNIMPLEMENTED)
    assert await server.read() == []
