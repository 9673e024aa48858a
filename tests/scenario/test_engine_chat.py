from __future__ import annotations

import uuid

import pytest
from stage import START, Told, script_of, tell

from simulator.scenario.errors import StepError
from simulator.scenario.identity import derived_id


def test_a_first_connect_with_its_whole_envelope() -> None:
    told = tell(
        """
        namespace: my-game
        parent_namespace: my-studio
        client_id: my-client
        steps: [{connect: alice}]
        """
    )
    (event,) = told.events
    # The order is that of the specification's example; spanContext is left out.
    assert list(event.json) == [
        "payload",
        "id",
        "version",
        "name",
        "namespace",
        "parentNamespace",
        "timestamp",
        "clientId",
        "userId",
        "traceId",
        "sessionId",
    ]
    assert event.json["payload"] == {"userConnected": {}}
    assert event.json["version"] == 1
    assert event.json["namespace"] == "my-game"
    assert event.json["parentNamespace"] == "my-studio"
    assert event.json["clientId"] == "my-client"
    assert event.json["timestamp"] == "2026-01-01T00:00:00.000Z"
    assert event.json["userId"] == derived_id(1, "user", "alice")
    assert event.record.topic == "chat"
    assert event.record.key == event.json["id"].encode()
    assert event.record.timestamp == START // 1_000_000
    assert not event.record.unchecked
    for field in ("id", "userId", "sessionId"):
        assert str(uuid.UUID(event.json[field])) == event.json[field]


def test_an_absent_parent_namespace_is_left_out() -> None:
    (event,) = tell("steps: [{connect: alice}]").events
    assert "parentNamespace" not in event.json


def test_compact_ids_are_the_platforms_own_form() -> None:
    told = tell(
        """
        ids: compact
        parties: {raid: [alice, bob]}
        steps: [{connect: alice}, {chat: {from: alice, party: raid, text: hi}}]
        """
    )
    first, second = told.events
    ids = [first.json[field] for field in ("id", "userId", "sessionId", "traceId")]
    ids += [second.data[field] for field in ("message_id", "sender_id", "target_id")]
    ids += second.data["target_members"]
    assert all(uuid.UUID(one).hex == one for one in ids)


def test_given_ids_are_kept_as_written() -> None:
    alice = "5B0A4D1C-2F7E-4C88-9A64-0C4F4AD1B6DE"
    raid = "0123456789abcdef0123456789abcdef"
    told = tell(
        f"""
        users: {{alice: {{id: {alice}}}, bob: {{}}}}
        parties: {{raid: {{members: [alice, bob], id: "{raid}"}}}}
        steps: [connect: alice, chat: {{from: alice, party: raid, text: hi}}]
        """
    )
    connected, sent = told.events
    assert connected.json["userId"] == sent.data["sender_id"] == alice
    assert sent.data["target_id"] == raid


@pytest.mark.parametrize(
    ("precision", "text", "milliseconds"),
    [
        ("seconds", "2026-01-01T00:00:01Z", 1000),
        ("milliseconds", "2026-01-01T00:00:01.999Z", 1999),
        ("nanoseconds", "2026-01-01T00:00:01.999999999Z", 1999),
    ],
)
def test_a_records_timestamp_is_its_events(precision: str, text: str, milliseconds: int) -> None:
    told = tell(f"{{timestamps: {precision}, steps: [wait: 1999999999ns, connect: alice]}}")
    (event,) = told.events
    assert event.json["timestamp"] == text
    assert event.ms == milliseconds


def test_a_message_to_a_user() -> None:
    told = tell("steps: [connect: alice, chat: {from: alice, to: bob, text: hello}]")
    event = told.events[1]
    users = told.run.cast.users()
    assert (event.record.topic, event.name, event.user) == (
        "personalChat",
        "personalChatSent",
        "alice",
    )
    assert list(event.data) == [
        "message_id",
        "sender_id",
        "target_id",
        "payload",
        "target_type",
        "target_members",
    ]
    assert uuid.UUID(event.data["message_id"]).version == 4
    assert event.data["sender_id"] == users["alice"]
    assert event.data["target_id"] == users["bob"]
    assert event.data["payload"] == "hello"
    assert event.data["target_type"] == "user"
    assert event.data["target_members"] == [users["alice"], users["bob"]]


@pytest.mark.parametrize(
    ("members", "to_bob", "to_raid"),
    [("all", ["alice", "bob"], ["carol", "alice", "bob"]), ("others", ["bob"], ["carol", "bob"])],
)
def test_target_members_and_types_are_settings(
    members: str, to_bob: list[str], to_raid: list[str]
) -> None:
    told = tell(
        f"""
        service: {{target_members: {members}, target_type: {{user: player, party: team}}}}
        parties: {{raid: [carol, alice, bob]}}
        steps:
          - connect: alice
          - chat: {{from: alice, to: bob, text: a}}
          - chat: {{from: alice, party: raid, text: b}}
        """
    )
    users = told.run.cast.users()
    one, group = (event.data for event in told.named("personalChatSent"))
    assert one["target_members"] == [users[name] for name in to_bob]
    assert group["target_members"] == [users[name] for name in to_raid]
    assert (one["target_type"], group["target_type"]) == ("player", "team")
    assert group["target_id"] == derived_id(1, "party", "raid")


@pytest.mark.parametrize(("members", "listed"), [("all", ["alice"]), ("others", [])])
def test_who_writes_to_oneself_is_listed_once(members: str, listed: list[str]) -> None:
    told = tell(
        f"""
        service: {{target_members: {members}}}
        steps: [connect: alice, chat: {{from: alice, to: alice, text: note}}]
        """
    )
    users = told.run.cast.users()
    (sent,) = told.named("personalChatSent")
    assert sent.data["target_id"] == users["alice"]
    assert sent.data["target_members"] == [users[name] for name in listed]


def test_who_is_named_alone_and_in_a_party_connects_once() -> None:
    told = tell(
        """
        parties: {raid: [alice, bob], duo: [bob, carol]}
        steps: [connect: [bob, {party: raid}, {party: duo}]]
        """
    )
    assert told.line() == [f"{name} userConnected" for name in ("bob", "alice", "carol")]


def test_the_session_lasts_from_connect_to_disconnect_and_traces_are_new_for_each_action() -> None:
    told = tell(
        """
        steps:
          - connect: [alice, bob]
          - chat: {from: alice, to: bob, text: one}
          - disconnect: alice
          - connect: alice
          - chat: {from: alice, to: bob, text: two}
        """
    )
    alice = [event for event in told.events if event.user == "alice"]
    sessions = [event.session for event in alice]
    assert sessions[0] == sessions[1] == sessions[2] != sessions[3] == sessions[4]
    everything = [event.json["traceId"] for event in told.events]
    everything += [event.json["id"] for event in told.events]
    assert len(set(everything)) == 2 * 6


def test_a_disconnect_says_what_the_step_or_else_the_settings_say() -> None:
    told = tell(
        """
        variables: {why: revoked}
        service: {disconnected: {code: 1001, reason: gone}}
        steps:
          - connect: [alice, bob]
          - disconnect: alice
          - disconnect: {user: bob, reason: "token ${why}", code: 4020, forced: true}
        """
    )
    usual, other = (event.data for event in told.named("userDisconnected"))
    assert usual == {"reason": "gone", "code": 1001, "forced": False}
    assert other == {"reason": "token revoked", "code": 4020, "forced": True}


def test_a_scripted_rate_limit_has_the_other_events_payload_key() -> None:
    told = tell(
        """
        service: {rate_limited: {code: 7, reason: slow down, forced: true}}
        steps:
          - connect: alice
          - rate_limit: [alice, bob]
          - rate_limit: {user: alice, code: 8, reason: again, forced: false}
        """
    )
    first, absent, second = told.named("userChatRateLimited")
    assert first.json["payload"] == {
        "userDisconnected": {"reason": "slow down", "code": 7, "forced": True}
    }
    assert second.data == {"reason": "again", "code": 8, "forced": False}
    assert first.session == told.events[0].session
    assert (absent.user, absent.session) == ("bob", None)


def test_a_simulated_rate_limit_gives_one_event_for_each_message_over_it() -> None:
    told = tell(
        """
        service: {rate_limit: {messages: 2, per: 1s}}
        steps:
          - connect: alice
          - repeat: {times: 4, steps: [chat: {from: alice, to: bob, text: "${n}"}]}
          - wait: 500ms
          - chat: {from: alice, to: bob, text: later}
        """
    )
    assert told.texts() == ["1", "2", "later"]
    limited = told.named("userChatRateLimited")
    assert [event.data for event in limited] == [
        {"reason": "too many requests", "code": 20007, "forced": False}
    ] * 2
    assert limited[0].json["traceId"] != limited[1].json["traceId"]


def test_a_rate_limit_that_disconnects_shares_the_trace_and_ends_the_session() -> None:
    told = tell(
        """
        service:
          rate_limit: {messages: 1, per: 1s}
          rate_limited: {disconnects: true, disconnect_code: 4321, reason: flood}
        steps:
          - connect: alice
          - repeat: {times: 2, steps: [chat: {from: alice, to: bob, text: x}]}
          - connect: alice
        """
    )
    connected, _, limited, forced, again = told.events
    assert forced.data == {"reason": "flood", "code": 4321, "forced": True}
    assert limited.json["traceId"] == forced.json["traceId"]
    assert limited.session == forced.session == connected.session != again.session


def test_muted_and_too_long_messages_leave_no_event_and_are_counted() -> None:
    told = tell(
        """
        service: {max_message_length: 3, spam: {repeats: 2, within: 1s, mute: 10s}}
        steps:
          - connect: [alice, bob, carol]
          - repeat: {times: 4, steps: [chat: {from: alice, to: bob, text: buy}]}
          - mute: {user: bob, for: 5s}
          - mute: carol
          - chat: {from: bob, to: alice, text: a}
          - chat: {from: carol, to: alice, text: b}
          - wait: 5s
          - chat: {from: bob, to: alice, text: c}
          - chat: {from: carol, to: alice, text: d}
          - unmute: carol
          - chat: {from: carol, to: alice, text: e}
          - chat: {from: bob, to: alice, text: four}
        """
    )
    assert told.texts() == ["buy", "buy", "c", "e"]
    assert told.run.refusals == {"muted": 5, "too_long": 1}
    assert {event.name for event in told.events} == {"userConnected", "personalChatSent"}


@pytest.mark.parametrize(
    ("setting", "line", "refused"),
    [
        ("replace", ["userConnected", "userDisconnected", "userConnected"], {}),
        ("allow", ["userConnected", "userConnected"], {}),
        ("refuse", ["userConnected"], {"multiple_logins": 1}),
    ],
)
def test_a_second_login(setting: str, line: list[str], refused: dict[str, int]) -> None:
    told = tell(
        f"{{service: {{multiple_sessions: {setting}}}, steps: [connect: alice, connect: alice]}}"
    )
    assert [event.name for event in told.events] == line
    assert told.run.refusals == refused
    if setting == "replace":
        old, closed, new = told.events
        assert closed.data == {"reason": "multiple sessions", "code": 4041, "forced": True}
        assert closed.session == old.session != new.session
        assert closed.json["traceId"] == new.json["traceId"]


def test_of_several_sessions_the_newest_writes_and_ends_and_everyone_ends_all() -> None:
    told = tell(
        """
        service: {multiple_sessions: allow}
        steps:
          - repeat: {times: 3, steps: [connect: alice]}
          - chat: {from: alice, to: bob, text: newest}
          - disconnect: alice
          - chat: {from: alice, to: bob, text: second}
          - disconnect: everyone
        """
    )
    one, two, three, *rest = (event.session for event in told.events)
    assert rest == [three, three, two, two, one]
    assert len({one, two, three}) == 3


def test_who_finds_the_service_full_is_turned_away() -> None:
    told = tell("{service: {max_users: 1}, steps: [connect: [alice, bob]]}")
    _, away = told.events
    assert (away.name, away.user, away.session) == ("userDisconnected", "bob", None)
    assert away.data == {"reason": "concurrent user limit", "code": 4060, "forced": True}
    assert told.run.refusals == {"full": 1}


def test_who_names_parties_lists_and_everyone() -> None:
    told = tell(
        """
        users: [alice, bob, carol, dave]
        parties: {duo: [carol, bob]}
        steps:
          - connect: {party: duo}
          - connect: everyone       # who is declared and not there yet
          - disconnect: [dave, alice]
          - disconnect: {party: duo}
          - disconnect: {party: duo}      # nobody of them is there
          - disconnect: everyone
        """
    )
    expected = ["carol", "bob", "alice", "dave", "dave", "alice", "carol", "bob"]
    assert [event.user for event in told.events] == expected


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("chat: {from: alice, to: bob, text: x}", "alice is not connected: connect alice first"),
        ("disconnect: bob", "bob is not connected: connect bob first"),
        ("disconnect: [bob, carol]", "bob is not connected"),
        ('chat: {from: "${who}", to: bob, text: x}', "no user is called 'bert'; users: alice"),
        ('connect: "${near}"', "no user is called 'alcie'; did you mean alice?"),
        ("chat: {from: carol, party: duo, text: x}", "carol is not in the party duo"),
    ],
)
def test_a_step_that_cannot_be_done_ends_the_story_at_its_place(step: str, message: str) -> None:
    story = Told(
        script_of(
            f"""
            variables: {{who: alice, near: alice}}
            parties: {{duo: [alice, bob]}}
            steps:
              - connect: carol
              - repeat:
                  times: 2
                  steps:
                    - {step}
              - disconnect: carol
            """
        ),
        variables={"who": "bert", "near": "alcie"},
    )
    with pytest.raises(StepError) as caught:
        story.to_the_end()
    assert str(caught.value).startswith("story.yaml:8:")
    assert message in caught.value.message
    assert str(caught.value) == f"{caught.value.position}: {caught.value.message}"
    assert story.line() == ["carol userConnected"]
    assert story.run.next_due_ns is None
    assert story.run.advance(START * 2, 100)
    assert len(story.events) == 1
