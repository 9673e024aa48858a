from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter

import grpc
import pytest
from click.testing import CliRunner
from command_line import PATIENCE_S, started
from ports import refusing_port

from simulator.cli import cli
from simulator.v1 import scenarios_pb2, scenarios_pb2_grpc

FAILING = """\
name: fails
users: [alice, bob]
variables: {greeting: hi}
steps:
  - connect: [alice, bob]
  - wait: 2s
  - chat: {from: alice, to: bob, text: "${greeting}"}
expect:
  - count: {event: userConnected, is: 3}
  - none: {event: personalChatSent, user: alice}
"""
BROKEN = """\
name: broken
users: [alice, bob]
steps:
  - connect: alice
  - chat: {from: bob, to: alice, text: "hi"}
"""
SLIP = """name: slip
users: [alice]
steps:
  - produce: {event: userDisconnected, user: alice, set: {payload.userDisconnected.cod: 4000}}
"""
MISTAKEN = """\
users: [alice]
steps:
  - conect: alice
  - wait: 5
"""

HERE = CliRunner()


def play(*arguments: str):
    return HERE.invoke(cli, ["play", *arguments])


def lines_of_json(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_story_that_passes():
    result = play("rate_limited")
    assert result.exit_code == 0
    assert result.stderr == ""  # no progress where nobody looks
    head, *table = result.stdout.splitlines()
    assert head.startswith("rate_limited passed: 18 events, 10.6 s of story, played in ")
    assert [line.split() for line in table] == [
        ["3", "userConnected"],
        ["10", "personalChatSent"],
        ["2", "userChatRateLimited"],
        ["3", "userDisconnected"],
    ]


def test_json_is_the_records_in_their_order():
    result = play("rate_limited", "--json")
    assert result.exit_code == 0
    records = lines_of_json(result.stdout)
    assert Counter(record["event"]["name"] for record in records) == {
        "userConnected": 3,
        "personalChatSent": 10,
        "userChatRateLimited": 2,
        "userDisconnected": 3,
    }
    timestamps = [record["timestamp"] for record in records]
    assert timestamps == sorted(timestamps)
    assert records[0].keys() == {
        "topic", "partition", "offset", "timestamp", "key", "headers", "event",
    }  # fmt: skip
    assert result.stderr.startswith("rate_limited passed")


def test_the_same_seed_gives_the_same_lines_and_another_others():
    plain, again, other = (
        play("rate_limited", "--json", *seed).stdout for seed in ([], [], ["--seed", "8"])
    )
    assert plain == again
    assert {r["event"]["id"] for r in lines_of_json(plain)}.isdisjoint(
        r["event"]["id"] for r in lines_of_json(other)
    )


def test_start_and_variables(script):
    path = script(FAILING)
    result = play(path, "--json", "--start", "2026-05-05T10:00:00Z", "--var", "greeting=ahoy")
    connected, _, chat = lines_of_json(result.stdout)
    assert connected["event"]["timestamp"].startswith("2026-05-05T10:00:00")
    assert chat["event"]["timestamp"].startswith("2026-05-05T10:00:02")
    assert chat["event"]["payload"]["personalChatSent"]["payload"] == "ahoy"


def test_expectations_that_fail_are_explained(script):
    path = script(FAILING)
    result = play(path)
    assert result.exit_code == 1
    assert result.stdout.startswith("fails failed: 3 events")
    first, second, last = result.stderr.splitlines()
    assert "story.yaml:9:5: expected exactly 3 userConnected, saw 2" in first
    assert "story.yaml:10:5: " in second
    assert last == "Error: fails: expectations do not hold"


def test_a_step_that_cannot_be_done_is_named(script):
    result = play(script(BROKEN))
    assert result.exit_code == 1
    assert "story.yaml:5:5: bob is not connected" in result.stderr
    assert result.stderr.endswith("Error: broken: a step cannot be done\n")


def test_slips_are_warnings(script):
    result = play(script(SLIP), "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: ")
    assert line.endswith(
        "story.yaml:4:5: $.payload.userDisconnected.cod is no field of this event; "
        "did you mean code?"
    )


def test_on_a_server_slips_are_warnings_too(on, script):
    result = on("play", script(SLIP), "--server")
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: ")
    assert "story.yaml:4:5: " in line
    result = on("play", script(SLIP), "--server", "--json")
    *_, last = lines_of_json(result.stdout)
    assert [":4:5: $.payload.userDisconnected.cod is no field" in w for w in last["warnings"]] == [
        True
    ]


def test_mistakes_of_a_script_are_lines_for_editors(script):
    result = play(script(MISTAKEN))
    assert (result.exit_code, result.stdout) == (1, "")
    unknown, unit, last = result.stderr.splitlines()
    assert "story.yaml:3:5: unknown step 'conect' (did you mean 'connect'?)" in unknown
    assert "story.yaml:4:11: " in unit
    assert last == "Error: the script cannot be played"


def test_quiet_leaves_only_problems(script):
    assert play("first_connect", "--quiet").output == ""
    assert play(script(FAILING), "--quiet").stdout == ""
    assert "saw 2" in play(script(FAILING), "--quiet").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rate_limted"], "did you mean 'rate_limited'?"),
        (["no/such.yaml"], "such.yaml"),
        (["rate_limited", "--var", "x=1"], "no variable 'x'"),
        (["rate_limited", "--start", "yesterday"], "'yesterday' is not a"),
    ],
)
def test_what_cannot_be_played_is_one_line(arguments, message):
    result = play(*arguments)
    assert result.exit_code in (1, 2)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_bad_events_may_be_let_through(script):
    path = script("steps:\n  - produce: {event: userConnected, set: {payload.userConnected: 5}}\n")
    assert play(path).exit_code == 1
    result = play(path, "--no-validate", "--json")
    assert result.exit_code == 0
    assert lines_of_json(result.stdout)[0]["unchecked"] is True


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_an_interrupt_ends_it_quietly(script):
    path = script("users: [alice]\nsteps:\n  - connect: alice\n  - wait: 1h\n")
    with started("play", path, "--speed", "1", "--json") as process:
        assert process.stdout is not None
        assert b"userConnected" in process.stdout.readline()  # shown as it happens
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        assert process.stderr.read().strip() == b""


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
def test_a_reader_that_has_seen_enough_ends_it_quietly():
    with started("play", "reconnect_storm", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


# --- on a running simulator ----------------------------------------------------------------


def test_on_a_server_by_name(sim, on):
    result = on("play", "rate_limited", "--server")
    assert result.exit_code == 0
    assert result.stdout.startswith("rate_limited passed: 18 events, 10.6 s of story, played in ")
    assert len(sim.events()) == 18


def test_the_address_may_follow_and_the_story_too(sim):
    for arguments in (
        ["--server", sim.grpc_target, "first_connect"],
        ["first_connect", "--server", sim.grpc_target],
        [f"--server={sim.grpc_target}", "first_connect"],
    ):
        assert play(*arguments).exit_code == 0
    assert len(sim.events(name="userConnected")) == 3


def test_without_server_nothing_reaches_one(sim, on):
    assert on("play", "first_connect").exit_code == 0
    assert sim.events() == []


def test_on_a_server_a_path_is_read_here(sim, on, script):
    result = on("play", script(FAILING), "--server", "--var", "greeting=5", "--seed", "3")
    assert result.exit_code == 1
    assert result.stdout.startswith("fails failed: 3 events, 2.0 s of story")
    assert "story.yaml:9:5: expected exactly 3 userConnected, saw 2" in result.stderr
    assert "<request>" not in result.stderr
    (chat,) = sim.events("personalChat")
    assert chat["payload.personalChatSent.payload"] == "5"


def test_on_a_server_the_start_is_exact(sim, on):
    start = "2026-05-05T10:00:00.123Z"
    on("play", "first_connect", "--server", "--start", start)
    assert sim.events()[0].timestamp == 1777975200123


def test_on_a_server_json_is_the_progress(on):
    result = on("play", "first_connect", "--server", "--json")
    *_, last = lines_of_json(result.stdout)
    assert last["state"] == "passed"
    assert last["events"] == {"userConnected": 1, "userDisconnected": 1}
    assert last["problems"] == []


def test_on_a_server_mistakes_are_found_before_anything_is_sent(sim, on, script):
    result = on("play", script(MISTAKEN), "--server")
    assert result.exit_code == 1
    assert "story.yaml:3:5: unknown step 'conect'" in result.stderr
    assert "story.yaml:4:11: " in result.stderr


def test_a_story_that_the_server_does_not_know(on):
    result = on("play", "rate_limted", "--server")
    assert result.exit_code == 1
    assert (
        result.stderr == "Error: no story is called 'rate_limted' (did you mean 'rate_limited'?)\n"
    )


def test_validation_is_a_setting_of_the_server(on):
    result = on("play", "first_connect", "--server", "--no-validate")
    assert result.exit_code == 2
    assert "simulator serve --no-validate" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_an_interrupt_stops_the_story_on_the_server(sim, script):
    path = script("users: [alice]\nsteps:\n  - connect: alice\n  - wait: 1h\n")
    with started("play", path, "--server", sim.grpc_target, "--speed", "1", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
    with grpc.insecure_channel(sim.grpc_target) as channel:
        stories = scenarios_pb2_grpc.ScenariosStub(channel)
        deadline = time.monotonic() + PATIENCE_S
        state = scenarios_pb2.PLAY_STATE_RUNNING
        while state == scenarios_pb2.PLAY_STATE_RUNNING and time.monotonic() < deadline:
            (only,) = stories.GetStatus(scenarios_pb2.GetStatusRequest()).plays
            state = only.state
    assert state == scenarios_pb2.PLAY_STATE_STOPPED


@pytest.mark.parametrize("command", [["play", "first_connect", "--server"], ["tail"], ["topics"]])
def test_no_server_is_one_line_that_says_how_to_start_one(command, unused_port):
    result = HERE.invoke(cli, command, env={"SIMULATOR_SERVER": f"127.0.0.1:{unused_port}"})
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: no simulator answers at 127.0.0.1:{unused_port}; start one with: "
        f"simulator serve --grpc-port {unused_port}, or name another with --server\n"
    )


@pytest.fixture
def unused_port():
    with refusing_port() as port:
        yield port


def test_a_server_takes_library_includes_only(on, script):
    script("users: [zoe]\n", "cast.yaml")
    path = script("include: [cast.yaml]\nsteps:\n  - connect: zoe\n")
    assert on("play", path).exit_code == 0
    result = on("play", path, "--server")
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {path} includes cast.yaml, and a server takes library includes only: put "
        "what it has into the script, or play it without --server\n"
    )
    path = script("include: [_cast.yaml]\nsteps:\n  - connect: carol\n")
    assert on("play", path, "--server").exit_code == 0
    script("users: [carol]\n", "_cast.yaml")  # goes first here, but the server has its own
    assert "library includes only" in on("play", path, "--server").stderr


def test_refused_messages_are_told(script):
    steps = "users: [bob, eve]\nsteps:\n  - connect: [bob, eve]\n  - mute: {user: eve, for: 1m}\n"
    chat = "  - chat: {from: eve, to: bob, text: hi}\n"
    once = HERE.invoke(cli, ["play", script(steps + chat)])
    assert once.stdout.endswith("\n  1 message was refused (muted)\n")
    twice = HERE.invoke(cli, ["play", script(steps + chat + chat)])
    assert twice.stdout.endswith("\n  2 messages were refused (muted)\n")
    assert "refused" not in HERE.invoke(cli, ["play", "first_connect"]).stdout
