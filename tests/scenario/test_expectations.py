"""Expectations: what holds, and what a failure says."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from script_texts import CAST, parsed

from simulator.scenario.expectations import ExpectationObserver, Verdict, said_time
from simulator.scenario.script import Text
from simulator.scenario.templates import Template, render_value

SECOND = 1_000_000_000
ALICE = "a11ce000-0000-4000-8000-000000000001"
BOB = "b0b00000-0000-4000-8000-000000000002"
USERS = {"alice": ALICE, "bob": BOB}
SCOPE = {"alice.id": ALICE, "bob.id": BOB, "limit": 20007, "who": "bob"}
CODE = "payload.userDisconnected.code"


def resolve(text: Text) -> str:
    name = text.render(SCOPE) if isinstance(text, Template) else text
    return USERS.get(str(name), str(name))


class Story:
    """Expectations, and events that a test tells them of."""

    def __init__(self, expectations: str) -> None:
        text = (
            f"{CAST}variables: {{limit: 20007, who: bob}}\nsteps: []\nexpect:\n  - {expectations}"
        )
        self.observer = ExpectationObserver(
            parsed(text).expectations,
            resolve,
            render=lambda value: render_value(value, SCOPE),
            users=USERS,
        )
        self._second = 0

    def tell(
        self, name: str, user: str | None = "alice", *, topic: str = "chat", **more: Any
    ) -> None:
        """One event, a second after the one before; its id is its number."""
        self._second += 1
        user_id = USERS.get(user, user) if user else None
        event = {"id": f"no-{self._second}", "name": name, "userId": user_id, **more}
        self.observer.observe(topic, name, user_id, event, self._second * SECOND)

    def limit(self, user: str, code: int = 20007) -> None:
        self.tell("userChatRateLimited", user, payload={"userDisconnected": {"code": code}})

    @property
    def verdict(self) -> Verdict:
        [verdict] = self.observer.verdicts()
        return verdict

    @property
    def text(self) -> str:
        """The verdict's text without the place."""
        verdict = self.verdict
        assert verdict.text.startswith(f"{verdict.at}: ")
        assert str(verdict.at) == "x.yaml:6:5"
        return verdict.text.removeprefix(f"{verdict.at}: ")

    def holds(self) -> str:
        assert self.verdict.ok
        return self.text

    def fails(self) -> str:
        assert not self.verdict.ok
        return self.text


LIMITED = "count: {event: userChatRateLimited, user: alice, is: 1}"


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


# --- order -----------------------------------------------------------------------------------

ORDER = "order: [userConnected, {event: personalChatSent, user: bob}, userDisconnected]"


def test_an_order_that_holds_with_others_in_between() -> None:
    story = Story(ORDER)
    for name, user in [
        ("userDisconnected", "alice"),
        ("userConnected", "alice"),
        ("personalChatSent", "alice"),
        ("personalChatSent", "bob"),
        ("userConnected", "bob"),
        ("userDisconnected", "bob"),
        ("userConnected", "bob"),
    ]:
        story.tell(name, user)
    assert story.holds() == "3 events in order"


def test_an_order_whose_first_event_does_not_come() -> None:
    story = Story(ORDER)
    story.tell("personalChatSent", "bob")
    assert story.fails() == (
        "expected userConnected (no. 1 of 3 in order), it did not come:"
        " no userConnected arrived, but 1 personalChatSent"
    )


def test_an_order_whose_next_event_came_too_early() -> None:
    story = Story(ORDER)
    story.tell("personalChatSent", "bob")
    story.tell("userConnected")
    assert story.fails() == (
        "expected personalChatSent for bob (no. 2 of 3 in order) after userConnected"
        " (no-2 for alice at 1970-01-01T00:00:02Z), it did not come: 1 came before that"
    )


def test_an_order_whose_next_event_came_for_another_user() -> None:
    story = Story(ORDER)
    story.tell("userConnected")
    story.tell("personalChatSent")
    assert story.fails() == (
        "expected personalChatSent for bob (no. 2 of 3 in order) after userConnected"
        " (no-1 for alice at 1970-01-01T00:00:01Z), it did not come:"
        " after that, 1 personalChatSent arrived, for alice"
    )


def test_one_event_is_one_step_of_an_order() -> None:
    story = Story("order: [userConnected, userConnected]")
    story.tell("userConnected")
    assert not story.verdict.ok
    story.tell("userConnected")
    assert story.verdict.ok


def test_an_order_with_an_event_of_any_name() -> None:
    story = Story("order: [{user: bob}, userConnected]")
    story.tell("userDisconnected", "bob")
    story.tell("userConnected")
    assert story.verdict.ok


# --- all -------------------------------------------------------------------------------------

ALL = f"all: {{of: userDisconnected, have: {{where: {{{CODE}: 1000}}}}}}"


def test_all_that_holds() -> None:
    story = Story(ALL)
    assert story.holds() == f"no userDisconnected, so all are with {CODE} = 1000"
    story.tell("userDisconnected", payload={"userDisconnected": {"code": 1000}})
    story.tell("userConnected")
    assert story.holds() == f"all of 1 userDisconnected are with {CODE} = 1000"


def test_all_that_does_not_hold() -> None:
    story = Story(ALL)
    for user, code in [("alice", 1000), ("bob", 4000), ("alice", 4001)]:
        story.tell("userDisconnected", user, payload={"userDisconnected": {"code": code}})
    assert story.fails() == (
        f"expected every userDisconnected to be with {CODE} = 1000; 2 of 3 are not:"
        f" the first is no-2 for bob at 1970-01-01T00:00:02Z, and its {CODE} is 4000"
    )


def test_all_of_another_user() -> None:
    story = Story("all: {of: {topic: chat}, have: {event: userConnected, user: alice}}")
    story.tell("userConnected")
    story.tell("userConnected", "bob")
    assert story.fails() == (
        "expected every event in topic chat to be a userConnected for alice; 1 of 2 is not:"
        " the first is no-2 for bob at 1970-01-01T00:00:02Z, and it is not for alice"
    )
    story = Story("all: {of: {topic: chat}, have: {event: userConnected, user: alice}}")
    story.tell("userDisconnected")
    assert story.fails().endswith("and it is a userDisconnected")


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
