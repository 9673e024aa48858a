"""`simulator validate` and `simulator scenarios`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulator.cli import cli
from simulator.scenario import library

RUNNER = CliRunner()

GOOD = "users: [alice]\nsteps:\n  - connect: alice\n"
BAD = "users: [alice]\nsteps:\n  - conect: alice\n  - wait: 5\n"


def validate(*arguments: object):
    return RUNNER.invoke(cli, ["validate", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inner").mkdir()
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "inner" / "bad.yml").write_text(BAD)
    (tmp_path / "_fragment.yaml").write_text("users: [alice]\n")
    (tmp_path / "other.txt").write_text("not a script")
    return tmp_path


def test_a_good_script(folder):
    result = validate("good.yaml")
    assert result.exit_code == 0
    assert result.output == "good.yaml: ok, 1 step, 1 user, 0 expectations\n"
    assert validate("good.yaml", "--quiet").output == ""


def test_every_mistake_is_a_line_with_its_place(folder):
    path = Path("inner", "bad.yml")
    result = validate(path)
    assert result.exit_code == 1
    unknown, unit = result.stdout.splitlines()
    assert unknown == f"{path}:3:5: unknown step 'conect' (did you mean 'connect'?)"
    assert unit.startswith(f"{path}:4:11: expected a duration")
    assert result.stderr == f"Error: {path} has mistakes\n"


SLIP = """
users: [alice]
steps:
  - produce:
      event: userDisconnected
      user: alice
      set: {payload.userDisconnected.cod: 4000}
"""


def test_a_slip_that_can_be_played_is_a_warning(folder):
    Path("slip.yaml").write_text(SLIP)
    warning = (
        "slip.yaml:7:13: warning: 'payload.userDisconnected.cod' is no field of userDisconnected; "
        "did you mean code?"
    )
    result = validate("slip.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        warning,
        "slip.yaml: ok, 1 step, 1 user, 0 expectations",
    ]
    assert validate("slip.yaml", "--quiet").output == f"{warning}\n"


def test_folders_are_searched(folder):
    result = validate(".", "good.yaml")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "_fragment.yaml",
        "good.yaml",
        str(Path("inner", "bad.yml")),
        str(Path("inner", "bad.yml")),
    ]
    assert lines[0] == "_fragment.yaml: ok, a fragment that scripts can include"
    assert result.stderr == "Error: 1 of 3 files has mistakes\n"


def test_an_empty_folder_is_an_error(folder):
    (folder / "empty").mkdir()
    result = validate("empty")
    assert result.exit_code == 1
    assert result.stderr == "Error: there is no *.yaml file in empty\n"


def test_a_file_that_does_not_exist(folder):
    result = validate("nowhere.yaml")
    assert result.exit_code == 2
    assert "nowhere.yaml" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"steps: [", ":1:"),
        (b"steps:\n\t- connect: alice\n", ":2:"),
        (b"\xff\xfe\x00", ":1:1: "),
        (b"", ":1:1: "),
        (b"include: [script.yaml]\nsteps: []\n", "cannot include itself"),
        (
            b"variables:\n  a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + b"".join(
                b"  %c: &%c [%s]\n" % (n + 1, n + 1, b", ".join([b"*%c" % n] * 10))
                for n in b"abcdefgh"
            )
            + b"steps: []\n",
            "alias",
        ),
        (b'steps:\n  - connect: "\\e[2Jalice"\n', r"[2Jalice"),
    ],
)
def test_bad_input_is_told_with_its_place(folder, text, message):
    Path("script.yaml").write_bytes(text)
    result = validate("script.yaml")
    assert result.exit_code == 1
    assert result.stdout.startswith("script.yaml:")
    assert message in result.stdout
    assert "\x1b" not in result.output


def test_every_story_of_the_library_is_fine():
    result = validate(*[story.path for story in library.stories()])
    assert result.exit_code == 0
    assert result.stdout.count(": ok, ") == len(library.stories())
    assert "warning" not in result.stdout


def test_the_schema_is_a_json_schema():
    result = validate("--schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["$schema"].startswith("http")


def test_help_says_how_editors_use_the_schema():
    text = validate("--help").stdout
    assert "# yaml-language-server: $schema=" in text
    assert "JetBrains" in text


def test_the_list_of_stories():
    result = RUNNER.invoke(cli, ["scenarios"])
    assert result.exit_code == 0
    listed = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert listed == {story.name: story.description for story in library.stories()}
    assert "rate_limited" in listed


def test_the_list_as_json():
    result = RUNNER.invoke(cli, ["scenarios", "--json"])
    assert json.loads(result.stdout) == [
        {"name": story.name, "description": story.description} for story in library.stories()
    ]


def test_the_script_of_a_story(tmp_path):
    result = RUNNER.invoke(cli, ["scenarios", "unicode_texts"])
    assert result.stdout == library.find("unicode_texts").path.read_text("utf-8")


def test_a_story_that_does_not_exist():
    result = RUNNER.invoke(cli, ["scenarios", "rate_limted"])
    assert result.exit_code == 1
    assert "did you mean 'rate_limited'?" in result.stderr
