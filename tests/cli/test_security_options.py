"""Users, TLS and ACLs of `simulator serve`."""

from __future__ import annotations

import json
import socket
import struct
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import FREE_PORTS, PATIENCE_S, run, started

from simulator.cli.security_options import security_of
from simulator.cli.serve import serve
from simulator.security import KafkaSecurity, Tls

NOTHING = {
    "kafka_users": (),
    "kafka_users_file": None,
    "kafka_mechanisms": (),
    "kafka_tls_cert": None,
    "kafka_tls_key": None,
    "kafka_tls_client_ca": None,
    "kafka_authorize": False,
    "kafka_super_users": (),
}


def test_nothing_is_secured_unless_asked_for():
    assert security_of(**NOTHING) is None


def test_all_of_it(tmp_path: Path):
    path = tmp_path / "users"
    path.write_text("# people\nalice:from:file\n\nbob:two\n", encoding="utf-8")
    found = security_of(
        kafka_users=(("bob", "three"),),
        kafka_users_file=path,
        kafka_mechanisms=("PLAIN",),
        kafka_tls_cert=Path("cert"),
        kafka_tls_key=Path("key"),
        kafka_tls_client_ca=Path("ca"),
        kafka_authorize=True,
        kafka_super_users=("User:bob",),
    )
    assert found == KafkaSecurity(
        users={"alice": "from:file", "bob": "three"},
        mechanisms=("PLAIN",),
        tls=Tls(Path("cert"), Path("key"), client_ca=Path("ca")),
        authorize=True,
        super_users=("User:bob",),
    )


def test_the_server_asks_for_a_login():
    with started("serve", *FREE_PORTS, "--kafka-user", "alice:secret", "--ready-json") as process:
        assert process.stdout is not None
        host, _, port = json.loads(process.stdout.readline())["kafka"].rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
            handshake = struct.pack(">hhihh", 17, 0, 7, -1, 5) + b"PLAIN"
            connection.sendall(struct.pack(">i", len(handshake)) + handshake)
            answer = connection.recv(1000)
            assert answer[4:10] == struct.pack(">ih", 7, 0)
            token = b"\0alice\0secret"
            connection.sendall(struct.pack(">i", len(token)) + token)
            assert connection.recv(4) == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--kafka-user", "alice"], "write users like alice:secret"),
        (["--kafka-sasl", "PLAIN"], "give --kafka-user or --kafka-users"),
        (["--kafka-sasl", "GSSAPI", "--kafka-user", "a:b"], "GSSAPI"),
        (["--kafka-tls-key", "{file}"], "give --kafka-tls-cert"),
        (["--kafka-users", "{file}"], "{file}:1: write users like alice:secret"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, arguments: list[str], text: str):
    path = tmp_path / "file"
    path.write_text("nonsense\n", encoding="utf-8")
    given = [argument.format(file=path) for argument in arguments]
    done = CliRunner().invoke(serve, given)
    assert done.exit_code == 2
    assert text.format(file=path) in done.output


def test_files_that_are_no_certificates_are_one_line(tmp_path: Path):
    path = tmp_path / "cert.pem"
    path.write_text("nonsense", encoding="utf-8")
    done = run("serve", *FREE_PORTS, "--kafka-tls-cert", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "tls.cert" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_super_user_without_acls_is_a_mistake():
    done = run("serve", *FREE_PORTS, "--kafka-super-user", "User:a")
    assert done.returncode == 2
    assert "--kafka-super-user needs --kafka-authorize" in done.stderr


def test_a_super_user_is_named_with_its_kind():
    done = run("serve", *FREE_PORTS, "--kafka-authorize", "--kafka-super-user", "admin")
    assert done.returncode == 2
    assert "write it as User:admin" in done.stderr
