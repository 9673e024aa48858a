"""What the tests of the gRPC listener run against: all rooms, put together without the root."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import orjson
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from simulator.catalog import Catalog
from simulator.listeners.grpc import GrpcListener
from simulator.log import Retention, TopicInfo, TopicLog
from simulator.log.group_info import GroupInfo, describe_groups
from simulator.publishing import Publisher
from simulator.scenario.clock import VirtualClock
from simulator.scenario.known_users import KnownUsers
from simulator.scenario.live_chat import LiveChat
from simulator.scenario.player import Player
from simulator.snapshots import Snapshots
from simulator.v1 import broker_pb2, broker_pb2_grpc, chat_pb2_grpc, scenarios_pb2_grpc

START_NS = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
START_MS = START_NS // 1_000_000

ALICE = "0f8fad5b-d9cb-469f-a165-70867728950e"
BOB = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


class Rooms:
    """A simulator without its root; `Control` for the listener."""

    def __init__(self, *, max_bytes: int = 1 << 30) -> None:
        self.catalog = Catalog.builtin()
        self.log = TopicLog(max_bytes=max_bytes)
        for topic in self.catalog.channels:
            self.log.create_topic(topic, permanent=True)
        self.log.create_topic("anything")
        self.clock = VirtualClock(START_NS)
        self.publisher = Publisher(self.catalog, self.log, lambda: START_MS)
        self.player = Player(self.publisher, self.clock, self.catalog)
        self.chat = LiveChat(self.publisher, self.clock)
        self.snapshots = Snapshots(self.log, self.chat, self.clock)

    def listener(
        self, host: str = "127.0.0.1", port: int = 0, speed: float | None = None
    ) -> GrpcListener:
        return GrpcListener(
            host,
            port,
            catalog=self.catalog,
            log=self.log,
            publisher=self.publisher,
            player=self.player,
            chat=self.chat,
            users=KnownUsers(self.player, self.chat),
            control=self,
            speed=speed,
        )

    def create_topic(self, topic: str, *, partitions: int, retention: Retention) -> TopicInfo:
        return self.log.create_topic(topic, partitions, retention)

    def delete_topic(self, topic: str) -> None:
        self.log.delete_topic(topic)

    def delete_records(self, topic: str, before_offset: int, *, partition: int) -> int:
        return self.log.delete_records(topic, partition, before_offset)

    async def opened(self, group: str, *, whole: bool) -> None:
        """The log is its own: there is nothing to wait for."""

    async def committed(self, group: str) -> None:
        """What a group commits is where it belongs."""

    def groups(self) -> list[GroupInfo]:
        return describe_groups(self.log)

    def reset(self) -> None:
        self.player.reset()
        self.log.reset()
        self.chat.reset()

    def snapshot(self) -> str:
        return self.snapshots.take()

    def restore(self, snapshot_id: str) -> None:
        self.snapshots.restore(self.snapshots.find(snapshot_id))

    def drop_snapshot(self, snapshot_id: str) -> None:
        self.snapshots.drop(snapshot_id)

    def put(self, *values: object, topic: str = "anything", partition: int | None = None) -> None:
        """Append values without ado, as JSON unless they are bytes."""
        for value in values:
            data = value if isinstance(value, bytes) else orjson.dumps(value)
            self.log.append(topic, data, timestamp=START_MS, partition=partition)

    async def appended(self, count: int = 1) -> None:
        """Return once so many records have been appended to the log in all."""
        while self.log.end_position < count:
            changed = asyncio.Event()
            self.log.wait(changed.set)
            await changed.wait()


class Server:
    """A listener that serves, and stubs of a channel to it."""

    def __init__(
        self, rooms: Rooms, listener: GrpcListener, target: str, channel: grpc.aio.Channel
    ) -> None:
        self.rooms = rooms
        self.log = rooms.log
        self.listener = listener
        self.target = target
        self.channel = channel
        self.broker: Any = broker_pb2_grpc.BrokerStub(channel)
        self.scenarios: Any = scenarios_pb2_grpc.ScenariosStub(channel)
        self.chat: Any = chat_pb2_grpc.ChatStub(channel)

    async def read(self, *topics: str, **fields: Any) -> list[Any]:
        """All records that a subscription to the present end gives."""
        fields.setdefault("stop_at_end", True)
        request = broker_pb2.SubscribeRequest(topics=topics or ("anything",), **fields)
        return [
            record async for batch in self.broker.Subscribe(request) for record in batch.records
        ]

    async def offsets(self, *topics: str, **fields: Any) -> list[int]:
        return [record.offset for record in await self.read(*topics, **fields)]

    async def idle(self) -> None:
        """Return once no call is under way any more."""
        async with asyncio.timeout(60):
            await self.listener.idle()


@asynccontextmanager
async def serving(rooms: Rooms, speed: float | None = None) -> AsyncIterator[Server]:
    listener = rooms.listener(speed=speed)
    target = await listener.start()
    try:
        async with grpc.aio.insecure_channel(target) as channel:
            yield Server(rooms, listener, target, channel)
    finally:
        await listener.stop()


def event(name: str, user: str = ALICE, **more: Any) -> dict[str, Any]:
    """An event of the catalogue, with the user's id in its envelope."""
    message = Catalog.builtin().find(name)
    return message.example | {"userId": user, "timestamp": "2026-01-01T00:00:00Z"} | more


def record(topic: str, value: object, **fields: Any) -> broker_pb2.PublishRecord:
    """A record to publish, its value as JSON text."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return broker_pb2.PublishRecord(topic=topic, json=text, **fields)


def violations(error: grpc.aio.AioRpcError) -> dict[str, str]:
    """The field violations of an error, by field."""
    status = rpc_status.from_call(error)
    assert status is not None, error
    (detail,) = status.details
    bad_request = error_details_pb2.BadRequest()
    assert detail.Unpack(bad_request)
    return {entry.field: entry.description for entry in bad_request.field_violations}


async def fails(call: Any, code: grpc.StatusCode, *words: str) -> grpc.aio.AioRpcError:
    """Await a call that must end with a code and a text that has these words; its error."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await _ended(call)
    error = raised.value
    assert error.code() is code, (error.code(), error.details())
    for word in words:
        assert word in (error.details() or ""), error.details()
    return error


async def _ended(call: Any) -> None:
    if not isinstance(call, grpc.aio.UnaryStreamCall):
        await call
        return
    while await call.read() is not grpc.aio.EOF:
        pass


async def next_records(call: Any, count: int) -> list[Any]:
    """The next records of a subscription: so many, not more."""
    records: list[Any] = []
    async with asyncio.timeout(60):
        while len(records) < count:
            batch = await call.read()
            assert batch is not grpc.aio.EOF, f"the stream ended after {len(records)} records"
            records += batch.records
    assert len(records) == count
    return records


async def together(*calls: Callable[[], Any] | Any) -> Sequence[Any]:
    """Await all, within a time that only a hang exceeds."""
    async with asyncio.timeout(60):
        return await asyncio.gather(*calls)
