"""The simulated chat service: a pure model of who is connected and whose messages go out.

No I/O, no clock: the time of a call is an argument (nanoseconds), and what happens comes out as a
return value, which `chat_actions.py` turns into events. Facts, section 5, say what is published of
the real service; the rest is decided here, and where a consumer could tell the difference it is a
field of `ServiceSettings`:

- A message passes the checks in this order: length, mute, rate limit. A message that fails one is
  not sent and uses up no token.
- The rate limit is a token bucket for each user, full at first and refilled evenly: after ten
  messages at once, one more every 100 ms. It outlasts the session, so reconnecting does not help.
- Every message over the limit gives one `userChatRateLimited`.
- A message that completes a spam (`spam_rule.py`) is still sent; then its sender is muted, and what
  was sent before is forgotten. A mute lasts up to its end, exclusive, and outlasts the session.
- Muted and too long messages give no event: the sender alone is told. A script can expect the
  refusal itself.
- `max_users` counts users, not sessions; who has a session already may open another.
- `multiple_sessions` `replace`: the older session ends with 4041 as the new one begins. `allow`:
  both live, messages come from the newest, and a disconnect ends the newest. `refuse`: 51005.
- The recipient of a message need not be connected.
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from simulator.scenario.script import ServiceSettings
from simulator.scenario.spam_rule import SpamHistory, SpamRule
from simulator.scenario.token_bucket import FULL, TokenBucket

TOO_MANY_REQUESTS: Final = 20007
SENDER_MUTED: Final = 512017
MULTIPLE_LOGINS: Final = 51005
USER_LIMIT: Final = 510012

CLOSE_MULTIPLE_SESSIONS: Final = 4041
CLOSE_USER_LIMIT: Final = 4060

_NEVER: Final = 1 << 80
_SWEEP_ABOVE: Final = 1024


class SendOutcome(enum.Enum):
    """What became of a message."""

    SENT = "sent"
    RATE_LIMITED = "rate_limited"
    MUTED = "muted"
    TOO_LONG = "too_long"


class ConnectOutcome(enum.Enum):
    """What became of an attempt to connect."""

    CONNECTED = "connected"
    FULL = "full"
    MULTIPLE = "multiple_logins"


REFUSALS: Final = tuple(
    outcome.value
    for outcome in (*SendOutcome, *ConnectOutcome)
    if outcome not in (SendOutcome.SENT, ConnectOutcome.CONNECTED)
)
"""Why the service does not do what a user asks for, in the words that scripts use."""


class Opening(NamedTuple):
    """The answer to an attempt to connect; `replaced` is the session that it would end."""

    outcome: ConnectOutcome
    replaced: str | None = None


class Account:
    """What the service knows of one user.

    `session_id` is the newest session, None while the user is not connected; `since_ns` is when it
    began. `older_sessions` exist only where several are allowed.
    """

    __slots__ = (
        "bucket",
        "history",
        "muted_until_ns",
        "older_sessions",
        "session_id",
        "since_ns",
        "user_id",
    )

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.session_id: str | None = None
        self.since_ns = 0
        self.older_sessions: tuple[str, ...] = ()
        self.bucket = FULL
        self.muted_until_ns = 0
        self.history: SpamHistory | None = None

    def ended(self) -> None:
        """Called when the last session of the user has ended, for those who keep company."""

    def copy(self) -> Account:
        """Return an account in the same state that changes by itself."""
        other = Account(self.user_id)
        other.copy_state(self)
        other.history = self.history.copy() if self.history else None
        return other

    def copy_state(self, other: Account) -> None:
        """Take over what the service knows of the same user from another account."""
        self.session_id = other.session_id
        self.since_ns = other.since_ns
        self.older_sessions = other.older_sessions
        self.bucket = other.bucket
        self.muted_until_ns = other.muted_until_ns
        self.history = other.history


class ChatService:
    """The sessions and limits of one story, or of the calls by hand."""

    def __init__(self, settings: ServiceSettings) -> None:
        """`settings` says what the published facts leave open."""
        self.settings = settings
        self.online: dict[str, Account] = {}
        """Who is connected, by user id, in the order in which they came."""
        self._offline: dict[str, Account] = {}
        self._sweep_above = _SWEEP_ABOVE
        self._max_length = settings.max_message_length
        self._limit = (
            TokenBucket(settings.rate_limit_messages, settings.rate_limit_window)
            if settings.rate_limit_messages
            else None
        )
        self._spam = (
            SpamRule(settings.spam_repeats, settings.spam_window) if settings.spam_repeats else None
        )

    def account(self, user_id: str) -> Account:
        """Return what is known of a user; a new account for one who is unknown."""
        account = self.online.get(user_id) or self._offline.get(user_id)
        return account or Account(user_id)

    def adopt(self, account: Account) -> None:
        """Let `account` stand for its user from now on, with all that is known of that user.

        An account that stood for the same user before is as one of a user who is not connected.
        """
        known = self.online.get(account.user_id)
        if known is not None:
            self.online[account.user_id] = account
        else:
            known = self._offline.pop(account.user_id, None)
        if known is not None:
            account.copy_state(known)
            was_online = known.session_id is not None
            known.session_id = None
            known.older_sessions = ()
            if was_online:
                known.ended()

    def copy(self) -> ChatService:
        """Return a service in the same state that changes by itself."""
        other = ChatService(self.settings)
        other.online = {user_id: account.copy() for user_id, account in self.online.items()}
        other._offline = {user_id: known.copy() for user_id, known in self._offline.items()}
        return other

    def decide_connect(self, account: Account) -> Opening:
        """Decide about an attempt to connect; `open` then does it."""
        if account.session_id is None:
            limit = self.settings.max_users
            if limit is not None and len(self.online) >= limit:
                return Opening(ConnectOutcome.FULL)
        elif self.settings.multiple_sessions == "refuse":
            return Opening(ConnectOutcome.MULTIPLE)
        elif self.settings.multiple_sessions == "replace":
            return Opening(ConnectOutcome.CONNECTED, account.session_id)
        return Opening(ConnectOutcome.CONNECTED)

    def open(self, account: Account, session_id: str, now_ns: int) -> None:
        """Open a session that `decide_connect` allows; it ends the one that it replaces."""
        if account.session_id is None:
            self._offline.pop(account.user_id, None)
            self.online[account.user_id] = account
        elif self.settings.multiple_sessions == "allow":
            account.older_sessions = (*account.older_sessions, account.session_id)
        account.session_id = session_id
        account.since_ns = now_ns

    def disconnect(self, account: Account, now_ns: int) -> None:
        """End the newest session of a user who is connected."""
        if account.older_sessions:
            account.session_id = account.older_sessions[-1]
            account.older_sessions = account.older_sessions[:-1]
        else:
            account.session_id = None
            del self.online[account.user_id]
            self._remember(account, now_ns)
            account.ended()

    def send(self, account: Account, text: str, now_ns: int) -> SendOutcome:
        """Decide about a message of a user who is connected."""
        if self._max_length is not None and len(text) > self._max_length:
            return SendOutcome.TOO_LONG
        if account.muted_until_ns > now_ns:
            return SendOutcome.MUTED
        if self._limit is not None:
            bucket = self._limit.take(account.bucket, now_ns)
            if bucket < 0:
                return SendOutcome.RATE_LIMITED
            account.bucket = bucket
        if self._spam is not None:
            if account.history is None:
                account.history = SpamHistory()
            if self._spam.note(account.history, text, now_ns):
                account.history = None
                account.muted_until_ns = now_ns + self.settings.spam_mute
        return SendOutcome.SENT

    def mute(self, account: Account, duration_ns: int | None, now_ns: int) -> None:
        """Refuse messages of a user for a time, None for until `unmute`."""
        account.muted_until_ns = _NEVER if duration_ns is None else now_ns + duration_ns
        if account.session_id is None:
            self._remember(account, now_ns)

    def unmute(self, account: Account, now_ns: int) -> None:
        """Accept messages of a user again."""
        account.muted_until_ns = 0
        if account.session_id is None:
            self._remember(account, now_ns)

    def _remember(self, account: Account, now_ns: int) -> None:
        """Keep an account that is not connected, but only while it differs from a new one."""
        if self._is_as_new(account, now_ns):
            self._offline.pop(account.user_id, None)
            return
        self._offline[account.user_id] = account
        if len(self._offline) > self._sweep_above:
            self._offline = {
                user_id: known
                for user_id, known in self._offline.items()
                if not self._is_as_new(known, now_ns)
            }
            self._sweep_above = max(_SWEEP_ABOVE, 2 * len(self._offline))

    def _is_as_new(self, account: Account, now_ns: int) -> bool:
        if account.muted_until_ns > now_ns:
            return False
        if self._limit is not None and not self._limit.is_full(account.bucket, now_ns):
            return False
        return (
            self._spam is None
            or account.history is None
            or self._spam.is_idle(account.history, now_ns)
        )
