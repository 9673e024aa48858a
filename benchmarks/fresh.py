"""Fresh Python processes, for what an earlier import would spoil."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache


@cache
def environment() -> Mapping[str, str]:
    """Variables under which Python keeps its byte code, as it does for an installed package.

    An editable installation in an environment that forbids byte code compiles every module in each
    process, which no user does.
    """
    directory = tempfile.TemporaryDirectory(prefix="benchmarks-")
    atexit.register(directory.cleanup)
    inherited = {name: value for name, value in os.environ.items() if name not in FORBIDDING}
    return inherited | {"PYTHONPYCACHEPREFIX": directory.name}


FORBIDDING = {"PYTHONDONTWRITEBYTECODE"}


def figures(code: str, runs: int) -> list[float]:
    """Runs code in new interpreters, once for the byte code; the numbers that they print last."""
    return [_figure(code) for _ in range(runs + 1)][1:]


def _figure(code: str) -> float:
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return float(finished.stdout.split()[-1])
