"""What bounds a script's text: aliases, nesting, length."""

from __future__ import annotations

from typing import Any

import pytest
from yaml_readers import both, complaints, read

from simulator.scenario.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_NODES

# --- aliases ---------------------------------------------------------------------------------


@both
def test_aliases_stand_for_what_they_name(loader: Any) -> None:
    assert read("a: &x [1, 2]\nb: *x\nc: {d: *x}", loader) == {
        "a": [1, 2],
        "b": [1, 2],
        "c": {"d": [1, 2]},
    }


@both
def test_an_anchor_can_be_named_again(loader: Any) -> None:
    assert read("[&x 1, *x, &x 2, *x]", loader) == [1, 1, 2, 2]
    assert read("[&x [&x 1, *x], *x]", loader) == [[1, 1], 1]


def bomb(levels: int = 9, width: int = 9) -> str:
    lines = [
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}' if level else 'x'] * width)}]"
        for level in range(levels)
    ]
    return "\n".join(lines)


@both
def test_a_bomb_of_aliases_is_one_clear_error(loader: Any) -> None:
    assert complaints(bomb(), loader) == [
        f"f:6:10: aliases blow this script up to over {MAX_NODES} values"
    ]


@both
def test_aliases_count_towards_the_depth(loader: Any) -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, MAX_DEPTH))]
    # a62 is 63 lists deep; in a63, in the top mapping, that makes 65.
    assert complaints("\n".join(lines), loader) == [
        f"f:64:12: lists and mappings are nested more than {MAX_DEPTH} deep"
    ]


@both
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: &a [*a]", "f:1:8: the alias *a contains itself"),
        ("a: &a {b: {c: *a}}", "f:1:15: the alias *a contains itself"),
        ("a: *b", "f:1:4: no anchor &b comes before this alias"),
        ("a: *b\nb: &b 1", "f:1:4: no anchor &b comes before this alias"),
    ],
)
def test_aliases_that_cannot_be(text: str, complaint: str, loader: Any) -> None:
    assert complaints(text, loader) == [complaint]


# --- bounds ----------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[" * 100_000, f"f:1:{MAX_DEPTH + 1}: lists and mappings are nested more than 64 deep"),
        ("{a: " * 50_000, "f:1:257: lists and mappings are nested more than 64 deep"),
        ("- " * 50_000, "f:1:129: lists and mappings are nested more than 64 deep"),
        ("x" * (MAX_BYTES + 1), "f:1:1: the script is longer than 1024 KiB"),
        ("-\n" * (MAX_NODES + 5), f"f:{MAX_NODES + 1}:2: the script has more than 100000 values"),
    ],
    ids=["lists", "mappings", "blocks", "bytes", "values"],
)
def test_bounds(text: str, complaint: str, loader: Any) -> None:
    assert complaints(text, loader) == [complaint]


@both
def test_the_deepest_nesting_allowed(loader: Any) -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert complaints(text, loader) == []
