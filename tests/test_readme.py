"""What the README says is so: its examples run, and its commands are the ones that CI runs."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from simulator import Simulator
from simulator.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
SCRIPTS = (ROOT / "docs" / "scripts.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def run_python_examples(pytester: pytest.Pytester, page: str, *options: str) -> int:
    """Run the Python blocks of a page, a file each; return how many tests passed, which is all."""
    examples = blocks("python", page)
    for number, code in enumerate(examples):
        pytester.makepyfile(**{f"test_readme_{number}": code})
    tests = sum(code.count("def test_") for code in examples)
    result = pytester.runpytest_subprocess("-p", "no:randomly", "-W", "error", *options)
    result.assert_outcomes(passed=tests)
    return tests


def test_python_examples_pass(pytester: pytest.Pytester) -> None:
    assert run_python_examples(pytester, README, "-p", "no:asyncio") >= 6


def test_python_examples_of_the_reference_pass(pytester: pytest.Pytester) -> None:
    scope = "asyncio_default_fixture_loop_scope=function"
    assert run_python_examples(pytester, PYTHON, "-o", scope) >= 15


def test_the_reference_lists_every_setting() -> None:
    arguments = PYTHON.split("\n## Starting and stopping\n")[1].split("\n\n`with`")[0]
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", arguments, re.MULTILINE)))
    assert sorted(listed) == sorted(field.name for field in fields(Settings))


@pytest.mark.parametrize("number", range(len(blocks("yaml"))))
def test_scripts_pass(number: int, tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text(blocks("yaml")[number], encoding="utf-8")
    with Simulator(grpc_port=None) as sim:
        sim.play(script)


def test_there_are_exactly_two_commands() -> None:
    commands = blocks("sh", section("Two commands"))
    assert len(commands) == 2
    assert all(command.count("\n") == 1 for command in commands)
    assert commands[0].endswith("simulator demo\n")
    assert ".venv/bin/pytest" in commands[1]


def test_open_settings_are_those_of_the_script_language() -> None:
    table = re.compile(r"^\| open \| our default \| setting \|\n(?:\|.*\n)+", re.MULTILINE)
    ours, theirs = table.search(README), table.search(SCRIPTS)
    assert ours is not None
    assert theirs is not None
    assert ours.group() == theirs.group()


def test_commands_are_those_of_the_program() -> None:
    from simulator.cli.app import COMMANDS

    named = re.findall(r"^\| `simulator (\w+)", section("Command line"), re.MULTILINE)
    assert tuple(named) == COMMANDS


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
