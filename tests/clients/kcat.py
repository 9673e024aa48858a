"""kcat, the command line of librdkafka, as tests use it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

PATIENCE = 60.0
"""Seconds to wait for what kcat should tell."""

ASSIGNMENT = re.compile(r"% Group \S+ rebalanced \(memberid \S+\): (assigned|revoked): (.*)")


class Kcat:
    """kcat at work on one cluster; what it leaves in files goes to a directory."""

    def __init__(self, servers: str, directory: Path) -> None:
        self._servers = servers
        self._directory = directory
        self._started: list[Started] = []

    def run(self, *options: str, lines: str = "") -> str:
        """Run kcat to its end, which must be a good one; returns what it prints."""
        finished = subprocess.run(
            self._command(options),
            input=lines,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout

    def records(self, *options: str) -> list[dict[str, Any]]:
        """Read to the end of a topic, or as many records as `-c` says."""
        printed = self.run(*options, "-e", "-J")
        return [json.loads(line) for line in printed.splitlines()]

    def start(self, *options: str) -> Started:
        """Let kcat run until it is stopped."""
        base = self._directory / f"kcat-{len(self._started)}"
        started = Started(self._command([*options, "-u", "-J"]), base)
        self._started.append(started)
        return started

    def close(self) -> None:
        """Stop what still runs."""
        for started in self._started:
            started.stop()

    def _command(self, options: Sequence[str]) -> list[str]:
        return ["kcat", "-b", self._servers, *options]


class Started:
    """A running kcat."""

    def __init__(self, command: list[str], base: Path) -> None:
        self._out = base.with_suffix(".out").open("w+", encoding="utf-8")
        self._err = base.with_suffix(".err").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self._out, stderr=self._err
        )

    def take(self, count: int) -> list[dict[str, Any]]:
        """The first records, waiting for them."""
        end = time.monotonic() + PATIENCE
        while len(whole_lines(self._out)) < count:
            assert time.monotonic() < end, self.told()
            time.sleep(0.02)
        return [json.loads(line) for line in whole_lines(self._out)[:count]]

    def wait_until_told(self, text: str) -> None:
        """Wait until kcat has said something."""
        end = time.monotonic() + PATIENCE
        while text not in self.told():
            assert time.monotonic() < end, self.told()
            time.sleep(0.02)

    def told(self) -> str:
        """All that it said of itself."""
        return "\n".join(whole_lines(self._err))

    def assigned(self) -> list[int]:
        """The partitions of this member of a group."""
        found: list[int] = []
        for line in whole_lines(self._err):
            match = ASSIGNMENT.fullmatch(line)
            if match is not None:
                places = re.findall(r"\[(\d+)\]", match[2])
                found = [int(place) for place in places] if match[1] == "assigned" else []
        return found

    def stop(self) -> None:
        """Interrupt it, as a person would: it leaves its group."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE)
        self._out.close()
        self._err.close()


def whole_lines(file: IO[str]) -> list[str]:
    file.seek(0)
    text = file.read()
    return text[: text.rfind("\n") + 1].splitlines()
