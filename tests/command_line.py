"""Runs the command line as users do: as a process of its own, with bounded patience."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

PATIENCE_S = 120
"""Only ever reached when something hangs."""

FREE_PORTS = ("--grpc-port", "0", "--kafka-port", "0")

COMMAND = (sys.executable, "-m", "simulator")


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """A plain environment: what the developer has set must not change what is tested."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIMULATOR_", "PYTHONIOENCODING", "NO_COLOR", "FORCE_COLOR"))
    }
    return {**kept, **extra}


def run(
    *arguments: str,
    stdin: bytes = b"",
    env: Mapping[str, str] = {},
    cwd: str | os.PathLike[str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        env=environment(env),
        cwd=cwd,
        timeout=PATIENCE_S,
    )
    return subprocess.CompletedProcess(
        done.args,
        done.returncode,
        done.stdout.decode("utf-8").replace("\r\n", "\n"),
        done.stderr.decode("utf-8").replace("\r\n", "\n"),
    )


@contextmanager
def started(
    *arguments: str, env: Mapping[str, str] = {}, **options: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the test; it is killed at the end, or when it hangs."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([*COMMAND, *arguments], env=environment(env), **{**pipes, **options})
    watchdog = threading.Timer(PATIENCE_S, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def served(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `simulator serve` on a free port; gives the process and its address."""
    with started("serve", *FREE_PORTS, "--ready-json", *arguments) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read().decode()
        yield process, json.loads(line)["grpc"]
