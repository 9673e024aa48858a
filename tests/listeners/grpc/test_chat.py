from __future__ import annotations

from typing import Any

import grpc
import orjson
import pytest
from grpc_rooms import ALICE, BOB, Server, fails, violations

from simulator.scenario import load_script
from simulator.v1 import chat_pb2

Code = grpc.StatusCode


async def connect(server: Server, user: str) -> Any:
    return await server.chat.Connect(chat_pb2.ConnectRequest(user=user))


async def send(server: Server, **fields: Any) -> Any:
    return await server.chat.Send(chat_pb2.SendRequest(**fields))


async def events(server: Server) -> list[dict[str, Any]]:
    return [orjson.loads(r.json) for r in await server.read("chat", "personalChat")]


async def test_a_session_from_connect_to_disconnect(server: Server) -> None:
    alice = await connect(server, ALICE)
    assert alice.user_id == ALICE
    sent = await send(server, user=ALICE, to=BOB, text="hi")
    assert sent.outcome == chat_pb2.SEND_OUTCOME_SENT
    assert sent.error_code == 0
    await server.chat.Disconnect(
        chat_pb2.DisconnectRequest(user=ALICE, reason="bye", code=4000, forced=True)
    )
    connected, said, disconnected = await events(server)
    assert connected["name"] == "userConnected"
    assert connected["userId"] == ALICE
    assert {e["sessionId"] for e in (connected, said, disconnected)} == {alice.session_id}
    message = said["payload"]["personalChatSent"]
    assert message["message_id"] == sent.message_id
    assert (message["sender_id"], message["target_id"], message["payload"]) == (ALICE, BOB, "hi")
    assert disconnected["payload"]["userDisconnected"] == {
        "reason": "bye",
        "code": 4000,
        "forced": True,
    }


async def test_names_stand_for_stable_ids(server: Server) -> None:
    alice = await connect(server, "alice")
    await send(server, user="alice", to="bob", text="hi")
    bob = await connect(server, "bob")
    assert alice.user_id != bob.user_id
    _, said, _ = await events(server)
    assert said["payload"]["personalChatSent"]["target_id"] == bob.user_id


async def test_a_party(server: Server) -> None:
    alice = await connect(server, "alice")
    party = chat_pb2.PartyTarget(party="raid", members=["alice", "bob", "carol"])
    sent = await send(server, user="alice", party=party, text="go")
    assert sent.outcome == chat_pb2.SEND_OUTCOME_SENT
    message = (await events(server))[-1]["payload"]["personalChatSent"]
    assert alice.user_id in message["target_members"]
    assert len(message["target_members"]) == 3


async def test_a_limit_that_is_hit_is_an_outcome(server: Server) -> None:
    await connect(server, "alice")
    answers = [await send(server, user="alice", to="bob", text="hi") for _ in range(11)]
    assert [a.outcome for a in answers[:10]] == [chat_pb2.SEND_OUTCOME_SENT] * 10
    assert answers[10].outcome == chat_pb2.SEND_OUTCOME_RATE_LIMITED
    assert answers[10].error_code == 20007
    assert answers[10].message_id == ""
    assert (await events(server))[-1]["name"] in ("userChatRateLimited", "personalChatSent")
    assert sum(e["name"] == "userChatRateLimited" for e in await events(server)) == 1


async def test_a_muted_user(server: Server) -> None:
    await connect(server, "alice")
    server.rooms.chat.mute("alice")
    answer = await send(server, user="alice", to="bob", text="hi")
    assert (answer.outcome, answer.error_code) == (chat_pb2.SEND_OUTCOME_MUTED, 512017)


@pytest.mark.parametrize(
    ("call", "field", "code"),
    [
        (lambda s: connect(s, ""), "user", Code.INVALID_ARGUMENT),
        (lambda s: connect(s, "x" * 256), "user", Code.INVALID_ARGUMENT),
        (lambda s: send(s, user="alice", text="x"), "target", Code.INVALID_ARGUMENT),
        (lambda s: send(s, user="alice", to="", text="x"), "to", Code.INVALID_ARGUMENT),
        (lambda s: send(s, to="bob", text="x"), "user", Code.INVALID_ARGUMENT),
        (
            lambda s: send(s, user="a", party=chat_pb2.PartyTarget(), text="x"),
            "party.party",
            Code.INVALID_ARGUMENT,
        ),
        (
            lambda s: send(s, user="a", party=chat_pb2.PartyTarget(party="p", members=[""])),
            "party.members[0]",
            Code.INVALID_ARGUMENT,
        ),
        (lambda s: send(s, user="alice", to="bob", text="x"), "user", Code.FAILED_PRECONDITION),
        (
            lambda s: s.chat.Disconnect(chat_pb2.DisconnectRequest(user="alice")),
            "user",
            Code.FAILED_PRECONDITION,
        ),
    ],
)
async def test_what_cannot_be_done(
    server: Server, call: Any, field: str, code: grpc.StatusCode
) -> None:
    error = await fails(call(server), code)
    assert list(violations(error)) == [field]
    assert server.log.end_position == 0


async def test_a_full_log_is_no_fault_of_the_user(server: Server) -> None:
    server.log.max_bytes = 10
    await fails(connect(server, "alice"), Code.RESOURCE_EXHAUSTED, "full")


async def test_users_are_listed_by_the_names_that_stories_and_calls_gave_them(
    server: Server,
) -> None:
    alice = await connect(server, "alice")
    play = server.rooms.player.start(load_script("party_chat"), seed=7)
    await play.wait()
    listed = await server.chat.ListUsers(chat_pb2.ListUsersRequest())
    known = {user.user_id: user.name for user in listed.users}
    assert known[alice.user_id] == "alice"
    assert {known[user_id] for user_id in play.users.values()} == set(play.users)
    both = await server.chat.ListUsers(chat_pb2.ListUsersRequest(name="alice"))
    assert {user.user_id for user in both.users} == {alice.user_id, play.users["alice"]}
    nobody = await server.chat.ListUsers(chat_pb2.ListUsersRequest(name="zoe"))
    assert list(nobody.users) == []
