"""Ctrl-C before a command is under way, and streams that were closed before it began."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from command_line import COMMAND, FREE_PORTS, PATIENCE_S, environment

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX shells and signals")

AT_IMPORT = """
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from simulator.cli import main
main()
"""

AT_START = """
import os, signal
from simulator.listeners.grpc import GrpcListener
begin = GrpcListener.start
async def start(self):
    address = await begin(self)
    os.kill(os.getpid(), signal.SIGINT)
    return address
GrpcListener.start = start
from simulator.cli import main
main()
"""


def run_code(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE_S,
    )


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("simulator.cli.app", ["demo"]),
        ("asyncio", ["serve", *FREE_PORTS]),
        ("grpc", ["demo"]),
        ("simulator.simulator", ["play", "first_connect"]),
        ("simulator.scenario.parser", ["validate", __file__]),
        ("grpc", ["tail"]),
    ],
)
def test_an_interrupt_while_modules_are_imported(module, arguments):
    done = run_code(AT_IMPORT.format(module=module), *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_interrupt_while_the_listener_starts():
    done = run_code(AT_START, "demo")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_interrupts_that_are_ignored_stay_so():
    code = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN){AT_START}"
    assert run_code(code, "demo").returncode == 0


@pytest.mark.parametrize(
    "arguments", [["demo"], ["play", "first_connect"], ["play", "first_connect", "--json", "-q"],
                  ["scenarios"], ["topics", "--help"]]
)  # fmt: skip
def test_a_closed_standard_output_is_no_error(arguments):
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *COMMAND, *arguments],
        stderr=subprocess.PIPE,
        env=environment(),
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_server_whose_output_is_closed_serves_on_and_ends_as_usual():
    command = 'exec "$@" >&-'
    arguments = [*COMMAND, "serve", *FREE_PORTS, "--ready-json", "--exit-with-stdin"]
    done = subprocess.run(
        ["sh", "-c", command, "sh", *arguments],
        input=b"",
        stderr=subprocess.PIPE,
        env=environment(),
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_standard_error_hides_no_status():
    done = subprocess.run(
        ["sh", "-c", '"$@" 2>&-', "sh", *COMMAND, "play", "no_such_story"],
        stdout=subprocess.PIPE,
        env=environment(),
        timeout=PATIENCE_S,
    )
    assert (done.returncode, done.stdout) == (1, b"")
