"""`simulator deliver` against apps of this process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from command_line import run

sys.path.append(str(Path(__file__).resolve().parents[1] / "handlers"))
from handler_apps import Call, HandlerApp


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
    async with HandlerApp().served() as target:
        pass
    done = await deliver("first_connect", "--to", target, "--timeout", "0.5")
    assert done.returncode == 1
    assert "not everything was delivered within 0.5 s" in done.stderr
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
        (["--to", "6565"], "name a STORY to play, or use --check"),
        (["first_connect", "--to", "x"], "is no address"),
        (["first_connect", "--to", "1", "--chaos", "fire"], "is none of duplicate"),
        (["first_connect", "--to", "1", "--chaos", "delay=soon"], "soon"),
        (["first_connect"], "--to"),
    ):
        done = run("deliver", *arguments)
        assert done.returncode == 2
        assert text in done.stderr
        assert "Traceback" not in done.stderr
