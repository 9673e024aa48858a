"""Fresh Python processes, for what an earlier import would spoil."""

from __future__ import annotations

import subprocess
import sys


def figure(code: str) -> float:
    """Runs code in a new interpreter and returns the number that it prints last."""
    finished = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True
    )
    return float(finished.stdout.split()[-1])
