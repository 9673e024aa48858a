"""Steps, settings and expectations as the parser hands them to the engine."""

from __future__ import annotations

import re
from typing import Any

import pytest
from script_texts import CAST, parsed, step_of, steps_of

from simulator.scenario import script
from simulator.scenario.parser.steps import STEP
from simulator.scenario.script import (
    Distribution,
    Expectation,
    Match,
    Position,
    Span,
    Step,
    Who,
)
from simulator.scenario.templates import Template, compile_template

AT = Position("x.yaml", 4, 5)
MS = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
ALICE = Who(users=("alice",))


def template(text: str) -> Template:
    compiled = compile_template(text)
    assert isinstance(compiled, Template)
    return compiled


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("connect: alice", script.Connect(AT, ALICE)),
        ("connect: [alice, bob]", script.Connect(AT, Who(users=("alice", "bob")))),
        ("connect: {party: raid}", script.Connect(AT, Who(parties=("raid",)))),
        ("connect: [alice, {party: raid}]", script.Connect(AT, Who(("alice",), ("raid",)))),
        ("connect: everyone", script.Connect(AT, Who(everyone=True))),
        (
            "chat: {from: alice, to: bob, text: hi}",
            script.Chat(AT, "alice", to="bob", text="hi"),
        ),
        (
            "chat: {from: alice, party: raid, length: 200}",
            script.Chat(AT, "alice", party="raid", length=(200, 200)),
        ),
        (
            "chat: {from: alice, party: raid, length: [1, 200]}",
            script.Chat(AT, "alice", party="raid", length=(1, 200)),
        ),
        (
            "chat: {from: alice, to: bob, corpus: unicode}",
            script.Chat(AT, "alice", to="bob", corpus="unicode"),
        ),
        ("rate_limit: alice", script.RateLimit(AT, ALICE)),
        ("rate_limit: {party: raid}", script.RateLimit(AT, Who(parties=("raid",)))),
        (
            "rate_limit: {user: alice, reason: calm down, code: 20007, forced: true}",
            script.RateLimit(AT, ALICE, "calm down", 20007, True),
        ),
        ("disconnect: everyone", script.Disconnect(AT, Who(everyone=True))),
        (
            "disconnect: {user: [alice, bob], code: 4000}",
            script.Disconnect(AT, Who(("alice", "bob")), None, 4000, None),
        ),
        ("mute: alice", script.Mute(AT, ALICE)),
        ("mute: {user: alice, for: 30s}", script.Mute(AT, ALICE, 30 * SECOND)),
        ("unmute: alice", script.Unmute(AT, ALICE)),
        ("produce: {event: userConnected}", script.Produce(AT, "userConnected")),
        (
            "produce: {event: userConnected, topic: chat, user: bob, set: {a.b: [1, {c: null}]},"
            " remove: [traceId], key: k, headers: {h: v, i: w}, partition: 2, validate: false}",
            script.Produce(
                AT,
                "userConnected",
                "chat",
                "bob",
                {"a.b": (1, {"c": None})},
                ("traceId",),
                None,
                "k",
                (("h", "v"), ("i", "w")),
                2,
                False,
            ),
        ),
        (
            "produce: {topic: chat, raw: '{', validate: false}",
            script.Produce(AT, None, "chat", raw="{", validate=False),
        ),
        ("duplicate: 3", script.Duplicate(AT, 3)),
        (
            "duplicate: {times: 2, event: userConnected}",
            script.Duplicate(AT, 1, 2, "userConnected"),
        ),
        ("wait: 1m30s", script.Wait(AT, Span(90 * SECOND, 90 * SECOND))),
        ("wait: [1s, 5s]", script.Wait(AT, Span(SECOND, 5 * SECOND))),
        (
            "late: {by: 3s, steps: []}",
            script.Late(AT, 3 * SECOND, ()),
        ),
        (
            "repeat: {times: 12, every: 50ms, steps: []}",
            script.Repeat(AT, (), times=12, every=50 * MS),
        ),
        (
            "repeat: {each: [1, '2', null, [a]], as: what, steps: []}",
            script.Repeat(AT, (), each=(1, "2", None, ("a",)), name="what"),
        ),
        ("parallel: [[], []]", script.Parallel(AT, ((), ()))),
        (
            "choose: [{weight: 3, steps: []}, {steps: []}, {weight: 0.5, steps: []}]",
            script.Choose(
                AT, (script.Option(3.0, ()), script.Option(1.0, ()), script.Option(0.5, ()))
            ),
        ),
    ],
)
def test_steps(text: str, step: Step) -> None:
    assert step_of(text) == step


def test_steps_within_steps_know_their_places() -> None:
    [repeat] = steps_of("steps:\n  - repeat:\n      times: 2\n      steps:\n        - wait: 5s\n")
    assert isinstance(repeat, script.Repeat)
    assert repeat.at == Position("x.yaml", 4, 5)
    assert repeat.steps == (script.Wait(Position("x.yaml", 7, 11), Span(5 * SECOND, 5 * SECOND)),)


def test_every_kind_of_step_can_be_written() -> None:
    snake = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() for kind in Step.__subclasses__()
    }
    assert set(STEP.variants) == snake | {"use"}


# --- crowds ----------------------------------------------------------------------------------

CROWD = "crowd: {name: fan, users: 40, arrive: %s, stay: %s%s}"


def crowd(arrive: str = "{over: 10m}", stay: str = "5s", more: str = "") -> script.Crowd:
    step = step_of(CROWD % (arrive, stay, more))
    assert isinstance(step, script.Crowd)
    return step


def test_a_crowd_with_everything() -> None:
    assert crowd(
        "{every: 50ms}",
        "1h",
        ", chat: {every: {exponential: 5s}, to: party, party_size: 6, length: [1, 9]},"
        " leave: {reason: bye, code: 4000, forced: true}",
    ) == script.Crowd(
        AT,
        "fan",
        40,
        Distribution("constant", mean=50 * MS),
        Distribution("constant", mean=60 * MINUTE),
        Distribution("exponential", mean=5 * SECOND),
        partners="party",
        party_size=6,
        length=(1, 9),
        reason="bye",
        code=4000,
        forced=True,
    )


def test_a_crowd_that_does_not_chat() -> None:
    step = crowd()
    assert (step.pause, step.corpus, step.text, step.length) == (None, None, None, None)


def test_a_crowd_chats_small_talk_by_default() -> None:
    step = crowd(more=", chat: {every: 5s}")
    assert (step.corpus, step.partners, step.party_size) == ("small_talk", "random", 4)


@pytest.mark.parametrize(
    ("arrive", "arrivals"),
    [
        ("{poisson: 20/s}", Distribution("exponential", mean=50 * MS)),
        ("{poisson: 1.4/s}", Distribution("exponential", mean=714_285_714)),
        ("{poisson: 0.5/h}", Distribution("exponential", mean=120 * MINUTE)),
        ("{poisson: 6/m}", Distribution("exponential", mean=10 * SECOND)),
        ("{over: 10m}", Distribution("constant", mean=15 * SECOND)),
        ("{every: {uniform: [1s, 2s]}}", Distribution("uniform", low=SECOND, high=2 * SECOND)),
    ],
)
def test_arrivals(arrive: str, arrivals: Distribution) -> None:
    assert crowd(arrive).arrivals == arrivals


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("5s", Distribution("constant", mean=5 * SECOND)),
        ("{uniform: [1s, 5s]}", Distribution("uniform", low=SECOND, high=5 * SECOND)),
        ("{exponential: 40m}", Distribution("exponential", mean=40 * MINUTE)),
        (
            "{normal: {mean: 1m, deviation: 15s}}",
            Distribution("normal", mean=MINUTE, deviation=15 * SECOND),
        ),
    ],
)
def test_distributions(text: str, distribution: Distribution) -> None:
    assert crowd(stay=text).stay == distribution


# --- expectations ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "count: {event: userConnected, is: 3}",
            ("count", (Match("userConnected"),), 3, 3),
        ),
        (
            "count: {event: userConnected, user: alice, topic: chat, at_least: 2}",
            ("count", (Match("userConnected", "chat", "alice"),), 2, None),
        ),
        ("count: {at_least: 1, at_most: 2}", ("count", (Match(),), 1, 2)),
        ("none: {event: userConnected}", ("count", (Match("userConnected"),), 0, 0)),
        ("none: userConnected", ("count", (Match("userConnected"),), 0, 0)),
        (
            "none: {event: userDisconnected, where: {payload.userDisconnected.code: 4000}}",
            (
                "count",
                (Match("userDisconnected", fields={"payload.userDisconnected.code": 4000}),),
                0,
                0,
            ),
        ),
        (
            "none: {user: 5b0a4d1c2f7e4c889a640c4f4ad1b6de}",
            ("count", (Match(user="5b0a4d1c2f7e4c889a640c4f4ad1b6de"),), 0, 0),
        ),
        (
            "order: [userConnected, {user: bob}]",
            ("order", (Match("userConnected"), Match(user="bob")), 0, None),
        ),
        (
            "all: {of: userConnected, have: {user: alice}}",
            ("all", (Match("userConnected"), Match(user="alice")), 0, None),
        ),
    ],
)
def test_expectations(text: str, expected: tuple[Any, ...]) -> None:
    kind, matches, at_least, at_most = expected
    found = parsed(f"{CAST}steps: []\nexpect:\n  - {text}\n").expectations
    assert found == (Expectation(Position("x.yaml", 5, 5), kind, matches, at_least, at_most),)


def test_expectations_in_the_middle() -> None:
    step = step_of("expect: [none: userConnected]")
    expectation = Expectation(Position("x.yaml", 4, 14), "count", (Match("userConnected"),), 0, 0)
    assert step == script.Expect(AT, (expectation,))


# --- templates -------------------------------------------------------------------------------


def test_templates_in_steps() -> None:
    [repeat] = steps_of(
        "variables: {greeting: hi, code: 4000}\n"
        "steps:\n"
        "  - repeat:\n"
        "      each: [alice, bob]\n"
        "      as: who\n"
        "      steps:\n"
        "        - chat: {from: '${who}', to: bob, text: '${greeting} ${n} $${n} ${who.id}'}\n"
        "        - produce: {event: userConnected, set: {a: ['${code}', '${now} ${seed}']}}\n"
    )
    assert isinstance(repeat, script.Repeat)
    chat, produce = repeat.steps
    assert isinstance(chat, script.Chat)
    assert chat.sender == template("${who}")
    assert isinstance(chat.text, Template)
    scope = {"greeting": "hi", "n": 2, "who": "alice", "alice.id": "0a"}
    assert chat.text.render(scope) == "hi 2 ${n} 0a"
    assert isinstance(produce, script.Produce)
    assert produce.set == {"a": (template("${code}"), template("${now} ${seed}"))}
