"""Running the tools of other languages, where they are at hand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""Maven 3.8 resets colours at its start and end, even where it was told to use none."""

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def read_ready_line(output: IO[str]) -> str:
    """The gRPC address in the first line of a program started with `--ready-json`."""
    address = json.loads(output.readline())["grpc"]
    assert isinstance(address, str)
    return address


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The tools of one language, in a directory of examples that is free to write to."""

    examples: Path
    environment: Mapping[str, str]

    def need(self, *tools: str, on_ci: bool = True) -> None:
        """Skip the test where a tool is missing; on CI that is a failure if CI should have it."""
        for tool in tools:
            if shutil.which(tool, path=self.environment["PATH"]) is None:
                unavailable(f"{tool} not found", fail=ON_CI and on_ci)

    def prepare(self, language: str, *command: str) -> None:
        """Fetch what the example depends on; skip where that cannot be had, but not on CI."""
        finished = self._run(language, command)
        if finished.returncode:
            text = (finished.stdout + finished.stderr)[-2000:]
            unavailable(f"{' '.join(command)} failed:\n{text}", fail=ON_CI)

    def run(self, language: str, *command: str) -> list[str]:
        """Run a command that must succeed; returns the lines that it prints, without colours."""
        finished = self._run(language, command)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        lines = COLOUR.sub("", finished.stdout).splitlines()
        return [line for line in lines if line.strip()]

    def start(self, language: str, *command: str) -> subprocess.Popen[str]:
        """Start a program that goes on until it is killed."""
        program = shutil.which(command[0], path=self.environment["PATH"])
        assert program is not None
        return subprocess.Popen(
            [program, *command[1:]],
            cwd=self.examples / language,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def _run(self, language: str, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        program = shutil.which(command[0], path=self.environment["PATH"])
        assert program is not None
        return subprocess.run(
            [program, *command[1:]],
            cwd=self.examples / language,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


def unavailable(reason: str, *, fail: bool) -> None:
    """Fail or skip the test."""
    if fail:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
