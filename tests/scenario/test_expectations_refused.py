"""Expectations about what the chat service refuses, of which most leave no event."""

from __future__ import annotations

import pytest
from expected_story import Story
from stage import tell

from simulator.scenario.chat_service import REFUSALS


def test_refusals_are_counted_by_user_and_reason() -> None:
    story = Story("refused: {user: alice, reason: muted, is: 2}")
    story.refuse("muted")
    story.refuse("muted", "bob")
    story.refuse("too_long")
    assert story.fails() == (
        "expected exactly 2 refusals as muted for alice, saw 1: "
        "1 muted for bob and 1 too_long for alice"
    )
    story.refuse("muted")
    assert story.holds() == "exactly 2 refusals as muted for alice, saw 2"


@pytest.mark.parametrize(
    ("bounds", "holding"),
    [("is: 0", {0}), ("at_least: 1", {1, 2, 3}), ("at_most: 1", {0, 1}), ("is: 1", {1})],
)
def test_bounds(bounds: str, holding: set[int]) -> None:
    for told in range(4):
        story = Story(f"refused: {{{bounds}}}")
        for reason in REFUSALS[:told]:
            story.refuse(reason)
        assert story.verdict.ok == (told in holding)


def test_without_any_refusal_there_is_nothing_to_explain() -> None:
    assert Story("refused: {is: 1}").fails() == "expected exactly 1 refusal, saw 0"


def test_events_are_no_refusals() -> None:
    story = Story("refused: {is: 0}")
    story.limit("alice")
    assert story.verdict.ok


STORY = """
    service:
      rate_limit: {messages: 1, per: 1s}
      max_message_length: 3
      max_users: 2
      multiple_sessions: refuse
    steps:
      - connect: [alice, bob]
      - connect: alice
      - connect: carol
      - repeat: {times: 3, steps: [chat: {from: alice, to: bob, text: hi}]}
      - chat: {from: alice, to: bob, text: hello}
      - expect: [refused: {user: alice, reason: muted, is: 0}]
      - mute: alice
      - chat: {from: alice, to: bob, text: hm}
      - expect: [refused: {user: alice, reason: muted, is: 1}]
      - crowd: {name: fan, users: 3, arrive: {every: 1s}, stay: 1s}
    expect:
      - refused: {user: alice, reason: multiple_logins, is: 1}
      - refused: {user: carol, reason: full, is: 1}
      - refused: {user: alice, reason: rate_limited, is: 2}
      - refused: {user: alice, reason: too_long, is: 1}
      - refused: {user: "${alice.id}", is: 5}
      - refused: {reason: full, is: 4}
      - refused: {is: 9}
    """


def test_every_kind_of_refusal_of_a_story() -> None:
    told = tell(STORY)
    assert [verdict.text for verdict in told.run.verdicts() if not verdict.ok] == []
    assert not told.run.failures.texts()
    assert told.run.refusals.keys() == set(REFUSALS)
    assert sum(told.run.refusals.values()) == 9
