"""Versions, bad frames, limits: what a connection does before any API sees a request."""

from __future__ import annotations

import asyncio
import logging
import random
import struct

import pytest
from kafka_batches import build_batch
from kafka_wire import API_VERSIONS, FETCH, METADATA, NAMES, PRODUCE, Wire, fetch, produce

from simulator import AsyncSimulator, KafkaBroker, Simulator, SimulatorError
from simulator.listeners.kafka import AddressUnavailable, KafkaListener
from simulator.listeners.kafka.configs import BrokerConfig
from simulator.listeners.kafka.registry import registered

SOFTWARE = {"client_software_name": "test", "client_software_version": "1.0"}
CASES = 300


async def works(sim: AsyncSimulator) -> bool:
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        answer = await wire.ask(API_VERSIONS, 0)
        return bool(answer.error_code.value == 0)


async def test_tells_what_is_registered(wire: Wire) -> None:
    for version in range(5):
        answer = await wire.ask(API_VERSIONS, version, **SOFTWARE)
        told = {k.api_key: (k.min_version, k.max_version) for k in answer.api_keys}
        assert told == {
            api.key: (api.advertised_min, api.max_version) for api in registered().values()
        }
        assert [k.api_key for k in answer.api_keys] == sorted(told)


async def test_an_unknown_version_of_api_versions_is_answered_as_version_0(wire: Wire) -> None:
    """KIP-35, and KIP-511 for the form of the answer."""
    body = struct.pack(">hhih", API_VERSIONS, 99, 7, -1) + b"\0anything"
    wire.writer.write(struct.pack(">i", len(body)) + body)
    answer = await wire.receive(API_VERSIONS, 0)
    assert answer.error_code.name == "unsupported_version"
    assert {k.api_key for k in answer.api_keys} == set(registered())
    assert (await wire.ask(API_VERSIONS, 3, **SOFTWARE)).error_code.value == 0


async def test_a_clients_software_needs_a_name(wire: Wire) -> None:
    answer = await wire.ask(API_VERSIONS, 3, client_software_name="-", client_software_version="1")
    assert answer.error_code.name == "invalid_request"


async def test_tagged_fields_come_in_their_order(wire: Wire) -> None:
    """librdkafka 2.0.2 cannot read some other orders; `tests/clients` has it read these."""
    wire.send(API_VERSIONS, 3, **SOFTWARE)
    size = struct.unpack(">i", await wire.reader.readexactly(4))[0]
    data = await wire.reader.readexactly(size)
    fields = data[4 + 2 + 1 + 7 * len(registered()) + 4 :]  # behind the throttle time
    tags = []
    at = 1
    for _ in range(fields[0]):
        tags.append(fields[at])
        at += 2 + fields[at + 1]
    assert tags == sorted(tags) == [1, 2]
    assert at == len(fields)


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack(">i", -1),
        struct.pack(">i", 0),
        struct.pack(">i", 0x7FFFFFFF),
        struct.pack(">i", 104_857_601),
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">ihhih", 10, 999, 0, 1, -1),
        struct.pack(">ihhih", 10, METADATA, 99, 1, -1),
        struct.pack(">ihhih", 10, METADATA, -1, 1, -1),
        struct.pack(">ihhih", 10, METADATA, 1, 1, -1),
        struct.pack(">ihhihi", 14, METADATA, 1, 1, -1, 0x7FFFFFFF),
    ],
)
async def test_what_cannot_be_read_closes_the_connection(
    sim: AsyncSimulator, wire: Wire, frame: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    wire.writer.write(frame)
    assert await wire.closed()
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING]
    assert await works(sim)


async def test_random_frames_do_no_harm(sim: AsyncSimulator) -> None:
    """Garbage behind valid headers, valid requests cut or changed: closed or answered, no hang."""
    chance = random.Random(1)
    sim.create_topic("t")
    batch = build_batch([(1, b"k", b"v", (("h", b"x"),))])
    for _ in range(CASES):
        async with await Wire.connect(sim.bootstrap_servers) as wire:
            kind = chance.randrange(4)
            if kind == 0:
                key = chance.choice(list(NAMES))
                version = chance.randrange(registered()[key].max_version + 1)
                body = struct.pack(">hhih", key, version, 1, -1)
                body += chance.randbytes(chance.randrange(60))
            elif kind == 1:
                frame = wire.frame(PRODUCE, 9, **produce("t", batch))
                body = bytearray(frame[4:])
                for _ in range(chance.randrange(1, 4)):
                    body[chance.randrange(4, len(body))] = chance.randrange(256)
            elif kind == 2:
                body = wire.frame(FETCH, 11, **fetch(("t", 0, 0)))[4:]
                body = body[: chance.randrange(len(body))]
            else:
                body = chance.randbytes(chance.randrange(8, 100))
            wire.writer.write(struct.pack(">i", len(body)) + bytes(body))
            wire.writer.write_eof()
            assert await wire.closed()
    assert await works(sim)
    assert sim._kafka is not None
    assert sim._kafka.connections <= 1


async def test_requests_in_pieces_and_in_one_piece(wire: Wire) -> None:
    frames = b"".join(wire.frame(API_VERSIONS, 3, **SOFTWARE) for _ in range(3))
    for byte in frames[:60]:
        wire.writer.write(bytes((byte,)))
        await asyncio.sleep(0)
    wire.writer.write(frames[60:])
    for _ in range(3):
        assert (await wire.receive(API_VERSIONS, 3)).error_code.value == 0


async def test_answers_keep_the_order_of_requests(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    wire.send(FETCH, 11, **fetch(("t", 0, 0), max_wait=20))
    wire.send(API_VERSIONS, 0)
    async with await Wire.connect(sim.bootstrap_servers) as other:
        await other.ask(PRODUCE, 9, **produce("t", build_batch([(1, None, b"v", ())])))
    assert (await wire.receive(FETCH, 11)).responses
    assert (await wire.receive(API_VERSIONS, 0)).api_keys


def another_listener(sim: AsyncSimulator, config: BrokerConfig) -> KafkaListener:
    return KafkaListener(
        brokers=[KafkaBroker(1)],
        log=sim.log,
        publisher=sim.publisher,
        control=sim,
        config=lambda: config,
    )


async def test_no_more_connections_than_allowed(
    sim: AsyncSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    config = BrokerConfig({"max.connections": 1})
    listener = another_listener(sim, config)
    address = await listener.start()
    try:
        async with await Wire.connect(address) as first:
            assert (await first.ask(API_VERSIONS, 0)).api_keys
            async with await Wire.connect(address) as second:
                assert await second.closed()
            assert "1 connections already" in caplog.text
            assert (await first.ask(API_VERSIONS, 0)).api_keys
    finally:
        await listener.stop()


async def test_idle_connections_are_closed(sim: AsyncSimulator) -> None:
    config = BrokerConfig({"connections.max.idle.ms": 50})
    listener = another_listener(sim, config)
    async with await Wire.connect(sim.bootstrap_servers) as busy:
        await busy.ask(API_VERSIONS, 0)
        async with await Wire.connect(await listener.start()) as idle:
            assert await idle.closed()
        await listener.stop()
        assert (await busy.ask(API_VERSIONS, 0)).api_keys


async def test_no_idle_time_limit_keeps_connections(sim: AsyncSimulator) -> None:
    """Kafka closes none where `connections.max.idle.ms` is negative."""
    listener = another_listener(sim, BrokerConfig({"connections.max.idle.ms": -1}))
    async with await Wire.connect(await listener.start()) as wire:
        assert (await wire.ask(API_VERSIONS, 0)).api_keys
        assert (await wire.ask(API_VERSIONS, 0)).api_keys
    await listener.stop()


async def test_a_slow_reader_gets_all_its_answers(sim: AsyncSimulator, wire: Wire) -> None:
    sim.create_topic("t")
    await wire.ask(PRODUCE, 9, **produce("t", build_batch([(5, b"k", bytes(900_000), ())])))
    async with await Wire.connect(sim.bootstrap_servers) as slow:
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(20):
            slow.send(FETCH, 11, **fetch(("t", 0, 0), max_wait=0))
        for _ in range(3):
            await wire.ask(API_VERSIONS, 0)  # others are served meanwhile
        assert len(sim.kafka.requests(api="Fetch")) < 20
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            for _ in range(20):
                answer = await slow.receive(FETCH, 11)
                assert len(answer.responses[0].partitions[0].records) > 900_000


async def test_an_idle_client_that_does_not_read_its_answers_is_cut_off(
    sim: AsyncSimulator,
) -> None:
    sim.create_topic("t")
    sim.publish("t", bytes(900_000))
    listener = another_listener(sim, BrokerConfig({"connections.max.idle.ms": 200}))
    async with await Wire.connect(await listener.start()) as wire:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        frames = [wire.frame(FETCH, 11, **fetch(("t", 0, 0), max_wait=0)) for _ in range(40)]
        wire.writer.write(b"".join(frames))
        async with asyncio.timeout(60):
            while listener.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await listener.stop()


async def test_what_fails_unexpectedly_closes_the_connection(
    sim: AsyncSimulator,
    wire: Wire,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A request that waits, too: its client would wait for ever."""
    sim.create_topic("t")
    wire.send(FETCH, 11, **fetch(("t", 0, 0), max_wait=100))
    wire.send(API_VERSIONS, 0)
    async with asyncio.timeout(60):
        while not sim.log._waiters.by_topic:  # noqa: ASYNC110
            await asyncio.sleep(0)

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a broken log")

    monkeypatch.setattr(sim.log, "read_batches", broken)
    sim.publish("t", b"v")
    assert await wire.closed()
    assert "a broken log" in caplog.text
    assert await works(sim)


async def test_a_client_that_goes_while_it_waits_leaves_nothing_behind(
    sim: AsyncSimulator,
) -> None:
    sim.create_topic("t")
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        wire.send(API_VERSIONS, 0)
        wire.send(FETCH, 11, **fetch(("t", 0, 0), max_wait=1000))
        await wire.receive(API_VERSIONS, 0)
    assert sim._kafka is not None
    async with asyncio.timeout(60):
        while sim.log._waiters.by_topic or sim._kafka.connections:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_stopping_cuts_off_those_who_wait() -> None:
    async with Simulator(kafka_port=0) as sim:
        sim.create_topic("t")
        wire = await Wire.connect(sim.bootstrap_servers)
        wire.send(FETCH, 11, **fetch(("t", 0, 0), max_wait=1000))
        wire.send(API_VERSIONS, 0)
    assert await wire.closed()
    wire.writer.close()


async def test_a_port_in_use_is_named(sim: AsyncSimulator) -> None:
    port = int(sim.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(AddressUnavailable, match=rf"127\.0\.0\.1:{port}: the port is in use"):
        async with Simulator(kafka_port=port):
            pass


def test_there_is_no_listener_without_a_port() -> None:
    with Simulator(kafka_port=None) as sim, pytest.raises(SimulatorError, match="kafka_port"):
        _ = sim.bootstrap_servers
