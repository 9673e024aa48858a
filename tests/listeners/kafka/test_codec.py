"""Loading the codec: quickly, and with nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
import simulator.listeners.kafka
assert not any(name.split(".")[0] == "kio" for name in sys.modules), "loaded before any client"
from simulator.listeners.kafka.registry import registered
assert registered()
assert "kio.schema.errors" in sys.modules
assert "hypothesis" not in sys.modules
import hypothesis.strategies
"""


def test_the_codec_comes_with_the_first_client_and_without_hypothesis(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert finished.stderr == ""
    assert list(tmp_path.iterdir()) == []


STARTED = """
import sys
from simulator import Simulator
with Simulator(grpc_port=None) as sim:
    made = "simulator.listeners.kafka.cluster"
    assert made not in sys.modules
    assert sim.kafka.place("chat").leader == 1
    assert made in sys.modules
"""


def test_starting_makes_only_what_listens(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", STARTED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert finished.stderr == ""
