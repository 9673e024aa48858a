"""Throw-away certificates for tests: an authority, a server and a client, valid on loopback."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import NamedTuple

from simulator.errors import SimulatorError
from simulator.security import Tls


class Certificates(NamedTuple):
    """PEM files; the client's principal on the Kafka listener is `principal`."""

    authority: Path
    server_cert: Path
    server_key: Path
    client_cert: Path
    client_key: Path
    principal: str

    def tls(self, *, mutual: bool = False) -> Tls:
        """The settings of a listener with the server's certificate; `mutual` asks for clients'."""
        authority = self.authority if mutual else None
        return Tls(cert=self.server_cert, key=self.server_key, client_ca=authority)


def make_certificates(
    directory: str | PathLike[str], *, client: str = "alice", hosts: tuple[str, ...] = ()
) -> Certificates:
    """Write a new authority, and what it has signed, to a directory that exists.

    The server's certificate is for localhost, 127.0.0.1, ::1 and `hosts`; the client's has the
    common name `client`. Needs the package `trustme`; raises SimulatorError without it.
    """
    try:
        import trustme
    except ImportError:
        raise SimulatorError(
            "throw-away certificates need the package trustme: install "
            "chat-event-simulator[certificates]"
        ) from None
    base = Path(directory)
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1", "::1", *hosts)
    user = authority.issue_cert(
        f"{client}@localhost",
        common_name=client,
        organization_name="simulator",
        organization_unit_name="clients",
    )
    made = Certificates(
        authority=base / "ca.pem",
        server_cert=base / "server.pem",
        server_key=base / "server.key",
        client_cert=base / "client.pem",
        client_key=base / "client.key",
        principal=f"User:CN={client},OU=clients,O=simulator",
    )
    authority.cert_pem.write_to_path(made.authority)
    for leaf, cert, key in (
        (server, made.server_cert, made.server_key),
        (user, made.client_cert, made.client_key),
    ):
        cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(key)
        key.chmod(0o600)
    return made
