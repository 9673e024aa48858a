from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from stage import SECOND, START, new_log, read_all, script_of

from simulator.catalog import Catalog
from simulator.log import TopicLog
from simulator.publishing import Publisher
from simulator.scenario.clock import Clock, RealClock, VirtualClock
from simulator.scenario.errors import PlayError, PlayFailed, PlayNotFound
from simulator.scenario.player import Play, Player, PlayState

HOUR = "steps: [connect: alice, wait: 1h, disconnect: alice]"
FLOOD = "steps: [repeat: {times: 1000000000, steps: [rate_limit: alice]}]"


class Stage:
    def __init__(self, clock: Clock | None = None, **options: Any) -> None:
        self.log: TopicLog = new_log()
        self.clock = clock or VirtualClock(START)
        catalog = Catalog.builtin()
        publisher = Publisher(catalog, self.log, lambda: self.clock.now_ns() // 10**6)
        self.player = Player(publisher, self.clock, catalog, **options)

    def play(self, text: str, **options: Any) -> Play:
        return self.player.start(script_of(text), **options)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until it is so; the test's timeout is the bound."""
    while True:
        await asyncio.sleep(0)
        if condition():
            return


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.player.stop_all()


async def test_a_story_plays_in_virtual_time_and_takes_the_clock_along(stage: Stage) -> None:
    play = stage.play(HOUR)
    assert (play.state, play.id, play.events) == (PlayState.RUNNING, "play-1", {})
    outcome = await play.wait()
    assert (play.state, outcome.state, outcome.passed) == (
        PlayState.PASSED,
        PlayState.PASSED,
        True,
    )
    assert outcome.events == play.events == {"userConnected": 1, "userDisconnected": 1}
    assert (outcome.start_ns, outcome.end_ns) == (START, START + 3600 * SECOND)
    assert stage.clock.now_ns() == play.story_time_ns == outcome.end_ns
    assert outcome.problems == ()
    outcome.check()
    # The next story begins where the clock stands.
    assert (await stage.play(HOUR).wait()).start_ns == outcome.end_ns


async def test_timers_of_the_clock_fire_as_a_story_passes_them(stage: Stage) -> None:
    seen: list[int] = []
    stage.clock.call_at(START + 60 * SECOND, lambda: seen.append(stage.clock.now_ns()))
    await stage.play(HOUR).wait()
    assert seen == [START + 60 * SECOND]


async def test_start_and_seed_come_from_the_caller_else_the_script_else_the_clock(
    stage: Stage,
) -> None:
    story = "seed: 9\nstart: 2030-01-01T00:00:00Z\n" + HOUR
    scripted = stage.play(story)
    assert scripted.seed == 9
    assert (await scripted.wait()).start_ns == 1_893_456_000 * SECOND
    given = stage.play(story, seed=3, start=5 * SECOND)
    assert (await given.wait()).start_ns == 5 * SECOND
    assert given.seed == given.outcome.seed == 3
    assert stage.play(HOUR).seed == 0


async def test_a_story_in_the_past_has_its_own_timestamps_and_never_turns_the_clock_back(
    stage: Stage,
) -> None:
    outcome = await stage.play(HOUR, start=START - 7200 * SECOND).wait()
    assert outcome.end_ns == START - 3600 * SECOND
    assert stage.clock.now_ns() == START
    assert read_all(stage.log)[0].timestamp == (START - 7200 * SECOND) // 10**6


async def test_expectations_decide_between_passed_and_failed(stage: Stage) -> None:
    story = """
        steps:
          - connect: alice
          - expect: [count: {event: userConnected, user: bob, is: 1}]
          - disconnect: alice
        expect:
          - count: {event: userConnected, user: alice, is: 2}
        """
    outcome = await stage.play(story).wait()
    assert outcome.state is PlayState.FAILED
    assert [problem.split(":")[1] for problem in outcome.problems] == ["3", "6"]
    assert outcome.events == {"userConnected": 1, "userDisconnected": 1}
    with pytest.raises(PlayFailed, match="expectations do not hold") as caught:
        outcome.check()
    assert all(problem in str(caught.value) for problem in outcome.problems)


async def test_a_step_that_cannot_be_done_ends_the_play_with_its_place(stage: Stage) -> None:
    story = "steps:\n  - connect: alice\n  - wait: 5s\n  - disconnect: bob\n  - disconnect: alice"
    outcome = await stage.play(story).wait()
    assert outcome.state is PlayState.ERROR
    (problem,) = outcome.problems
    assert problem.startswith("story.yaml:4:")
    assert "bob is not connected" in problem
    assert outcome.events == {"userConnected": 1}
    with pytest.raises(PlayFailed, match="a step cannot be done"):
        outcome.check()


async def test_problems_are_told_once_each_and_no_more_than_a_hundred(stage: Stage) -> None:
    story = """
        steps:
          - repeat:
              times: 2000
              steps:
                - rate_limit: alice
                - expect:
                    - none: {event: userChatRateLimited}
                    - count: {event: userConnected, at_least: 1}
          - disconnect: bob
        """
    play = stage.play(story)
    outcome = await play.wait()
    assert outcome.problems == play.problems
    assert len(outcome.problems) == len(set(outcome.problems)) == 102
    *_, more, error = outcome.problems
    assert re.fullmatch(r"\.\.\. and [\d,]+ more", more)
    assert "bob is not connected" in error


@pytest.mark.parametrize("second", [-62_135_596_801, 253_402_300_800])
async def test_a_start_that_no_timestamp_can_say_is_refused(stage: Stage, second: int) -> None:
    with pytest.raises(PlayError, match="years 1 to 9999"):
        stage.play("steps: [connect: alice]", start=second * SECOND)


async def test_slips_are_told_once_each_with_their_step(stage: Stage) -> None:
    story = """
        steps:
          - repeat:
              times: 3
              steps:
                - produce: {event: userDisconnected, set: {sesionId: "${alice.id}"}}
                - produce: {event: userDisconnected, set: {sesionId: x}, validate: false}
          - duplicate: 1
        """
    play = stage.play(story)
    outcome = await play.wait()
    assert outcome.passed
    assert outcome.warnings == play.warnings
    (warning,) = outcome.warnings
    assert warning == (
        "story.yaml:5:11: $.sesionId is no field of this event; did you mean sessionId?"
    )


async def test_what_the_service_refused_is_counted(stage: Stage) -> None:
    story = "steps: [connect: alice, mute: alice, chat: {from: alice, to: bob, text: x}]"
    assert (await stage.play(story).wait()).refusals == {"muted": 1}


async def test_a_running_story_lets_others_have_the_loop(stage: Stage) -> None:
    play = stage.play(FLOOD)
    for _ in range(20):
        await asyncio.sleep(0)
    assert play.state is PlayState.RUNNING
    assert play.events["userChatRateLimited"] > 20
    play.stop()


async def test_several_stories_play_side_by_side(stage: Stage) -> None:
    plays = [stage.play(FLOOD), stage.play(HOUR, seed=1), stage.play(HOUR, seed=2)]
    await asyncio.gather(*(play.wait() for play in plays[1:]))
    assert [play.state.value for play in plays] == ["running", "passed", "passed"]
    plays[0].stop()


async def test_nothing_is_published_after_stop(stage: Stage) -> None:
    play = stage.play(FLOOD)
    for _ in range(5):
        await asyncio.sleep(0)
    play.stop()
    held = stage.log.records_held
    assert play.state is PlayState.STOPPED
    outcome = await play.wait()
    assert (outcome.state, stage.log.records_held) == (PlayState.STOPPED, held)
    assert outcome.events["userChatRateLimited"] == held > 0
    play.stop()
    with pytest.raises(PlayFailed, match="it was stopped"):
        outcome.check()


async def test_a_play_can_be_stopped_before_it_has_begun(stage: Stage) -> None:
    play = stage.play(HOUR)
    play.stop()
    assert (await play.wait()).state is PlayState.STOPPED
    assert stage.log.records_held == 0


async def test_a_callback_of_the_log_can_stop_a_play_from_within(stage: Stage) -> None:
    play = stage.play(FLOOD)
    stage.log.wait(play.stop)
    outcome = await play.wait()
    assert outcome.state is PlayState.STOPPED
    assert stage.log.records_held == 1


async def test_stopping_wakes_a_paced_play_at_once(stage: Stage) -> None:
    play = stage.play("steps: [connect: alice, wait: 365d]", speed=1)
    await until(lambda: bool(play.events))
    play.stop()
    waiting = asyncio.ensure_future(play.wait())
    for _ in range(5):
        await asyncio.sleep(0)
    assert waiting.done()
    assert waiting.result().state is PlayState.STOPPED


async def test_cancelling_a_wait_does_not_stop_the_play(stage: Stage) -> None:
    play = stage.play(FLOOD)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(play.wait(), 0)
    assert play.state is PlayState.RUNNING
    play.stop()


async def test_a_cancelled_task_is_a_stopped_play(stage: Stage) -> None:
    play = stage.play(FLOOD)
    await asyncio.sleep(0)
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == play.id)
    task.cancel()
    await asyncio.wait([task])
    assert play.state is PlayState.STOPPED


async def test_progress_is_reported_and_the_end_once(stage: Stage) -> None:
    states: list[tuple[PlayState, int]] = []
    play = stage.play(FLOOD)
    forget = play.on_progress(lambda _: pytest.fail("it was forgotten"))
    forget()
    forget()
    play.on_progress(lambda play: states.append((play.state, sum(play.events.values()))))
    await until(lambda: len(states) >= 2)
    play.stop()
    await play.wait()
    await asyncio.sleep(0)
    assert [state for state, _ in states[-2:]] == [PlayState.RUNNING, PlayState.STOPPED]
    counts = [count for _, count in states]
    assert counts == sorted(counts)
    # Who asks later still learns of the end.
    late: list[PlayState] = []
    play.on_progress(lambda play: late.append(play.state))
    await asyncio.sleep(0)
    assert late == [PlayState.STOPPED]


async def test_a_short_story_reports_its_end(stage: Stage) -> None:
    states: list[PlayState] = []
    play = stage.play(HOUR)
    play.on_progress(lambda play: states.append(play.state))
    await play.wait()
    await asyncio.sleep(0)
    assert states == [PlayState.PASSED]


async def test_a_paced_story_takes_its_time() -> None:
    clock = RealClock(start_ns=START)
    stage = Stage(clock)
    begin = asyncio.get_running_loop().time()
    outcome = await stage.play(
        "steps: [connect: alice, wait: 20s, connect: bob]", speed=1000
    ).wait()
    # 20 s of the story are at least 20 ms here, however busy the machine is.
    assert asyncio.get_running_loop().time() - begin >= 0.0199
    assert outcome.end_ns - outcome.start_ns == 20 * SECOND
    times = [record.timestamp for record in read_all(stage.log)]
    assert times[1] - times[0] == 20_000


async def test_a_paced_story_does_not_run_ahead_and_moves_a_virtual_clock() -> None:
    stage = Stage()
    play = stage.play("steps: [connect: alice, wait: 2h, connect: bob]", speed=3600)
    await until(lambda: stage.clock.now_ns() > START)
    assert play.events == {"userConnected": 1}
    assert play.state is PlayState.RUNNING
    play.stop()


async def test_the_same_bytes_at_any_speed() -> None:
    story = """
        steps:
          - crowd:
              name: fan
              users: 30
              arrive: {poisson: 10/s}
              stay: {exponential: 2s}
              chat: {every: {exponential: 500ms}, to: random, length: [1, 20]}
        """
    logs = []
    for speed in (None, 0, 200.0):
        stage = Stage()
        outcome = await stage.play(story, seed=4, start=START, speed=speed).wait()
        assert outcome.passed
        logs.append(read_all(stage.log))
    assert logs[0] == logs[1] == logs[2]
    assert len(logs[0]) > 100


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf")])
async def test_a_speed_is_not_negative(stage: Stage, speed: float) -> None:
    with pytest.raises(PlayError, match="a speed is"):
        stage.play(HOUR, speed=speed)
    assert stage.player.plays == {}


async def test_variables_are_handed_to_the_story(stage: Stage) -> None:
    story = """
        variables: {code: 1}
        steps:
          - produce:
              event: userDisconnected
              set: {payload.userDisconnected.code: "${code}"}
        """
    await stage.play(story, variables={"code": 4000}).wait()
    assert b'"code":4000' in (read_all(stage.log)[0].value or b"")
    with pytest.raises(PlayError, match="no variable 'cod'"):
        stage.play(story, variables={"cod": 1})


async def test_users_of_a_play_can_be_looked_up(stage: Stage) -> None:
    play = stage.play("steps: [crowd: {name: fan, users: 2, arrive: {every: 1s}, stay: 1s}]")
    await play.wait()
    assert set(play.users) == {"alice", "bob", "carol"}
    assert play.user_id("alice") == play.users["alice"]
    assert play.user_id("fan-00001") is not None
    assert play.user_id("fan-00003") is None


async def test_the_player_knows_what_runs_and_the_latest_of_what_has_ended() -> None:
    stage = Stage(history=2)
    running = stage.play(FLOOD)
    ended = [stage.play(HOUR) for _ in range(4)]
    for play in ended:
        await play.wait()
    last = stage.play(HOUR)
    assert list(stage.player.plays) == [running.id, ended[2].id, ended[3].id, last.id]
    assert stage.player.find(running.id) is running
    with pytest.raises(PlayNotFound, match="play-2"):
        stage.player.find(ended[0].id)
    stage.player.stop_all()
    assert running.state is last.state is PlayState.STOPPED
    assert ended[3].state is PlayState.PASSED
    stage.player.reset()
    assert stage.player.plays == {}
    assert stage.play(HOUR).id == "play-1"
    stage.player.stop_all()


async def test_a_fault_of_the_simulator_itself_is_not_hidden(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage.log, "append", lambda *_, **__: 1 / 0)
    play = stage.play(HOUR)
    with pytest.raises(ZeroDivisionError):
        await play.wait()
    assert play.state is PlayState.ERROR
    assert "the simulator is at fault: ZeroDivisionError" in play.problems[0]
