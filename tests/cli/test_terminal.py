from __future__ import annotations

import io
import json
import sys

import pytest

from simulator.cli import terminal


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with = signs", "plain, with = signs"),
        ("\x1b[2J\x1b]0;title\x07", r"\u001b[2J\u001b]0;title\u0007"),
        ("\x9b31m", r"\u009b31m"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x7f", r"\u007f"),
        ("\u202ereversed\u202c", r"\u202ereversed\u202c"),
        ("\u2067x\u2069 \u200f\u061c", r"\u2067x\u2069 \u200f\u061c"),
        ("in\u200bvisible\ufeff", r"in\u200bvisible\ufeff"),
        ("one\u2028two", r"one\u2028two"),
        ("\ud83d", r"\ud83d"),
        ("שלום! مرحبا بكم", "שלום! مرحبا بكم"),
        ("👩‍👩‍👧‍👦 🏳️‍🌈 🧑🏿‍🚀 🇯🇵", "👩‍👩‍👧‍👦 🏳️‍🌈 🧑🏿‍🚀 🇯🇵"),
    ],
)  # fmt: skip
def test_text_from_events_cannot_control_the_terminal(text, shown):
    assert terminal.safe(text) == shown


def test_json_stays_the_same_json():
    text = "\x9b2J \u202e \x7f שלום 👩‍👩‍👧‍👦 \u2028"
    line = terminal.safe_json(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(line) == {"text": text}
    assert not {"\x9b", "\u202e", "\x7f", "\u2028"} & set(line)


@pytest.mark.parametrize(
    ("environment", "setting"),
    [
        ({}, None),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, None),
        ({"TERM": "dumb"}, False),
    ],
)
def test_colour_setting(monkeypatch, environment, setting):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.colour_setting() is setting


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_that_goes_away(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(terminal, "_FIRST_PROGRESS_S", 0.0)
    monkeypatch.setattr(terminal, "_BETWEEN_PROGRESS_S", 0.0)
    with terminal.Progress() as progress:
        progress.update(lambda: "a long text")
        progress.update(lambda: "short")
    written = screen.getvalue()
    assert "\n" not in written
    last_shown, blanks, end = written.split("\r")[-3:]
    assert last_shown == "short      "  # covers what was longer
    assert blanks.strip() == end == ""


def test_nothing_shows_progress_in_a_pipe(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    monkeypatch.setattr(terminal, "_FIRST_PROGRESS_S", 0.0)
    with terminal.Progress() as progress:
        progress.update(lambda: pytest.fail("nobody looks"))
    assert pipe.getvalue() == ""


def test_progress_waits_before_it_shows(monkeypatch):
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(terminal, "_FIRST_PROGRESS_S", 3600.0)
    with terminal.Progress() as progress:
        progress.update(lambda: pytest.fail("too early"))
    assert screen.getvalue() == ""


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        (".venv/bin/simulator", ".venv/bin/simulator"),
        ("/a b/simulator", "'/a b/simulator'"),
        ("simulator", "simulator"),
        ("/somewhere/simulator/__main__.py", "simulator"),
    ],
)
def test_the_program_as_the_user_called_it(monkeypatch, called, shown):
    monkeypatch.setattr("sys.argv", [called])
    assert terminal.program() == shown
