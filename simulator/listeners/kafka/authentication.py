"""How a client logs in: the conversation of SASL on one connection, as a state machine.

The rules are those of Kafka's `SaslServerAuthenticator` (KIP-43, KIP-152, KIP-368):

- First come ApiVersions, once and if the client likes, and SaslHandshake; then the tokens of the
  mechanism, in SaslAuthenticate after a handshake of version 1 and bare after one of version 0.
- Anything else before the login is complete closes the connection, without an answer.
- A mechanism that is not enabled, and a login that fails, are answered; then the connection is
  closed.
- Where logins expire, another SaslHandshake begins one anew on the same connection: by the same
  mechanism and the same user, and not twice in a second. The first request after the end of the
  session closes the connection.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from simulator.listeners.kafka.broker_clock import BrokerClock
from simulator.listeners.kafka.coordinator import answer
from simulator.listeners.kafka.errors import ProtocolViolation
from simulator.listeners.kafka.session import Session
from simulator.listeners.kafka.users import Users
from simulator.log.scram import Mechanism, ScramFailed, ScramServer
from simulator.security import PLAIN

SASL_HANDSHAKE: Final = 17
API_VERSIONS: Final = 18
SASL_AUTHENTICATE: Final = 36

MAX_TOKEN_BYTES: Final = 524_288
"""`sasl.server.max.receive.size`: of a request before the login is complete."""

REAUTHENTICATION_PAUSE_MS: Final = 1000

REFUSAL_DELAY_MS: Final = 100
"""`connection.failed.authentication.delay.ms`: some clients come again at once."""


class LoginFailed(Exception):
    """Somebody is not who they say; the text is what they are told."""


class Accepted(NamedTuple):
    """An answer to a token; `lifetime_ms` is that of a login that is complete, 0 for ever."""

    token: bytes
    lifetime_ms: int = 0


class _State(Enum):
    VERSIONS_OR_HANDSHAKE = auto()
    HANDSHAKE = auto()
    TOKENS = auto()
    COMPLETE = auto()
    FAILED = auto()


class _Plain:
    """PLAIN (RFC 4616): everything in one token."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self.user: str | None = None

    def step(self, token: bytes) -> bytes:
        """Take the token; raises LoginFailed."""
        parts = token.decode(errors="replace").split("\0")
        if len(parts) != 3:
            text = f"Invalid SASL/PLAIN response: expected 3 tokens, got {len(parts)}"
            raise LoginFailed(text)
        authorization, name, password = parts
        for what, value in (("username", name), ("password", password)):
            if not value:
                raise LoginFailed(f"Authentication failed: {what} not specified")
        if not self._users.password_is(name, password):
            raise LoginFailed("Authentication failed: Invalid username or password")
        if authorization not in ("", name):
            raise LoginFailed(
                "Authentication failed: Client requested an authorization id that is different "
                "from username"
            )
        self.user = name
        return b""


class _Scram:
    """SCRAM: a first and a last message."""

    def __init__(self, users: Users, mechanism: Mechanism, nonce: str) -> None:
        self._users = users
        self._exchange = ScramServer(mechanism, nonce)
        self._asking: str | None = None
        self.user: str | None = None

    def step(self, token: bytes) -> bytes:
        """Take a message and return the server's; raises ScramFailed."""
        if self._asking is None:
            name = self._exchange.user_of(token)
            known = self._users.credential(name, self._exchange.mechanism)
            answer = self._exchange.challenge(known)
            self._asking = name
            return answer
        answer = self._exchange.verify(token)
        self.user = self._asking
        return answer


class Login:
    """The state of one connection."""

    def __init__(
        self,
        users: Users,
        mechanisms: Sequence[str],
        lifetime_ms: int,
        nonce: Callable[[], str],
    ) -> None:
        self.mechanisms = tuple(mechanisms)
        self.closing: str | None = None
        """Why the connection ends when the present answer is sent."""
        self.bare = False
        """Whether the next frame is a token and no request."""
        self._users = users
        self._lifetime_ms = lifetime_ms
        self._nonce = nonce
        self._state = _State.VERSIONS_OR_HANDSHAKE
        self._mechanism = ""
        self._tokens: _Plain | _Scram | None = None
        self._user: str | None = None  # of the login that was complete before
        self._previous = ""  # its mechanism
        self._expires_at: int | None = None
        self._begun_anew_at: int | None = None

    @property
    def complete(self) -> bool:
        """Whether the client may ask for anything."""
        return self._state is _State.COMPLETE

    @property
    def principal(self) -> str:
        """Who the client is, once that is known."""
        return f"User:{self._user}"

    def admit(self, key: int, now: int) -> None:
        """Let a request of an API pass, or raise ProtocolViolation; `now` is in ms."""
        state = self._state
        if state is _State.COMPLETE:
            if key == SASL_HANDSHAKE and self._may_begin_anew(now):
                self._state, self._begun_anew_at = _State.HANDSHAKE, now
            elif self._expires_at is not None and now >= self._expires_at:
                raise ProtocolViolation(f"the login of {self.principal} has expired")
            return
        expected = {
            _State.VERSIONS_OR_HANDSHAKE: (API_VERSIONS, SASL_HANDSHAKE),
            _State.HANDSHAKE: (SASL_HANDSHAKE,),
            _State.TOKENS: (SASL_AUTHENTICATE,),
        }.get(state, ())
        if key not in expected:
            during = "authentication" if state is _State.TOKENS else "handshake"
            raise ProtocolViolation(f"Unexpected Kafka request of API {key} during SASL {during}.")

    def told_versions(self) -> None:
        """ApiVersions was answered; it is not asked again."""
        if self._state is _State.VERSIONS_OR_HANDSHAKE:
            self._state = _State.HANDSHAKE

    def handshake(self, mechanism: str, version: int) -> bool | None:
        """Choose a mechanism: whether it is enabled, or None where this is not the time."""
        if self._state not in (_State.VERSIONS_OR_HANDSHAKE, _State.HANDSHAKE):
            return None
        if mechanism not in self.mechanisms:
            self._fail(f"Unsupported SASL mechanism {mechanism}")
            return False
        self._mechanism = mechanism
        if mechanism == PLAIN:
            self._tokens = _Plain(self._users)
        else:
            self._tokens = _Scram(self._users, Mechanism(mechanism), self._nonce())
        self.bare = version == 0
        self._state = _State.TOKENS
        return True

    def step(self, token: bytes, now: int) -> Accepted | None:
        """Take a token: the answer, or None where this is not the time; raises LoginFailed."""
        if self._state is not _State.TOKENS or self._tokens is None:
            return None
        if self._previous not in ("", self._mechanism):
            raise ProtocolViolation(
                f"SASL mechanism '{self._mechanism}' requested by client is not supported for "
                f"re-authentication of mechanism '{self._previous}'"
            )
        try:
            answer = self._tokens.step(token)
            if self._tokens.user is None:
                return Accepted(answer)
            self._check_unchanged(self._tokens.user)
        except LoginFailed as error:
            self._fail(str(error))
            raise
        except ScramFailed as error:
            self._fail(str(error))
            raise LoginFailed(error.told or self._invalid_credentials()) from None
        self._user, self._previous = self._tokens.user, self._mechanism
        self._tokens = None
        self._state, self.bare = _State.COMPLETE, False
        if self._lifetime_ms:
            self._expires_at = now + self._lifetime_ms
        return Accepted(answer, self._lifetime_ms)

    def _may_begin_anew(self, now: int) -> bool:
        if self._expires_at is None:
            return False
        begun = self._begun_anew_at
        return begun is None or now - begun >= REAUTHENTICATION_PAUSE_MS

    def _check_unchanged(self, user: str) -> None:
        if self._user not in (None, user):
            raise LoginFailed(
                "Cannot change principals during re-authentication from "
                f"User.{self._user}: User.{user}"
            )

    def _invalid_credentials(self) -> str:
        during = "authentication" if self._user is None else "re-authentication"
        return (
            f"Authentication failed during {during} due to invalid credentials with SASL "
            f"mechanism {self._mechanism}"
        )

    def _fail(self, why: str) -> None:
        self._state, self.closing = _State.FAILED, why


def refused_later(response: Any, clock: BrokerClock) -> Future[Any]:
    """The answer to a login that has failed, after a pause."""
    future: Future[Any] = asyncio.get_running_loop().create_future()
    reply = answer(future)
    timer = clock.call_at(clock.now_ms() + REFUSAL_DELAY_MS, lambda: reply(response))
    future.add_done_callback(lambda _: timer.cancel())
    return future


def take_bare_token(session: Session, token: bytes | memoryview, clock: BrokerClock) -> bytes:
    """Take a frame that is a token and no request; return the frame of the server's token.

    Raises ProtocolViolation where the login fails: there is no other way to tell.
    """
    login = session.login
    if login is None:
        raise ProtocolViolation("a token that was not asked for")
    try:
        accepted = login.step(bytes(token), clock.now_ms())
    except LoginFailed as error:
        raise ProtocolViolation(str(error)) from None
    if accepted is None:
        raise ProtocolViolation("a token that was not asked for")
    if login.complete:
        session.principal = login.principal
    return len(accepted.token).to_bytes(4, "big") + accepted.token
