"""What all commands share: help, versions, errors."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version

import click
import pytest
from click.testing import CliRunner
from command_line import environment, run

from simulator.cli import app, cli
from simulator.errors import SimulatorError

RUNNER = CliRunner()


def test_the_program_and_the_module_are_the_same():
    assert run("--version").stdout == f"simulator {version('chat-event-simulator')}\n"
    assert RUNNER.invoke(cli, ["--version"]).stdout == run("--version").stdout


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_command(arguments):
    result = RUNNER.invoke(cli, arguments)
    assert result.exit_code == 0
    for command in app.COMMANDS:
        assert f"  {command} " in result.stdout


@pytest.mark.parametrize("command", app.COMMANDS)
def test_every_command_has_help(command):
    result = RUNNER.invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: simulator {command} ")


def test_help_and_version_import_nothing_heavy():
    code = (
        "import sys; from simulator.cli import cli\n"
        "try: cli(['--help'])\n"
        "except SystemExit: pass\n"
        "print({'grpc', 'rich', 'asyncio', 'yaml', 'jsonschema_rs', 'simulator.simulator'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment()
    )
    assert done.stdout.splitlines()[-1] == "set()"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tial"], "no such command 'tial'; did you mean 'tail'? (see simulator --help)"),
        (["zzz"], "no such command 'zzz'; there are demo, serve, play,"),
        (["--colour"], "No such option"),
        (["play"], "Missing argument 'STORY' (see simulator play --help)"),
        (["play", "x", "--speed", "fast"], "Invalid value for '--speed': 'fast' is no speed"),
        (["serve", "--grpc-port", "70000"], "Invalid value for '--grpc-port'"),
        (["serve", "--kafka-port", "70000"], "Invalid value for '--kafka-port'"),
        (["serve", "--brokers", "0"], "Invalid value for '--brokers'"),
        (["serve", "--broker", "one"], "'one' is no broker: write it like 1:9092"),
        (["serve", "--broker", "1:0", "--brokers", "2"], "leave --brokers, --kafka-port"),
        (["tail", "--from", "noon"], "Invalid value for '--from'"),
        (["tail", "--from", "5"], "an offset counts in one topic: name it"),
        (["produce", "chat"], "name an EVENT, or give --json or --file"),
        (["produce", "chat", "userConnected", "--json", "{}"], "one of them"),
        (["produce", "chat", "--json", "{}", "--set", "a=1"], "change a named EVENT"),
        (["validate"], "name the files to check"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, message):
    result = RUNNER.invoke(cli, arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""


@pytest.fixture
def failing(monkeypatch):
    """A command that raises what the test says."""

    def raising(error: BaseException) -> list[str]:
        @click.command()
        def broken() -> None:
            raise error

        monkeypatch.setattr(app, "COMMANDS", ("broken",))
        module = type(sys)("simulator.cli.broken")
        module.broken = broken  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "simulator.cli.broken", module)
        return ["broken"]

    return raising


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (SimulatorError("it is broken"), 1, "Error: it is broken\n"),
        (SimulatorError("a\x1b[2J"), 1, "Error: a\\u001b[2J\n"),
        (SimulatorError("two:\n  lines"), 1, "Error: two:\n  lines\n"),
        (FileNotFoundError(2, "No such file or directory", "x.yaml"), 1,
         "Error: x.yaml: No such file or directory\n"),
        (KeyboardInterrupt(), 130, "\n"),
        (KeyError("lost"), 1,
         "Error: unexpected KeyError: 'lost' (a bug; SIMULATOR_DEBUG=1 shows where)\n"),
        (ValueError("many\nlines"), 1,
         "Error: unexpected ValueError: many (a bug; SIMULATOR_DEBUG=1 shows where)\n"),
    ],
)  # fmt: skip
def test_errors_are_told_without_a_traceback(failing, error, status, text):
    result = RUNNER.invoke(cli, failing(error), env={"SIMULATOR_DEBUG": ""})
    assert (result.exit_code, result.stderr) == (status, text)


def test_debugging_shows_the_traceback(failing):
    result = RUNNER.invoke(cli, failing(KeyError("lost")), env={"SIMULATOR_DEBUG": "1"})
    assert result.exit_code == 1
    assert "Traceback (most recent call last)" in result.stderr


def test_threads_and_libraries_show_no_traceback_either():
    code = (
        "import logging, threading\n"
        "from simulator.cli import failures\n"
        "failures.keep_tracebacks_away()\n"
        "def fail(): raise KeyError('lost')\n"
        "thread = threading.Thread(target=fail); thread.start(); thread.join()\n"
        "try: fail()\n"
        "except KeyError: logging.getLogger('asyncio').exception('Task failed')\n"
        "logging.getLogger('asyncio').error('only words\\nand more')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment()
    )
    unexpected = "Error: unexpected KeyError: 'lost' (a bug; SIMULATOR_DEBUG=1 shows where)\n"
    assert done.stderr == 2 * unexpected + "Error: only words\n"


@pytest.mark.parametrize(
    "locale",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_output_is_utf8_whatever_the_locale(locale):
    done = run("scenarios", "unicode_texts", env=locale)
    assert done.returncode == 0
    assert "日本語" in done.stdout


def test_another_encoding_can_be_asked_for_and_loses_nothing():
    done = subprocess.run(
        [sys.executable, "-m", "simulator", "scenarios", "unicode_texts"],
        capture_output=True,
        env=environment({"PYTHONIOENCODING": "latin-1"}),
    )
    assert done.returncode == 0
    assert rb"\u65e5\u672c\u8a9e" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="closing a pipe is noticed late on Windows")
def test_a_reader_that_leaves_is_no_error():
    with subprocess.Popen(
        [sys.executable, "-m", "simulator", "scenarios", "unicode_texts"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""
