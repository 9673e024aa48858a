"""Texts made for a `pattern`: they fit it, keep to the bounds, and repeat for a seed."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from documents import schema_catalog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.catalog.generated_patterns import LEAST, MAX_LENGTH, texts_of
from simulator.catalog.generated_texts import text
from simulator.catalog.generation import NotGenerated, generated_event
from simulator.catalog.pattern_characters import Unmakeable
from simulator.scenario.randomness import Randomness

quick = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

atoms = st.sampled_from(
    ["a", "Z", "7", "-", r"\.", "é", r"\d", r"\w", r"\s", r"\S", ".", "[a-f]", "[^a-z]", r"[\d_]"]
)
quantifiers = st.sampled_from(["?", "*", "+", "{2}", "{1,3}", "{2,}", "*?", "{0,4}?"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda part, times: f"(?:{part}){times}", inner, quantifiers),
        st.builds(lambda one, other: f"({one}|{other})", inner, inner),
        st.lists(inner, min_size=2, max_size=4).map("".join),
    )


patterns = st.recursive(atoms, larger, max_leaves=8)


def made(pattern: str, seed: int, **bounds: int) -> str:
    make = text({"type": "string", "pattern": pattern, **bounds}, "code")
    return make(Randomness(seed))


@quick
@given(patterns, st.booleans(), st.integers(0, 1000))
def test_every_text_fits_its_pattern(pattern: str, anchored: bool, seed: int) -> None:
    pattern = f"^(?:{pattern})$" if anchored else pattern
    found = made(pattern, seed)
    assert re.search(pattern, found)
    assert len(found) <= MAX_LENGTH
    assert made(pattern, seed) == found
    message = schema_catalog({"properties": {"code": {"type": "string", "pattern": pattern}}})
    assert message.find("thing").violations({"code": found}) == []


@quick
@given(patterns, st.integers(0, 1000), st.integers(0, 9), st.integers(0, 9))
def test_bounds_that_can_be_met_are_met(pattern: str, seed: int, less: int, more: int) -> None:
    pattern = f"^(?:{pattern})$"
    length = len(made(pattern, seed))
    low, high = max(0, length - less), length + more
    found = made(pattern, seed, minLength=low, maxLength=high)
    assert re.search(pattern, found)
    assert low <= len(found) <= high


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("^[a-z]*$", 300),
        ("^(?:[a-z]{2,9}-){1,9}$", 77),
        ("^a{3,}b*c?(?:de){0,40}$", 95),
        ("^(?:x|[0-9]{50}|y{70,})$", 50),
        (".", 40),
        ("[0-9]$", 40),
    ],
)
def test_lengths_that_chance_alone_would_not_meet(pattern: str, length: int) -> None:
    for seed in range(20):
        found = made(pattern, seed, minLength=length, maxLength=length)
        assert re.search(pattern, found)
        assert len(found) == length


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "^$",
        r"^[A-Z]{3}-\d{4}$",
        r"^\p{Lu}\p{Letter}+[\p{Nd}\-]$",
        r"^(?<year>\d{4})-W(?<week>\d{2})$",
        r"^(?=.*[A-Z])(?=.*\d)(?=.*[@$!%*?&]).{8,16}$",
        r"^(?!admin$)[a-z]{5}$",
        r"^([a-z]+)-\1$",
        r"^#(?:[0-9a-fA-F]{3}){1,2}$",
        r"^\/v1\/[\w\-.~]+$",
        r"[^\x00-\x7f]",
        r"^[一-鿿]{2}$",
        r"^\u{1F600}\cA$",
        r"^[\s\S]+$",
        r"foo|^bar$",
        r"\bfoo\b",
    ],
)
def test_patterns_of_ecma_262(pattern: str) -> None:
    """The validator, which reads this dialect, agrees; these have no words in common with ours."""
    catalog = schema_catalog({"properties": {"code": {"type": "string", "pattern": pattern}}})
    message = catalog.find("thing")
    assert message.violations(message.example) == []
    for seed in range(20):
        event = generated_event(message, Randomness(seed))
        assert "code" in event
        assert message.violations(event) == []


def test_texts_differ_and_are_the_same_in_every_process() -> None:
    pattern = r"^[A-Z]{3}[^A-Z]\S$"
    texts = {made(pattern, seed) for seed in range(20)}
    assert len(texts) == 20
    program = (
        "import sys\nfrom simulator.catalog.generated_texts import text\n"
        "from simulator.scenario.randomness import Randomness\n"
        "make = text({'type': 'string', 'pattern': sys.argv[1]}, 'code')\n"
        "print(*(make(Randomness(seed)).encode().hex() for seed in range(20)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, pattern], capture_output=True, text=True, check=True
    )
    assert {bytes.fromhex(each).decode() for each in done.stdout.split()} == texts


@pytest.mark.parametrize(
    ("pattern", "bounds", "reason"),
    [
        (f"^a{{{MAX_LENGTH + 1}}}$", {}, "needs 10001 characters, and 10000 is the most"),
        (r"^[A-Z]{3}-\d{4}$", {"maxLength": 7}, "needs 8 characters, and 7 is the most"),
        (r"^[a-z]?$", {"minLength": 2}, "none of 200 texts fits"),
        ("a^b", {}, "none of 200 texts fits"),
        (r"^(?=abc)[a-z]{3}$", {}, "none of 200 texts fits"),
        (r"^\P{L}$", {}, r"cannot be read: bad escape \\P"),
        (r"^\p{Emoji}$", {}, r"\\p\{Emoji\} are not known here"),
    ],
)
def test_a_pattern_without_a_text_is_told(
    pattern: str, bounds: dict[str, int], reason: str
) -> None:
    schema = {"type": "string", "pattern": pattern, **bounds}
    catalog = schema_catalog({"required": ["code"], "properties": {"code": schema}})
    with pytest.raises(NotGenerated, match=f"thing.*; code: no text for the pattern.*{reason}"):
        generated_event(catalog.find("thing"), Randomness(0))
    kept = schema_catalog({"properties": {"code": schema, "n": {"type": "integer"}}})
    assert generated_event(kept.find("thing"), Randomness(0)).keys() == {"n"}


@pytest.mark.parametrize(
    "pattern", ["((((((((((a*)*)*)*)*)*)*)*)*)*)*b", "(" * 5000 + ")" * 5000, "((a{0,99}){99}){99}"]
)
def test_what_grows_without_end_is_bounded(pattern: str) -> None:
    """Without the validator, which may refuse such an expression itself."""
    try:
        found = texts_of(pattern, lambda _: True)(Randomness(1))
    except Unmakeable:  # nested deeper than Python's parser goes
        found = ""
    assert len(found) < 200


def test_a_pattern_that_never_fits_ends_soon() -> None:
    asked = []
    with pytest.raises(Unmakeable):
        texts_of(".*" * 50, lambda made: bool(asked.append(made)))
    assert len(asked) <= 201


@pytest.mark.parametrize(
    "schema",
    [
        {"format": "date-time", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"},
        {"format": "uuid", "pattern": "^[0-9a-f-]{36}$"},
        {"format": "uuid", "pattern": "^[0-9a-f]{32}$"},
    ],
)
def test_a_format_beside_a_pattern_counts_as_well(schema: dict[str, Any]) -> None:
    message = schema_catalog({"properties": {"at": {"type": "string", **schema}}}).find("thing")
    assert message.violations(message.example) == []
    events = [generated_event(message, Randomness(seed)) for seed in range(20)]
    assert all(message.violations(event) == [] for event in events)
    assert len({event["at"] for event in events}) == 20


def test_where_no_text_is_found_the_example_stands_in() -> None:
    schema = {"type": "string", "pattern": r"^(?=abc)[a-z]{3}$", "example": "abc"}
    assert text(schema, "code")(Randomness(0)) == "abc"


def test_an_alternative_without_a_text_is_not_taken() -> None:
    never = {"type": "string", "pattern": "a^b"}
    schema = {
        "either": {"oneOf": [never, {"type": "integer"}]},
        "maybe": {"type": ["string", "null"], "pattern": "a^b"},
        "several": {"type": "array", "items": never},
    }
    message = schema_catalog({"required": [*schema], "properties": schema}).find("thing")
    event = generated_event(message, Randomness(0))
    assert isinstance(event["either"], int)
    assert (event["maybe"], event["several"]) == (None, [])


def test_the_plainest_text() -> None:
    make = texts_of(r"^[A-Z]{2}-\d+(?:x|y)?$", lambda _: True)
    assert make(LEAST) == "AA-0"
