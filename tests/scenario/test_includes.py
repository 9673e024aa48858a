"""Includes: what they add, who goes first, and what they must not reach."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator.catalog import Catalog
from simulator.scenario import ScriptError, load_script, parse_script, validate_file
from simulator.scenario.includes import FileIncludes
from simulator.scenario.parser.sources import MAX_DEPTH, MAX_FILES
from simulator.scenario.script import Script
from simulator.scenario.yaml_source import MAX_BYTES


def write(folder: Path, **files: str) -> Path:
    """Files by name; the path of `main.yaml`."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "main.yaml"


def load(folder: Path, **files: str) -> Script:
    return load_script(write(folder, **files))


def problems(folder: Path, **files: str) -> list[str]:
    """What is wrong, with files named from the folder."""
    found = validate_file(write(folder, **files), None)
    return [str(problem).replace(f"{folder}{os.sep}", "") for problem in found]


USES_ALL_OF_IT = """
include: [cast.yaml]
users: [zed]
parties: {duo: [zed, alice]}
steps:
  - connect: [alice, zed]
  - chat: {from: alice, party: raid, text: "${word} ${alice.id}"}
  - chat: {from: zed, to: alice, corpus: banter}
  - repeat: {each: [alice], as: who, steps: [{connect: "${who}"}]}
  - use: {block: hello, with: {whom: alice}}
expect:
  - count: {event: whatTheBlockMakes, user: alice, where: {payload.x: "${word}"}, is: 1}
"""


@pytest.mark.parametrize(
    ("cast", "problem"),
    [
        (None, "main.yaml:2:11: there is no file 'cast.yaml'"),
        ("users: [alice", "cast.yaml:1:8: this list is never closed"),
        ("- alice", "cast.yaml:1:1: expected a mapping with steps, found a list"),
    ],
)
def test_a_failed_include_is_one_mistake(tmp_path: Path, cast: str | None, problem: str) -> None:
    files = {"main": USES_ALL_OF_IT} | ({} if cast is None else {"cast": cast})
    (found,) = validate_file(write(tmp_path, **files), Catalog.builtin())
    assert str(found).replace(f"{tmp_path}{os.sep}", "").startswith(problem)


def test_other_mistakes_are_told_beside_a_failed_include(tmp_path: Path) -> None:
    main = "include: [cast.yaml]\nsteps:\n  - conect: alice\n  - connect: alice\n  - wait: 5\n"
    found = problems(tmp_path, main=main)
    assert [each.split(":")[1] for each in found] == ["1", "3", "5"]


def test_what_is_included(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        main="include: [cast.yaml]\nsteps: [connect: alice, use: hello]",
        cast="""
name: not mine
seed: 5
users: [alice, bob]
parties: {raid: [alice, bob]}
variables: {word: hi}
corpora: {banter: [gg]}
blocks: {hello: [chat: {from: alice, party: raid, text: "${word}"}]}
service: {max_users: 7}
steps: [connect: bob]
expect: [none: userConnected]
""",
    )
    assert script.name == "main"
    assert script.seed is None
    assert list(script.users) == ["alice", "bob"]
    assert script.parties["raid"].members == ("alice", "bob")
    assert script.variables == {"word": "hi"}
    assert script.corpora["banter"] == ("gg",)
    assert script.service.max_users == 7
    assert [type(step).__name__ for step in script.steps] == ["Connect", "Chat"]
    assert script.steps[1].at.file == str(tmp_path / "cast.yaml")
    assert script.expectations == ()


def test_the_including_script_goes_first_then_the_later_include(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        main="""
include: [one.yaml, two.yaml]
variables: {a: main}
service: {max_users: 3}
steps: []
""",
        one="variables: {a: one, b: one, c: one}\nservice: {max_users: 1, max_message_length: 1}",
        two="variables: {a: two, b: two}\nservice: {max_users: 2, rate_limit: off}",
    )
    assert script.variables == {"a": "main", "b": "two", "c": "one"}
    assert script.service.max_users == 3
    assert script.service.max_message_length == 1
    assert script.service.rate_limit_messages == 0


def test_variables_can_use_those_of_other_files(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        main="include: [one.yaml]\nvariables: {a: '${c}', c: 1}\nsteps: []",
        one="variables: {a: 0, b: '${a}'}",
    )
    assert list(script.variables) == ["c", "a", "b"]


def test_a_diamond_is_read_once(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        main="include: [left.yaml, right.yaml]\nsteps: [connect: alice]",
        left="include: [cast.yaml]",
        right="include: [./cast.yaml]\nusers: {alice: {id: 5b0a4d1c2f7e4c889a640c4f4ad1b6de}}",
        cast="users: [alice]",
    )
    assert script.users["alice"].id == "5b0a4d1c2f7e4c889a640c4f4ad1b6de"


def test_paths_are_relative_to_the_including_file(tmp_path: Path) -> None:
    script = load(
        tmp_path,
        main="include: [parts/cast.yaml]\nsteps: [connect: bob]",
        parts__cast="include: [more.yaml, ../other.yaml]",
        parts__more="users: [alice]",
        other="users: [bob]",
    )
    assert list(script.users) == ["alice", "bob"]


def test_the_ending_can_be_left_out(tmp_path: Path) -> None:
    assert "alice" in load(tmp_path, main="include: [a]\nsteps: []", a="users: [alice]").users


def test_names_of_the_library_come_after_files(tmp_path: Path) -> None:
    main = "include: [_cast.yaml]\nsteps: [connect: %s]"
    assert "carol" in load(tmp_path, main=main % "carol").users
    assert list(load(tmp_path, main=main % "zoe", _cast="users: [zoe]").users) == ["zoe"]


def test_a_script_from_a_stranger_gets_the_library_and_nothing_else(tmp_path: Path) -> None:
    assert "carol" in parse_script("include: [_cast]\nsteps: []").users
    assert "carol" in parse_script("include: [_cast.yaml]\nsteps: []").users
    secret = write(tmp_path, main="users: [secret]\nsteps: []")
    for name in (str(secret), f"../{secret.name}", "./_cast.yaml", "_cast.yaml/", "", "a b", ".."):
        with pytest.raises(ScriptError) as caught:
            parse_script(f"include: ['{name}']\nsteps: []")
        assert str(caught.value) == (
            f"<inline>:1:11: '{name}' is not the name of a library file; paths are not allowed"
        )


def test_a_text_can_be_given_the_file_system(tmp_path: Path) -> None:
    write(tmp_path, cast="users: [zoe]")
    text = "include: [cast.yaml]\nsteps: []"
    script = parse_script(text, file=str(tmp_path / "mine.yaml"), resolver=FileIncludes())
    assert list(script.users) == ["zoe"]


# --- problems --------------------------------------------------------------------------------


def test_a_script_that_includes_itself(tmp_path: Path) -> None:
    assert problems(tmp_path, main="steps: []\ninclude: [main.yaml]") == [
        "main.yaml:2:11: a script cannot include itself: main.yaml -> main.yaml"
    ]


def test_a_cycle_of_includes(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        main="include: [a.yaml]\nsteps: []",
        a="include: [b.yaml]",
        b="users: [alice]\ninclude:\n  - ./a.yaml",
    ) == ["b.yaml:3:5: a script cannot include itself: a.yaml -> b.yaml -> a.yaml"]


def test_a_link_to_itself_is_a_cycle_too(tmp_path: Path) -> None:
    main = write(tmp_path, main="include: [link.yaml]\nsteps: []")
    try:
        (tmp_path / "link.yaml").symlink_to(main)
    except OSError:
        pytest.skip("no links here")
    [problem] = validate_file(main, None)
    assert "a script cannot include itself" in problem.message


def test_files_that_are_not_there(tmp_path: Path) -> None:
    text = "steps: []\ninclude:\n  - csat.yaml\n  - sub/x.yaml\n  - _csat\n  - folder\n  - ''\n"
    (tmp_path / "folder").mkdir()
    assert problems(tmp_path, main=text, cast="users: []") == [
        "main.yaml:3:5: there is no file 'csat.yaml' (did you mean 'cast.yaml'?)",
        f"main.yaml:4:5: there is no file 'sub/x.yaml'; it would be {Path('sub/x.yaml')}",
        "main.yaml:5:5: there is no file '_csat' (did you mean 'cast.yaml'?)",
        "main.yaml:6:5: 'folder' is a folder, not a file",
        "main.yaml:7:5: '' is a folder, not a file",
    ]


@pytest.mark.parametrize("name", ["a\\0b", "x" * 5000, "con\\u2028", "~"])
def test_names_that_no_file_has(tmp_path: Path, name: str) -> None:
    [problem] = problems(tmp_path, main=f'include: ["{name}"]\nsteps: []')
    assert problem.startswith("main.yaml:1:11: there is no file ")


def test_problems_inside_an_included_file(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        main="include: [cast.yaml]\nsteps: [connect: alcie, use: b]",
        cast="users: [alice]\nusrs: []\nblocks:\n  b: [conect: alice]\nvariables: {a: 1, a: 2}",
    ) == [
        "main.yaml:2:18: unknown user 'alcie' (did you mean 'alice'?)",
        "cast.yaml:2:1: unknown key 'usrs' in a script (did you mean 'users'?)",
        "cast.yaml:4:7: unknown step 'conect' (did you mean 'connect'?)",
        "cast.yaml:5:19: 'a' is here twice; the first is in line 5",
    ]


@pytest.mark.parametrize(
    ("cast", "problem"),
    [
        ("a: [", "cast.yaml:1:5: a value is missing before this, or this needs quotes"),
        ("- alice", "cast.yaml:1:1: expected a mapping with steps, found a list"),
        ("", "cast.yaml:1:1: the script is empty; at least it needs 'steps:'"),
    ],
)
def test_an_included_file_that_cannot_be_read(tmp_path: Path, cast: str, problem: str) -> None:
    found = problems(tmp_path, main="include: [cast.yaml]\nsteps: []", cast=cast)
    assert found == [problem]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("passwd", "root:x:0:0:root:/root:/bin/sh\nme:x:1:1::/:/bin/sh\n"),
        ("env", "TOKEN: secret\n"),
        ("key", "TOKEN: [secret\n"),
        ("list", "- secret\n"),
        ("secret.yaml", "root:x:0:0\n"),
    ],
)
def test_of_an_included_file_that_is_no_script_nothing_is_told(
    tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = problems(tmp_path, main=f"include: [{name}]\nsteps: []")
    assert found == [f"main.yaml:1:11: {name} is no script"]


def test_a_script_may_have_any_ending(tmp_path: Path) -> None:
    (tmp_path / "cast.txt").write_text("users: [zoe]", encoding="utf-8")
    assert "zoe" in load(tmp_path, main="include: [cast.txt]\nsteps: [connect: zoe]").users


def test_a_stranger_is_told_that_only_the_library_can_be_included() -> None:
    with pytest.raises(ScriptError, match=r"'common\.yaml'.*and nothing else can be included here"):
        parse_script("include: [common.yaml]\nsteps: []")


def test_an_included_file_that_is_too_long(tmp_path: Path) -> None:
    found = problems(tmp_path, main="include: [cast.yaml]\nsteps: []", cast="#" * (MAX_BYTES + 1))
    assert found == ["main.yaml:1:11: cast.yaml is longer than 1024 KiB"]


def test_wrong_lists_of_includes(tmp_path: Path) -> None:
    assert problems(tmp_path, main="include: cast.yaml\nsteps: []", cast="") == [
        "main.yaml:1:10: expected a list of files, found the text 'cast.yaml'"
    ]
    assert problems(tmp_path, main="include: [5, a.yaml, a.yaml]\nsteps: []", a="") == [
        "main.yaml:1:11: expected a text, found the number 5; put it in quotes"
    ]


def test_the_depth_of_includes_is_bounded(tmp_path: Path) -> None:
    files = {f"f{i}": f"include: [f{i + 1}.yaml]" for i in range(30)}
    [problem] = problems(tmp_path, main="include: [f0.yaml]\nsteps: []", **files)
    assert problem.endswith(f": files include one another more than {MAX_DEPTH} deep")


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    files = {f"f{i}": "users: []" for i in range(MAX_FILES)}
    names = ", ".join(f"{name}.yaml" for name in files)
    [problem] = problems(tmp_path, main=f"include: [{names}]\nsteps: []", **files)
    assert problem.endswith(f": more than {MAX_FILES} files in one script")


def test_the_length_of_all_files_is_bounded(tmp_path: Path) -> None:
    filling = "#" * (MAX_BYTES - 100)
    files = {f"f{i}": f"users: []\n{filling}" for i in range(5)}
    names = ", ".join(f"{name}.yaml" for name in files)
    [problem] = problems(tmp_path, main=f"include: [{names}]\nsteps: []", **files)
    assert problem.endswith(": the included files are longer than 4096 KiB together")
