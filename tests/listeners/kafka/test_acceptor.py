"""The port of a broker: who is accepted, and what becomes of them when it is closed."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from simulator import AsyncSimulator, KafkaSecurity
from simulator.listeners.kafka.acceptor import Acceptor
from simulator.simulator import Settings
from simulator.testing.certificates import make_certificates

CLIENTS = 30


def address(sim: AsyncSimulator) -> tuple[str, int]:
    host, _, port = sim.bootstrap_servers.rpartition(":")
    return host, int(port)


def is_cut_off(client: socket.socket) -> bool:
    """Whether the other side has closed; waits for that a minute at most."""
    client.settimeout(60)
    with suppress(ConnectionError):
        return client.recv(1) == b""
    return True


@pytest.mark.parametrize("turns", range(8))
async def test_a_client_that_is_accepted_while_the_broker_stops_is_not_left_open(
    turns: int,
) -> None:
    """At whatever turn of the loop: its socket stayed open until it was garbage."""
    sim = AsyncSimulator(Settings(grpc_port=None))
    await sim.start()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address(sim))) for _ in range(CLIENTS)
        ]
        for _ in range(turns):
            await asyncio.sleep(0)
        await sim.stop()
        assert all(map(is_cut_off, clients))


@pytest.mark.parametrize("turns", range(8))
async def test_nor_one_whose_handshake_is_under_way(turns: int, tmp_path: Path) -> None:
    pytest.importorskip("trustme")
    tls = make_certificates(tmp_path).tls()
    sim = AsyncSimulator(Settings(grpc_port=None, security=KafkaSecurity(tls=tls)))
    await sim.start()
    with socket.create_connection(address(sim)) as client:
        for _ in range(turns):
            await asyncio.sleep(0)
        await sim.stop()
        assert is_cut_off(client)


async def test_a_failed_handshake_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("trustme")
    tls = make_certificates(tmp_path).tls()
    security = KafkaSecurity(tls=tls)
    async with AsyncSimulator(Settings(grpc_port=None, security=security)) as sim:
        with caplog.at_level(logging.WARNING, logger="simulator.kafka"):
            reader, writer = await asyncio.open_connection(*address(sim))
            host, port = writer.get_extra_info("sockname")
            writer.write(b"\0\0\0\x14 no handshake of TLS")
            with suppress(ConnectionError):
                await reader.read()
            writer.close()
    (told,) = caplog.messages
    assert told.startswith(f"{host}:{port}: connection closed: no TLS: ")


async def test_many_clients_at_once_are_all_served() -> None:
    async with AsyncSimulator(Settings(grpc_port=None)) as sim:
        async with asyncio.timeout(60):
            opened = await asyncio.gather(
                *(asyncio.open_connection(*address(sim)) for _ in range(300))
            )
            for reader, writer in opened:
                # ApiVersions, version 0, correlation id 7, no client id
                writer.write(bytes.fromhex("0000000a 0012 0000 00000007 ffff"))
                size = int.from_bytes(await reader.readexactly(4))
                assert (await reader.readexactly(size))[:4] == bytes([0, 0, 0, 7])
                writer.close()


async def test_all_addresses_of_a_host_have_one_port() -> None:
    async with AsyncSimulator(Settings(grpc_port=None, host="localhost")) as sim:
        port = address(sim)[1]
        for family, *_, at in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
            with socket.socket(family, socket.SOCK_STREAM) as client:
                client.settimeout(60)
                client.connect(at)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it can be shut down in other ways")
async def test_a_port_that_accepts_nobody_any_more_holds_nothing_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    acceptor = await Acceptor.listen("127.0.0.1", 0, asyncio.Protocol, None)
    for each in acceptor._sockets:
        each.shutdown(socket.SHUT_RDWR)  # from now on, accept fails at once
    for _ in range(100):
        await asyncio.sleep(0)
    await acceptor.close()
    assert caplog.text.count("no client can be accepted: Invalid argument") == 1
