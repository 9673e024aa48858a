"""Expectations: counts, conditions, and what a failure says."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from expected_story import ALICE, ALL, BOB, CODE, LIMITED, ORDER, Story, resolve
from script_texts import parsed

from simulator.scenario.expectations import ExpectationObserver, said_time

# --- counts ----------------------------------------------------------------------------------


def test_a_count_that_holds() -> None:
    story = Story(LIMITED)
    story.limit("alice")
    story.limit("bob")
    assert story.holds() == "1 userChatRateLimited for alice"


@pytest.mark.parametrize(
    ("count", "holding"),
    [
        ("is: 2", {2}),
        ("is: 0", {0}),
        ("at_least: 2", {2, 3, 4}),
        ("at_most: 2", {0, 1, 2}),
        ("{at_least: 1, at_most: 2}", {1, 2}),
    ],
)
def test_bounds_of_counts(count: str, holding: set[int]) -> None:
    for told in range(5):
        story = Story(f"count: {{event: userConnected, {count.strip('{}')}}}")
        for _ in range(told):
            story.tell("userConnected")
        assert story.verdict.ok == (told in holding)


def test_nothing_arrived() -> None:
    assert Story(LIMITED).fails() == (
        "expected exactly 1 userChatRateLimited for alice, saw 0: nothing arrived"
    )


def test_only_other_events_arrived() -> None:
    story = Story(LIMITED)
    for _ in range(3):
        story.tell("userConnected")
    story.tell("personalChatSent", topic="personalChat")
    assert story.fails() == (
        "expected exactly 1 userChatRateLimited for alice, saw 0:"
        " no userChatRateLimited arrived, but 3 userConnected and 1 personalChatSent"
    )


@pytest.mark.parametrize(
    ("users", "near"),
    [
        (["bob"], "1 userChatRateLimited arrived, for bob"),
        (["bob", "bob"], "2 userChatRateLimited arrived, both for bob"),
        (["bob"] * 3, "3 userChatRateLimited arrived, all for bob"),
        (["bob", "zoe", "bob"], "3 userChatRateLimited arrived, 2 for bob and 1 for zoe"),
        (
            ["bob", "bob", *(f"u{n}" for n in range(50))],
            "52 userChatRateLimited arrived,"
            " 2 for bob, 1 for u0, 1 for u1, 1 for u10 and 47 others",
        ),
    ],
)
def test_events_of_other_users_arrived(users: list[str], near: str) -> None:
    story = Story(LIMITED)
    for user in users:
        story.limit(user)
    assert story.fails() == f"expected exactly 1 userChatRateLimited for alice, saw 0: {near}"


def test_events_of_nobody_arrived() -> None:
    story = Story(LIMITED)
    story.tell("userChatRateLimited", None)
    assert story.fails().endswith("1 userChatRateLimited arrived, for nobody")


@pytest.mark.parametrize(
    ("codes", "near"),
    [
        ([4000], f"1 userChatRateLimited arrived for alice, but {CODE} was 4000"),
        ([4000, 4000], f"2 userChatRateLimited arrived for alice, but {CODE} was 4000"),
        (
            [4000, 4001, 4000],
            f"3 userChatRateLimited arrived for alice, but {CODE} was 2 with 4000 and 1 with 4001",
        ),
        ([None], f"1 userChatRateLimited arrived for alice, but {CODE} was absent"),
        (["20007"], f'1 userChatRateLimited arrived for alice, but {CODE} was "20007"'),
    ],
)
def test_events_with_other_values_arrived(codes: list[Any], near: str) -> None:
    story = Story(
        f"count: {{event: userChatRateLimited, user: alice, where: {{{CODE}: 20007}}, is: 1}}"
    )
    story.limit("bob")
    for code in codes:
        details = {} if code is None else {"code": code}
        story.tell("userChatRateLimited", payload={"userDisconnected": details})
    assert story.fails() == (
        f"expected exactly 1 userChatRateLimited for alice with {CODE} = 20007, saw 0: {near}"
    )


def test_events_in_another_topic_arrived() -> None:
    story = Story("count: {event: userConnected, topic: orders, at_least: 1}")
    story.tell("userConnected")
    assert story.fails() == (
        "expected at least 1 userConnected in topic orders, saw 0:"
        " 1 userConnected arrived, in topic chat"
    )


def test_too_few_arrived() -> None:
    story = Story("count: {event: userConnected, is: 2}")
    story.tell("userConnected")
    assert story.fails() == (
        "expected exactly 2 userConnected, saw 1: no other userConnected arrived"
    )


def test_too_many_arrived() -> None:
    story = Story("count: {event: userConnected, at_most: 1}")
    for user in ("alice", "bob", "zoe"):
        story.tell("userConnected", user)
    assert story.fails() == (
        "expected at most 1 userConnected, saw 3;"
        " the first one too many is no-2 for bob at 1970-01-01T00:00:02Z"
    )


def test_none_of_them_should_have_arrived() -> None:
    story = Story("none: {event: userConnected, user: bob}")
    story.tell("userConnected")
    assert story.holds() == "no userConnected for bob"
    story.tell("userConnected", "bob")
    assert story.fails() == (
        "expected no userConnected for bob, saw 1;"
        " the first is no-2 for bob at 1970-01-01T00:00:02Z"
    )


def test_any_event_at_all() -> None:
    story = Story("count: {at_least: 3}")
    assert story.fails() == "expected at least 3 events, saw 0: nothing arrived"
    for name in ("a", "b", "c"):
        story.tell(name)
    assert story.holds() == "3 events"


def test_events_of_a_topic() -> None:
    story = Story("count: {topic: chat, user: alice, is: 1}")
    story.tell("userConnected", topic="personalChat")
    story.tell("userConnected")
    assert story.holds() == "1 event for alice in topic chat"


# --- conditions ------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["alice", ALICE, ALICE.replace("-", ""), ALICE.upper()])
def test_a_user_is_a_name_or_an_id_in_any_form(user: str) -> None:
    for seen in (ALICE, ALICE.replace("-", ""), ALICE.upper()):
        story = Story(f"count: {{user: {user}, is: 1}}")
        story.tell("userConnected", seen)
        assert story.holds() == "1 event for alice"
        story.tell("userConnected", "bob")
        assert story.holds()


def test_a_user_from_a_variable() -> None:
    story = Story("count: {user: '${who}', is: 1}")
    story.tell("userConnected", "bob")
    assert story.holds() == "1 event for bob"


@pytest.mark.parametrize(
    ("wanted", "seen", "same"),
    [
        ("1", 1, True),
        ("1", 1.0, True),
        ("1.0", 1, True),
        ("1", True, False),
        ("true", 1, False),
        ("true", True, True),
        ("false", 0, False),
        ("'1'", 1, False),
        ("null", None, True),
        ("null", False, False),
        ("0", None, False),
        ("[1, {a: b}]", [1, {"a": "b"}], True),
        ("[1, {a: b}]", [True, {"a": "b"}], False),
        ("[1]", [1, 2], False),
        ("{a: 1}", {"a": 1.0}, True),
        ("{a: 1}", {"a": 1, "b": 2}, False),
        ("{a: 1}", {"a": True}, False),
        ("[]", {}, False),
        ("'${limit}'", 20007, True),
        ("'${limit}'", "20007", False),
        ("['${limit}', '<${limit}>']", [20007, "<20007>"], True),
        ("'${alice.id}'", ALICE, True),
    ],
)
def test_values_are_equal_as_in_json(wanted: str, seen: Any, same: bool) -> None:
    story = Story(f"count: {{where: {{traceId: {wanted}}}, is: 1}}")
    story.tell("userConnected", traceId=seen)
    assert story.verdict.ok is same


@pytest.mark.parametrize(
    ("path", "same"),
    [
        ("payload.list.0.a", True),
        ("payload.list.1", False),
        ("payload.list.x", False),
        ("payload.list", False),
        ("payload.text.0", False),
        ("payload.none", False),
    ],
)
def test_paths(path: str, same: bool) -> None:
    text = f"count: {{where: {{{path}: 5}}, is: 1}}"
    script = f"steps: [produce: {{event: userConnected, set: {{payload: {{}}}}}}]\nexpect: [{text}]"
    observer = ExpectationObserver(parsed(script).expectations, resolve)
    event = {"payload": {"list": [{"a": 5}], "text": "5"}}
    observer.observe("chat", "userConnected", None, event, 0)
    assert observer.verdicts()[0].ok is same


def test_without_render_texts_are_filled_in_by_resolve() -> None:
    text = "users: [bob]\nsteps: []\nexpect: [count: {where: {userId: '${bob.id}'}, is: 1}]"
    observer = ExpectationObserver(parsed(text).expectations, resolve)
    observer.observe("chat", "userConnected", BOB, {"userId": BOB}, 0)
    assert observer.verdicts()[0].ok


# --- the observer ----------------------------------------------------------------------------


def test_verdicts_are_in_the_order_of_the_script() -> None:
    text = "steps: []\nexpect:\n  - none: userConnected\n  - count: {event: userConnected, is: 1}\n"
    observer = ExpectationObserver(parsed(text).expectations, resolve)
    observer.observe("chat", "userConnected", ALICE, {}, 0)
    verdicts = observer.verdicts()
    assert [verdict.ok for verdict in verdicts] == [False, True]
    assert [verdict.at.line for verdict in verdicts] == [3, 4]
    assert verdicts[0].text == (
        f"x.yaml:3:5: expected no userConnected, saw 1;"
        f" the first is one without id for {ALICE} at 1970-01-01T00:00:00Z"
    )


def test_memory_does_not_grow_with_the_run() -> None:
    observer = Story(f"{LIMITED}\n  - {ORDER}\n  - {ALL}").observer
    for number in range(100):
        observer.observe("t", f"event-{number}", f"user-{number}", {"id": number}, number)
    tracemalloc.start()
    try:
        for number in range(20_000):
            event = {"payload": {"userDisconnected": {"code": number}}}
            observer.observe(f"t{number}", f"event-{number}", f"user-{number}", event, number)
            observer.observe("chat", "userDisconnected", f"user-{number}", event, number)
            observer.observe("chat", "userChatRateLimited", f"user-{number}", event, number)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 50_000


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_769_882_400_250_000_000, "2026-01-31T18:00:00.250Z"),
        (10**25, f"{10**19} ms"),
    ],
)
def test_said_time(time_ns: int, text: str) -> None:
    assert said_time(time_ns) == text
