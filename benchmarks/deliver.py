"""Delivery to an event handler app: how fast, beside what the app can take, and for how long.

The app is a grpc.aio server in a process of its own that parses each event. A bare grpc.aio client
that makes the same calls, with the same bytes and trace headers and as many in flight, shows its
ceiling; without the headers it is higher, which is told beside it. Then a soak: an app that fails a
twentieth of all calls and is killed twice has handled every event, and the report adds up.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio

from benchmarks.fresh import environment
from benchmarks.grpc_subscribe import TOPIC, event_of, fill
from benchmarks.rows import Row
from simulator.catalog import Catalog
from simulator.handlers.trace import trace_headers
from simulator.simulator import AsyncSimulator, Settings

if TYPE_CHECKING:
    from simulator.handlers import DeliveryReport

BATCH = 500
AIM = 5_000
FAILING = 0.05
SOAK_RATE = 200

Measured = Callable[[int], Awaitable[float]]
"""Measures so many calls; gives how many there were a second."""


def run(quick: bool) -> list[Row]:
    """Deliveries a second, the app's own ceiling, and what a soak has delivered."""
    return asyncio.run(measure(quick))


async def measure(quick: bool) -> list[Row]:
    """Short runs in turn against one app, since machines are busy at times; and one soak."""
    count, runs, seconds = (1_000, 20, 3) if quick else (2_000, 50, 600)
    async with (
        serving("0") as target,
        delivering(target) as deliver,
        calling(target, headers=True) as call,
        calling(target, headers=False) as call_plainly,
    ):
        measured: list[tuple[Measured, list[float]]] = [
            (deliver, []),
            (call, []),
            (call_plainly, []),
        ]
        for _ in range(runs):
            for run_once, samples in measured:
                samples.append(await run_once(count))
            measured.append(measured.pop(0))  # nobody is always behind the same
    speeds = dict(measured)
    aim = min(AIM, statistics.median(speeds[call]))
    handled = await soak(seconds)
    what = f"soak of {seconds} s: 5 % fail, killed twice; events, all handled"
    return [
        Row.at_least(
            None, "bare client to a Python app, no headers", speeds[call_plainly], "calls/s"
        ),
        Row.at_least(
            None, f"the same calls by a bare client, {BATCH} in flight", speeds[call], "calls/s"
        ),
        Row.at_least(
            aim, f"deliver to a Python app, {BATCH} in flight", speeds[deliver], "calls/s"
        ),
        Row.at_least(SOAK_RATE * seconds, what, [handled], "events"),
    ]


@asynccontextmanager
async def delivering(target: str) -> AsyncIterator[Measured]:
    """Gives what measures how many events a second, that are on a topic, get to the app."""
    async with AsyncSimulator(Settings(grpc_port=None, kafka_port=None)) as sim:
        sim.handlers.add(target)

        async def deliver(count: int) -> float:
            before = sim.handlers.report(target).total.handled
            fill(sim, count)
            began = time.perf_counter()
            await sim.handlers.wait_idle(600, target)
            taken = time.perf_counter() - began
            assert sim.handlers.report(target).total.handled == before + count
            return count / taken

        await deliver(BATCH)  # not measured: connections and caches are being made
        yield deliver


@asynccontextmanager
async def calling(target: str, *, headers: bool) -> AsyncIterator[Measured]:
    """Gives what measures a client that does nothing else: the same calls, as many in flight."""
    message = Catalog.builtin().message(TOPIC, "personalChatSent")
    async with grpc.aio.insecure_channel(target) as channel:
        bare: Callable[..., Awaitable[bytes]] = channel.unary_unary(
            f"/{message.service_name}/OnMessage"
        )

        async def call(count: int) -> float:
            events = [event_of(number) for number in range(count)]
            calls = [
                (message.to_proto(event).SerializeToString(), trace_headers(event) * headers)
                for event in events
            ]
            began = time.perf_counter()
            for first in range(0, count, BATCH):
                await asyncio.gather(
                    *(
                        bare(data, timeout=10, metadata=metadata)
                        for data, metadata in calls[first : first + BATCH]
                    )
                )
            return count / (time.perf_counter() - began)

        await call(BATCH)
        yield call


async def soak(seconds: int) -> int:
    """Publishes at a steady rate; returns how many events the app has handled: all."""
    from simulator.handlers import DeliverySettings

    settings = DeliverySettings(backoff_s=0.02, max_backoff_s=0.5)
    count = SOAK_RATE * seconds
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        handled = Path(folder) / "handled"
        async with AsyncSimulator(Settings(grpc_port=None, kafka_port=None)) as sim:
            target = ""
            for part in range(3):  # the app is killed at the end of the first two
                async with serving(target.rpartition(":")[2] or "0", str(handled)) as target:
                    if part == 0:
                        sim.handlers.add(target, settings)
                    first, last = count * part // 3, count * (part + 1) // 3
                    await publish(sim, range(first, last))
                    if part == 2:
                        await sim.handlers.wait_idle(120, target)
            report = sim.handlers.report(target)
        ids = set(handled.read_text("ascii").split())
    wrong = accounts(report, ids, count)
    if wrong:
        raise SystemExit("; ".join(wrong))
    return len(ids)


async def publish(sim: AsyncSimulator, numbers: range) -> None:
    """Puts events on the log, at the rate of the soak."""
    bound = sim.publisher.bound(sim.catalog.message(TOPIC, "personalChatSent"))
    began = time.perf_counter()
    for done, number in enumerate(numbers, 1):
        event = event_of(number)
        bound(event, event["id"], sim.clock.now_ns() // 1_000_000)
        ahead = done / SOAK_RATE - (time.perf_counter() - began)
        if ahead > 0.01:
            await asyncio.sleep(ahead)


def accounts(report: DeliveryReport, ids: set[str], count: int) -> list[str]:
    """What does not add up: nothing, if all is well."""
    total = report.total
    claims = {
        f"{len(ids)} of {count} events handled": len(ids) == count,
        f"{total.handled} of {count} events reported": total.handled == count,
        f"calls do not add up: {total}": (
            total.sent == total.handled + total.duplicate + total.failed + total.unimplemented
        ),
        f"{report.lag} events left": report.lag == 0,
        "nothing failed": total.failed > 0,
    }
    return [text for text, holds in claims.items() if not holds]


@asynccontextmanager
async def serving(*arguments: str) -> AsyncIterator[str]:
    """An app in a fresh process, which is killed at the end; gives its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.deliver",
        *arguments,
        env=environment(),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


class App(grpc.GenericRpcHandler):
    """Takes every event; writes down the ids of those that it handles, where it is told to."""

    def __init__(self, handled: str | None) -> None:
        self._messages = {each.service_name: each for each in Catalog.builtin().messages}
        self._file = None if handled is None else open(handled, "a", encoding="ascii")  # noqa: SIM115
        self._chance = random.Random(handled)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """The handler of one call."""
        from google.protobuf.message_factory import GetMessageClass

        message = self._messages[details.method.split("/")[1]]
        parse = GetMessageClass(message.descriptor).FromString
        return grpc.unary_unary_rpc_method_handler(self.on_message, request_deserializer=parse)

    async def on_message(self, event: Any, context: Any) -> bytes:
        """Handle an event, or fail."""
        if self._file is not None:
            if self._chance.random() < FAILING:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "it fails now and then")
            self._file.write(f"{event.id}\n")
            self._file.flush()
        return b""


async def serve(port: int, handled: str | None) -> None:
    """Serves until it is killed."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((App(handled),))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    print(f"127.0.0.1:{bound}", flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None))
