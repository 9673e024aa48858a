from __future__ import annotations

import os
import re
import select
import signal

import pytest
from click.testing import CliRunner
from command_line import PATIENCE_S, run, started

from simulator.cli import cli, demo


def test_the_readme_command():
    done = run("demo")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    shown = re.findall(r"^2026-01-01T\S+Z  (\S+) +(.*)$", done.stdout, re.MULTILINE)
    assert len(shown) == 18
    assert shown[0] == ("chat@0", "alice connected")
    assert ("personalChat@2", "bob → alice  it is the golden spoon 🥄") in shown
    assert ("chat@3", "alice was rate-limited (20007 too many requests)") in shown
    assert shown[-1] == ("chat@7", "alice disconnected (1000 normal closure)")
    assert "✓ 18 events in 10.6 s of story, 18 arrived over gRPC" in done.stdout
    assert done.stdout.count("\n  simulator ") == 3


def test_parties_and_crowds_have_names(script):
    assert "alice → raid  everybody ready?" in run("demo", "party_chat").stdout
    crowd = script(
        "steps:\n  - crowd: {name: fan, users: 3, arrive: {every: 1s}, stay: 5s, "
        "chat: {every: 1s, to: random, text: hi}}\n"
    )
    shown = run("demo", crowd).stdout
    assert "fan-00003 connected" in shown
    assert re.search(r"fan-0000\d → fan-0000\d  hi", shown)


def test_of_a_large_story_the_rest_is_counted():
    done = run("demo", "reconnect_storm")
    assert done.returncode == 0
    lines = done.stdout.count("Z  ")
    assert lines == demo.MOST_LINES
    (more,) = re.findall(r"^\.\.\. and ([\d,]+) more$", done.stdout, re.MULTILINE)
    (total,) = re.findall(r"✓ ([\d,]+) events", done.stdout)
    assert int(total.replace(",", "")) == lines + int(more.replace(",", ""))


def test_expectations_that_fail_are_told(script):
    path = script(
        "users: [alice]\nsteps:\n  - connect: alice\nexpect:\n  - none: {event: userConnected}\n"
    )
    done = run("demo", path)
    assert done.returncode == 1
    assert "✗ 1 event" in done.stdout
    assert "story.yaml:5:5: " in done.stderr
    assert done.stderr.endswith("an expectation does not hold\n")


@pytest.mark.parametrize(
    ("story", "message"), [("rate_limted", "did you mean 'rate_limited'?"), ("x.yaml", "x.yaml")]
)
def test_what_cannot_be_played(story, message):
    result = CliRunner().invoke(cli, ["demo", story])
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_an_interrupt_ends_it_quietly(script):
    path = script("users: [alice]\nsteps:\n  - connect: alice\n  - wait: 1h\n")
    with started("demo", path, "--speed", "1") as process:
        assert process.stdout is not None
        for line in iter(process.stdout.readline, b""):
            if b"alice connected" in line:
                break
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        assert process.stderr.read().strip() == b""


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_on_a_terminal_it_has_colours_unless_they_are_unwanted(script, no_color, coloured):
    path = script(
        "users: [alice, bob]\nsteps:\n  - connect: [alice, bob]\n"
        '  - chat: {from: alice, to: bob, text: "a\\u001b[2Jb"}\n'
    )
    shown = on_terminal("demo", path, env={"NO_COLOR": no_color, "TERM": "xterm"})
    assert ("\x1b[36malice\x1b[0m" in shown) is coloured
    assert ("\x1b" in shown) is coloured
    assert "\x1b[2J" not in shown
    assert r"a\u001b[2Jb" in shown


def on_terminal(*arguments: str, env: dict[str, str]) -> str:
    """Run a command on a terminal of its own; gives what the terminal was sent."""
    pty = pytest.importorskip("pty", reason="needs a POSIX terminal")
    ours, theirs = pty.openpty()
    with started(*arguments, env=env, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        received = b""
        while select.select([ours], [], [], PATIENCE_S)[0]:
            try:
                received += os.read(ours, 65536)
            except OSError:  # Linux: the other side is closed
                break
    os.close(ours)
    return received.decode()


def test_the_next_steps_are_aligned(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bin/simulator"])
    demo._next_steps("spammer_muted")
    assert capsys.readouterr().out == (
        "\nNext:\n"
        "  bin/simulator demo party_chat  another story; bin/simulator scenarios lists them\n"
        "  bin/simulator serve            a simulator for your own programs\n"
        "  bin/simulator tail             what happens on it, as it happens\n"
    )
