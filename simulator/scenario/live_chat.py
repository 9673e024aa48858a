"""The simulated chat service, driven by hand: what a game client would do, call by call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from simulator.publishing import Publisher
from simulator.scenario.chat_service import (
    MULTIPLE_LOGINS,
    SENDER_MUTED,
    TOO_MANY_REQUESTS,
    USER_LIMIT,
    Account,
    ChatService,
    ConnectOutcome,
    SendOutcome,
)
from simulator.scenario.clock import Clock
from simulator.scenario.engine.chat_actions import ChatActions, Closing, Moment, Target
from simulator.scenario.engine.emitter import Emitter
from simulator.scenario.envelope import EventStyle, stamper
from simulator.scenario.errors import ChatError, MessageTooLong, NotConnected, SessionRefused
from simulator.scenario.identity import Identities, is_uuid
from simulator.scenario.randomness import Randomness
from simulator.scenario.script import ServiceSettings

ERROR_CODES = {
    SendOutcome.SENT: 0,
    SendOutcome.RATE_LIMITED: TOO_MANY_REQUESTS,
    SendOutcome.MUTED: SENDER_MUTED,
}
"""What a client of the published service would be told."""


T = TypeVar("T")


class Session(NamedTuple):
    """An open session."""

    user_id: str
    session_id: str


class SendResult(NamedTuple):
    """What became of a message; its id where it was sent, else the client's error code."""

    outcome: SendOutcome
    message_id: str | None
    error_code: int


class ChatState(NamedTuple):
    """A kept state, for `LiveChat.restore`."""

    service: ChatService
    calls: int


class LiveChat:
    """A chat service that lives as long as the simulator, beside those of the stories.

    Users and parties are named, and get the id that a story with the same seed would give them, or
    are said by their uuid. Every call is one action at the clock's present time; its ids depend on
    the seed and on how many calls came before.
    """

    def __init__(
        self,
        publisher: Publisher,
        clock: Clock,
        settings: ServiceSettings | None = None,
        seed: int = 0,
        style: EventStyle | None = None,
    ) -> None:
        """Nobody is connected at first."""
        self._publisher = publisher
        self._clock = clock
        self._settings = settings or ServiceSettings()
        self._style = style or EventStyle(extra_fields=publisher.extra_fields)
        self._stamp = stamper(self._style.timestamps)
        self._seed = seed
        self._random = Randomness(seed).fork("live chat")
        self._identities = Identities(seed, self._style.ids)
        self._calls = 0
        self._actions = self._act_on(ChatService(self._settings))

    @property
    def users(self) -> Mapping[str, str]:
        """The ids of the users who were named so far, by name."""
        return self._identities.users

    async def through(self, call: Callable[[], T]) -> T:
        """Do one of the calls below; return once the log has what it published.

        That is at once, except on an existing cluster; see `Publisher.through`.
        """
        result, _ = await self._publisher.through(call)
        return result

    def connect(self, user: str) -> Session:
        """Open a session: `userConnected`. Raises `SessionRefused`."""
        account = self._account(user)
        outcome = self._actions.connect(account, self._moment())
        if outcome is ConnectOutcome.FULL:
            limit = self._settings.max_users
            raise SessionRefused(f"{user} is turned away: {limit} users are connected", USER_LIMIT)
        if outcome is ConnectOutcome.MULTIPLE:
            raise SessionRefused(f"{user} is connected already", MULTIPLE_LOGINS)
        return Session(account.user_id, account.session_id or "")

    def send(
        self,
        user: str,
        text: str,
        *,
        to: str | None = None,
        party: str | None = None,
        members: Sequence[str] = (),
    ) -> SendResult:
        """Write to a user, or to a party with its members (the sender need not be named).

        `personalChatSent`, `userChatRateLimited` or, for a muted sender, nothing. Raises
        `NotConnected`, `MessageTooLong`, and `ChatError` where the target is not clear.
        """
        account = self._connected(user)
        target = self._target(account, to, party, members)
        outcome, message_id = self._actions.send(account, text, target, self._moment())
        if outcome is SendOutcome.TOO_LONG:
            limit = self._settings.max_message_length
            raise MessageTooLong(f"{len(text)} characters are more than the {limit} allowed")
        return SendResult(outcome, message_id or None, ERROR_CODES[outcome])

    def disconnect(
        self,
        user: str,
        reason: str | None = None,
        code: int | None = None,
        forced: bool = False,
    ) -> None:
        """End a session, by default an ordinary way: `userDisconnected`. Raises `NotConnected`."""
        account = self._connected(user)
        self._actions.disconnect(account, self._moment(), Closing(reason, code, forced))

    def mute(self, user: str, duration_ns: int | None = None) -> None:
        """Drop what a user writes, for a time or until `unmute`."""
        service = self._actions.service
        service.mute(self._account(user), duration_ns, self._clock.now_ns())

    def unmute(self, user: str) -> None:
        """Accept what a user writes again."""
        self._actions.service.unmute(self._account(user), self._clock.now_ns())

    def reset(self) -> None:
        """Make it as it was at first."""
        self._identities = Identities(self._seed, self._style.ids)
        self._calls = 0
        self._actions = self._act_on(ChatService(self._settings))

    def snapshot(self) -> ChatState:
        """Keep the present state: who is connected, and their limits."""
        return ChatState(self._actions.service.copy(), self._calls)

    def restore(self, state: ChatState) -> None:
        """Go back to a kept state, which stays usable."""
        self._calls = state.calls
        self._actions = self._act_on(state.service.copy())

    def _act_on(self, service: ChatService) -> ChatActions:
        return ChatActions(service, self._style, Emitter(self._publisher))

    def _moment(self) -> Moment:
        self._calls += 1
        now_ns = self._clock.now_ns()
        ids = self._style.ids_from(self._random.fork(self._calls))
        return Moment(now_ns, self._stamp(now_ns), ids)

    def _user_id(self, user: str) -> str:
        if not user:
            raise ChatError("a user is needed: a name or a uuid")
        return user if is_uuid(user) else self._identities.user(user)

    def _account(self, user: str) -> Account:
        return self._actions.service.account(self._user_id(user))

    def _connected(self, user: str) -> Account:
        account = self._account(user)
        if account.session_id is None:
            raise NotConnected(f"{user} is not connected: connect {user} first")
        return account

    def _target(
        self, sender: Account, to: str | None, party: str | None, members: Sequence[str]
    ) -> Target:
        settings = self._settings
        own = sender.user_id
        if (to is None) == (party is None):
            raise ChatError("a message goes either to a user (`to`) or to a party (`party`)")
        if to is not None:
            target_id, target_type = self._user_id(to), settings.target_type_user
            listed = list(dict.fromkeys((own, target_id)))
        else:
            name = party or ""
            if not name:
                raise ChatError("a party is needed: a name or a uuid")
            target_id = name if is_uuid(name) else self._identities.party(name)
            target_type = settings.target_type_party
            listed = list(dict.fromkeys(self._user_id(member) for member in members))
            if own not in listed:
                listed.insert(0, own)
        if settings.target_members == "others":
            listed = [member for member in listed if member != own]
        return target_id, target_type, listed
