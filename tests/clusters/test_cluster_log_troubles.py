"""A log that follows a cluster: what is told when it stops, and records that it cannot take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress

import pytest
from clusters_filled import PATIENCE, address, produce

from simulator import AsyncSimulator, KafkaSecurity, Simulator
from simulator.clusters import ClusterAddress, mirror
from simulator.clusters.group_offsets import ClusterGroups
from simulator.clusters.mirror import Mirror
from simulator.clusters.outlet import MAX_BACKLOG
from simulator.log import TopicLog
from simulator.log.acls import Acl, Operation, PatternType, Permission, ResourceType
from simulator.publishing import LogUnavailable
from simulator.settings import Settings


async def test_whoever_waits_is_told_when_it_is_stopped(
    cluster: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.clusters.outlet.FLUSH_S", 0.1)
    async with AsyncSimulator(Settings(log=address(cluster), grpc_port=None)) as sim:
        await asyncio.to_thread(cluster.kafka.stop_broker, 1)
        for _ in range(2 * MAX_BACKLOG + 1000):  # more than the client takes without an answer
            sim.publish("chat", b"{}", validate=False)
        waiting = asyncio.create_task(sim.written())
        await asyncio.sleep(0)
    with pytest.raises(LogUnavailable, match="was stopped"):
        async with asyncio.timeout(PATIENCE):
            await waiting


async def test_the_last_commits_go_on_when_it_is_stopped(cluster: Simulator) -> None:
    log = TopicLog()
    log.create_topic("chat")
    groups = ClusterGroups(cluster.bootstrap_servers, log)
    groups.start()
    log.groups.commit("late", "chat", 0, 0)
    await groups.stop()
    (group,) = await asyncio.to_thread(cluster.groups)
    assert (group.name, group.offsets[0].topic, group.offsets[0].offset) == ("late", "chat", 0)


async def test_a_group_commits_while_the_cluster_is_away(cluster: Simulator) -> None:
    """With the admin API of librdkafka this ended the process, by a failed assertion."""
    log = TopicLog()
    log.create_topic("chat")
    for _ in range(2):
        log.append("chat", b"{}", timestamp=0)
    groups = ClusterGroups(cluster.bootstrap_servers, log)
    log.groups.commit("patient", "chat", 0, 1)
    await groups.flush("patient")  # it has found its coordinator
    await asyncio.to_thread(cluster.kafka.stop_broker, 1)
    log.groups.commit("patient", "chat", 0, 2)
    with pytest.raises(LogUnavailable, match="offsets of group patient"):
        await groups.flush("patient")
    await asyncio.to_thread(cluster.kafka.start_broker, 1)
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(LogUnavailable):
                await groups.flush("patient")
                break
    assert await groups.load("patient") == {("chat", 0): 2}
    (group,) = await asyncio.to_thread(cluster.groups)
    assert group.offsets[0].offset == 2
    await groups.stop()


async def test_what_a_group_commits_while_the_cluster_is_asked_stays(cluster: Simulator) -> None:
    log = TopicLog()
    log.create_topic("chat")
    for _ in range(3):
        log.append("chat", b"{}", timestamp=0)
    groups = ClusterGroups(cluster.bootstrap_servers, log)
    log.groups.commit("busy", "chat", 0, 1)
    await groups.flush("busy")
    asking = asyncio.create_task(groups.load("busy"))
    await asyncio.sleep(0)  # the question is on its way
    log.groups.commit("busy", "chat", 0, 2)
    assert await asking == {("chat", 0): 2}


def test_a_record_that_is_larger_than_the_log_is_left_out(cluster: Simulator) -> None:
    produce(cluster, "chat", b"first", bytes(200_000), b"last")
    options = {"grpc_port": None, "max_bytes": 100_000}
    with Simulator(log=address(cluster), **options) as sim:  # type: ignore[arg-type]
        sim.wait_for_count(2, "chat", timeout=PATIENCE)
        assert [found.record.offset for found in sim.events("chat")] == [0, 2]


async def test_a_record_that_nobody_can_take_holds_up_no_others(cluster: Simulator) -> None:
    def is_unchecked(_: str, value: bytes | None) -> bool:
        if value == b"odd":
            raise RecursionError
        return False

    produce(cluster, "chat", b"first", b"odd", b"last")
    log, went_on = TopicLog(), asyncio.Event()
    log.create_topic("chat")
    reader = Mirror(
        ClusterAddress.parse(address(cluster)), log, is_unchecked, went_on.set, lambda: None
    )
    reader.follow("chat", 1)
    reader.start()
    try:
        async with asyncio.timeout(PATIENCE):
            while log.bounds("chat", 0)[1] < 3:
                went_on.clear()
                await went_on.wait()
    finally:
        await reader.stop()
    found = log.read("chat", 0, 0, max_records=9)
    assert [record.value for record in found] == [b"first", b"last"]


async def test_a_topic_that_may_not_be_read_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    security = KafkaSecurity(authorize=True, allow_everyone_if_no_acl_found=True)
    async with AsyncSimulator(Settings(grpc_port=None, security=security)) as cluster:
        assert cluster._kafka is not None
        acls = cluster._kafka.cluster.guard.acls
        assert acls is not None
        only = (PatternType.LITERAL, "User:ANONYMOUS", "*", Operation.DESCRIBE, Permission.ALLOW)
        acls.add(Acl(ResourceType.TOPIC, "chat", *only))
        log = f"kafka://{cluster.bootstrap_servers}"
        told = asyncio.Event()
        monkeypatch.setattr(mirror.logger, "filters", [lambda _: told.set() or True])
        async with AsyncSimulator(Settings(log=log, grpc_port=None)), asyncio.timeout(PATIENCE):
            await told.wait()
    assert "topic chat, partition 0 cannot be read: " in caplog.text
    assert "uthorization failed" in caplog.text


class Heard(logging.Handler):
    """Wakes whoever waits for a message that begins in some way."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._wanted: tuple[str, asyncio.Event] = ("", asyncio.Event())

    def emit(self, record: logging.LogRecord) -> None:
        words, event = self._wanted
        if words in record.getMessage():
            self._loop.call_soon_threadsafe(event.set)

    def wait_for(self, words: str) -> Awaitable[object]:
        """Listen from now on."""
        event = asyncio.Event()
        self._wanted = (words, event)
        return asyncio.wait_for(event.wait(), PATIENCE)


async def test_a_cluster_that_goes_away_and_comes_back_is_told(cluster: Simulator) -> None:
    heard = Heard()
    logger = logging.getLogger("simulator.clusters")
    logger.addHandler(heard)
    try:
        async with AsyncSimulator(Settings(log=address(cluster), grpc_port=None)):
            gone = heard.wait_for("; it is asked again until it answers")
            await asyncio.to_thread(cluster.kafka.stop_broker, 1)
            await gone
            back = heard.wait_for(": answers again")
            await asyncio.to_thread(cluster.kafka.start_broker, 1)
            await back
    finally:
        logger.removeHandler(heard)
