"""SCRAM against the exchanges that the RFCs print."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest

from simulator.log.scram import (
    Credential,
    Mechanism,
    ScramFailed,
    ScramServer,
    credential,
    salted,
)

SHA_256 = Mechanism.SCRAM_SHA_256

# RFC 7677, section 3: user "user", password "pencil".
FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CHALLENGE = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SIGNATURE = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def known(password: bytes = b"pencil", mechanism: Mechanism = SHA_256) -> Credential:
    salt = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    return credential(mechanism, salted(mechanism, password, salt, 4096), salt, 4096)


def challenged(password: bytes = b"pencil", first: bytes = FIRST) -> ScramServer:
    server = ScramServer(SHA_256, NONCE)
    server.user_of(first)
    server.challenge(known(password))
    return server


def test_the_exchange_of_the_rfc() -> None:
    server = ScramServer(SHA_256, NONCE)
    assert server.user_of(FIRST) == "user"
    assert server.challenge(known()) == CHALLENGE
    assert server.verify(FINAL) == SIGNATURE


def test_a_wrong_password_is_refused() -> None:
    with pytest.raises(ScramFailed, match="Invalid client credentials"):
        challenged(b"pen").verify(FINAL)


def test_a_user_that_does_not_exist_is_refused() -> None:
    server = ScramServer(SHA_256, NONCE)
    server.user_of(FIRST)
    with pytest.raises(ScramFailed, match="Invalid user credentials"):
        server.challenge(None)


@pytest.mark.parametrize(
    "final",
    [
        FINAL.replace(b"k0,p", b"k1,p"),  # another nonce
        FINAL.replace(b"biws", b"eSws"),  # "y,,": the client would support channel binding
        FINAL.replace(b"VQ=", b"VQ=="),
        FINAL.replace(b"p=dHzb", b"p="),
        FINAL.replace(b",p=", b",x=1,p=").replace(b"dHzb", b"AAAA"),
        FINAL[:40],
        b"",
        b"\xff",
    ],
)
def test_a_final_message_that_does_not_fit_is_refused(final: bytes) -> None:
    with pytest.raises(ScramFailed):
        challenged().verify(final)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n,,n=user",
        b"n,,r=abc",
        b"n,,n=,r=abc",
        b"n,,n=us,er,r=abc",
        b"n,,n=us=er,r=abc",
        b"n,,n=user,r=",
        b"p=tls-unique,,n=user,r=abc",
        b"y,,n=user,r=abc",
        b"\xff\xff",
    ],
)
def test_a_first_message_that_cannot_be_read_is_refused(first: bytes) -> None:
    with pytest.raises(ScramFailed) as failed:
        ScramServer(SHA_256, NONCE).user_of(first)
    assert failed.value.told is None


def test_names_may_have_commas_and_equals_signs() -> None:
    """RFC 5802, section 5.1: they are written as =2C and =3D."""
    assert ScramServer(SHA_256, NONCE).user_of("n,,n=a=2Cb=3D=2Cé,r=abc".encode()) == "a,b=,é"


def test_nobody_may_act_for_somebody_else() -> None:
    assert ScramServer(SHA_256, NONCE).user_of(b"n,a=user,n=user,r=abc") == "user"
    server = ScramServer(SHA_256, NONCE)
    server.user_of(b"n,a=admin,n=user,r=abc")
    with pytest.raises(ScramFailed, match="Invalid user credentials"):
        server.challenge(None)
    with pytest.raises(ScramFailed) as failed:
        server.challenge(known())
    assert failed.value.told == (
        "Authentication failed: Client requested an authorization id that is different from "
        "username"
    )


def test_extensions_are_ignored() -> None:
    first = FIRST + b",tokenauth=true"
    server = ScramServer(SHA_256, NONCE)
    assert server.user_of(first) == "user"
    assert server.challenge(known()) == CHALLENGE


def test_sha_512_is_its_own_hash() -> None:
    found = known(mechanism=Mechanism.SCRAM_SHA_512)
    assert len(found.stored_key) == len(found.server_key) == 64
    assert found.stored_key[:32] != known().stored_key
    assert b64encode(known().salt) == b"W22ZaJ0SNY7soEsUEjb6gQ=="
