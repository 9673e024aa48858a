"""The security of the brokers: who may come in, and what they may do then."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from itertools import count
from ssl import SSLContext
from typing import Any, Final

from simulator.listeners.kafka.authentication import Login
from simulator.listeners.kafka.session import Session
from simulator.listeners.kafka.users import Users
from simulator.log.acls import Acls
from simulator.log.scram import Mechanism
from simulator.security import KafkaSecurity

AUTHORIZER: Final = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"


class Guard:
    """What all brokers know of users and ACLs. Without settings everybody may do everything."""

    def __init__(self, security: KafkaSecurity | None = None, seed: int | str = 0) -> None:
        """`seed` is that of salts and nonces."""
        self.security = security or KafkaSecurity()
        self._seed = seed
        self.acls: Acls | None
        self.users: Users
        self.reset()

    def reset(self) -> None:
        """Make ACLs and credentials what they were at the start; who is logged in stays so."""
        security = self.security
        self.acls = None
        if security.authorize:
            self.acls = Acls(
                security.super_users, allow_without_acls=security.allow_everyone_if_no_acl_found
            )
        scram = [found for found in Mechanism if found.value in security.mechanisms]
        self.users = Users(security.users, scram, self._seed)
        self._numbers = count()

    def session(self, certificate: Mapping[str, Any] | None) -> Session:
        """What is known of a client that has just connected; `certificate` is its own, verified."""
        security = self.security
        login = None
        if security.sasl:
            lifetime = security.reauthenticate_ms
            login = Login(self.users, security.mechanisms, lifetime, self.nonce)
        session = Session(login)
        if certificate:
            from simulator.listeners.kafka.tls import principal_of

            session.principal = principal_of(certificate)
        return session

    @cached_property
    def broker_settings(self) -> dict[str, str]:
        """What DescribeConfigs tells of a broker's security, by Kafka's names."""
        security = self.security
        told = {}
        if security.authorize:
            told["authorizer.class.name"] = AUTHORIZER
        if security.sasl:
            told["sasl.enabled.mechanisms"] = ",".join(security.mechanisms)
            told["connections.max.reauth.ms"] = str(security.reauthenticate_ms)
        if security.tls is not None:
            told["ssl.client.auth"] = security.tls.demanded
        return told

    def nonce(self) -> str:
        """A nonce that was not used before; the same ones in every run with the same seed."""
        text = f"{self._seed}\0{next(self._numbers)}"
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    @cached_property
    def tls(self) -> SSLContext | None:
        """What the sockets serve with; raises InvalidSetting for files that cannot be used."""
        if self.security.tls is None:
            return None
        from simulator.listeners.kafka.tls import server_context

        return server_context(self.security.tls)
