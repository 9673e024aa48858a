"""YAML as scripts use it: plain values as in YAML 1.2, places, bounds, and clear complaints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml_readers import LOADERS, both, complaints, read

from simulator.scenario.library import files
from simulator.scenario.yaml_errors import BAD_ESCAPE
from simulator.scenario.yaml_nodes import ListNode, MapNode, Node, ScalarNode
from simulator.scenario.yaml_source import read_yaml


def places(node: Node | None) -> Any:
    """The tree with the place and the spelling of every node."""
    if node is None:
        return None
    inner: Any = None
    if isinstance(node, MapNode):
        inner = [(places(key), places(value)) for key, value in node.entries]
    elif isinstance(node, ListNode):
        inner = [places(item) for item in node.items]
    elif isinstance(node, ScalarNode):
        inner = (node.value, type(node.value), node.text, node.quoted, node.inset)
        if node.text == "":  # where nothing is written, the parsers' places differ a little
            return "nothing"
    return type(node).__name__, node.line, node.column, node.size, node.height, inner


# --- values: YAML 1.2.2, section 10.3.2 ------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *((word, word) for word in ("yes", "no", "on", "off", "y", "n", "Yes", "OFF", "nULL")),
        ("0", 0),
        ("-19", -19),
        ("+12", 12),
        ("007", 7),
        ("0o14", 12),
        ("0x1F", 31),
        ("18446744073709551615", 2**64 - 1),
        ("-9223372036854775808", -(2**63)),
        ("0.5", 0.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("12e03", 12000.0),
        ("-2E+05", -200000.0),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("0b101", "0b101"),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T18:00:00Z", "2026-01-31T18:00:00Z"),
        ("=", "="),
        ("-", "-"),
        ("1.2.3", "1.2.3"),
        ("5s", "5s"),
        ("+", "+"),
        ('"true"', "true"),
        ("'5'", "5"),
        ('""', ""),
        ("\u0665", "\u0665"),
    ],
)
def test_plain_values_follow_the_core_schema(text: str, value: object, loader: Any) -> None:
    if text == "-":
        text = "'-'"
    found = read(f"[{text}]", loader)[0]
    assert found == value
    assert type(found) is type(value)


@both
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "18446744073709551616",
            "18446744073709551616 does not fit into 64 bits; put it in quotes",
        ),
        ("9" * 5000, "9" * 57 + "... does not fit into 64 bits; put it in quotes"),
        ("1e999", "1e999 is too large for a number; put it in quotes"),
        (".inf", ".inf has no form in JSON; put it in quotes"),
        ("-.INF", "-.INF has no form in JSON; put it in quotes"),
        (".NaN", ".NaN has no form in JSON; put it in quotes"),
    ],
)
def test_numbers_beyond_json(text: str, message: str, loader: Any) -> None:
    assert complaints(f"a: {text}", loader) == [f"f:1:4: {message}"]


# --- places ----------------------------------------------------------------------------------


@both
def test_places_count_from_one(loader: Any) -> None:
    root, _ = read_yaml(
        "# a comment\nsteps:\n  - connect: alice\n  - wait: '5s'\n", "f", loader=loader
    )
    assert isinstance(root, MapNode)
    assert str(root.at) == "f:2:1"
    steps = root.get("steps")
    assert isinstance(steps, ListNode)
    assert (steps.line, steps.column) == (3, 3)
    wait = steps.items[1]
    assert isinstance(wait, MapNode)
    key, value = wait.entries[0]
    assert (key.line, key.column) == (4, 5)
    assert (value.line, value.column) == (4, 11)


@both
@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("a: xy${z}", 6),
        ("a: 'xy${z}'", 7),
        ('a: "xy${z}"', 7),
        ('a: "\\x78y${z}"', 4),  # escapes: offsets are no columns
        ("a: 'it''s${z}'", 4),
        ("a: &anchor xy${z}", 4),
        ("a: >\n  xy${z}", 4),
    ],
)
def test_columns_inside_texts(text: str, column: int, loader: Any) -> None:
    root, _ = read_yaml(text, "f", loader=loader)
    assert isinstance(root, MapNode)
    value = root.get("a")
    assert isinstance(value, ScalarNode)
    assert value.at_offset(value.text.index("${")).column == column


@both
def test_a_bom_is_no_character(loader: Any) -> None:
    assert read("\ufeffa: 1".encode(), loader) == {"a": 1}
    assert read("\ufeffa: 1", loader) == {"a": 1}


@both
def test_windows_lines(loader: Any) -> None:
    assert read("a: 1\r\nb:\r\n  - 2\r\n", loader) == {"a": 1, "b": [2]}
    assert complaints("a: 1\r\na: 2\r\n", loader) == [
        "f:2:1: 'a' is here twice; the first is in line 1"
    ]


# --- what cannot be read ---------------------------------------------------------------------

INDENTATION = "the indentation does not fit what comes before, or a text before this needs quotes"

BROKEN = [
    ("", "1:1: the script is empty; at least it needs 'steps:'"),
    ("# nothing\n", "1:1: the script is empty; at least it needs 'steps:'"),
    ("a: b: c", "1:5: a ':' cannot stand here; quote the text or indent it right"),
    ("a: 1\n b: 2", "2:3: a ':' cannot stand here; quote the text or indent it right"),
    ("a: - b", "1:4: a list cannot start here; put the '-' on its own line"),
    ("a: [1, 2", "1:4: this list is never closed; a ']' is missing"),
    ("b:\n  a: {x: 1\n", "2:6: this mapping is never closed; a '}' is missing"),
    ("a: {x: 1\nb: 2", "2:2: expected ',' or '}' here, in the mapping that opens in line 1"),
    ("a: [x: y: z]", "1:9: expected ',' or ']' here, in the list that opens in line 1"),
    ("a: 'x", "1:4: this quoted text is never closed"),
    ('a:\n - "x\n\n', "2:4: this quoted text is never closed"),
    ("\ta: 1", "1:1: a tab cannot indent; use spaces"),
    ("a:\n\t- b", "2:1: a tab cannot indent; use spaces"),
    ("a: |\n\t x", "2:1: a tab cannot indent; use spaces"),
    ("a: @x", "1:4: a text cannot start with '@'; put it in quotes"),
    ("a: `x`", "1:4: a text cannot start with '`'; put it in quotes"),
    ("a: %x", "1:4: a text cannot start with '%'; put it in quotes"),
    ("a: ]", "1:4: a value is missing before this, or this needs quotes"),
    ("a: [b, , c]", "1:8: a value is missing before this, or this needs quotes"),
    ("a: 1\nb\nc: 2", "3:1: the line before lacks a ':' after its key"),
    ("a: 'x'y", "1:7: " + INDENTATION),
    ("- a\nb: c", "2:1: " + INDENTATION),
    ("- - a\n -b", "2:2: " + INDENTATION),
    ("{a: 1}}", "1:7: nothing can follow here; one value has ended before"),
    ('a: "\\q"', "1:5: a '\\' in double quotes starts an escape; double it, or use single quotes"),
    ('a: "\\', "1:5: a '\\' in double quotes starts an escape; double it, or use single quotes"),
    ('a: "\\xZZ"', "1:7: an escape needs its digits: \\x41, \\u00E9 or \\U0001F600"),
    ('b: 1\na: "\\ud800"', f"2:4: {BAD_ESCAPE}"),
    ('b: 1\na: "\\ud83d\\ude00"', f"2:4: {BAD_ESCAPE}"),
    ("a: |x\n", "1:5: only a digit, '+' or '-' can follow '|' or '>' in this line"),
    ("a: *", "1:5: '*' and '&' start the name of an anchor; put the text in quotes"),
    ("%YAML 3.0\n---\na", "1:1: this version of YAML is not known; leave out the %YAML line"),
    ("a: !<x", "1:7: tags are not supported; put the text in quotes"),
    ("a: !x!y z", "1:4: tags are not supported; put the text in quotes"),
    ("a: 1\n---\nb: 2", "2:1: a second document starts here; a script is one document"),
    ("a: \x07", '1:4: the character U+0007 cannot stand in a script; write "\\x07" in quotes'),
    ("a: 1\nb: \0", '2:4: the character U+0000 cannot stand in a script; write "\\x00" in quotes'),
    ("a: \ud800", '1:4: the character U+D800 cannot stand in a script; write "\\uD800" in quotes'),
    (b"a: 1\nb: \xff", "2:4: the byte 0xff is not UTF-8; save the file as UTF-8"),
    (b"a: \xc3", "1:4: the byte 0xc3 is not UTF-8; save the file as UTF-8"),
    ("a: 1".encode("utf-16"), "1:1: the file is UTF-16; save it as UTF-8"),
]  # fmt: skip


@both
@pytest.mark.parametrize(("text", "complaint"), BROKEN)
def test_broken_yaml_in_plain_words(text: str | bytes, complaint: str, loader: Any) -> None:
    assert complaints(text, loader) == [f"f:{complaint}"]


@both
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: 1\nb: 2\na: 3\nb: 4",
            [
                "f:3:1: 'a' is here twice; the first is in line 1",
                "f:4:1: 'b' is here twice; the first is in line 2",
            ],
        ),
        ("{1: a, '1': b}", ["f:1:8: '1' is here twice; the first is in line 1"]),
        (
            "a: &x {b: 1}\nc:\n  <<: *x",
            ["f:3:3: merge keys (<<) are not supported; write the keys out"],
        ),
        ("? [a, b]\n: c", ["f:1:3: a key must be a single value, not a list or a mapping"]),
        ("? \n: a", ["f:1:2: a key is missing before this ':'"]),
        (
            "a: !!python/object:os.system x",
            ["f:1:4: tags are not supported; leave out '!!python/object:os.system'"],
        ),
        ("a: !!str 5", ["f:1:4: tags are not supported; leave out '!!str'"]),
        ("a: !mine [b]", ["f:1:4: tags are not supported; leave out '!mine'"]),
    ],
)  # fmt: skip
def test_what_scripts_take_not_of_yaml(text: str, expected: list[str], loader: Any) -> None:
    assert complaints(text, loader) == expected


@both
def test_an_escape_beyond_unicode(loader: Any) -> None:
    [complaint] = complaints('a: 1\nb: "\\UFFFFFFFF"', loader)
    assert complaint.startswith("f:2:")
    assert complaint.endswith(BAD_ESCAPE)


@both
def test_a_quoted_merge_key_is_a_key(loader: Any) -> None:
    assert read("{'<<': 1, '': 2}", loader) == {"<<": 1, "": 2}


@both
def test_keys_are_texts_as_written(loader: Any) -> None:
    assert read("{1: a, true: b, null: c, 1.50: d, on: e}", loader) == {
        "1": "a",
        "true": "b",
        "null": "c",
        "1.50": "d",
        "on": "e",
    }


# --- both parsers of PyYAML ------------------------------------------------------------------

needs_both = pytest.mark.skipif(len(LOADERS) < 2, reason="PyYAML without libyaml")


@needs_both
@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_both_parsers_read_the_library_alike(path: Path) -> None:
    text = path.read_bytes()
    one, other = (read_yaml(text, "f", loader=param.values[0]) for param in LOADERS)
    assert places(one[0]) == places(other[0])


YAMLISH = st.text(st.sampled_from("ab1:-[]{},&*#!|>'\"%@\n\n  \t?~<=.$\\"), max_size=40)


@needs_both
@given(YAMLISH)
def test_both_parsers_read_alike_what_both_accept(text: str) -> None:
    one, other = (read_yaml(text, "f", loader=param.values[0]) for param in LOADERS)
    if not one[1] and not other[1]:
        assert places(one[0]) == places(other[0])


@given(st.one_of(st.text(), YAMLISH, st.binary()))
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    root, problems = read_yaml(text, "f")
    assert root is not None or len(problems) == 1
