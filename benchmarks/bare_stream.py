"""A peer for the figures of `grpc_subscribe`: grpc.aio alone, with nothing behind it.

A server in this process streams one ready-made response of the simulator again and again, and the
same subscribers read and decode it. What this reaches is the most that a server in Python can.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from benchmarks.grpc_subscribe import TOPIC, fill
from benchmarks.rows import Row
from simulator.simulator import AsyncSimulator, Settings
from simulator.v1 import broker_pb2

BATCH = 500


def run(quick: bool) -> list[Row]:
    """Events per second that all subscribers together receive and decode."""
    return asyncio.run(measure(quick))


async def measure(quick: bool) -> list[Row]:
    """Lets subscribers read from the bare server, several times each."""
    full, part, runs = (20_000, 2_000, 2) if quick else (300_000, 30_000, 5)
    encoded = await response()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((broker(encoded),))
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        one = [await received(target, 1, full) for _ in range(runs)]
        many = [await received(target, 100, part) for _ in range(runs)]
    finally:
        await server.stop(None)
    return [
        Row.at_least(None, "  bare grpc.aio, 1 subscriber, the same bytes", one, "events/s"),
        Row.at_least(None, "  bare grpc.aio, 100 subscribers, in all", many, "events/s"),
    ]


def broker(encoded: bytes) -> grpc.GenericRpcHandler:
    """A Subscribe that knows nothing but how many records are wanted."""

    async def subscribe(
        request: broker_pb2.SubscribeRequest, context: object
    ) -> AsyncIterator[bytes]:
        for _ in range(request.max_records // BATCH):
            yield encoded

    method: grpc.RpcMethodHandler[Any, Any] = grpc.unary_stream_rpc_method_handler(
        subscribe, request_deserializer=broker_pb2.SubscribeRequest.FromString
    )
    return grpc.method_handlers_generic_handler("simulator.v1.Broker", {"Subscribe": method})


async def response() -> bytes:
    """One response of the simulator with `BATCH` records, encoded."""
    async with AsyncSimulator(Settings()) as sim:
        fill(sim, BATCH)
        async with grpc.aio.insecure_channel(sim.grpc_target) as channel:
            wanted = broker_pb2.SubscribeRequest(topics=[TOPIC], max_records=BATCH)
            subscribe: Any = channel.unary_stream("/simulator.v1.Broker/Subscribe")
            encoded: bytes = await subscribe(wanted.SerializeToString()).read()
            return encoded


async def received(target: str, subscribers: int, events: int) -> float:
    """Events per second that the subscribers of `grpc_subscribe` receive."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.grpc_subscribe"),
        *(target, str(subscribers), str(events)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"the subscribers ended with status {process.returncode}")
    return float(output)
