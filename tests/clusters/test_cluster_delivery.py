"""Event handler apps get what is on an existing cluster, and their groups are known there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from handler_apps import PATIENCE_S, Call, HandlerApp

from simulator import AsyncSimulator
from simulator.handlers import DeliverySettings, HandlerError
from simulator.settings import Settings


@pytest.fixture
async def cluster() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(grpc_port=None)) as cluster:
        yield cluster


def on_top(cluster: AsyncSimulator, *topics: str) -> AsyncSimulator:
    log = f"kafka://{cluster.bootstrap_servers}"
    return AsyncSimulator(Settings(log=log, log_topics=topics, grpc_port=None))


async def test_what_was_there_and_what_comes_is_delivered_once(cluster: AsyncSimulator) -> None:
    app = HandlerApp()
    await cluster.play("rate_limited")
    settings = DeliverySettings(group="app")
    async with app.served() as target:
        async with on_top(cluster) as sim:
            sim.handlers.add(target, settings)
            await sim.handlers.wait_idle(PATIENCE_S)
            assert len(app.calls) == 18
            await sim.play("first_connect")
            await sim.handlers.wait_idle(PATIENCE_S)
            total = len(cluster.events())
            assert len(app.calls) == total > 18
            await sim.committed("app")
        assert cluster.log.groups.committed("app", "personalChat", 0) is not None
        async with on_top(cluster) as sim:  # which goes on where the group was
            sim.handlers.add(target, settings)
            sim.chat.connect("someone")
            await sim.written()
            await sim.handlers.wait_idle(PATIENCE_S)
            assert len(app.calls) == total + 1


async def test_dead_letters_go_to_the_cluster(cluster: AsyncSimulator) -> None:
    def refuse(call: Call) -> str:
        return "INVALID_ARGUMENT"

    app = HandlerApp(refuse)
    settings = DeliverySettings(dead_letters="dead")
    async with app.served() as target, on_top(cluster, "dead") as sim:
        sim.handlers.add(target, settings)
        sim.chat.connect("alice")
        await sim.written()
        await sim.handlers.wait_idle(PATIENCE_S)
        await sim.written()
        (letter,) = cluster.events("dead")
        (event,) = cluster.events("chat")
        assert letter.record.value == event.record.value


async def test_dead_letters_need_a_topic_there(cluster: AsyncSimulator) -> None:
    async with on_top(cluster) as sim:
        with pytest.raises(HandlerError, match="name it with --log-topic"):
            sim.handlers.add("127.0.0.1:6565", DeliverySettings(dead_letters="dead"))


async def test_a_handler_of_the_settings(cluster: AsyncSimulator) -> None:
    app = HandlerApp()
    await cluster.play("first_connect")
    log = f"kafka://{cluster.bootstrap_servers}"
    async with app.served() as target:
        settings = Settings(log=log, handlers=[target], grpc_port=None)
        async with AsyncSimulator(settings) as sim:
            await sim.handlers.wait_idle(PATIENCE_S)
            assert len(app.calls) == len(cluster.events())
