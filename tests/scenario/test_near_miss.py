"""Near misses by themselves, as the helpers of tests use them."""

from __future__ import annotations

import pytest

from simulator.scenario.near_miss import Conditions, NearMisses, Tally, id_forms, said_value

ID = "a11ce000-0000-4000-8000-000000000001"


def near(wanted: Conditions, *events: tuple[str, str, str | None]) -> str:
    """What is said after events of (topic, name, user), with ids cut to three characters."""
    misses = NearMisses(wanted, label=lambda user_id: user_id[:3])
    for topic, name, user in events:
        misses.note(topic, name, user, {"name": name})
    return misses.explain()


WANTED = Conditions("limited", "chat", user="alice", user_ids=id_forms(ID), where={"a.b": 1})


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ([], "nothing arrived"),
        ([("chat", "sent", ID)], "no limited arrived, but 1 sent"),
        ([("other", "limited", ID)], "1 limited arrived, in topic other"),
        ([("chat", "limited", "bobby")] * 2, "2 limited arrived, both for bob"),
        ([("chat", "limited", ID)], "1 limited arrived for alice, but a.b was absent"),
        # The nearest is said: the right user with a wrong value, before the wrong user.
        (
            [("chat", "sent", ID), ("chat", "limited", "bobby"), ("chat", "limited", ID)],
            "1 limited arrived for alice, but a.b was absent",
        ),
        (
            [("other", "limited", ID), ("chat", "limited", "bobby"), ("chat", "sent", ID)],
            "1 limited arrived, for bob",
        ),
    ],
)
def test_the_nearest_is_said(events: list[tuple[str, str, str | None]], text: str) -> None:
    assert near(WANTED, *events) == text


def test_any_event_was_wanted() -> None:
    assert near(Conditions(user="alice", user_ids=id_forms(ID)), ("chat", "sent", None)) == (
        "1 event arrived, for nobody"
    )


def test_a_caller_can_count_all_events_itself() -> None:
    arrived = Tally()
    for name in ("sent", "sent", "connected"):
        arrived.add(name)
    assert NearMisses(WANTED).explain(arrived) == ("no limited arrived, but 2 sent and 1 connected")
    arrived.add("limited")
    assert NearMisses(WANTED).explain(arrived) == "no other limited arrived"


def test_conditions_in_words() -> None:
    assert str(WANTED) == "limited for alice in topic chat with a.b = 1"
    assert str(Conditions()) == "event"
    assert Conditions(where={"a": "x", "b": None}).said("events") == (
        'events with a = "x" and b = null'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("hi", '"hi"'),
        ("\u05e9", '"\u05e9"'),
        (5, "5"),
        (True, "true"),
        (None, "null"),
        ([1, {"a": 2}], '[1,{"a":2}]'),
        ("x" * 100, '"' + "x" * 56 + "..."),
    ],
)
def test_values_in_words(value: object, text: str) -> None:
    assert said_value(value) == text


def test_forms_of_an_id() -> None:
    plain = ID.replace("-", "")
    assert id_forms(ID) == {ID, plain}
    assert id_forms(plain.upper()) == {ID, plain, plain.upper()}
    assert id_forms("bob") == {"bob"}
