"""The library, and ways to a script by name or path."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.catalog import Catalog
from simulator.scenario import ScriptError, StoryNotFound, library, load_script, validate_file
from simulator.scenario.includes import read_script_file

CATALOG = Catalog.builtin()
NAMES = [story.name for story in library.stories()]


def test_stories_have_names_and_descriptions() -> None:
    assert len(NAMES) >= 14
    assert sorted(NAMES) == NAMES
    assert "rate_limited" in NAMES
    for story in library.stories():
        assert story.path.is_file()
        assert not story.name.startswith("_")
        assert story.description.endswith(".")


@pytest.mark.parametrize("path", library.files(), ids=lambda path: path.stem)
def test_every_file_of_the_library_is_right(path: Path) -> None:
    assert validate_file(path, CATALOG) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_story_is_called_like_its_file(name: str) -> None:
    script = load_script(name, catalog=CATALOG)
    assert script.name == name
    assert script.description == library.find(name).description


def test_find() -> None:
    assert library.find("rate_limited").path.name == "rate_limited.yaml"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rate_limitd", "no story is called 'rate_limitd' (did you mean 'rate_limited'?)"),
        ("zzz", "no story is called 'zzz' (`simulator scenarios` lists them)"),
        ("_cast", "no story is called '_cast' (`simulator scenarios` lists them)"),
        ("", "no story is called '' (`simulator scenarios` lists them)"),
        ("a\0b", "no story is called 'a\\x00b' (`simulator scenarios` lists them)"),
    ],
)
def test_names_that_no_story_has(name: str, message: str) -> None:
    with pytest.raises(StoryNotFound) as caught:
        load_script(name)
    assert str(caught.value) == message


def test_a_story_by_name_by_file_name_and_by_path() -> None:
    by_name = load_script("rate_limited")
    assert load_script("rate_limited.yaml").steps == by_name.steps
    assert load_script(library.find("rate_limited").path).steps == by_name.steps
    assert load_script(str(library.find("rate_limited").path)).steps == by_name.steps


def test_paths_are_shown_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub" / "mine.yaml"
    path.write_text("steps: [conect: x]", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScriptError) as caught:
        load_script(path)
    shown = Path("sub/mine.yaml")
    assert str(caught.value) == (f"{shown}:1:9: unknown step 'conect' (did you mean 'connect'?)")
    monkeypatch.chdir(tmp_path / "sub")
    assert str(validate_file("mine.yaml", None)[0]).startswith("mine.yaml:1:9: ")


def test_a_file_without_an_ending_is_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("users: [zoe]\nsteps: []", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert list(load_script("mine").users) == ["zoe"]
    assert load_script("./mine").name == "script"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "story.yaml").write_text("steps: []", encoding="utf-8")
    wrong = tmp_path / "stroy.yaml"
    message = f"there is no file {wrong} (did you mean '{tmp_path / 'story.yaml'}'?)"
    with pytest.raises(StoryNotFound) as caught:
        load_script(wrong)
    assert str(caught.value) == message
    [problem] = validate_file(wrong, None)
    assert str(problem) == f"{wrong}:1:1: {message}"


@pytest.mark.parametrize("name", ["", ".", "sub", "no/such.yaml", "a\0.yaml", "x" * 5000 + ".yaml"])
def test_what_is_no_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / name
    with pytest.raises(StoryNotFound, match="there is no file"):
        load_script(path)
    [problem] = validate_file(path, None)
    assert "there is no file" in problem.message


def test_fragments_need_no_steps(tmp_path: Path) -> None:
    text = "users: [alice]\nblocks: {b: [conect: alice]}"
    for name in ("_part.yaml", "part.yaml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
    misspelt = "unknown step 'conect' (did you mean 'connect'?)"
    assert [p.message for p in validate_file(tmp_path / "_part.yaml", None)] == [misspelt]
    assert [p.message for p in validate_file(tmp_path / "part.yaml", None)] == [
        "a script lacks 'steps'",
        misspelt,
    ]


def test_files_are_read_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfsteps: []\r\n")
    assert read_script_file(path) == b"\xef\xbb\xbfsteps: []\r\n"
    assert load_script(path).steps == ()
