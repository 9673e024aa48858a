"""Frames that no client would send: answered or cut off, with one line in the log and no more.

The cases are made from seeds, so a failure repeats; a failing one names its API, version and bytes.
"""

from __future__ import annotations

import asyncio
import logging
import random
import struct
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from importlib import import_module

import pytest
from kafka_wire import API_VERSIONS, NAMES, SASL_AUTHENTICATE, SASL_HANDSHAKE, Wire, payload_of
from kio.static.constants import EntityType
from test_every_version import requests

from simulator import AsyncSimulator, KafkaSecurity
from simulator.listeners.kafka.registry import registered
from simulator.simulator import Settings

MEMORY_BOUND = 32 << 20
"""For all cases of one API together. A list of 2^31 would take 16 GiB."""

HUGE = (
    b"\x7f\xff\xff\xff",  # an array, string or bytes, or their number, of 2^31 - 1
    b"\x80\x00\x00\x00",
    b"\xff\xff\xff\xff\x0f",  # the same in compact form, of 2^32 - 2
    b"\xff\xff\xff\xff\x07",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x7f\xff",
)


@pytest.fixture
async def good(sim: AsyncSimulator) -> AsyncIterator[Wire]:
    """Another client, whose connection must go on working."""
    sim.create_topic("t")
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        yield wire


def header(key: int, version: int) -> bytes:
    """As `Wire` makes it."""
    request = import_module(f"kio.schema.{NAMES[key]}.v{version}.request")
    tagged = payload_of(request, EntityType.request).__header_schema__.__version__ >= 2
    return struct.pack(">hhih", key, version, 1, 4) + b"test" + (b"\0" if tagged else b"")


def valid(sim: AsyncSimulator, wire: Wire, key: int, version: int) -> bytes:
    """A request that can be served, without its size."""
    if not sim.log.has_topic("t"):
        sim.create_topic("t")  # the one before may have deleted it
    return wire.frame(key, version, **requests(sim, key, version))[4:]


async def sent(sim: AsyncSimulator, data: bytes) -> None:
    """Send bytes and hang up; the broker has let go of the connection when this returns."""
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        wire.writer.write(data)
        wire.writer.write_eof()
        assert await wire.closed()


def framed(body: bytes) -> bytes:
    return struct.pack(">i", len(body)) + body


class Log:
    """What the broker logs."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog

    def check(self, case: object) -> None:
        """One line at most, and never a traceback."""
        entries = [e for e in self.caplog.records if e.levelno >= logging.WARNING]
        assert len(entries) <= 1, case
        assert all(e.levelno == logging.WARNING and not e.exc_info for e in entries), case
        assert all("\n" not in e.getMessage() for e in entries), case
        self.caplog.clear()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    return Log(caplog)


@pytest.fixture
def bounded() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY_BOUND
    finally:
        tracemalloc.stop()


def versions(key: int) -> range:
    served = registered()[key]
    return range(served.min_version, served.max_version + 1)


@pytest.mark.parametrize("key", NAMES, ids=NAMES.values())
async def test_random_bytes_behind_a_valid_header(
    sim: AsyncSimulator, good: Wire, log: Log, key: int
) -> None:
    for version in versions(key):
        chance = random.Random(f"{key} {version}")
        for tagged in (b"", b"\0"):
            body = tagged + chance.randbytes(chance.randrange(80))
            data = framed(struct.pack(">hhih", key, version, 1, -1) + body)
            await sent(sim, data)
            log.check((NAMES[key], version, data))
    assert (await good.ask(API_VERSIONS, 0)).api_keys


@pytest.mark.parametrize("key", NAMES, ids=NAMES.values())
async def test_huge_arrays_and_lengths(
    sim: AsyncSimulator, good: Wire, log: Log, bounded: None, key: int
) -> None:
    """As the first of a body, and somewhere in a valid request."""
    for version in versions(key):
        chance = random.Random(f"{key} {version}")
        whole = valid(sim, good, key, version)
        start = whole[: len(header(key, version))]
        at = chance.randrange(8, len(whole) + 1)
        huge, other = chance.sample(HUGE, 2)
        for body in (
            start + huge * 20,
            start + other * 20,
            whole[:at] + huge + whole[at + len(huge) :],
            whole[:at] + other + whole[at:],
        ):
            await sent(sim, framed(body))
            log.check((NAMES[key], version, body))
    assert (await good.ask(API_VERSIONS, 0)).api_keys


@pytest.mark.parametrize("key", NAMES, ids=NAMES.values())
async def test_valid_requests_that_were_cut_or_changed(
    sim: AsyncSimulator, good: Wire, log: Log, key: int
) -> None:
    for version in versions(key):
        chance = random.Random(f"{key} {version}")
        whole = valid(sim, good, key, version)
        changed = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(8, len(changed))] = chance.randrange(256)
        cut = whole[: chance.randrange(8, len(whole))]
        for body in (bytes(changed), cut, whole + chance.randbytes(9)):
            await sent(sim, framed(body))
            log.check((NAMES[key], version, body))
    assert (await good.ask(API_VERSIONS, 0)).api_keys


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\0\0\0",
        struct.pack(">i", 0),
        struct.pack(">i", -1),
        struct.pack(">i", 7) + bytes(7),
        struct.pack(">i", 0x7FFFFFFF),
        struct.pack(">i", 104_857_601) + bytes(100),
        struct.pack(">i", 100_000_000) + bytes(100_000),
        struct.pack(">i", 20) + bytes(19),
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        *(
            framed(struct.pack(">hhih", key, version, 1, -1))
            for key, version in (
                (-1, 0),
                (999, 0),
                (0x7FFF, 0x7FFF),
                (0, -1),
                (3, 0x7FFF),
                (3, -0x8000),
                (18, -1),
            )
        ),
        framed(struct.pack(">hhih", 3, 1, 1, 0x7FFF)),
        framed(struct.pack(">hhih", 3, 9, 1, -2)),
        framed(struct.pack(">hhih", 3, 9, 1, 2) + b"\xff\xff"),
    ],
)
async def test_sizes_and_headers_that_cannot_be(
    sim: AsyncSimulator, good: Wire, log: Log, bounded: None, data: bytes
) -> None:
    await sent(sim, data)
    log.check(data)
    assert (await good.ask(API_VERSIONS, 0)).api_keys


async def test_many_at_once(sim: AsyncSimulator, good: Wire) -> None:
    chance = random.Random(1)
    await asyncio.gather(
        *(sent(sim, framed(chance.randbytes(chance.randrange(8, 200)))) for _ in range(100))
    )
    assert (await good.ask(API_VERSIONS, 0)).api_keys
    assert sim._kafka is not None
    async with asyncio.timeout(60):
        while sim._kafka.connections > 1:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_logins(log: Log, bounded: None) -> None:
    """Whatever comes before a login, and as its tokens."""
    chance = random.Random(2)
    security = KafkaSecurity(users={"alice": "secret"})
    async with AsyncSimulator(Settings(grpc_port=None, security=security)) as sim:
        for mechanism in security.mechanisms:
            for version in (0, 1):
                for _ in range(10):
                    token = chance.randbytes(chance.randrange(40))
                    if chance.random() < 0.5:
                        token = bytes(chance.choice(b"\0n,,=ra1\xff") for _ in token)
                    async with await Wire.connect(sim.bootstrap_servers) as wire:
                        await wire.ask(SASL_HANDSHAKE, version, mechanism=mechanism)
                        data = framed(token)
                        if version:
                            data = wire.frame(SASL_AUTHENTICATE, 2, auth_bytes=token)
                        wire.writer.write(data)
                        wire.writer.write_eof()
                        assert await wire.closed()
                    log.check((mechanism, version, token))
        for _ in range(50):
            await sent(sim, framed(chance.randbytes(chance.randrange(8, 60))))
            log.check("before the login")
