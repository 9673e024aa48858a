"""The chat service at work: what the model decides, told as events of the catalogue."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Any, Final, NamedTuple

from simulator.scenario.chat_service import (
    CLOSE_MULTIPLE_SESSIONS,
    CLOSE_USER_LIMIT,
    Account,
    ChatService,
    ConnectOutcome,
    SendOutcome,
)
from simulator.scenario.engine.emitter import Emit, Emitter
from simulator.scenario.envelope import Envelopes, EventStyle, IdSource, Stamp

CHAT: Final = "chat"
PERSONAL_CHAT: Final = "personalChat"
CONNECTED: Final = "userConnected"
DISCONNECTED: Final = "userDisconnected"
RATE_LIMITED: Final = "userChatRateLimited"
SENT: Final = "personalChatSent"

REPLACED: Final = "multiple sessions"
TURNED_AWAY: Final = "concurrent user limit"


class Moment:
    """When something happens: the service's time, the stamp of its events, and their ids.

    A crowd uses one for all that it does.
    """

    __slots__ = ("ids", "now_ns", "stamp")

    def __init__(self, now_ns: int, stamp: Stamp, ids: IdSource) -> None:
        self.now_ns = now_ns
        self.stamp = stamp
        self.ids = ids


Target = tuple[str, str, list[str]]
"""Who a message goes to: the id of a user or a party, `target_type`, and `target_members`."""


class Closing(NamedTuple):
    """The details of `userDisconnected` and `userChatRateLimited`; None: as the settings say."""

    reason: str | None = None
    code: int | None = None
    forced: bool | None = None


SENT_OUTCOME: Final = SendOutcome.SENT
USUAL: Final = Closing()


class ChatActions:
    """Does what users do, and publishes what comes of it. One action has one trace id.

    An `account` is the one that stands for its user (`ChatService.account`). An event is published
    before the model changes, so an error leaves the user as before.
    """

    def __init__(self, service: ChatService, style: EventStyle, emitter: Emitter) -> None:
        self.service = service
        self.settings = service.settings
        self._wrap = Envelopes(style).wrap
        self._emitter = emitter
        self.refusals: dict[str, int] = defaultdict(int)
        """What the service refused, by reason."""

    def connect(self, account: Account, moment: Moment) -> ConnectOutcome:
        """Open a session: `userConnected`, after `userDisconnected` of one that it replaces.

        Who finds the service full is turned away with 4060; a refused second login has no event.
        """
        trace_id = moment.ids.new_trace()
        outcome, replaced = self.service.decide_connect(account)
        if outcome is ConnectOutcome.FULL:
            closing = Closing(TURNED_AWAY, CLOSE_USER_LIMIT, True)
            self._close(account, None, closing, trace_id, moment)
        if outcome is not ConnectOutcome.CONNECTED:
            self._refused(account, outcome)
            return outcome
        if replaced is not None:
            closing = Closing(REPLACED, CLOSE_MULTIPLE_SESSIONS, True)
            self._close(account, replaced, closing, trace_id, moment)
        session_id = moment.ids.new_id()
        payload: dict[str, Any] = {"userConnected": {}}
        self._tell(CHAT, CONNECTED, payload, account, session_id, trace_id, moment)
        self.service.open(account, session_id, moment.now_ns)
        return outcome

    def disconnect(self, account: Account, moment: Moment, closing: Closing = USUAL) -> None:
        """End the newest session of a connected user: `userDisconnected`."""
        self._close(account, account.session_id, closing, moment.ids.new_trace(), moment)
        self.service.disconnect(account, moment.now_ns)

    def send(
        self, account: Account, text: str, target: Target, moment: Moment
    ) -> tuple[SendOutcome, str]:
        """Write as a connected user: `personalChatSent`, or what the service makes of it.

        Returns what became of the message, and its id, empty where it was not sent.
        """
        outcome = self.service.send(account, text, moment.now_ns)
        if outcome is not SENT_OUTCOME:
            self._refuse(account, outcome, moment)
            return outcome, ""
        # Most of what a crowd does is this: no detours here.
        ids = moment.ids
        message_id = ids.new_id()
        stamp, milliseconds = moment.stamp
        user_id = account.user_id
        target_id, target_type, members = target
        payload = {
            "personalChatSent": {
                "message_id": message_id,
                "sender_id": user_id,
                "target_id": target_id,
                "payload": text,
                "target_type": target_type,
                "target_members": members,
            }
        }
        event = self._wrap(
            payload, SENT, ids.new_id(), stamp, user_id, ids.new_trace(), account.session_id
        )
        self._emit_sent(event, milliseconds)
        return outcome, message_id

    @cached_property
    def _emit_sent(self) -> Emit:
        return self._emitter.bound(PERSONAL_CHAT, SENT)

    def _refuse(self, account: Account, outcome: SendOutcome, moment: Moment) -> None:
        """Tell of a message that the service did not send."""
        self._refused(account, outcome)
        if outcome is not SendOutcome.RATE_LIMITED:
            return
        settings = self.settings
        trace_id = moment.ids.new_trace()
        self._limit(account, USUAL, trace_id, moment)
        if settings.rate_limited_disconnects:
            code = settings.rate_limited_disconnect_code
            closing = Closing(settings.rate_limited_reason, code, True)
            self._close(account, account.session_id, closing, trace_id, moment)
            self.service.disconnect(account, moment.now_ns)

    def _refused(self, account: Account, outcome: SendOutcome | ConnectOutcome) -> None:
        """Count a refusal; whoever expects one is told, since not every one has an event."""
        self.refusals[outcome.value] += 1
        self._emitter.tell_refusal(account.user_id, outcome.value)

    def rate_limit(self, account: Account, moment: Moment, closing: Closing = USUAL) -> None:
        """Say that a user was rate-limited, whatever the service knows: `userChatRateLimited`."""
        self._limit(account, closing, moment.ids.new_trace(), moment)

    def _limit(self, account: Account, closing: Closing, trace_id: str, moment: Moment) -> None:
        settings = self.settings
        reason, code, forced = closing
        details = {
            "reason": settings.rate_limited_reason if reason is None else reason,
            "code": settings.rate_limited_code if code is None else code,
            "forced": settings.rate_limited_forced if forced is None else forced,
        }
        # The specification gives this event the payload key of the other one.
        payload = {"userDisconnected": details}
        self._tell(CHAT, RATE_LIMITED, payload, account, account.session_id, trace_id, moment)

    def _close(
        self,
        account: Account,
        session_id: str | None,
        closing: Closing,
        trace_id: str,
        moment: Moment,
    ) -> None:
        settings = self.settings
        reason, code, forced = closing
        details = {
            "reason": settings.disconnect_reason if reason is None else reason,
            "code": settings.disconnect_code if code is None else code,
            "forced": bool(forced),
        }
        payload = {"userDisconnected": details}
        self._tell(CHAT, DISCONNECTED, payload, account, session_id, trace_id, moment)

    def _tell(
        self,
        topic: str,
        name: str,
        payload: dict[str, Any],
        account: Account,
        session_id: str | None,
        trace_id: str,
        moment: Moment,
    ) -> None:
        text, milliseconds = moment.stamp
        event_id = moment.ids.new_id()
        event = self._wrap(payload, name, event_id, text, account.user_id, trace_id, session_id)
        self._emitter.bound(topic, name)(event, milliseconds)
