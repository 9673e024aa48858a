"""The step `deliver` and the expectation `delivered`, as they are read."""

from __future__ import annotations

import pytest
from script_texts import parsed, problems_in, step_of
from stage import script_of, tell

from simulator.delivery_settings import Chaos, DeliverySettings
from simulator.scenario.engine.deliver_steps import NO_DELIVERIES
from simulator.scenario.script import Deliver, Expectation, Match

TARGET = "127.0.0.1:6565"


def expectation_of(text: str) -> Expectation:
    [expectation] = parsed(f"users: [alice]\nsteps: []\nexpect:\n  - {text}\n").expectations
    return expectation


def deliver_of(text: str) -> Deliver:
    step = step_of(f"deliver: {text}")
    assert isinstance(step, Deliver)
    return step


def test_an_address_alone_has_the_usual_settings() -> None:
    step = deliver_of(TARGET)
    assert (step.to, step.settings, step.within) == (TARGET, DeliverySettings(), 5_000_000_000)


@pytest.mark.parametrize("word", ["off", "none"])
def test_off_ends_it(word: str) -> None:
    assert deliver_of(word).to is None


def test_all_settings() -> None:
    step = deliver_of(
        f"{{to: '{TARGET}', group: g, topics: [chat], start: latest, batch_size: 7, ordered: true,"
        " retried_codes: [INTERNAL, ABORTED], retry_batch: false, attempts: 3, backoff: 50ms,"
        " max_backoff: 1s, deadline: 2s, dead_letters: dead, trace_headers: false,"
        " metadata: {x-game: chess}, within: 1m,"
        " chaos: {duplicate: true, shuffle: true, lose_first_answer: true, delay: 20ms}}"
    )
    assert step.within == 60_000_000_000
    assert step.settings == DeliverySettings(
        group="g",
        topics=("chat",),
        start="latest",
        batch_size=7,
        ordered=True,
        retried_codes=frozenset({"INTERNAL", "ABORTED"}),
        retry_batch=False,
        attempts=3,
        backoff_s=0.05,
        max_backoff_s=1.0,
        deadline_s=2.0,
        dead_letters="dead",
        trace_headers=False,
        metadata={"x-game": "chess"},
        chaos=Chaos(duplicate=True, shuffle=True, lose_first_answer=True, delay_ms=20),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nowhere", "4:14: 'nowhere' is no target: write host:port, such as 127.0.0.1:6565"),
        ("127.0.0.1:99999", "4:14: '127.0.0.1:99999' is no target"),
        ("{topics: [chat]}", "4:14: deliver lacks 'to'"),
        ("{to: 'h:1', batchsize: 2}", "unknown key 'batchsize' in deliver (did you mean 'batch_si"),
        ("{to: 'h:1', batch_size: 0}", "4:38: expected at least 1, found 0"),
        ("{to: 'h:1', topics: [chatt]}", "4:35: unknown topic 'chatt' (did you mean 'chat'?)"),
        ("{to: 'h:1', start: first}", "4:33: expected earliest or latest"),
        ("{to: 'h:1', backoff: 20s}", "4:35: delivery: backoff_s=20.0 cannot be"),
        ("{to: 'h:1', metadata: {A: b}}", "4:36: delivery: metadata='A' cannot be"),
        ("{to: 'h:1', retried_codes: [UNIMPLEMENTED]}", "4:41: delivery: retried_codes="),
        ("{to: 'h:1', retried_codes: [INTERNALL]}", "(did you mean 'INTERNAL'?)"),
        ("{to: 'h:1', chaos: {delay: 1h}}", "4:33: delivery: delay_ms=3600000 cannot be"),
        ("{to: 'h:1', group: ''}", "4:33: delivery: group='' cannot be: it must not be empty"),
        ("{to: 'h:1', dead_letters: a b}", "4:40: delivery: dead_letters='a b' cannot be: only"),
        ("{to: 'h:1', deadline: 0s}", "4:36: expected at least 1ms"),
    ],
)
def test_what_is_wrong_is_told_at_its_place(text: str, problem: str) -> None:
    [found] = problems_in(f"users: [alice]\nsteps:\n  - connect: alice\n  - deliver: {text}\n")
    assert problem in found


def test_an_event_alone_means_every_one_of_them() -> None:
    wanted = expectation_of("delivered: userConnected")
    assert (wanted.kind, wanted.matches) == ("delivered", (Match("userConnected"),))
    assert (wanted.every, wanted.outcome, wanted.to) == (True, "handled", None)
    assert wanted.within == 5_000_000_000


def test_numbers_outcomes_and_targets() -> None:
    wanted = expectation_of(
        f"delivered: {{topic: chat, as: given_up, at_least: 2, to: '{TARGET}', within: 1s}}"
    )
    assert (wanted.every, wanted.at_least, wanted.at_most) == (False, 2, None)
    assert (wanted.outcome, wanted.to, wanted.within) == ("given_up", TARGET, 1_000_000_000)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("userConected", "(did you mean 'userConnected'?)"),
        ("{as: failed}", "expected handled, unimplemented, given_up or unreadable, found"),
        ("{to: here}", "4:21: 'here' is no target"),
        ("{to: '${now}:1'}", "'now' changes during the story"),
        ("{is: 1, at_most: 2}", "delivered takes only one of 'is' and 'at_most'"),
        ("{at_least: 3, at_most: 2}", "at least 3 and at most 2 cannot be"),
    ],
)
def test_what_is_wrong_with_an_expectation(text: str, problem: str) -> None:
    [found] = problems_in(f"users: [alice]\nsteps: []\nexpect:\n  - delivered: {text}\n")
    assert problem in found


def test_without_deliveries_the_step_does_nothing_and_the_expectation_fails() -> None:
    told = tell(
        f"""
        steps: [{{deliver: "{TARGET}"}}, {{connect: alice}}]
        expect: [{{delivered: userConnected}}]
        """
    )
    assert told.run.warnings.texts() == (NO_DELIVERIES,)
    (verdict,) = told.run.verdicts()
    assert not verdict.ok
    assert verdict.text.endswith("but nothing is delivered here")


def test_a_target_may_be_a_template() -> None:
    script = script_of('variables: {app: "127.0.0.1:1"}\nsteps: [{deliver: "${app}"}]')
    [step] = script.steps
    assert isinstance(step, Deliver)
    assert step.to is not None
    assert not isinstance(step.to, str)
