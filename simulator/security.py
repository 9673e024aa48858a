"""Who may use the Kafka listener, and how the bytes are protected: everything off by default."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Final, Literal

from simulator.errors import InvalidSetting

PLAIN: Final = "PLAIN"
MECHANISMS: Final = (PLAIN, "SCRAM-SHA-256", "SCRAM-SHA-512")

ClientAuth = Literal["none", "requested", "required"]


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS on the listener; raises `InvalidSetting`.

    `cert`: a PEM file with the server's certificate, and the chain behind it. `key`: its private
    key, by default in the same file. `key_password`: if the key is encrypted. `client_ca`: a PEM
    file with the authorities whose client certificates are taken (mutual TLS); a client's principal
    is then the name in its certificate, as "User:CN=alice,O=example". `client_auth`: as Kafka's
    `ssl.client.auth`; by default "required" with a `client_ca` and "none" without.
    """

    cert: str | PathLike[str]
    key: str | PathLike[str] | None = None
    key_password: str | None = field(default=None, repr=False)
    client_ca: str | PathLike[str] | None = None
    client_auth: ClientAuth | None = None

    def __post_init__(self) -> None:
        if self.client_auth not in (None, "none", "requested", "required"):
            raise InvalidSetting(
                "client_auth", self.client_auth, 'use "none", "requested" or "required"'
            )
        if self.client_auth in ("requested", "required") and self.client_ca is None:
            raise InvalidSetting("client_ca", None, "client certificates need an authority")

    @property
    def demanded(self) -> ClientAuth:
        """Whether clients must show a certificate."""
        return self.client_auth or ("none" if self.client_ca is None else "required")


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """Authentication, encryption and authorization of Kafka's clients; raises `InvalidSetting`.

    `users`: passwords by name; with users, clients must log in with SASL, as "User:alice".
    `mechanisms`: how, by default PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. `reauthenticate_ms`: how
    long a login holds before it must be renewed (`connections.max.reauth.ms`), 0 for ever.
    `tls`: certificates, for TLS. `authorize`: whether ACLs are enforced; `super_users` may do
    everything, as "User:admin", and `allow_everyone_if_no_acl_found` is Kafka's setting.
    """

    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    mechanisms: Sequence[str] = MECHANISMS
    reauthenticate_ms: int = 0
    tls: Tls | None = None
    authorize: bool = False
    super_users: Sequence[str] = ()
    allow_everyone_if_no_acl_found: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.mechanisms, str) or not self.mechanisms:
            rule = f"give a tuple of some of {', '.join(MECHANISMS)}"
            raise InvalidSetting("mechanisms", self.mechanisms, rule)
        for mechanism in self.mechanisms:
            if mechanism not in MECHANISMS:
                raise InvalidSetting("mechanisms", mechanism, f"use {', '.join(MECHANISMS)}")
        users: object = self.users  # a caller may know no types
        if not isinstance(users, Mapping):
            rule = 'give passwords by name, such as {"alice": "secret"}'
            raise InvalidSetting("users", "...", rule)
        for name, password in self.users.items():
            if not isinstance(name, str) or not name or "\0" in name:
                raise InvalidSetting("users", name, "a user needs a name")
            if not isinstance(password, str) or not password or "\0" in password:
                raise InvalidSetting("users", name, "the user needs a password, as a text")
        if isinstance(self.super_users, str):
            raise InvalidSetting("super_users", self.super_users, "give a tuple of texts")
        for principal in self.super_users:
            if not principal.partition(":")[2]:
                rule = f'write the kind in front, as "User:{principal}"'
                raise InvalidSetting("super_users", principal, rule)
        if not isinstance(self.reauthenticate_ms, int) or self.reauthenticate_ms < 0:
            rule = "use a number of milliseconds, at least 0"
            raise InvalidSetting("reauthenticate_ms", self.reauthenticate_ms, rule)
        if self.tls is not None and not isinstance(self.tls, Tls):
            raise InvalidSetting("tls", self.tls, "give a Tls(...)")
        if not self.authorize and (self.super_users or self.allow_everyone_if_no_acl_found):
            named = "super_users" if self.super_users else "allow_everyone_if_no_acl_found"
            rule = "it means something with authorize=True only"
            raise InvalidSetting(named, getattr(self, named), rule)

    @property
    def sasl(self) -> bool:
        """Whether clients must log in."""
        return bool(self.users)

    @property
    def protocol(self) -> str:
        """The listener's `security.protocol`, as clients must be told."""
        return ("SASL_" if self.sasl else "") + ("PLAINTEXT" if self.tls is None else "SSL")
