"""Logging in with SASL: the order of requests, the answers, and what happens after a failure.

Texts and codes are those of Kafka's SaslServerAuthenticator, PlainSaslServer and ScramSaslServer.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import struct
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from kafka_wire import API_VERSIONS, METADATA, SASL_AUTHENTICATE, SASL_HANDSHAKE, Wire

from simulator import AsyncSimulator, KafkaSecurity
from simulator.simulator import Settings

SOFTWARE = {"client_software_name": "test", "client_software_version": "1.0"}
USERS = {"alice": "secret", "bob": "other"}
PLAIN = b"\0alice\0secret"
ALL = {"topics": None, "allow_auto_topic_creation": False}


def secured(**settings: Any) -> AsyncSimulator:
    security = KafkaSecurity(users=USERS, **settings)
    return AsyncSimulator(Settings(grpc_port=None, security=security))


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with secured() as sim:
        yield sim


async def handshake(wire: Wire, mechanism: str = "PLAIN", version: int = 1) -> str:
    answer = await wire.ask(SASL_HANDSHAKE, version, mechanism=mechanism)
    return str(answer.error_code.name)


async def authenticate(wire: Wire, token: bytes, version: int = 2) -> Any:
    return await wire.ask(SASL_AUTHENTICATE, version, auth_bytes=token)


async def log_in(wire: Wire, token: bytes = PLAIN) -> Any:
    assert await handshake(wire) == "none"
    answer = await authenticate(wire, token)
    assert answer.error_code.name == "none"
    return answer


def principals(sim: AsyncSimulator) -> set[str]:
    assert sim._kafka is not None
    return {
        connection._session.principal
        for broker in sim._kafka.brokers
        for connection in broker.connections
    }


class ScramClient:
    """The client's side, after RFC 5802."""

    def __init__(self, mechanism: str, password: bytes) -> None:
        self.hash = "sha256" if mechanism.endswith("256") else "sha512"
        self.password = password

    def final(self, first: bytes, challenge: bytes) -> bytes:
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        bare = f"c=biws,r={parts['r']}"
        salted = hashlib.pbkdf2_hmac(
            self.hash, self.password, b64decode(parts["s"]), int(parts["i"])
        )
        key = hmac.digest(salted, b"Client Key", self.hash)
        said = first.removeprefix(b"n,,") + b"," + challenge + b"," + bare.encode()
        signature = hmac.digest(hashlib.new(self.hash, key).digest(), said, self.hash)
        self.expected = b"v=" + b64encode(
            hmac.digest(hmac.digest(salted, b"Server Key", self.hash), said, self.hash)
        )
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return f"{bare},p={b64encode(proof).decode()}".encode()


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_plain(sim: AsyncSimulator, version: int) -> None:
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        assert (await wire.ask(API_VERSIONS, 3, **SOFTWARE)).error_code.value == 0
        answer = await wire.ask(SASL_HANDSHAKE, 1, mechanism="PLAIN")
        assert answer.error_code.name == "none"
        assert answer.mechanisms == ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
        answer = await authenticate(wire, PLAIN, version)
        assert (answer.error_code.name, answer.error_message) == ("none", "")
        assert answer.auth_bytes == b""
        if version >= 1:
            assert answer.session_lifetime.total_seconds() == 0
        assert (await wire.ask(METADATA, 7, **ALL)).brokers
        assert principals(sim) == {"User:alice"}


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_scram(sim: AsyncSimulator, mechanism: str) -> None:
    first = b"n,,n=bob,r=abc"
    client = ScramClient(mechanism, b"other")
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        assert await handshake(wire, mechanism) == "none"
        challenge = await authenticate(wire, first)
        assert challenge.error_code.name == "none"
        assert challenge.auth_bytes.startswith(b"r=abc")
        answer = await authenticate(wire, client.final(first, challenge.auth_bytes))
        assert answer.error_code.name == "none"
        assert answer.auth_bytes == client.expected
        assert (await wire.ask(METADATA, 7, **ALL)).brokers
        assert principals(sim) == {"User:bob"}


async def test_runs_with_the_same_seed_challenge_alike() -> None:
    challenges = []
    for _ in range(2):
        async with (
            secured() as sim,
            await Wire.connect(sim.bootstrap_servers) as wire,
        ):
            for _ in range(2):
                async with await Wire.connect(sim.bootstrap_servers) as wire:
                    await handshake(wire, "SCRAM-SHA-256")
                    challenges.append((await authenticate(wire, b"n,,n=bob,r=abc")).auth_bytes)
    assert challenges[:2] == challenges[2:]
    assert challenges[0] != challenges[1]


@pytest.mark.parametrize(
    ("mechanism", "token", "text"),
    [
        ("PLAIN", b"\0alice\0wrong", "Authentication failed: Invalid username or password"),
        ("PLAIN", b"\0nobody\0secret", "Authentication failed: Invalid username or password"),
        (
            "PLAIN",
            b"bob\0alice\0secret",
            "Authentication failed: Client requested an authorization id that is different from "
            "username",
        ),
        (
            "PLAIN",
            b"alice",
            "Invalid SASL/PLAIN response: expected 3 tokens, got 1",
        ),
        (
            "PLAIN",
            b"\0\0secret",
            "Authentication failed: username not specified",
        ),
        (
            "SCRAM-SHA-256",
            b"n,,n=nobody,r=abc",
            "Authentication failed during authentication due to invalid credentials with SASL "
            "mechanism SCRAM-SHA-256",
        ),
        (
            "SCRAM-SHA-512",
            b"\xff",
            "Authentication failed during authentication due to invalid credentials with SASL "
            "mechanism SCRAM-SHA-512",
        ),
    ],
)
async def test_failures_are_told_and_end_the_connection(
    sim: AsyncSimulator,
    caplog: pytest.LogCaptureFixture,
    mechanism: str,
    token: bytes,
    text: str,
) -> None:
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        await handshake(wire, mechanism)
        answer = await authenticate(wire, token)
        assert answer.error_code.name == "sasl_authentication_failed"
        assert answer.error_message == text
        assert answer.auth_bytes == b""
        assert await wire.closed()
    assert [entry.levelno for entry in caplog.records] == [logging.WARNING]


async def test_a_wrong_scram_password_is_told(sim: AsyncSimulator) -> None:
    first = b"n,,n=bob,r=abc"
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        await handshake(wire, "SCRAM-SHA-256")
        challenge = await authenticate(wire, first)
        final = ScramClient("SCRAM-SHA-256", b"wrong").final(first, challenge.auth_bytes)
        answer = await authenticate(wire, final)
        assert answer.error_code.name == "sasl_authentication_failed"
        assert answer.error_message is not None
        assert "invalid credentials with SASL mechanism SCRAM-SHA-256" in answer.error_message
        assert await wire.closed()


async def test_a_mechanism_that_is_not_enabled() -> None:
    async with (
        secured(mechanisms=("SCRAM-SHA-256",)) as sim,
        await Wire.connect(sim.bootstrap_servers) as wire,
    ):
        answer = await wire.ask(SASL_HANDSHAKE, 1, mechanism="PLAIN")
        assert answer.error_code.name == "unsupported_sasl_mechanism"
        assert answer.mechanisms == ("SCRAM-SHA-256",)
        assert await wire.closed()


async def test_nothing_else_before_the_login(sim: AsyncSimulator) -> None:
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        wire.send(METADATA, 7, **ALL)
        assert await wire.closed()
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        wire.send(SASL_AUTHENTICATE, 2, auth_bytes=PLAIN)
        assert await wire.closed()
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        await wire.ask(API_VERSIONS, 0)
        wire.send(API_VERSIONS, 0)
        assert await wire.closed()
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        await handshake(wire)
        wire.send(METADATA, 7, **ALL)
        assert await wire.closed()


async def test_versions_may_be_asked_again_after_a_refusal(sim: AsyncSimulator) -> None:
    """A newer client falls back to a version that the broker has, and then logs in."""
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        body = struct.pack(">hhih", API_VERSIONS, 99, 7, -1)
        wire.writer.write(struct.pack(">i", len(body)) + body)
        assert (await wire.receive(API_VERSIONS, 0)).error_code.name == "unsupported_version"
        assert (await wire.ask(API_VERSIONS, 0)).error_code.value == 0
        await log_in(wire)


async def test_large_requests_must_wait_for_the_login(sim: AsyncSimulator) -> None:
    """`sasl.server.max.receive.size` is 524288."""
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        wire.writer.write(struct.pack(">ihh", 524_289, METADATA, 9))
        assert await wire.closed()
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        await log_in(wire)
        body = struct.pack(">hhih", API_VERSIONS, 0, 7, -1) + bytes(600_000)
        wire.writer.write(struct.pack(">i", len(body)) + body)
        assert (await wire.receive(API_VERSIONS, 0)).error_code.value == 0


async def test_a_second_login_is_out_of_order(sim: AsyncSimulator) -> None:
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        await log_in(wire)
        answer = await wire.ask(SASL_HANDSHAKE, 1, mechanism="PLAIN")
        assert (answer.error_code.name, answer.mechanisms) == ("illegal_sasl_state", ())
        answer = await authenticate(wire, PLAIN)
        assert answer.error_code.name == "illegal_sasl_state"
        assert answer.error_message == (
            "SaslAuthenticate request received after successful authentication"
        )
        assert (await wire.ask(API_VERSIONS, 3, **SOFTWARE)).error_code.value == 0


async def test_bare_tokens_after_the_old_handshake(sim: AsyncSimulator) -> None:
    """Before KIP-152 a token is a frame without any header, however short."""
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        assert await handshake(wire, version=0) == "none"
        wire.writer.write(struct.pack(">i", len(PLAIN)) + PLAIN)
        assert await wire.reader.readexactly(4) == b"\0\0\0\0"
        assert (await wire.ask(METADATA, 1, topics=None)).brokers
    async with await Wire.connect(sim.bootstrap_servers) as wire:
        assert await handshake(wire, version=0) == "none"
        wire.writer.write(struct.pack(">i", 4) + b"\0a\0b")
        assert await wire.reader.read() == b""


async def test_logins_expire_and_can_be_renewed() -> None:
    """KIP-368: `connections.max.reauth.ms`."""
    async with (
        secured(reauthenticate_ms=600_000) as sim,
        await Wire.connect(sim.bootstrap_servers) as wire,
    ):
        answer = await log_in(wire)
        assert answer.session_lifetime.total_seconds() == 600
        sim.clock.advance("8m")  # and the real clock adds what the requests take
        assert (await wire.ask(METADATA, 7, **ALL)).brokers
        answer = await log_in(wire)
        assert answer.session_lifetime.total_seconds() == 600
        sim.clock.advance("8m")
        assert (await wire.ask(METADATA, 7, **ALL)).brokers
        sim.clock.advance("121s")
        wire.send(METADATA, 7, **ALL)
        assert await wire.closed()


async def test_a_renewed_login_is_not_renewed_at_once() -> None:
    async with (
        secured(reauthenticate_ms=60_000) as sim,
        await Wire.connect(sim.bootstrap_servers) as wire,
    ):
        await log_in(wire)
        assert await handshake(wire) == "none"
        # In one piece, so that the second is there within a second of the first.
        again = wire.frame(SASL_AUTHENTICATE, 2, auth_bytes=PLAIN)
        too_soon = wire.frame(SASL_HANDSHAKE, 1, mechanism="PLAIN")
        wire.writer.write(again + too_soon)
        assert (await wire.receive(SASL_AUTHENTICATE, 2)).error_code.name == "none"
        assert (await wire.receive(SASL_HANDSHAKE, 1)).error_code.name == "illegal_sasl_state"
        sim.clock.advance("2s")
        assert await handshake(wire) == "none"


async def test_nobody_becomes_somebody_else() -> None:
    async with secured(reauthenticate_ms=60_000) as sim:
        async with await Wire.connect(sim.bootstrap_servers) as wire:
            await log_in(wire)
            await handshake(wire)
            answer = await authenticate(wire, b"\0bob\0other")
            assert answer.error_code.name == "sasl_authentication_failed"
            assert answer.error_message == (
                "Cannot change principals during re-authentication from User.alice: User.bob"
            )
            assert await wire.closed()
        async with await Wire.connect(sim.bootstrap_servers) as wire:
            await log_in(wire)
            assert await handshake(wire, "SCRAM-SHA-256") == "none"
            wire.send(SASL_AUTHENTICATE, 2, auth_bytes=b"n,,n=alice,r=abc")
            assert await wire.closed()


async def test_others_go_on_while_somebody_fails(sim: AsyncSimulator) -> None:
    async with (
        await Wire.connect(sim.bootstrap_servers) as good,
        await Wire.connect(sim.bootstrap_servers) as bad,
    ):
        await log_in(good)
        await handshake(bad)
        bad.send(SASL_AUTHENTICATE, 2, auth_bytes=b"\0alice\0wrong")
        await asyncio.sleep(0)
        assert (await good.ask(METADATA, 7, **ALL)).brokers
        assert await bad.closed()
        assert (await good.ask(METADATA, 7, **ALL)).brokers
