from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.scenario.chat_service import Account, ChatService, ConnectOutcome, SendOutcome
from simulator.scenario.script import ServiceSettings
from simulator.scenario.spam_rule import SpamHistory, SpamRule
from simulator.scenario.token_bucket import FULL, TokenBucket

MS = 1_000_000
SECOND = 1_000_000_000
T = 1_767_225_600 * SECOND  # 2026-01-01

SENT, LIMITED = SendOutcome.SENT, SendOutcome.RATE_LIMITED
MUTED, TOO_LONG = SendOutcome.MUTED, SendOutcome.TOO_LONG


def connected(service: ChatService, user: str = "alice", now: int = T) -> Account:
    account = service.account(user)
    assert service.decide_connect(account).outcome is ConnectOutcome.CONNECTED
    service.open(account, f"{user}-session-{now}", now)
    return account


# --- the token bucket ------------------------------------------------------------------------


def test_the_default_limit_lets_ten_messages_through_at_once_and_refuses_the_eleventh() -> None:
    # Facts, section 5: 10 messages per 1,000 ms.
    service = ChatService(ServiceSettings())
    alice = connected(service)
    assert [service.send(alice, str(n), T) for n in range(12)] == [SENT] * 10 + [LIMITED] * 2


def test_the_bucket_gains_one_message_every_hundred_milliseconds_to_the_nanosecond() -> None:
    service = ChatService(ServiceSettings())
    alice = connected(service)
    for n in range(10):
        service.send(alice, str(n), T)
    assert service.send(alice, "just too early", T + 100 * MS - 1) is LIMITED
    assert service.send(alice, "on time", T + 100 * MS) is SENT
    assert service.send(alice, "again too early", T + 200 * MS - 1) is LIMITED
    assert service.send(alice, "on time", T + 200 * MS) is SENT


def test_a_refusal_uses_up_nothing_and_a_full_bucket_does_not_overflow() -> None:
    service = ChatService(ServiceSettings())
    alice = connected(service)
    for _ in range(100):
        service.send(alice, "x", T)
    assert [service.send(alice, "x", T + SECOND) for _ in range(11)] == [SENT] * 10 + [LIMITED]
    assert [service.send(alice, "x", T + 3600 * SECOND) for _ in range(11)][-2:] == [SENT, LIMITED]


def test_every_user_has_a_bucket_that_outlasts_the_session() -> None:
    service = ChatService(ServiceSettings(rate_limit_messages=1, rate_limit_window=10 * SECOND))
    alice, bob = connected(service), connected(service, "bob")
    assert service.send(alice, "x", T) is SENT
    assert service.send(bob, "x", T) is SENT
    service.disconnect(alice, T + 1)
    assert service.send(connected(service, now=T + 2), "x", T + 2) is LIMITED
    assert service.send(service.account("alice"), "x", T + 10 * SECOND) is SENT


def test_the_limit_can_be_off() -> None:
    service = ChatService(ServiceSettings(rate_limit_messages=0))
    alice = connected(service)
    assert {service.send(alice, str(n), T) for n in range(1000)} == {SENT}


class NaiveBucket:
    """The textbook bucket, in exact fractions."""

    def __init__(self, messages: int, window: int) -> None:
        self.capacity = Fraction(messages)
        self.rate = Fraction(messages, window)
        self.tokens = self.capacity
        self.last = 0

    def take(self, now: int) -> bool:
        self.tokens = min(self.capacity, self.tokens + (now - self.last) * self.rate)
        self.last = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@given(
    messages=st.integers(1, 20),
    window=st.integers(1, 10**10) | st.sampled_from([SECOND, 1, 3, 7]),
    gaps=st.lists(st.integers(0, 10**10) | st.integers(0, 3), max_size=60),
    scale=st.sampled_from([1, 100, 10_000]),
)
def test_the_bucket_is_the_textbook_one(
    messages: int, window: int, gaps: list[int], scale: int
) -> None:
    bucket, naive = TokenBucket(messages, window), NaiveBucket(messages, window)
    state, now = FULL, 0
    for gap in gaps:
        now += gap // scale
        after = bucket.take(state, now)
        assert (after >= 0) == naive.take(now)
        state = after if after >= 0 else state
        assert bucket.is_full(state, now) == (naive.tokens == naive.capacity)


@pytest.mark.parametrize(("messages", "window"), [(0, 1), (-1, 1), (1, 0)])
def test_a_bucket_needs_messages_and_a_window(messages: int, window: int) -> None:
    with pytest.raises(ValueError, match="no such token bucket"):
        TokenBucket(messages, window)


# --- spam and mutes --------------------------------------------------------------------------

SPAM = ServiceSettings(
    rate_limit_messages=0, spam_repeats=3, spam_window=5 * SECOND, spam_mute=30 * SECOND
)


def test_the_same_text_three_times_mutes_and_the_third_is_still_sent() -> None:
    service = ChatService(SPAM)
    alice = connected(service)
    outcomes = [service.send(alice, "buy", T + n * SECOND) for n in range(5)]
    assert outcomes == [SENT, SENT, SENT, MUTED, MUTED]
    assert service.send(alice, "something else", T + 2 * SECOND) is MUTED


@pytest.mark.parametrize(
    ("times", "muted"),
    [
        ([0, 1, 5 * SECOND], True),  # the window includes its end
        ([0, 1, 5 * SECOND + 1], False),
        ([0, 5 * SECOND, 5 * SECOND + 1], False),
        ([0, 4 * SECOND, 6 * SECOND, 9 * SECOND], True),  # the window slides
        ([0, 3 * SECOND, 6 * SECOND, 9 * SECOND, 12 * SECOND], False),
    ],
)
def test_the_edges_of_the_spam_window(times: list[int], muted: bool) -> None:
    service = ChatService(SPAM)
    alice = connected(service)
    for time in times:
        assert service.send(alice, "buy", T + time) is SENT
    after = T + times[-1] + 1
    assert service.send(alice, "and now?", after) is (MUTED if muted else SENT)


def test_texts_count_exactly_and_others_in_between_do_not_matter() -> None:
    service = ChatService(SPAM)
    alice = connected(service)
    for text in ("buy", "Buy", "buy ", "buy", "hello", "buy"):
        assert service.send(alice, text, T) is SENT
    assert service.send(alice, "x", T) is MUTED


def test_messages_over_the_rate_limit_do_not_count_as_spam() -> None:
    settings = ServiceSettings(
        rate_limit_messages=2,
        rate_limit_window=10 * SECOND,
        spam_repeats=3,
        spam_window=60 * SECOND,
    )
    service = ChatService(settings)
    alice = connected(service)
    outcomes = [service.send(alice, "buy", T) for _ in range(6)]
    assert outcomes == [SENT, SENT, LIMITED, LIMITED, LIMITED, LIMITED]
    assert service.send(alice, "buy", T + 5 * SECOND) is SENT
    assert service.send(alice, "buy", T + 10 * SECOND) is MUTED


def test_a_mute_ends_to_the_nanosecond_and_the_count_begins_anew() -> None:
    service = ChatService(SPAM)
    alice = connected(service)
    for _ in range(3):
        service.send(alice, "buy", T)
    assert service.send(alice, "buy", T + 30 * SECOND - 1) is MUTED
    assert [service.send(alice, "buy", T + 30 * SECOND) for _ in range(4)] == [SENT] * 3 + [MUTED]
    # Also where the mute is shorter than the window that counts repetitions.
    service = ChatService(replace(SPAM, spam_mute=SECOND))
    bob = connected(service, "bob")
    for _ in range(3):
        service.send(bob, "buy", T)
    assert [service.send(bob, "buy", T + SECOND) for _ in range(4)] == [SENT] * 3 + [MUTED]


def test_a_mute_by_hand_outlasts_the_session_and_unmute_ends_it() -> None:
    service = ChatService(ServiceSettings())
    alice = connected(service)
    service.mute(alice, None, T)
    service.disconnect(alice, T)
    alice = connected(service, now=T + 3600 * SECOND)
    assert service.send(alice, "x", T + 10**9 * SECOND) is MUTED
    service.unmute(alice, T)
    assert service.send(alice, "x", T) is SENT
    service.mute(alice, 2 * SECOND, T)
    assert service.send(alice, "x", T + 2 * SECOND - 1) is MUTED
    assert service.send(alice, "x", T + 2 * SECOND) is SENT


def test_somebody_who_is_not_connected_can_be_muted_and_unmuted() -> None:
    service = ChatService(ServiceSettings())
    service.mute(service.account("alice"), None, T)
    assert service.send(connected(service), "x", T) is MUTED
    service.disconnect(service.account("alice"), T)
    service.unmute(service.account("alice"), T)
    assert service.send(connected(service), "x", T) is SENT


def test_a_muted_message_uses_no_token() -> None:
    service = ChatService(ServiceSettings(rate_limit_messages=1))
    alice = connected(service)
    service.mute(alice, SECOND, T)
    assert service.send(alice, "x", T) is MUTED
    assert service.send(alice, "x", T + SECOND) is SENT


def test_the_history_of_spam_forgets_what_is_too_old() -> None:
    rule, history = SpamRule(3, SECOND), SpamHistory()
    for n in range(10_000):
        assert not rule.note(history, f"text {n}", n * SECOND)
    assert len(history.times) < 200
    for n in range(300):  # but not what can still count
        rule.note(history, f"new {n}", 10**6 * SECOND)
    assert not rule.note(history, "new 0", 10**6 * SECOND)
    assert rule.note(history, "new 0", 10**6 * SECOND)


# --- length ----------------------------------------------------------------------------------


def test_the_longest_message_passes_and_one_character_more_does_not() -> None:
    service = ChatService(ServiceSettings(max_message_length=5, rate_limit_messages=2))
    alice = connected(service)
    assert service.send(alice, "x" * 6, T) is TOO_LONG
    assert service.send(alice, "👍👍👍👍👍", T) is SENT  # characters, not bytes
    assert service.send(alice, "x" * 5, T) is SENT
    assert service.send(alice, "x" * 5, T) is LIMITED


# --- sessions --------------------------------------------------------------------------------


def test_the_limit_of_users_turns_away_one_too_many_until_somebody_leaves() -> None:
    service = ChatService(ServiceSettings(max_users=2, multiple_sessions="allow"))
    alice = connected(service)
    connected(service, "bob")
    carol = service.account("carol")
    assert service.decide_connect(carol).outcome is ConnectOutcome.FULL
    connected(service)  # a second session is no second user
    service.disconnect(alice, T)
    assert service.decide_connect(carol).outcome is ConnectOutcome.FULL
    service.disconnect(alice, T)
    assert service.decide_connect(carol).outcome is ConnectOutcome.CONNECTED


@pytest.mark.parametrize(
    ("setting", "outcome", "replaced"),
    [
        ("replace", ConnectOutcome.CONNECTED, "first"),
        ("allow", ConnectOutcome.CONNECTED, None),
        ("refuse", ConnectOutcome.MULTIPLE, None),
    ],
)
def test_a_second_login(setting: str, outcome: ConnectOutcome, replaced: str | None) -> None:
    service = ChatService(ServiceSettings(multiple_sessions=setting))  # type: ignore[arg-type]
    alice = service.account("alice")
    service.open(alice, "first", T)
    assert service.decide_connect(alice) == (outcome, replaced)
    if outcome is ConnectOutcome.MULTIPLE:
        return
    service.open(alice, "second", T + 1)
    assert (alice.session_id, alice.since_ns) == ("second", T + 1)
    service.disconnect(alice, T + 2)
    if setting == "allow":
        assert alice.session_id == "first"
        service.disconnect(alice, T + 3)
    assert alice.session_id is None
    assert not service.online


def test_users_are_online_in_the_order_in_which_they_came() -> None:
    service = ChatService(ServiceSettings())
    for user in ("carol", "alice", "bob"):
        connected(service, user)
    service.disconnect(service.account("carol"), T)
    connected(service, "carol")
    assert list(service.online) == ["alice", "bob", "carol"]


def test_who_left_is_forgotten_once_nothing_is_held_against_them() -> None:
    service = ChatService(ServiceSettings(rate_limit_messages=1, rate_limit_window=SECOND))
    for n in range(10_000):
        now = T + n * SECOND
        user = connected(service, f"user-{n}", now)
        assert service.send(user, "x", now) is SENT
        service.disconnect(user, now)
    assert len(service._offline) < 3_000
    # The last one is still remembered: its token is not back yet.
    last = service.account("user-9999")
    assert service.send(last, "x", now + SECOND - 1) is LIMITED


def test_who_leaves_with_nothing_held_against_them_is_forgotten_at_once() -> None:
    service = ChatService(ServiceSettings())
    alice = connected(service)
    service.send(alice, "x", T)
    service.disconnect(alice, T + 100 * MS)
    assert service._offline == {}
    service.mute(alice, None, T)
    assert list(service._offline) == ["alice"]
    service.unmute(alice, T + 100 * MS)
    assert service._offline == {}


def test_an_adopted_account_takes_the_place_of_the_other_one() -> None:
    ended: list[str] = []

    class Watched(Account):
        __slots__ = ()

        def ended(self) -> None:
            ended.append(self.user_id)

    service = ChatService(ServiceSettings(rate_limit_messages=1))
    first = Watched("alice")
    service.adopt(first)
    service.open(first, "session", T)
    service.send(first, "x", T)
    second = Account("alice")
    service.adopt(second)
    assert ended == ["alice"]
    assert (first.session_id, second.session_id) == (None, "session")
    assert service.account("alice") is second
    assert service.send(second, "x", T) is LIMITED
    service.disconnect(second, T)
    third = Account("alice")
    service.adopt(third)
    assert third.session_id is None
    assert service.send(third, "x", T) is LIMITED


def test_a_copy_of_a_service_goes_its_own_way() -> None:
    service = ChatService(ServiceSettings(rate_limit_messages=2, spam_repeats=2))
    alice = connected(service)
    service.mute(service.account("bob"), None, T)
    service.send(alice, "x", T)
    copy = service.copy()
    service.send(alice, "y", T)
    service.disconnect(alice, T)
    service.unmute(service.account("bob"), T)
    again = copy.account("alice")
    assert again.session_id is not None
    assert copy.send(again, "x", T) is SENT  # the second token, and the second "x"
    assert copy.send(again, "z", T) is MUTED
    assert copy.send(connected(copy, "bob"), "x", T) is MUTED
