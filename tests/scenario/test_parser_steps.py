"""Steps, settings and expectations as the parser hands them to the engine."""

from __future__ import annotations

import re
from typing import Any

import pytest
from script_texts import CAST, parsed, step_of, steps_of

from simulator.scenario import script
from simulator.scenario.parser.declarations import built_in_corpus
from simulator.scenario.parser.steps import STEP
from simulator.scenario.script import (
    Distribution,
    Expectation,
    Match,
    Party,
    Position,
    ServiceSettings,
    Span,
    Step,
    User,
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


def test_variables_stand_after_those_that_they_use() -> None:
    found = parsed("variables: {a: '${b} ${c}', b: ['${c}'], c: 5, d: '$${c}'}\nsteps: []")
    names = list(found.variables)
    assert names.index("c") < names.index("b") < names.index("a")
    assert found.variables["c"] == 5
    assert found.variables["d"] == "${c}"
    assert found.variables["b"] == (template("${c}"),)


# --- the rest of a script --------------------------------------------------------------------


def test_defaults() -> None:
    found = parsed("steps: []")
    assert found.name == "x"
    assert found.file == "x.yaml"
    assert found.description == ""
    assert (found.seed, found.start) == (None, None)
    assert (found.namespace, found.parent_namespace) == ("game", None)
    assert (found.ids, found.timestamps) == ("dashed", "milliseconds")
    assert found.service == ServiceSettings()
    assert found.corpora == {name: built_in_corpus(name) for name in ("small_talk", "unicode")}


def test_header() -> None:
    found = parsed(
        "name: a story\n"
        "description: costs ${money}\n"
        "seed: 7\n"
        "start: 2026-01-31T18:00:00Z\n"
        "namespace: arena\n"
        "parent_namespace: studio\n"
        "client_id: c1\n"
        "ids: compact\n"
        "timestamps: seconds\n"
        "steps: []\n"
    )
    assert (found.name, found.description) == ("a story", "costs ${money}")
    assert (found.seed, found.start) == (7, 1_769_882_400 * SECOND)
    assert (found.namespace, found.parent_namespace) == ("arena", "studio")
    assert (found.client_id, found.ids, found.timestamps) == ("c1", "compact", "seconds")


ID = "5b0a4d1c-2f7e-4c88-9a64-0c4f4ad1b6de"


def test_cast() -> None:
    found = parsed(
        f"users: {{alice: {{id: {ID}}}, bob: {{}}}}\n"
        f"parties: {{raid: [bob], guild: {{members: [alice, bob], id: {ID}}}}}\n"
        "corpora: {banter: [gg, '${x}']}\n"
        "steps: []\n"
    )
    assert found.users == {"alice": User("alice", ID), "bob": User("bob")}
    assert found.parties == {
        "raid": Party("raid", ("bob",)),
        "guild": Party("guild", ("alice", "bob"), ID),
    }
    assert found.corpora["banter"] == ("gg", "${x}")


def test_every_setting_of_the_service() -> None:
    found = parsed(
        "steps: []\n"
        "service:\n"
        "  rate_limit: {messages: 5, per: 2s}\n"
        "  spam: {repeats: 3, within: 6s, mute: 31s}\n"
        "  max_message_length: 2000\n"
        "  max_users: 100\n"
        "  multiple_sessions: refuse\n"
        "  rate_limited:\n"
        "    {code: 1, reason: a, forced: true, disconnects: true, disconnect_code: 2}\n"
        "  disconnected: {code: 3, reason: b}\n"
        "  target_type: {user: c, party: d}\n"
        "  target_members: others\n"
    )
    assert found.service == ServiceSettings(
        rate_limit_messages=5,
        rate_limit_window=2 * SECOND,
        spam_repeats=3,
        spam_window=6 * SECOND,
        spam_mute=31 * SECOND,
        max_message_length=2000,
        max_users=100,
        multiple_sessions="refuse",
        rate_limited_code=1,
        rate_limited_reason="a",
        rate_limited_forced=True,
        rate_limited_disconnects=True,
        rate_limited_disconnect_code=2,
        disconnect_code=3,
        disconnect_reason="b",
        target_type_user="c",
        target_type_party="d",
        target_members="others",
    )


def test_rules_of_the_service_can_be_off() -> None:
    found = parsed("service: {rate_limit: off, spam: off}\nsteps: []")
    assert found.service == ServiceSettings(rate_limit_messages=0, spam_repeats=0)


def test_built_in_corpora() -> None:
    for name in ("small_talk", "unicode"):
        texts = built_in_corpus(name)
        assert len(texts) >= 20
        assert len(set(texts)) == len(texts)
        assert all(text.strip() and len(text) <= 100 for text in texts)
    assert all(text.isascii() for text in built_in_corpus("small_talk"))
    everything = "".join(built_in_corpus("unicode"))
    for character in "\u05e9\u0645\u0301\u200d\U0001f600\u202e":
        assert character in everything


def test_a_corpus_of_the_script_goes_before_a_built_in_one() -> None:
    assert parsed("corpora: {unicode: [a]}\nsteps: []").corpora["unicode"] == ("a",)
