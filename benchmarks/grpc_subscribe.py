"""Reading a full log over gRPC: one subscriber, a hundred, and filtered ones.

The simulator runs in this process. The subscribers run in another, share one connection, and decode
every response with the generated protobuf code.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

import grpc.aio

from benchmarks.rows import Row
from simulator.simulator import AsyncSimulator, Settings
from simulator.v1 import broker_pb2, broker_pb2_grpc

if TYPE_CHECKING:
    from simulator.v1.broker_pb2_grpc import BrokerAsyncStub

TOPIC = "personalChat"
USERS = 1_000
START_MS = 1_767_225_600_000


def run(quick: bool) -> list[Row]:
    """Events per second that all subscribers together receive and decode."""
    return asyncio.run(measure(quick))


async def measure(quick: bool) -> list[Row]:
    """Fills a log and lets subscribers read it, several times each."""
    full, part, runs = (20_000, 2_000, 2) if quick else (300_000, 30_000, 5)
    async with AsyncSimulator(Settings()) as sim:
        fill(sim, full)

        async def speeds(subscribers: int, events: int, *names: str) -> list[float]:
            return [await received(sim, subscribers, events, *names) for _ in range(runs)]

        return [
            Row.at_least(
                500_000, "gRPC, 1 subscriber, full log", await speeds(1, full), "events/s"
            ),
            Row.at_least(
                1_000_000, "gRPC, 100 subscribers, in all", await speeds(100, part), "events/s"
            ),
            Row.at_least(
                None,
                "gRPC, 1 subscriber, filtered by name",
                await speeds(1, full, "personalChatSent"),
                "events/s",
            ),
        ]


def fill(sim: AsyncSimulator, count: int) -> None:
    """Publishes events of about 600 bytes, with ids of their own as keys."""
    message = sim.catalog.message(TOPIC, "personalChatSent")
    publish = sim.publisher.bound(message)
    for number in range(count):
        event = event_of(number)
        publish(event, event["id"], START_MS + number)


def event_of(number: int) -> dict[str, Any]:
    """One message between two of a thousand users."""
    sender, target = str(UUID(int=number % USERS)), str(UUID(int=number * 7 % USERS))
    return {
        "id": str(UUID(int=number << 64)),
        "version": 1,
        "name": "personalChatSent",
        "namespace": "game",
        "timestamp": "2026-01-01T00:00:00.000Z",
        "clientId": "game-client",
        "userId": sender,
        "traceId": f"{number:032x}",
        "sessionId": f"{number % USERS:032x}",
        "payload": {
            "personalChatSent": {
                "message_id": str(UUID(int=number)),
                "sender_id": sender,
                "target_id": target,
                "payload": "gg, see you at the north gate in five minutes",
                "target_type": "user",
                "target_members": [sender, target],
            }
        },
    }


async def received(sim: AsyncSimulator, subscribers: int, events: int, *names: str) -> float:
    """Events per second that subscribers in a fresh process receive, `events` each."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.grpc_subscribe",
        sim.grpc_target,
        str(subscribers),
        str(events),
        *names,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"the subscribers ended with status {process.returncode}")
    return float(output)


async def subscribe(target: str, subscribers: int, events: int, names: list[str]) -> float:
    """Reads with all subscribers at once; events per second of all together."""
    async with grpc.aio.insecure_channel(target) as channel:
        await channel.channel_ready()
        broker: BrokerAsyncStub = broker_pb2_grpc.BrokerStub(channel)  # type: ignore[assignment]
        request = broker_pb2.SubscribeRequest(topics=[TOPIC], max_records=events)
        request.filter.names.extend(names)

        async def read() -> int:
            return sum([len(response.records) async for response in broker.Subscribe(request)])

        began = time.perf_counter()
        counts = await asyncio.gather(*(read() for _ in range(subscribers)))
        taken = time.perf_counter() - began
    assert counts == [events] * subscribers
    return sum(counts) / taken


if __name__ == "__main__":
    address, how_many, each, *wanted = sys.argv[1:]
    print(asyncio.run(subscribe(address, int(how_many), int(each), wanted)))
