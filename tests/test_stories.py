"""Every story of the library plays, keeps its expectations and repeats to the byte."""

from __future__ import annotations

import json

import pytest
from story_plays import (
    LARGE,
    NAMES,
    SCENARIOS,
    Played,
    check_events,
    play,
    source,
    steps_of,
)

from simulator.scenario import load_script
from simulator.scenario.expectations import ExpectationObserver
from simulator.scenario.library import stories
from simulator.scenario.player import PlayState
from simulator.scenario.script import Step
from simulator.scenario.templates import render_value

# --- every story ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in NAMES if n not in LARGE])
def test_story_plays_keeps_its_expectations_and_repeats_to_the_byte(name: str) -> None:
    played = play(name)
    assert played.outcome.problems == ()
    assert played.outcome.state is PlayState.PASSED
    assert played.events
    check_events(played)
    assert play(name).digest() == played.digest()


@pytest.mark.parametrize("name", ["flaky_mobile_player", "reconnect_storm", "two_friends_chat"])
def test_another_seed_is_another_run_of_the_same_story(name: str) -> None:
    one, other = play(name, seed=1), play(name, seed=2)
    assert one.digest() != other.digest()
    assert other.outcome.problems == ()


@pytest.mark.parametrize("name", [n for n in NAMES if n not in LARGE])
def test_expectations_notice_when_a_kind_of_event_goes_missing(name: str) -> None:
    played = play(name)
    kinds = {event.name for event in played.events if event.name} - {""}
    blind = {kind for kind in kinds if keeps_expectations(played, without=kind)}
    assert blind == set()


def keeps_expectations(played: Played, *, without: str) -> bool:
    """Whether the story's final expectations would hold if one kind of event had not come."""
    named = {**played.script.users, **played.script.parties}
    scope: dict[str, object] = {f"{name}.id": played.id(name) for name in named}
    scope |= played.script.variables
    observer = ExpectationObserver(
        played.script.expectations,
        lambda text: str(render_value(text, scope)),
        render=lambda value: render_value(value, scope),
        users={name: played.id(name) for name in played.script.users},
    )
    for event in played.events:
        if event.name != without:
            observer.observe(event.record.topic, event.name, event.user, event.json, 0)
    return all(verdict.ok for verdict in observer.verdicts())


# --- the library as a whole ----------------------------------------------------------------

PROMISED = {
    "first_connect",
    "two_friends_chat",
    "party_chat",
    "rate_limited",
    "spammer_muted",
    "rate_limited_forced_out",
    "server_shutdown",
    "token_revoked",
    "multiple_logins",
    "reconnect_storm",
    "duplicate_deliveries",
    "out_of_order_timestamps",
    "unicode_texts",
    "quiet_hour",
    "evening_10k",
}


def test_library_lists_every_story_by_its_file_name() -> None:
    assert set(NAMES) >= PROMISED
    listed = {story.name: story for story in stories()}
    assert sorted(listed) == NAMES
    for name in NAMES:
        description = source(name)["description"]
        assert listed[name].description == description
        assert description.endswith(".")
        assert ". " not in description, "one sentence"
        assert source(name)["name"] == name
        assert source(name)["expect"]


def test_every_file_points_editors_at_the_schema() -> None:
    for path in SCENARIOS.glob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        prefix = "# yaml-language-server: $schema="
        assert first.startswith(prefix), path
        schema = (SCENARIOS / first.removeprefix(prefix)).resolve()
        assert json.loads(schema.read_text(encoding="utf-8"))["title"]


def test_library_uses_every_kind_of_step() -> None:
    scripts = [load_script(name) for name in NAMES]
    kinds = {type(step).__name__ for script in scripts for step in steps_of(script, Step)}
    every = {kind.__name__ for kind in Step.__subclasses__()}
    assert kinds == every - {"Deliver"}, "which needs an app; stories of the library need nothing"
