"""`simulator deliver` against apps of this process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import PATIENCE_S, run, served, started
from ports import refusing_port

from simulator import Simulator
from simulator.cli.delivery_server import DeliveryClient
from simulator.handlers import NotDelivered

sys.path.append(str(Path(__file__).resolve().parents[1] / "handlers"))
from handler_apps import Call, HandlerApp

A_WHILE = "2.2"
"""Seconds: long enough for a first attempt on a slow machine, and in the midst of a pause: those
before the next ones end after 0.2, 0.6, 1.4 and 3 s."""


async def deliver(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(run, "deliver", *arguments)


async def test_a_story_is_played_and_delivered() -> None:
    app = HandlerApp(lambda call: "UNIMPLEMENTED" if "RateLimited" in call.service else "OK")
    async with app.served() as target:
        done = await deliver("rate_limited", "--to", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rate_limited passed: 18 events" in done.stdout
    assert f"{target} idle, 0 to come" in done.stdout
    assert "2 userChatRateLimited not implemented by the app" in done.stdout
    assert len(app.calls) == 18


async def test_the_report_as_json() -> None:
    app = HandlerApp()
    async with app.served() as target:
        port = target.rpartition(":")[2]
        done = await deliver("first_connect", "--to", port, "--json")
    (report,) = json.loads(done.stdout)
    assert report["total"]["handled"] == len(app.calls) > 0
    assert report["target"] == target


async def test_what_is_given_up_fails_the_command() -> None:
    app = HandlerApp(lambda call: "INVALID_ARGUMENT" if call.number == 0 else "OK")
    async with app.served() as target:
        done = await deliver("first_connect", "--to", target)
    assert done.returncode == 1
    assert done.stderr == "Error: 1 event given up\n"


async def test_an_app_that_is_not_there_is_waited_for_and_told() -> None:
    with refusing_port() as port:
        done = await deliver("first_connect", "--to", str(port), "--timeout", A_WHILE)
    assert done.returncode == 1
    assert f"not everything was delivered within {A_WHILE} s" in done.stderr
    assert "UNAVAILABLE" in done.stderr


async def test_an_app_that_is_idempotent_and_one_that_is_not() -> None:
    seen: set[bytes] = set()

    def refuse_repeats(call: Call) -> str:
        known = call.data in seen
        seen.add(call.data)
        return "ALREADY_EXISTS" if known else "OK"

    async with HandlerApp().served() as good, HandlerApp(refuse_repeats).served() as bad:
        for target, status in ((good, 0), (bad, 1)):
            done = await deliver("first_connect", "--to", target, "--check-idempotent")
            assert done.returncode == status, done.stderr
    assert "every event was answered alike" not in done.stdout
    assert "OK, and again ALREADY_EXISTS" in done.stderr


def test_wrong_usage() -> None:
    for arguments, text in (
        (["--to", "6565", "--check-idempotent"], "name a STORY, and leave --server out"),
        (["first_connect", "--to", "x"], "is no address"),
        (["first_connect", "--to", "1", "--chaos", "fire"], "is none of duplicate"),
        (["first_connect", "--to", "1", "--chaos", "delay=soon"], "soon"),
        (["first_connect"], "--to"),
    ):
        done = run("deliver", *arguments)
        assert done.returncode == 2
        assert text in done.stderr
        assert "Traceback" not in done.stderr


async def test_a_story_on_a_running_simulator() -> None:
    app = HandlerApp()
    async with app.served() as target:
        with served("--speed", "max") as (_, server):
            done = await deliver("first_connect", "--server", server, "--to", target, "--json")
            (report,) = json.loads(done.stdout)
            assert (done.returncode, done.stderr) == (0, "")
            assert report["total"]["handled"] == len(app.calls) == 2
            assert (report["state"], report["lag"]) == ("idle", 0)
            groups = await asyncio.to_thread(run, "groups", "--server", server)
            assert f"handlers.{target}" in groups.stdout
            done = await deliver("first_connect", "--server", server, "--to", target)
            assert "first_connect passed" in done.stdout
            assert len(app.calls) == 4  # it went on where its group was


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
async def test_what_happens_on_a_running_simulator_until_ctrl_c() -> None:
    arrived = asyncio.Event()

    def handle(call: Call) -> str:
        if call.number == 1:
            arrived.set()
        return "OK"

    async with HandlerApp(handle).served() as target:
        with (
            served("--speed", "max") as (_, server),
            started("deliver", "--server", server, "--to", target) as cli,
        ):
            assert cli.stderr is not None
            line = await asyncio.to_thread(cli.stderr.readline)
            assert line.decode() == f"delivering what is on {server}; Ctrl-C ends it\n"
            await asyncio.to_thread(run, "play", "first_connect", "--server", server)
            await asyncio.wait_for(arrived.wait(), PATIENCE_S)
            cli.send_signal(signal.SIGINT)
            out, _ = await asyncio.to_thread(cli.communicate)
            assert cli.returncode == 0
            assert "userDisconnected        1     1" in out.decode()
            again = await deliver("--server", server, "--to", target, "--check")
            assert "does not offer server reflection" in again.stderr


async def test_an_app_that_a_running_simulator_does_not_reach() -> None:
    with refusing_port() as port, served("--speed", "max") as (_, server):
        options = ("--server", server, "--to", str(port), "--timeout", A_WHILE)
        done = await deliver("first_connect", *options)
    assert done.returncode == 1
    assert done.stderr == f"Error: not everything was delivered within {A_WHILE} s\n"
    assert "backing off: user" in done.stdout
    assert "UNAVAILABLE" in done.stdout


async def test_events_of_other_documents(tmp_path: Path) -> None:
    (tmp_path / "lobby.yaml").write_text(LOBBY)
    async with HandlerApp().served() as target:
        done = await deliver("--to", target, "--check", "--spec", str(tmp_path))
        assert "does not offer server reflection" in done.stderr
        story = tmp_path / "story.yaml"
        story.write_text("name: s\nusers: [alice]\nsteps: [{connect: alice}]\n")
        options = ("--group", "mine", "--topic", "chat", "--start", "2026-01-31T18:00:00Z")
        spec = str(tmp_path / "lobby.yaml")
        done = await deliver(str(story), "--to", target, "--spec", spec, *options, "--json")
    assert done.stderr == ""
    (report,) = json.loads(done.stdout)
    assert (report["group"], report["total"]["handled"]) == ("mine", 1)


LOBBY = """
asyncapi: 2.0.0
info: {title: Lobby, version: 1.0.0}
channels:
  lobby:
    publish:
      message:
        name: partyCreated
        payload: {type: object, properties: {name: {type: string}}}
"""


def test_a_target_that_somebody_removes_meanwhile_is_not_waited_for() -> None:
    with refusing_port() as port, Simulator(kafka_port=None) as sim:
        target = f"127.0.0.1:{port}"
        sim.handlers.add(target)
        sim.chat.connect("alice")
        with (
            DeliveryClient(sim.grpc_target) as client,
            pytest.raises(NotDelivered, match=f"{target} was removed"),
        ):
            client.wait_idle([target], PATIENCE_S, lambda: sim.handlers.remove(target))
