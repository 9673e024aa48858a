"""The options of `simulator serve` for logins, TLS and ACLs of Kafka's clients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.options import F

if TYPE_CHECKING:
    from simulator.security import KafkaSecurity

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class User(click.ParamType):  # type: ignore[type-arg]
    """A user with a password."""

    name = "NAME:PASSWORD"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return both; the password may have colons."""
        if isinstance(value, tuple):
            return value
        name, _, password = str(value).partition(":")
        if not name or not password:
            self.fail("write users like alice:secret", param, ctx)
        return name, password


def security_options(command: F) -> F:
    """Add `--kafka-user` and the others; `security_of` takes their values."""
    decorators = (
        click.option(
            "--kafka-user",
            "kafka_users",
            type=User(),
            multiple=True,
            help="Kafka clients must log in with SASL, and this user may. Repeatable.",
        ),
        click.option(
            "--kafka-users",
            "kafka_users_file",
            type=_FILE,
            metavar="FILE",
            help="The same from a file with one NAME:PASSWORD a line.",
        ),
        click.option(
            "--kafka-sasl",
            "kafka_mechanisms",
            type=click.Choice(MECHANISMS),
            multiple=True,
            help="How users may log in; by default in every way. Repeatable.",
        ),
        click.option(
            "--kafka-tls-cert",
            type=_FILE,
            metavar="FILE",
            help="TLS for Kafka, with this certificate (PEM).",
        ),
        click.option(
            "--kafka-tls-key",
            type=_FILE,
            metavar="FILE",
            help="Its private key; by default in the same file.",
        ),
        click.option(
            "--kafka-tls-client-ca",
            type=_FILE,
            metavar="FILE",
            help="Clients must show a certificate that is signed by one of these.",
        ),
        click.option("--kafka-authorize", is_flag=True, help="Enforce Kafka's ACLs."),
        click.option(
            "--kafka-super-user",
            "kafka_super_users",
            metavar="PRINCIPAL",
            multiple=True,
            help="Who may do everything, such as User:admin. Repeatable.",
        ),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


def security_of(
    *,
    kafka_users: tuple[tuple[str, str], ...],
    kafka_users_file: Path | None,
    kafka_mechanisms: tuple[str, ...],
    kafka_tls_cert: Path | None,
    kafka_tls_key: Path | None,
    kafka_tls_client_ca: Path | None,
    kafka_authorize: bool,
    kafka_super_users: tuple[str, ...],
) -> KafkaSecurity | None:
    """The settings that the options ask for, or None where they ask for nothing."""
    from simulator.security import KafkaSecurity, Tls

    users = dict(() if kafka_users_file is None else _read(kafka_users_file)) | dict(kafka_users)
    if kafka_mechanisms and not users:
        raise click.UsageError("--kafka-sasl needs users: give --kafka-user or --kafka-users")
    tls = None
    if kafka_tls_cert is not None:
        tls = Tls(kafka_tls_cert, kafka_tls_key, client_ca=kafka_tls_client_ca)
    elif kafka_tls_key is not None or kafka_tls_client_ca is not None:
        raise click.UsageError("TLS needs a certificate: give --kafka-tls-cert")
    if kafka_super_users and not kafka_authorize:
        raise click.UsageError("--kafka-super-user needs --kafka-authorize")
    for principal in kafka_super_users:
        if not principal.partition(":")[2]:
            raise click.UsageError(f"--kafka-super-user {principal}: write it as User:{principal}")
    if not (users or tls or kafka_authorize or kafka_super_users):
        return None
    return KafkaSecurity(
        users=users,
        mechanisms=kafka_mechanisms or MECHANISMS,
        tls=tls,
        authorize=kafka_authorize,
        super_users=kafka_super_users,
    )


def _read(path: Path) -> list[tuple[str, str]]:
    """The users of a file, which may have empty lines and comments."""
    found = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{path} cannot be read: {error}") from None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, _, password = text.partition(":")
        if not name or not password:
            raise click.UsageError(f"{path}:{number}: write users like alice:secret")
        found.append((name, password))
    return found
