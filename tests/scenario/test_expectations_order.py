"""Expectations about the order of events, and about all of them."""

from __future__ import annotations

from expected_story import ALL, CODE, ORDER, Story

# --- order -----------------------------------------------------------------------------------


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
