"""The examples of docs/catalogue.md run as they stand, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from command_line import run

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "catalogue.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


PROGRAMS = blocks("python")
COMMANDS = [line for block in blocks("sh") for line in block.splitlines()]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    document, story = blocks("yaml")
    (proto,) = blocks("protobuf")
    place = tmp_path / "specs/shop/v1"
    place.mkdir(parents=True)
    (place / "shop.yaml").write_text(document)
    (place / "shop.proto").write_text(proto)
    (tmp_path / "shopping.yaml").write_text(story)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_programs_run(folder: Path, number: int) -> None:
    exec(PROGRAMS[number], {})


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_succeed(folder: Path, command: str) -> None:
    name, *arguments = shlex.split(command)
    assert name == "simulator"
    done = run(*arguments, cwd=folder, env={"PYTHONPATH": str(DOCS.parent)})
    assert (done.returncode, done.stderr) == (0, "")


def test_there_are_examples() -> None:
    assert (len(PROGRAMS), len(COMMANDS)) == (3, 5)
