"""Stories that deliver to event handler apps, and expect what becomes of their events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from textwrap import dedent

import pytest
from handler_apps import Call, HandlerApp

from simulator import AsyncSimulator
from simulator.delivery_settings import DeliverySettings
from simulator.scenario import parse_script
from simulator.scenario.errors import PlayError
from simulator.scenario.expectations import ExpectationObserver
from simulator.scenario.expectations.delivered import MAX_FOLLOWED
from simulator.scenario.player import Outcome, Play, PlayState
from simulator.scenario.script import Text
from simulator.simulator import Settings
from simulator.story_deliveries import StoryDeliveries

NOBODY = "127.0.0.1:9"
"""The discard port: nothing listens there."""

CHAT = "PersonalChatPersonalChatSentService"


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(grpc_port=None, kafka_port=None)) as sim:
        yield sim


def begin(sim: AsyncSimulator, text: str, app: str) -> Play:
    """Begin a story about alice and bob; its `${app}` is an address."""
    script = f"users: [alice, bob]\nvariables: {{app: '{app}'}}\n{dedent(text)}"
    return sim.start_play(parse_script(script, file="x.yaml", catalog=sim.catalog), seed=1)


async def tell(sim: AsyncSimulator, text: str, app: str = NOBODY) -> Outcome:
    """Play such a story."""
    return await begin(sim, text, app).wait()


def refuses_chat(code: str) -> HandlerApp:
    return HandlerApp(lambda call: code if call.service == CHAT else "OK")


STORY = """
steps:
  - deliver: "${app}"
  - connect: [alice, bob]
  - chat: {from: alice, to: bob, text: hi}
expect:
"""


async def test_every_event_was_handled(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    async with app.served() as target:
        outcome = await tell(
            sim,
            f"""{STORY}
              - delivered: userConnected
              - delivered: {{event: personalChatSent, user: alice, to: "${{app}}"}}
              - delivered: {{topic: chat, is: 2}}
              - delivered: {{event: userDisconnected}}
            """,
            target,
        )
        assert outcome.problems == ()
        assert len(app.calls) == 3
        assert list(sim.handlers.deliveries) == [target]


async def test_what_was_not_handled_is_told(sim: AsyncSimulator) -> None:
    async with refuses_chat("INVALID_ARGUMENT").served() as target:
        outcome = await tell(
            sim,
            f"{STORY}  - delivered: userConnected\n  - delivered: personalChatSent\n",
            target,
        )
    (sent,) = sim.events("personalChat")
    assert outcome.state is PlayState.FAILED
    (problem,) = outcome.problems
    place, _, told = problem.partition(" ")
    assert place.startswith("x.yaml:")
    assert told.startswith(
        "expected all of 1 personalChatSent to be handled; 1 is not: "
        f"the first is {sent.id} for alice at "
    )
    assert told.endswith(f"given up by {target}")


@pytest.mark.parametrize(
    ("code", "outcome"), [("INVALID_ARGUMENT", "given_up"), ("UNIMPLEMENTED", "unimplemented")]
)
async def test_other_outcomes_can_be_expected(sim: AsyncSimulator, code: str, outcome: str) -> None:
    async with refuses_chat(code).served() as target:
        story = f"""{STORY}
              - delivered: {{event: personalChatSent, as: {outcome}}}
              - delivered: {{as: {outcome}, is: 1}}
              - delivered: {{as: handled, is: 2}}
              - delivered: {{event: userConnected, as: {outcome}, at_least: 1}}
            """
        told = await tell(sim, story, target)
    (problem,) = told.problems
    words = outcome.replace("_", " ")
    assert f"expected at least 1 userConnected to be {words}, saw 0: the first is" in problem
    assert problem.endswith(f"handled by {target}")


async def test_an_event_that_is_no_event_is_unreadable(sim: AsyncSimulator) -> None:
    steps = """
      steps:
        - deliver: "${app}"
        - produce: {event: userConnected, user: alice, set: {version: old}, validate: false}
      expect:
        - delivered: {event: userConnected, as: unreadable}
    """
    async with HandlerApp().served() as target:
        assert (await tell(sim, steps, target)).problems == ()


async def test_one_app_handles_what_another_does_not_implement(sim: AsyncSimulator) -> None:
    async with refuses_chat("UNIMPLEMENTED").served() as some, HandlerApp().served() as all_of_it:
        story = STORY.replace("- connect", f"- deliver: '{all_of_it}'\n  - connect", 1)
        outcome = await tell(
            sim,
            f"""{story}
              - delivered: {{}}
              - delivered: {{to: '{some}'}}
            """,
            some,
        )
    (problem,) = outcome.problems
    assert f"expected all of 3 events to be handled by {some}; 1 is not" in problem


async def test_no_event_is_handled_where_none_of_the_apps_implements_it(
    sim: AsyncSimulator,
) -> None:
    async with refuses_chat("UNIMPLEMENTED").served() as target:
        outcome = await tell(sim, f"{STORY}  - delivered: personalChatSent\n", target)
    assert outcome.state is PlayState.FAILED


async def test_the_story_stands_still_until_it_is_known(sim: AsyncSimulator) -> None:
    called, answer = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> str:
        called.set()
        await answer.wait()
        return "OK"

    async with HandlerApp(slow).served() as target:
        play = begin(
            sim,
            """
            steps:
              - deliver: "${app}"
              - connect: alice
              - expect: [{delivered: {event: userConnected, within: 60s}}]
              - connect: bob
            """,
            target,
        )
        await called.wait()
        assert (play.state, play.events) == (PlayState.RUNNING, {"userConnected": 1})
        answer.set()
        outcome = await play.wait()
    assert (outcome.problems, outcome.events) == ((), {"userConnected": 2})


async def test_it_waits_no_longer_than_it_says(sim: AsyncSimulator) -> None:
    outcome = await tell(
        sim,
        """
        steps:
          - deliver: {to: "${app}", within: 10ms}
          - connect: alice
          - expect: [{delivered: {event: userConnected, within: 10ms}}]
          - connect: bob
        """,
    )
    (problem,) = outcome.problems
    assert problem.startswith("x.yaml:")
    assert f"not dealt with by {NOBODY}, which is " in problem
    assert outcome.events == {"userConnected": 2}
    (warning,) = outcome.warnings
    assert warning.startswith(f"{NOBODY} has not dealt with everything: it is ")


async def test_a_story_that_stands_still_can_be_stopped(sim: AsyncSimulator) -> None:
    called = asyncio.Event()

    async def never(call: Call) -> str:
        called.set()
        await asyncio.Event().wait()
        return "OK"

    async with HandlerApp(never).served() as target:
        play = begin(sim, STORY + "  - delivered: {within: 1h}\n", target)
        await called.wait()
        play.stop()
        assert (await play.wait()).state is PlayState.STOPPED
        await sim.handlers.remove(target)


async def test_the_end_of_a_story_waits_for_its_apps(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    async with app.served() as target:
        outcome = await tell(sim, STORY.removesuffix("expect:\n"), target)
        assert (outcome.warnings, len(app.calls)) == ((), 3)


async def test_off_ends_what_the_story_began_and_nothing_else(sim: AsyncSimulator) -> None:
    async with HandlerApp().served() as mine, HandlerApp().served() as target:
        sim.handlers.add(mine)
        story = STORY.replace("expect:", "  - expect: [{delivered: {}}]\n  - deliver: off")
        assert (await tell(sim, story, target)).problems == ()
        assert list(sim.handlers.deliveries) == [mine]
        group = next(each for each in sim.groups() if each.name == f"handlers.{target}")
        assert {each.topic: each.offset for each in group.offsets} == {
            "chat": 2,
            "personalChat": 1,
        }


async def test_a_target_may_be_there_already(sim: AsyncSimulator) -> None:
    async with HandlerApp().served() as target:
        sim.handlers.add(target)
        assert (await tell(sim, STORY + "  - delivered: {}\n", target)).problems == ()
        await sim.handlers.remove(target)
        sim.handlers.add(target, DeliverySettings(ordered=True))
        outcome = await tell(sim, STORY + "  - delivered: {}\n", target)
    assert outcome.state is PlayState.ERROR
    assert f"x.yaml:5:5: {target} is a target already" in outcome.problems[-1]


async def test_targets_that_others_added_count(sim: AsyncSimulator) -> None:
    steps = "steps: [{connect: alice}]\nexpect: [{delivered: userConnected}]"
    (problem,) = (await tell(sim, steps)).problems
    assert problem.endswith("but there is no target: a deliver step adds one")
    async with HandlerApp().served() as target:
        sim.handlers.add(target)
        assert (await tell(sim, steps)).problems == ()


async def test_what_is_no_address_fails_at_the_step(sim: AsyncSimulator) -> None:
    outcome = await tell(sim, STORY + "  - delivered: {}\n", "nowhere")
    assert outcome.state is PlayState.ERROR
    assert "x.yaml:5:5: 'nowhere' is no target: write host:port" in outcome.problems[0]


async def test_records_that_are_told_twice_count_twice(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    async with app.served() as target:
        story = STORY.replace("expect:", "  - duplicate: {last: 1, times: 2}\nexpect:")
        expectations = """
          - delivered: {event: personalChatSent, is: 3}
          - delivered: personalChatSent
        """
        assert (await tell(sim, story + expectations, target)).problems == ()


async def test_nothing_is_followed_for_stories_that_cannot_begin_or_have_ended(
    sim: AsyncSimulator,
) -> None:
    app = HandlerApp()
    async with app.served() as target:
        outcome = await tell(sim, STORY + "  - delivered: personalChatSent", target)
        assert outcome.passed
    expectations = parse_script(
        "users: [alice]\nsteps: []\n"
        "expect: [{delivered: chatted}, {delivered: {event: chatted, user: alice}}]",
        file="x.yaml",
    ).expectations

    def resolve(_: Text) -> str:
        raise PlayError("nobody is called that")

    with pytest.raises(PlayError):
        ExpectationObserver(expectations, resolve, deliveries=StoryDeliveries(lambda: sim.handlers))
    assert not sim.handlers._followers


async def test_an_expectation_follows_so_many_events_and_says_so(sim: AsyncSimulator) -> None:
    script = parse_script(
        "users: [alice]\nsteps: []\nexpect: [{delivered: chatted}]", file="x.yaml"
    )
    deliveries = StoryDeliveries(lambda: sim.handlers)
    observer = ExpectationObserver(script.expectations, str, deliveries=deliveries)
    for number in range(MAX_FOLLOWED + 1):
        observer.observe("chat", "chatted", None, {"id": str(number)}, 0)
    (verdict,) = observer.verdicts()
    assert not verdict.ok
    assert "more than 100,000 events are chatted" in verdict.text
