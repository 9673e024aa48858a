"""From the publishing call until a subscriber has the record, at a steady 1,000 events a second.

Simulator, publisher and subscriber are three processes' worth of work in two: the simulator runs
as a program, publisher and subscriber share this process and its clock.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc.aio
import orjson

from benchmarks.rows import Row
from benchmarks.serving import served
from simulator.catalog import Catalog
from simulator.v1 import broker_pb2, broker_pb2_grpc

if TYPE_CHECKING:
    from simulator.v1.broker_pb2_grpc import BrokerAsyncStub

RATE = 1_000

WARM_UP = 100
"""Records at the start that do not count: connections and caches are still being made."""


def run(quick: bool) -> list[Row]:
    """Milliseconds at the middle and at the 99th percentile of each run."""
    seconds, runs = (1.0, 2) if quick else (5.0, 5)
    rows: list[Row] = []
    with served() as target:
        for how, streamed, aim in (("stream", True, 2), ("unary", False, None)):
            latencies = [
                asyncio.run(measure(target, int(RATE * seconds), streamed=streamed))
                for _ in range(runs)
            ]
            what = f"publish ({how}) to subscriber, {RATE:,} events/s"
            middle = [statistics.median(run) for run in latencies]
            tail = [statistics.quantiles(run, n=100)[98] for run in latencies]
            rows.append(Row.at_most(None, f"{what}, p50", middle, "ms"))
            rows.append(Row.at_most(aim, f"{what}, p99", tail, "ms"))
    return rows


async def measure(target: str, count: int, *, streamed: bool) -> list[float]:
    """Publishes at the rate and returns each record's latency in milliseconds."""
    requests = publish_requests(count)
    began: list[float] = []
    ended: list[float] = []
    async with grpc.aio.insecure_channel(target) as channel:
        broker: BrokerAsyncStub = broker_pb2_grpc.BrokerStub(channel)  # type: ignore[assignment]
        await broker.Reset(broker_pb2.ResetRequest())
        subscription = broker.Subscribe(
            broker_pb2.SubscribeRequest(topics=["chat"], max_records=count)
        )

        async def read() -> None:
            async for response in subscription:
                ended.extend([time.perf_counter()] * len(response.records))

        async def due() -> AsyncIterator[broker_pb2.PublishRequest]:
            start = time.perf_counter()
            for number, request in enumerate(requests):
                await asyncio.sleep(max(0.0, start + number / RATE - time.perf_counter()))
                began.append(time.perf_counter())
                yield request

        reading = asyncio.create_task(read())
        if streamed:
            await broker.PublishStream(due())
        else:
            await asyncio.gather(
                *[asyncio.ensure_future(broker.Publish(request)) async for request in due()]
            )
        await reading
    latencies = [(end - begin) * 1000 for begin, end in zip(began, ended, strict=True)]
    return latencies[WARM_UP:]


def publish_requests(count: int) -> list[broker_pb2.PublishRequest]:
    """One event each, with ids of their own."""
    example = dict(Catalog.builtin().message("chat", "userConnected").example)
    return [
        broker_pb2.PublishRequest(
            records=[
                broker_pb2.PublishRecord(
                    topic="chat",
                    json=orjson.dumps(example | {"id": f"{number:032x}"}).decode(),
                )
            ]
        )
        for number in range(count)
    ]
