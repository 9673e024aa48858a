"""TLS on the listener, and the names in clients' certificates."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kafka_batches import build_batch
from kafka_wire import (
    API_VERSIONS,
    FETCH,
    METADATA,
    PRODUCE,
    SASL_AUTHENTICATE,
    SASL_HANDSHAKE,
    Wire,
    fetch,
    produce,
)

from simulator import AsyncSimulator, KafkaSecurity, Tls
from simulator.errors import InvalidSetting
from simulator.listeners.kafka.tls import principal_of
from simulator.simulator import Settings
from simulator.testing.certificates import Certificates, make_certificates

pytest.importorskip("trustme")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def secured(tls: Tls, **settings: Any) -> AsyncSimulator:
    security = KafkaSecurity(tls=tls, **settings)
    return AsyncSimulator(Settings(grpc_port=None, security=security))


def client(certificates: Certificates, *, named: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(certificates.authority))
    if named:
        context.load_cert_chain(certificates.client_cert, certificates.client_key)
    return context


async def connect(sim: AsyncSimulator, context: ssl.SSLContext | None) -> Wire:
    host, _, port = sim.bootstrap_servers.rpartition(":")
    return Wire(*await asyncio.open_connection(host, int(port), ssl=context))


def principals(sim: AsyncSimulator) -> set[str]:
    assert sim._kafka is not None
    return {
        connection._session.principal
        for broker in sim._kafka.brokers
        for connection in broker.connections
    }


@pytest.fixture
async def sim(certificates: Certificates) -> AsyncIterator[AsyncSimulator]:
    async with secured(certificates.tls()) as sim:
        yield sim


async def test_records_go_through(sim: AsyncSimulator, certificates: Certificates) -> None:
    sim.create_topic("t")
    batch = build_batch([(1, None, b"v" * 300_000, ())])
    async with await connect(sim, client(certificates)) as wire:
        answer = await wire.ask(PRODUCE, 9, **produce("t", batch))
        assert answer.responses[0].partition_responses[0].error_code.name == "none"
        answer = await wire.ask(FETCH, 11, **fetch(("t", 0, 0)))
        assert len(answer.responses[0].partitions[0].records) == len(batch)
        assert principals(sim) == {"User:ANONYMOUS"}


async def test_bytes_that_are_no_tls_harm_nobody(
    sim: AsyncSimulator, certificates: Certificates
) -> None:
    async with await connect(sim, None) as wire:
        wire.send(API_VERSIONS, 0)
        assert await wire.closed()
    async with await connect(sim, client(certificates)) as wire:
        assert (await wire.ask(API_VERSIONS, 0)).api_keys


async def test_a_client_that_does_not_shake_hands_holds_up_nobody(
    sim: AsyncSimulator, certificates: Certificates
) -> None:
    host, _, port = sim.bootstrap_servers.rpartition(":")
    with socket.create_connection((host, int(port))):
        async with await connect(sim, client(certificates)) as wire:
            assert (await wire.ask(API_VERSIONS, 0)).api_keys


async def test_old_protocols_are_refused(sim: AsyncSimulator) -> None:
    assert sim._kafka is not None
    served = sim._kafka.cluster.guard.tls
    assert served is not None
    assert served.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_the_name_in_a_certificate_is_the_principal(certificates: Certificates) -> None:
    async with (
        secured(certificates.tls(mutual=True)) as sim,
        await connect(sim, client(certificates, named=True)) as wire,
    ):
        assert (await wire.ask(API_VERSIONS, 0)).api_keys
        assert principals(sim) == {certificates.principal}
        assert certificates.principal == "User:CN=alice,OU=clients,O=simulator"


async def test_who_shows_no_certificate_is_cut_off(
    certificates: Certificates, tmp_path: Path
) -> None:
    stranger = make_certificates(tmp_path)
    unknown = client(certificates)
    unknown.load_cert_chain(stranger.client_cert, stranger.client_key)
    async with secured(certificates.tls(mutual=True)) as sim:
        for context in (client(certificates), unknown):
            try:
                async with await connect(sim, context) as wire:
                    wire.send(API_VERSIONS, 0)
                    assert await wire.closed()
            except (ssl.SSLError, ConnectionError):
                pass  # some versions tell in the handshake
        async with await connect(sim, client(certificates, named=True)) as wire:
            assert (await wire.ask(API_VERSIONS, 0)).api_keys


async def test_a_certificate_may_be_only_requested(certificates: Certificates) -> None:
    tls = Tls(
        cert=certificates.server_cert,
        key=certificates.server_key,
        client_ca=certificates.authority,
        client_auth="requested",
    )
    async with secured(tls) as sim:
        async with await connect(sim, client(certificates)) as wire:
            assert (await wire.ask(API_VERSIONS, 0)).api_keys
            assert principals(sim) == {"User:ANONYMOUS"}
        async with await connect(sim, client(certificates, named=True)) as wire:
            assert (await wire.ask(API_VERSIONS, 0)).api_keys
            assert certificates.principal in principals(sim)


async def test_a_login_counts_more_than_a_certificate(certificates: Certificates) -> None:
    async with (
        secured(certificates.tls(mutual=True), users={"bob": "secret"}) as sim,
        await connect(sim, client(certificates, named=True)) as wire,
    ):
        await wire.ask(SASL_HANDSHAKE, 1, mechanism="PLAIN")
        await wire.ask(SASL_AUTHENTICATE, 2, auth_bytes=b"\0bob\0secret")
        assert (await wire.ask(METADATA, 1, topics=None)).brokers
        assert principals(sim) == {"User:bob"}


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (
            [("countryName", "DE"), ("organizationName", "Chat, Inc."), ("commonName", "a")],
            r"User:CN=a,O=Chat\, Inc.,C=DE",
        ),
        ([("commonName", "#a+b ")], r"User:CN=\#a\+b\ "),
        (
            [("commonName", "a"), ("emailAddress", "a@b")],
            "User:1.2.840.113549.1.9.1=#1603614062,CN=a",
        ),
    ],
)
def test_names_are_written_as_in_rfc_2253(subject: list[tuple[str, str]], expected: str) -> None:
    assert principal_of({"subject": tuple((part,) for part in subject)}) == expected


async def test_files_that_cannot_be_used_are_named(
    certificates: Certificates, tmp_path: Path
) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nonsense")
    good = certificates.server_cert
    for tls, setting in (
        (Tls(cert=tmp_path / "missing.pem"), "tls.cert"),
        (Tls(cert=nonsense), "tls.cert"),
        (Tls(cert=good), "tls.key"),
        (Tls(cert=good, key=certificates.client_key), "tls.key"),
        (Tls(cert=good, key=certificates.server_key, client_ca=nonsense), "tls.client_ca"),
    ):
        with pytest.raises(InvalidSetting) as refused:
            async with secured(tls):
                pass
        assert refused.value.setting == setting


async def test_nothing_is_logged_of_clients_that_come_and_go(
    sim: AsyncSimulator, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        async with await connect(sim, client(certificates)) as wire:
            await wire.ask(API_VERSIONS, 0)
    assert [entry for entry in caplog.records if entry.levelno >= logging.WARNING] == []
