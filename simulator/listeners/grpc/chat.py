"""`simulator.v1.Chat`: the simulated chat service, driven by hand."""

from __future__ import annotations

from simulator.listeners.grpc.errors import FieldError
from simulator.listeners.grpc.limits import MAX_PARTY_MEMBERS
from simulator.listeners.grpc.requests import Checks
from simulator.scenario.chat_service import SendOutcome
from simulator.scenario.errors import MessageTooLong, ScenarioError
from simulator.scenario.known_users import KnownUsers
from simulator.scenario.live_chat import LiveChat
from simulator.v1 import chat_pb2

OUTCOMES = {
    SendOutcome.SENT: chat_pb2.SEND_OUTCOME_SENT,
    SendOutcome.RATE_LIMITED: chat_pb2.SEND_OUTCOME_RATE_LIMITED,
    SendOutcome.MUTED: chat_pb2.SEND_OUTCOME_MUTED,
}


class ChatServicer:
    """One method for each of the service; `LiveChat` does the work."""

    def __init__(self, chat: LiveChat, users: KnownUsers) -> None:
        self._chat = chat
        self._users = users

    async def connect(self, request: chat_pb2.ConnectRequest) -> chat_pb2.ConnectResponse:
        """Open a session for a user."""
        checks = Checks()
        checks.name(request.user, "user", "the user who connects, by name or uuid")
        checks.done()
        try:
            session = await self._chat.through(lambda: self._chat.connect(request.user))
        except ScenarioError as error:
            raise FieldError("user", error) from None
        return chat_pb2.ConnectResponse(user_id=session.user_id, session_id=session.session_id)

    async def send(self, request: chat_pb2.SendRequest) -> chat_pb2.SendResponse:
        """Write to a user or a party; a limit that is hit is an outcome, not an error."""
        checks = Checks()
        checks.name(request.user, "user", "the user who writes, by name or uuid")
        target = request.WhichOneof("target")
        if target == "to":
            checks.name(request.to, "to", "the user who is written to, by name or uuid")
        elif target == "party":
            checks.name(request.party.party, "party.party", "the party, by name or id")
            checks.at_most(request.party.members, MAX_PARTY_MEMBERS, "party.members")
            for row, member in enumerate(request.party.members):
                checks.name(member, f"party.members[{row}]", "a user, by name or uuid")
        else:
            checks.require(False, "target", "is missing; give `to` or `party`")
        checks.done()
        try:
            result = await self._chat.through(
                lambda: self._chat.send(
                    request.user,
                    request.text,
                    to=request.to if target == "to" else None,
                    party=request.party.party if target == "party" else None,
                    members=tuple(request.party.members),
                )
            )
        except ScenarioError as error:
            field = "text" if isinstance(error, MessageTooLong) else "user"
            raise FieldError(field, error) from None
        return chat_pb2.SendResponse(
            outcome=OUTCOMES[result.outcome],
            message_id=result.message_id or "",
            error_code=result.error_code,
        )

    async def disconnect(self, request: chat_pb2.DisconnectRequest) -> chat_pb2.DisconnectResponse:
        """End the session of a user."""
        checks = Checks()
        checks.name(request.user, "user", "the user who is disconnected, by name or uuid")
        checks.done()
        try:
            await self._chat.through(
                lambda: self._chat.disconnect(
                    request.user,
                    reason=request.reason or None,
                    code=request.code if request.HasField("code") else None,
                    forced=request.forced,
                )
            )
        except ScenarioError as error:
            raise FieldError("user", error) from None
        return chat_pb2.DisconnectResponse()

    async def list_users(self, request: chat_pb2.ListUsersRequest) -> chat_pb2.ListUsersResponse:
        """Say what users are called."""
        if request.name:
            known = dict.fromkeys(sorted(self._users.ids_of(request.name)), request.name)
        else:
            known = self._users.names()
        return chat_pb2.ListUsersResponse(
            users=[chat_pb2.User(user_id=user_id, name=name) for user_id, name in known.items()]
        )
