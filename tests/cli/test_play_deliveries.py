"""`simulator play` of stories that deliver to event handler apps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run

from simulator import Simulator

STORY = """\
name: greeted
users: [alice, bob]
variables: {app: "127.0.0.1:9"}
steps:
  - deliver: {to: "${app}", within: 1s}
  - connect: [alice, bob]
expect:
  - delivered: {event: userConnected, within: 1s}
"""


@pytest.fixture
def story(tmp_path: Path) -> str:
    file = tmp_path / "greeted.yaml"
    file.write_text(STORY, "utf-8")
    return str(file)


@pytest.fixture
def server() -> Iterator[Simulator]:
    with Simulator(kafka_port=None) as sim:
        yield sim


@pytest.fixture
def greeted() -> list[str]:
    return []


@pytest.fixture
def app(greeted: list[str]) -> Iterator[str]:
    """An app that is served by another simulator, whose own events do not count."""
    with (
        Simulator(grpc_port=None, kafka_port=None) as other,
        other.handlers.host(userConnected=lambda event: greeted.append(event.user_id)) as app,
    ):
        yield app.target


def test_it_delivers_before_it_ends(story: str, app: str, greeted: list[str]) -> None:
    done = run("play", story, "--var", f"app={app}")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(greeted) == 2


def test_a_running_simulator_delivers(
    story: str, app: str, greeted: list[str], server: Simulator
) -> None:
    done = run("play", story, "--var", f"app={app}", "--server", server.grpc_target)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(greeted) == 2
    assert [report.target for report in server.handlers.reports()] == [app]


def test_an_app_that_is_not_there_is_told(story: str) -> None:
    done = run("play", story)
    assert done.returncode == 1
    assert f"{story}:8:5: expected all of 2 userConnected to be handled; 2 are not" in done.stderr
    assert "Warning: 127.0.0.1:9 has not dealt with everything: it is " in done.stderr
    assert "Traceback" not in done.stderr
