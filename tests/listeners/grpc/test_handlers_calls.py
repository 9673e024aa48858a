"""`simulator.v1.Handlers`: targets over gRPC, with real apps."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection
from grpc_rooms import Server, fails, violations

from simulator import AsyncSimulator
from simulator.settings import Settings
from simulator.v1 import handlers_pb2, handlers_pb2_grpc

sys.path.append(str(Path(__file__).resolve().parents[2]))
from handler_apps import HandlerApp

Code = grpc.StatusCode
Report = handlers_pb2.DeliveryReport


class Door:
    """A simulator, and its service."""

    def __init__(self, sim: AsyncSimulator, channel: Any) -> None:
        self.sim = sim
        self.handlers = handlers_pb2_grpc.HandlersStub(channel)

    def publish(self) -> str:
        event = self.sim.catalog.find("userConnected").example
        self.sim.publish("chat", event)
        return str(event["id"])

    async def add(self, target: str, **settings: Any) -> Any:
        wanted = handlers_pb2.DeliverySettings(**settings)
        request = handlers_pb2.AddTargetRequest(target=target, settings=wanted)
        return (await self.handlers.AddTarget(request)).report

    async def wait(self, **fields: Any) -> Any:
        fields = {"timeout_ms": 60_000, **fields}
        return await self.handlers.WaitDelivered(handlers_pb2.WaitDeliveredRequest(**fields))


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with (
        AsyncSimulator(Settings(kafka_port=None)) as sim,
        grpc.aio.insecure_channel(sim.grpc_target) as channel,
    ):
        yield Door(sim, channel)


async def test_a_target_is_added_told_and_removed(door: Door) -> None:
    app = HandlerApp()
    async with app.served() as target:
        report = await door.add(target, group="mine", metadata={"x": "y"}, deadline_ms=60_000)
        assert (report.target, report.group) == (target, "mine")
        event_id = door.publish()
        (report,) = (await door.wait(event_id=event_id)).reports
        assert report.events["userConnected"].handled == 1
        assert app.calls[0].metadata["x"] == "y"
        await door.wait()
        (listed,) = (await door.handlers.ListTargets(handlers_pb2.ListTargetsRequest())).reports
        got = await door.handlers.GetReport(handlers_pb2.GetReportRequest(target=target))
        assert listed == got.report
        assert (listed.state, listed.lag, listed.total.sent) == (Report.STATE_IDLE, 0, 1)
        removed = await door.handlers.RemoveTarget(handlers_pb2.RemoveTargetRequest(target=target))
        assert removed.report.state == Report.STATE_STOPPED
        assert removed.report.total.handled == 1
    assert not (await door.handlers.ListTargets(handlers_pb2.ListTargetsRequest())).reports


async def test_all_settings_arrive(door: Door) -> None:
    chaos = handlers_pb2.Chaos(duplicate=True, shuffle=True, lose_first_answer=True, delay_ms=7)
    await door.add(
        "127.0.0.1:1",
        group="g",
        topics=["chat"],
        start=handlers_pb2.DeliverySettings.START_LATEST,
        batch_size=3,
        ordered=True,
        retried_codes=["ABORTED"],
        retry_batch=False,
        attempts=4,
        backoff_ms=50,
        max_backoff_ms=60,
        deadline_ms=70,
        dead_letters="dead",
        trace_headers=False,
        metadata={"a": "b"},
        chaos=chaos,
    )
    from simulator.handlers import Chaos, DeliverySettings

    assert door.sim.handlers.deliveries["127.0.0.1:1"].settings == DeliverySettings(
        group="g",
        topics=("chat",),
        start="latest",
        batch_size=3,
        ordered=True,
        retried_codes=frozenset({"ABORTED"}),
        retry_batch=False,
        attempts=4,
        backoff_s=0.05,
        max_backoff_s=0.06,
        deadline_s=0.07,
        dead_letters="dead",
        trace_headers=False,
        metadata={"a": "b"},
        chaos=Chaos(duplicate=True, shuffle=True, lose_first_answer=True, delay_ms=7),
    )


async def test_what_is_not_set_is_as_in_python(door: Door) -> None:
    from simulator.handlers import DeliverySettings

    await door.handlers.AddTarget(handlers_pb2.AddTargetRequest(target="127.0.0.1:1"))
    await door.add("127.0.0.1:2")
    settings = [each.settings for each in door.sim.handlers.deliveries.values()]
    assert settings == [DeliverySettings()] * 2


async def test_reports_are_watched_until_the_target_is_removed(door: Door) -> None:
    async with HandlerApp().served() as target:
        await door.add(target)
        request = handlers_pb2.WatchReportRequest(target=target, interval_ms=50)
        watch = door.handlers.WatchReport(request)
        assert (await watch.read()).report.total.handled == 0
        door.publish()
        async with asyncio.timeout(60):
            while (await watch.read()).report.total.handled == 0:
                pass
            await door.handlers.RemoveTarget(handlers_pb2.RemoveTargetRequest(target=target))
            while await watch.read() is not grpc.aio.EOF:
                pass


async def test_waiting_for_what_does_not_come(door: Door) -> None:
    async with HandlerApp(lambda call: "INVALID_ARGUMENT").served() as target:
        await door.add(target)
        event_id = door.publish()
        await fails(door.wait(event_id=event_id), Code.FAILED_PRECONDITION, "given up")
    await fails(door.wait(event_id="x", timeout_ms=10), Code.DEADLINE_EXCEEDED, "x was not handled")
    await door.add("127.0.0.1:1")
    await fails(door.wait(timeout_ms=10), Code.DEADLINE_EXCEEDED, "not everything")


async def test_an_app_is_checked(door: Door) -> None:
    server = grpc.aio.server()
    app = HandlerApp()
    server.add_generic_rpc_handlers((app,))
    reflection.enable_server_reflection([], server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    request = handlers_pb2.CheckTargetRequest(target=f"127.0.0.1:{port}", timeout_ms=60_000)
    fits = (await door.handlers.CheckTarget(request)).events
    await server.stop(0)
    assert {fit.event for fit in fits} == {m.name for m in door.sim.catalog.messages}
    assert {fit.fit for fit in fits} == {handlers_pb2.EventFit.FIT_NOT_IMPLEMENTED}
    await fails(door.handlers.CheckTarget(request), Code.FAILED_PRECONDITION, "cannot be asked")


async def test_what_is_wrong_is_named(door: Door) -> None:
    error = await fails(door.add("localhost"), Code.INVALID_ARGUMENT, "host:port")
    assert list(violations(error)) == ["target"]
    error = await fails(door.add("127.0.0.1:1", batch_size=0), Code.INVALID_ARGUMENT)
    assert list(violations(error)) == ["settings.batch_size"]
    error = await fails(door.add("127.0.0.1:1", backoff_ms=0), Code.INVALID_ARGUMENT)
    assert list(violations(error)) == ["settings.backoff_ms"]
    await door.add("127.0.0.1:1")
    await fails(door.add("127.0.0.1:1"), Code.ALREADY_EXISTS, "remove it first")
    request = handlers_pb2.RemoveTargetRequest(target="127.0.0.1:2")
    await fails(door.handlers.RemoveTarget(request), Code.NOT_FOUND, "did you mean 127.0.0.1:1")
    watch = handlers_pb2.WatchReportRequest(target="127.0.0.1:1", interval_ms=1)
    await fails(door.handlers.WatchReport(watch), Code.INVALID_ARGUMENT, "interval_ms")
    await fails(door.wait(timeout_ms=-1), Code.INVALID_ARGUMENT, "timeout_ms")
    await fails(door.handlers.GetReport(handlers_pb2.GetReportRequest()), Code.INVALID_ARGUMENT)


async def test_a_listener_without_targets(server: Server) -> None:
    stub: Any = handlers_pb2_grpc.HandlersStub(server.channel)
    call = stub.ListTargets(handlers_pb2.ListTargetsRequest())
    await fails(call, Code.FAILED_PRECONDITION, "delivers no events")
