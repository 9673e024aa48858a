from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click.testing
import pytest

from simulator import Simulator
from simulator.cli import cli

Run = Callable[..., click.testing.Result]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A simulator for the commands that talk to one; its clock is virtual."""
    with Simulator() as sim:
        yield sim


@pytest.fixture
def on(sim: Simulator) -> Run:
    """Run a command against `sim`, within this process."""

    def run(*arguments: str, **options: object) -> click.testing.Result:
        runner = click.testing.CliRunner(env={"SIMULATOR_SERVER": sim.grpc_target})
        return runner.invoke(cli, arguments, **options)  # type: ignore[arg-type]

    return run


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], str]:
    """Write a script; gives its path."""

    def write(text: str, name: str = "story.yaml") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write
