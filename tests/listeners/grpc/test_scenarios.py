from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2, timestamp_pb2
from grpc_rooms import START_MS, Rooms, Server, fails, serving, violations

from simulator.scenario import library
from simulator.v1 import scenarios_pb2

Code = grpc.StatusCode

TWO = """
name: two
users: [alice, bob]
variables: {text: hello}
steps:
  - connect: [alice, bob]
  - wait: 5s
  - repeat:
      times: 2
      steps:
        - chat: {from: alice, to: bob, text: "${text}"}
"""

LONG = """
name: long
users: [alice]
steps:
  - connect: alice
  - wait: 10h
"""


async def play(server: Server, **fields: Any) -> list[Any]:
    call = server.scenarios.Play(scenarios_pb2.PlayRequest(**fields))
    return [progress async for progress in call]


async def test_the_library_is_listed(server: Server) -> None:
    answer = await server.scenarios.ListScenarios(scenarios_pb2.ListScenariosRequest())
    listed = {scenario.name: scenario.description for scenario in answer.scenarios}
    assert listed == {story.name: story.description for story in library.stories()}
    assert "rate_limited" in listed
    assert all(listed.values())


async def test_a_story_of_the_library(server: Server) -> None:
    *_, last = await play(server, name="rate_limited")
    assert last.state == scenarios_pb2.PLAY_STATE_PASSED
    assert last.name == "rate_limited"
    assert last.events["userChatRateLimited"] >= 1
    assert not last.problems
    seen = [r for r in await server.read("chat") if "userChatRateLimited" in r.json]
    assert len(seen) == last.events["userChatRateLimited"]


async def test_a_script_sent_as_text(server: Server) -> None:
    *_, last = await play(server, yaml=TWO)
    assert last.state == scenarios_pb2.PLAY_STATE_PASSED
    assert dict(last.events) == {"userConnected": 2, "personalChatSent": 2}
    assert last.story_time.seconds == START_MS // 1000 + 5
    assert [r.json.count('"hello"') for r in await server.read("personalChat")] == [1, 1]


async def test_a_story_that_leaves_the_years_of_timestamps_ends_with_an_outcome(
    server: Server,
) -> None:
    text = "steps: [{repeat: {times: 100, steps: [{wait: 36500d}]}}]"
    *_, last = await play(server, yaml=text, speed=0)
    assert last.state == scenarios_pb2.PLAY_STATE_ERROR
    assert "beyond the year 9999" in last.problems[0]
    *_, after = await play(server, yaml=TWO)
    assert after.state == scenarios_pb2.PLAY_STATE_PASSED


async def test_slips_of_a_script_are_warnings(server: Server) -> None:
    text = "steps: [{produce: {event: userConnected, set: {userid: x}}}]"
    *_, last = await play(server, yaml=text)
    assert last.state == scenarios_pb2.PLAY_STATE_PASSED
    assert [warning.partition(": ")[0] for warning in last.warnings] == ["<request>:1:10"]
    assert "did you mean userId?" in last.warnings[0]


async def test_options_of_a_play(server: Server) -> None:
    begin = timestamp_pb2.Timestamp(seconds=START_MS // 1000 + 3600, nanos=7_000_000)
    variables = {"text": struct_pb2.Value(string_value="bye")}
    *_, last = await play(server, yaml=TWO, seed=7, start=begin, variables=variables)
    assert (last.story_time.seconds, last.story_time.nanos) == (begin.seconds + 5, begin.nanos)
    first = await server.read("chat", "personalChat")
    assert '"bye"' in first[-1].json
    assert first[0].timestamp_ms == START_MS + 3_600_007

    server.rooms.reset()
    await play(server, yaml=TWO, seed=7, start=begin, variables=variables)
    assert [r.json for r in await server.read("chat", "personalChat")] == [r.json for r in first]
    server.rooms.reset()
    await play(server, yaml=TWO, seed=8, start=begin, variables=variables)
    assert [r.json for r in await server.read("chat", "personalChat")] != [r.json for r in first]


async def test_an_expectation_that_does_not_hold_is_told(server: Server) -> None:
    expecting = TWO + "expect:\n  - count: {event: personalChatSent, is: 5}\n"
    *_, last = await play(server, yaml=expecting)
    assert last.state == scenarios_pb2.PLAY_STATE_FAILED
    (problem,) = last.problems
    assert "personalChatSent" in problem


async def test_a_step_that_cannot_be_done_is_told_with_its_place(server: Server) -> None:
    *_, last = await play(
        server, yaml="users: [a, b]\nsteps:\n  - chat: {from: a, to: b, text: x}\n"
    )
    assert last.state == scenarios_pb2.PLAY_STATE_ERROR
    assert any("<request>:3" in problem for problem in last.problems)


async def test_progress_begins_with_a_running_play_and_its_id(server: Server) -> None:
    call = server.scenarios.Play(scenarios_pb2.PlayRequest(yaml=LONG, speed=1))
    first = await call.read()
    assert first.state == scenarios_pb2.PLAY_STATE_RUNNING
    assert first.play_id in server.rooms.player.plays
    call.cancel()
    await server.idle()
    assert server.rooms.player.find(first.play_id).state.value == "stopped"


async def test_another_call_stops_a_play_and_asks_how_it_goes(server: Server) -> None:
    call = server.scenarios.Play(scenarios_pb2.PlayRequest(yaml=LONG, speed=1))
    play_id = (await call.read()).play_id
    status = await server.scenarios.GetStatus(scenarios_pb2.GetStatusRequest(play_id=play_id))
    assert [p.state for p in status.plays] == [scenarios_pb2.PLAY_STATE_RUNNING]
    stopped = await server.scenarios.Stop(scenarios_pb2.StopRequest(play_id=play_id))
    assert stopped.play.state == scenarios_pb2.PLAY_STATE_STOPPED
    last = None
    while (progress := await call.read()) is not grpc.aio.EOF:
        last = progress
    assert last is not None
    assert last.state == scenarios_pb2.PLAY_STATE_STOPPED
    again = await server.scenarios.Stop(scenarios_pb2.StopRequest(play_id=play_id))
    assert again.play.state == scenarios_pb2.PLAY_STATE_STOPPED


async def test_the_listeners_speed_counts_where_a_request_has_none(rooms: Rooms) -> None:
    async with serving(rooms, speed=1) as server:
        call = server.scenarios.Play(scenarios_pb2.PlayRequest(yaml=LONG))
        assert (await call.read()).state == scenarios_pb2.PLAY_STATE_RUNNING
        assert (await play(server, yaml=LONG, speed=0))[-1].state == (
            scenarios_pb2.PLAY_STATE_PASSED
        )
        (paced, _) = rooms.player.plays.values()
        assert paced.state.value == "running"  # ten hours would not have passed otherwise
        call.cancel()


async def test_status_of_all_plays(server: Server) -> None:
    for _ in range(3):
        await play(server, yaml=TWO)
    status = await server.scenarios.GetStatus(scenarios_pb2.GetStatusRequest())
    assert [p.name for p in status.plays] == ["two"] * 3
    assert len({p.play_id for p in status.plays}) == 3


async def test_several_plays_at_once(server: Server) -> None:
    ends = await asyncio.gather(*(play(server, yaml=TWO, seed=n) for n in range(5)))
    assert {progress[-1].state for progress in ends} == {scenarios_pb2.PLAY_STATE_PASSED}
    assert len(await server.read("personalChat")) == 10


@pytest.mark.parametrize(
    ("fields", "code", "field", "words"),
    [
        ({}, Code.INVALID_ARGUMENT, "script", "missing"),
        ({"name": ""}, Code.NOT_FOUND, "name", ""),
        ({"name": "rate_limitd"}, Code.NOT_FOUND, "name", "rate_limited"),
        ({"name": "/etc/passwd"}, Code.NOT_FOUND, "name", "passwd"),
        ({"name": "scenarios/rate_limited.yaml"}, Code.NOT_FOUND, "name", ""),
        ({"name": "_cast"}, Code.NOT_FOUND, "name", ""),
        ({"yaml": ""}, Code.INVALID_ARGUMENT, "yaml", ""),
        ({"yaml": "steps: [}"}, Code.INVALID_ARGUMENT, "yaml", "<request>:1:"),
        ({"yaml": "steps:\n  - fly: away"}, Code.INVALID_ARGUMENT, "yaml", "<request>:2:5"),
        ({"yaml": "include: [/etc/passwd]\nsteps: []"}, Code.INVALID_ARGUMENT, "yaml", "passwd"),
        ({"yaml": "include: [../x.yaml]\nsteps: []"}, Code.INVALID_ARGUMENT, "yaml", ""),
        ({"yaml": TWO, "speed": -1}, Code.INVALID_ARGUMENT, "speed", "negative"),
        ({"yaml": TWO, "speed": float("nan")}, Code.INVALID_ARGUMENT, "speed", "nan"),
        ({"yaml": TWO, "speed": float("inf")}, Code.INVALID_ARGUMENT, "speed", "inf"),
        (
            {"yaml": TWO, "start": timestamp_pb2.Timestamp(seconds=2**62)},
            Code.INVALID_ARGUMENT,
            "start",
            "",
        ),
        (
            {"yaml": TWO, "variables": {"txt": struct_pb2.Value(number_value=1)}},
            Code.INVALID_ARGUMENT,
            "variables",
            "txt",
        ),
        (
            {
                "yaml": TWO.replace("{text: hello}", "{text: a, b: '${text}${text}'}"),
                "variables": {"text": struct_pb2.Value(string_value="x" * 600_000)},
            },
            Code.INVALID_ARGUMENT,
            "variables",
            "1 MiB",
        ),
    ],
)
async def test_what_cannot_be_played(
    server: Server, fields: dict[str, Any], code: grpc.StatusCode, field: str, words: str
) -> None:
    error = await fails(server.scenarios.Play(scenarios_pb2.PlayRequest(**fields)), code, words)
    assert set(violations(error)) == {field}
    assert server.log.end_position == 0


async def test_every_mistake_of_a_script_is_a_violation(server: Server) -> None:
    script = "users: [a]\nsteps:\n  - fly: a\n  - connect: nobody\n  - wait: 5\n"
    call = server.scenarios.Play(scenarios_pb2.PlayRequest(yaml=script))
    error = await fails(call, Code.INVALID_ARGUMENT)
    for place in ("<request>:3", "<request>:4", "<request>:5"):
        assert place in (error.details() or "")


async def test_a_script_may_include_the_library(server: Server) -> None:
    fragment = next(path.name for path in library.files() if path.name.startswith("_"))
    *_, last = await play(server, yaml=f"include: [{fragment}]\nsteps:\n  - wait: 1s\n")
    assert last.state == scenarios_pb2.PLAY_STATE_PASSED


async def test_an_unknown_play(server: Server) -> None:
    for call in (
        server.scenarios.Stop(scenarios_pb2.StopRequest(play_id="play-9")),
        server.scenarios.GetStatus(scenarios_pb2.GetStatusRequest(play_id="play-9")),
    ):
        error = await fails(call, Code.NOT_FOUND, "play-9")
        assert list(violations(error)) == ["play_id"]
