"""The page on the script language: every example plays, and the tables tell the truth."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from handler_apps import HandlerApp

from simulator import AsyncSimulator
from simulator.cli import cli
from simulator.scenario import Script, ScriptError, load_script
from simulator.scenario.player import Outcome
from simulator.scenario.script import ServiceSettings, Step
from simulator.simulator import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "scripts.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
EXAMPLES = {
    str(loaded["name"]): block for block in BLOCKS if "steps" in (loaded := yaml.safe_load(block))
}


def write_examples(folder: Path) -> None:
    """Every block as a file: stories by their name, fragments by the name in their first line."""
    for block in BLOCKS:
        loaded = yaml.safe_load(block)
        name = f"{loaded['name']}.yaml" if "steps" in loaded else block.split()[1]
        (folder / name).write_text(block, encoding="utf-8")


def play(script: Script) -> Outcome:
    """Play it in a simulator; `app`, where the story has that, is an app that is there."""

    async def run() -> Outcome:
        settings = Settings(grpc_port=None, kafka_port=None)
        async with AsyncSimulator(settings) as sim, HandlerApp().served() as app:
            variables = {"app": app} if "app" in script.variables else {}
            return await sim.play(script, check=False, variables=variables)

    return asyncio.run(run())


def kinds_of(steps: Any) -> set[str]:
    """The names of the kinds of all steps, at any depth."""
    if isinstance(steps, tuple):
        return set().union(*map(kinds_of, steps))
    if not hasattr(steps, "__dataclass_fields__"):
        return set()
    inner = (kinds_of(getattr(steps, name)) for name in steps.__dataclass_fields__)
    return {type(steps).__name__}.union(*inner)


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose header starts with a word, as cells without code marks."""
    rows = TEXT.split(f"\n| {heading} |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in row.strip("|").split(" | ")] for row in rows]


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_plays_and_keeps_its_expectations(name: str, tmp_path: Path) -> None:
    write_examples(tmp_path)
    script = load_script(str(tmp_path / f"{name}.yaml"))
    assert script.expectations
    ended = play(script)
    assert ended.problems == ()
    assert sum(ended.events.values()) > 0


def test_examples_show_every_kind_of_step(tmp_path: Path) -> None:
    write_examples(tmp_path)
    shown: set[str] = set()
    for name in EXAMPLES:
        shown |= kinds_of(load_script(str(tmp_path / f"{name}.yaml")).steps)
    assert {kind.__name__ for kind in Step.__subclasses__()} <= shown


def test_step_table_names_every_kind_of_step() -> None:
    named = set(re.findall(r"`(\w+)`", "\n".join(f"`{row[0]}`" for row in table("step"))))
    snake = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower() for kind in Step.__subclasses__()
    }
    assert named == snake | {"use"}


def test_table_of_open_questions_has_the_real_defaults(tmp_path: Path) -> None:
    settings: dict[str, Any] = {}
    for _, default, setting in table("open"):
        group, _, name = setting.partition(".")
        value = yaml.safe_load(default)
        if name:
            settings.setdefault(group, {})[name] = value
        else:
            settings[group] = value
    script = load_service(tmp_path, settings)
    assert script == ServiceSettings()
    assert len(table("open")) == 11


def test_table_of_settings_has_the_real_defaults(tmp_path: Path) -> None:
    rows = {setting: default for setting, default, _ in table("setting")}
    written = {name: yaml.safe_load(value) for name, value in rows.items() if value != "none"}
    assert load_service(tmp_path, written) == ServiceSettings()
    assert {name for name, value in rows.items() if value == "none"} == {
        "max_message_length",
        "max_users",
    }


@pytest.mark.parametrize("row", table("open"), ids=lambda row: row[2])
def test_every_open_question_is_really_a_setting(row: list[str], tmp_path: Path) -> None:
    group, _, name = row[2].partition(".")
    other: Any = {"all": "others", "replace": "allow"}.get(row[1])
    if other is None:
        value = yaml.safe_load(row[1])
        other = (
            not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else "x"
        )
    changed = load_service(tmp_path, {group: {name: other} if name else other})
    assert changed != ServiceSettings()


def load_service(folder: Path, settings: dict[str, Any]) -> ServiceSettings:
    path = folder / "service.yaml"
    path.write_text(yaml.safe_dump({"service": settings, "steps": []}), encoding="utf-8")
    return load_script(str(path)).service


def test_commands_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_examples(tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in ("play hello.yaml", "validate hello.yaml", "scenarios"):
        assert f"`simulator {command}`" in TEXT
        result = CliRunner().invoke(cli, command.split())
        assert result.exit_code == 0, result.output
    options = ["play", "hello.yaml", "--seed", "7", "--speed", "max"]
    assert CliRunner().invoke(cli, options).exit_code == 0
    broken = EXAMPLES["hello"].replace("is: 1", "is: 2")
    (tmp_path / "hello.yaml").write_text(broken, encoding="utf-8")
    assert CliRunner().invoke(cli, ["play", "hello.yaml"]).exit_code == 1


def test_mistake_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "hello.yaml"
    path.write_text(EXAMPLES["hello"].replace("wait: 2s", "wait: 2"), encoding="utf-8")
    line = 1 + EXAMPLES["hello"].splitlines().index("  - wait: 2s")
    with pytest.raises(ScriptError, match=rf"hello\.yaml:{line}:11: .*add a unit"):
        load_script(path)


def test_chat_from_somebody_absent_is_reported_at_its_step(tmp_path: Path) -> None:
    path = tmp_path / "hello.yaml"
    path.write_text(EXAMPLES["hello"].replace("connect: [alice, bob]", "connect: bob"), "utf-8")
    line = 1 + EXAMPLES["hello"].splitlines().index("  - wait: 2s") + 1
    (problem,) = play(load_script(path)).problems
    assert f"hello.yaml:{line}:5: alice is not connected" in problem
