"""Story by story: the outcome means what the story says."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict

import pytest
from story_plays import (
    BROKEN_PIPE,
    CONCURRENT_USER_LIMIT,
    CONNECTED,
    DISCONNECTED,
    FAST_RECONNECT,
    LIMITED,
    LOGGED_OUT,
    MULTIPLE_SESSIONS,
    NORMAL,
    RATE_LIMIT_DATA,
    READER_TIMEOUT,
    SENT,
    SERVER_SHUTDOWN,
    TOKEN_REVOKED,
    TOO_MANY_REQUESTS,
    UNABLE_TO_PING,
    UNEXPECTED_EOF,
    UNKNOWN,
    check_events,
    check_sessions,
    milliseconds,
    play,
    source,
    steps_of,
)

from simulator.catalog import Catalog, InvalidEvent
from simulator.log import Record
from simulator.scenario import load_script
from simulator.scenario.player import PlayState
from simulator.scenario.script import (
    Chat,
    Crowd,
    Duplicate,
    Late,
    Mute,
    Produce,
    RateLimit,
    Repeat,
    Wait,
)


def test_first_connect_is_one_session() -> None:
    came, left = play("first_connect").events
    assert (came.name, left.name) == (CONNECTED, DISCONNECTED)
    assert came.user == left.user
    assert came.session == left.session
    assert came.json["id"] != left.json["id"]
    assert came.json["traceId"] != left.json["traceId"]
    assert (left.code, left.data["forced"]) == (NORMAL, False)
    (stay,) = steps_of(load_script("first_connect"), Wait)
    assert milliseconds(left) - milliseconds(came) == stay.span.low // 10**6


def test_two_friends_write_to_each_other_in_their_sessions() -> None:
    played = play("two_friends_chat")
    friends = {played.id("alice"), played.id("bob")}
    sessions = {event.user: event.session for event in played.named(CONNECTED)}
    assert set(sessions) == friends
    lines = [step.text for step in steps_of(played.script, Chat)]
    assert [event.text for event in played.named(SENT)] == lines
    for event in played.named(SENT):
        assert event.user == event.data["sender_id"]
        assert {event.data["sender_id"], event.data["target_id"]} == friends
        assert event.session == sessions[event.user]
        assert event.record.topic == "personalChat"


def test_party_chat_names_the_party_and_all_its_members() -> None:
    played = play("party_chat")
    members = [played.id(name) for name in played.script.parties["raid"].members]
    party = played.id("raid")
    assert len(members) == 4
    for event in played.named(SENT):
        assert event.data["target_id"] == party
        assert event.data["target_members"] == members
    banter = set(played.script.corpora["banter"])
    drawn = [event.text for event in played.named(SENT, "carol") if event.text != "ready"]
    assert drawn
    assert set(drawn) <= banter


def test_rate_limited_lets_through_what_the_bucket_holds() -> None:
    played = play("rate_limited")
    (flood,) = steps_of(played.script, Repeat)
    assert flood.times is not None
    allowed = played.script.service.rate_limit_messages
    limited = played.named(LIMITED)
    assert len(limited) == flood.times - allowed
    assert {event.user for event in limited} == {played.id("alice")}
    assert all(event.data == RATE_LIMIT_DATA for event in limited)
    assert all("userDisconnected" in event.json["payload"] for event in limited)
    shouts = [event.text for event in played.named(SENT, "alice") if "GOT THE SPOON" in event.text]
    assert shouts == [f"BOB GOT THE SPOON ({n})" for n in range(1, allowed + 1)]
    assert played.named(SENT, "alice")[-1].record.position > limited[-1].record.position


def test_rate_limited_is_short_enough_to_watch() -> None:
    played = play("rate_limited")
    assert 10 <= len(played.events) <= 20
    outcome = played.outcome
    assert 5 <= (outcome.end_ns - outcome.start_ns) / 10**9 <= 15
    assert {event.name for event in played.events} == {CONNECTED, DISCONNECTED, SENT, LIMITED}


def test_spammer_is_limited_first_and_muted_then() -> None:
    played = play("spammer_muted")
    service = played.script.service
    flood, spam = steps_of(played.script, Repeat)
    assert flood.times is not None
    assert len(played.named(LIMITED)) == flood.times - service.rate_limit_messages
    assert spam.times == service.spam_repeats
    sent = played.named(SENT, "mallory")
    repeated = [event for event in sent if event.text == "buy gold now"]
    assert len(repeated) == service.spam_repeats
    muted = milliseconds(repeated[-1])
    after = [event for event in sent if milliseconds(event) > muted]
    assert [event.text for event in after] == ["sorry. wrong business model"]
    assert milliseconds(after[0]) >= muted + service.spam_mute // 10**6
    assert played.named(SENT, "bob"), "only the spammer is muted"


def test_moderator_silences_for_a_time() -> None:
    played = play("moderator_mutes")
    assert [event.text for event in played.named(SENT)] == [
        "that was MY loot",
        "your name was not on it",
        "so peaceful",
        "sorry. she can have it",
        "thank you",
    ]
    (mute,) = steps_of(played.script, Mute)
    assert mute.duration is not None
    before, after = played.named(SENT, "carol")
    assert milliseconds(after) - milliseconds(before) > mute.duration // 10**6
    chats = steps_of(played.script, Repeat)[0].times
    assert played.outcome.refusals == {"muted": 2 * (chats or 0) + 1}


def test_rate_limit_can_force_a_user_out() -> None:
    played = play("rate_limited_forced_out")
    bob = [event for event in played.events if event.user == played.id("bob")]
    allowed = played.script.service.rate_limit_messages
    names = [event.name for event in bob]
    assert names == [
        CONNECTED,
        *[SENT] * allowed,
        LIMITED,
        DISCONNECTED,
        CONNECTED,
        SENT,
        DISCONNECTED,
    ]
    limited, thrown_out, left = bob[allowed + 1], bob[allowed + 2], bob[-1]
    assert (limited.code, limited.data["forced"]) == (TOO_MANY_REQUESTS, True)
    assert (thrown_out.code, thrown_out.data["forced"]) == (UNKNOWN, True)
    assert thrown_out.session == bob[0].session != left.session


def test_server_shutdown_closes_every_session_with_4000() -> None:
    played = play("server_shutdown")
    connected = played.named(CONNECTED)
    last = list(played.events)[-len(connected) :]
    assert [event.name for event in last] == [DISCONNECTED] * len(connected)
    assert {event.session for event in last} == {event.session for event in connected}
    assert {(event.code, event.data["forced"]) for event in last} == {(SERVER_SHUTDOWN, True)}
    assert len({milliseconds(event) for event in last}) == 1


def test_revoked_token_ends_one_session_and_a_login_opens_another() -> None:
    played = play("token_revoked")
    first, second = played.named(CONNECTED, "bob")
    revoked, left = played.named(DISCONNECTED, "bob")
    assert (revoked.code, revoked.data["forced"]) == (TOKEN_REVOKED, True)
    assert left.code == NORMAL
    assert (first.session, second.session) == (revoked.session, left.session)
    assert first.session != second.session
    assert [event.code for event in played.named(DISCONNECTED, "alice")] == [NORMAL]


def test_second_login_replaces_the_first_session() -> None:
    played = play("multiple_logins")
    phone, console = played.named(CONNECTED, "alice")
    replaced, left = played.named(DISCONNECTED, "alice")
    assert (replaced.code, replaced.data["forced"]) == (MULTIPLE_SESSIONS, True)
    assert replaced.session == phone.session
    assert left.session == console.session
    assert [event.session for event in played.named(SENT, "alice")] == [
        phone.session,
        console.session,
    ]


def test_reconnect_storm_brings_back_the_same_people() -> None:
    played = play("reconnect_storm")
    before, after = steps_of(played.script, Crowd)
    assert before.users == after.users
    cut = [event for event in played.named(DISCONNECTED) if event.code == UNEXPECTED_EOF]
    outage = milliseconds(cut[0])
    assert len(cut) == before.users
    assert {milliseconds(event) for event in cut} == {outage}
    first = [event for event in played.named(CONNECTED) if milliseconds(event) < outage]
    again = [event for event in played.named(CONNECTED) if milliseconds(event) > outage]
    assert len(first) == len(again) == before.users
    assert {event.user for event in first} == {event.user for event in again}
    assert {event.session for event in first} == {event.session for event in cut}
    assert not {event.session for event in first} & {event.session for event in again}
    # 500 arrivals at 100/s take 5 s; ten times the deviation on top would be a broken clock.
    assert milliseconds(again[-1]) - outage < 10_000
    check_sessions(played)


def test_duplicates_are_the_same_to_the_byte() -> None:
    played = play("duplicate_deliveries")
    by_id: dict[str, list[Record]] = defaultdict(list)
    for event in played.events:
        by_id[event.json["id"]].append(event.record)
    for copies in by_id.values():
        assert len({(copy.topic, copy.key, copy.value, copy.headers) for copy in copies}) == 1
        assert len({copy.timestamp for copy in copies}) == 1
    extra = sum(step.last * step.times for step in steps_of(played.script, Duplicate))
    assert len(played.events) - len(by_id) == extra


def test_late_messages_carry_the_time_of_their_writing() -> None:
    played = play("out_of_order_timestamps")
    by_text = {event.text: milliseconds(event) for event in played.named(SENT)}
    short, long = (step.by // 10**6 for step in steps_of(played.script, Late))
    assert by_text["first, but late"] == by_text["second"] - short
    assert by_text["third"] > by_text["second"]
    written = [by_text[f"a minute late, no. {n}"] for n in (1, 2, 3)]
    assert [b - a for a, b in itertools.pairwise(written)] == [100, 100]
    assert written[0] == by_text["third"] + 60_000 - long
    stamps = [milliseconds(event) for event in played.events]
    assert stamps != sorted(stamps)


def test_unicode_texts_arrive_as_they_were_written() -> None:
    played = play("unicode_texts")
    story = source("unicode_texts")
    (repeat,) = [step["repeat"] for step in story["steps"] if "repeat" in step]
    variables = {f"${{{name}}}": value for name, value in story["variables"].items()}
    written = [variables.get(text, text).replace("$${", "${") for text in repeat["each"]]
    assert [event.text for event in played.named(SENT, "alice")] == written
    everything = "".join(written)
    for awkward in ("\u200d", "\u200b", "\ufeff", "\u202e", "\u0301", "\0", "\U00020bb7"):
        assert awkward in everything
    assert any("\u05d0" <= letter <= "\u06ff" for letter in everything), "right to left"
    longest = played.named(SENT, "bob")[-1]
    assert len(longest.text) == played.script.service.max_message_length == 2000


def test_largest_message_is_nearly_a_record() -> None:
    played = play("largest_message")
    largest = max(len(event.record.value or b"") for event in played.events)
    assert 1_000_000 < largest <= 1024 * 1024 - 2048


def test_quiet_hour_is_an_hour() -> None:
    played = play("quiet_hour")
    assert played.outcome.end_ns - played.outcome.start_ns == 3600 * 10**9
    assert milliseconds(played.events[-1]) - milliseconds(played.events[0]) == 3_600_000
    assert len(played.events) == 8


def test_user_limit_turns_one_away_until_there_is_room() -> None:
    played = play("concurrent_user_limit")
    limit = played.script.service.max_users
    assert limit == 3
    online: set[str] = set()
    most = 0
    for event in played.events:
        if event.name == CONNECTED:
            online.add(event.user)
        if event.name == DISCONNECTED:
            online.discard(event.user)
        most = max(most, len(online))
    assert most == limit
    refused = played.named(DISCONNECTED, "dave")[0]
    assert (refused.code, refused.data["forced"]) == (CONCURRENT_USER_LIMIT, True)
    assert [event.text for event in played.named(SENT, "dave")] == ["finally"]


def test_fast_reconnects_are_new_sessions_of_the_same_user() -> None:
    played = play("fast_reconnect")
    came, left = played.named(CONNECTED, "carol"), played.named(DISCONNECTED, "carol")
    assert [event.code for event in left] == [FAST_RECONNECT] * 3 + [NORMAL]
    assert [event.session for event in came] == [event.session for event in left]
    assert len({event.session for event in came}) == 4
    for lost, back in zip(left, came[1:], strict=False):
        assert 0 < milliseconds(back) - milliseconds(lost) < 1000


def test_flaky_player_loses_the_connection_in_several_ways() -> None:
    codes: Counter[int] = Counter()
    for seed in range(1, 6):
        played = play("flaky_mobile_player", seed=seed)
        codes.update(event.code for event in played.named(DISCONNECTED, "dave"))
    assert set(codes) == {NORMAL, BROKEN_PIPE, UNABLE_TO_PING, READER_TIMEOUT, UNEXPECTED_EOF}
    assert codes[READER_TIMEOUT] > codes[BROKEN_PIPE], "the weights count"


def test_mixed_branches_interleave() -> None:
    played = play("mixed_branches")
    check_sessions(played)
    carol = [event.name for event in played.events if event.user == played.id("carol")]
    assert carol == [CONNECTED, LIMITED, DISCONNECTED]
    (limited,) = played.named(LIMITED)
    assert limited.code == TOO_MANY_REQUESTS
    (scripted,) = steps_of(played.script, RateLimit)
    assert scripted.code is None
    kicked = [event for event in played.named(DISCONNECTED) if event.code == LOGGED_OUT]
    (crowd,) = steps_of(played.script, Crowd)
    assert len(kicked) == crowd.users + 1
    friends = {played.id("alice"), played.id("bob")}
    before = [event for event in played.events if event.record.position < limited.record.position]
    after = [event for event in played.events if event.record.position > limited.record.position]
    for part in (before, after):
        senders = {event.user for event in part if event.name == SENT}
        assert senders & friends
        assert senders - friends


def test_bad_events_are_marked_and_surrounded_by_good_ones() -> None:
    played = play("bad_events")
    catalog = Catalog.builtin()
    bad = [event for event in played.events if event.record.unchecked]
    (raw,) = steps_of(played.script, Repeat)
    assert raw.each is not None
    produced = [step for step in steps_of(played.script, Produce) if not step.validate]
    assert len(bad) == len(raw.each) + len(produced) - 1
    assert [(event.record.value or b"").decode() for event in bad[: len(raw.each)]] == list(
        raw.each
    )
    for event in bad:
        with pytest.raises(InvalidEvent):
            catalog.check(event.record.topic, event.json)
    good = [event.name for event in played.events if not event.record.unchecked]
    assert good == [CONNECTED, DISCONNECTED]
    assert played.events[-1].name == DISCONNECTED


def test_extra_fields_are_legal() -> None:
    played = play("extra_fields")
    assert not any(event.record.unchecked for event in played.events)
    connected, sent, left = played.events
    assert {"timestampUnixNano", "unionNamespace"} <= set(connected.json)
    assert sent.data["attachments"] == [{"kind": "sticker", "size": 3}]
    assert set(left.json) == {
        "id",
        "version",
        "name",
        "namespace",
        "timestamp",
        "userId",
        "payload",
    }


def test_compact_ids_have_no_dashes_and_times_have_nanoseconds() -> None:
    played = play("compact_ids")
    for event in played.events:
        for field in ("id", "userId", "sessionId", "traceId"):
            assert re.fullmatch("[0-9a-f]{32}", event.json[field]), field
        assert re.fullmatch(r"[0-9T:-]{19}\.[0-9]{9}Z", event.json["timestamp"])
    (message,) = played.named(SENT)
    for field in ("message_id", "sender_id", "target_id"):
        assert re.fullmatch("[0-9a-f]{32}", message.data[field]), field


def test_evening_of_ten_thousand() -> None:
    played = play("evening_10k")
    assert played.outcome.problems == ()
    assert played.outcome.state is PlayState.PASSED
    (crowd,) = steps_of(played.script, Crowd)
    assert crowd.users == 10_000
    assert len({event.user for event in played.named(CONNECTED)}) == crowd.users
    assert len(played.events) < 300_000
    check_events(played)
    check_sessions(played)
    assert play("evening_10k").digest() == played.digest()
