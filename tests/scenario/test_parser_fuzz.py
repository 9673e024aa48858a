"""Whatever a script says, the parser reads it or refuses it with a ScriptError."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from script_texts import CATALOG

from simulator.scenario import Problem, Script, ScriptError, library, parse_script
from simulator.scenario.parser.document import FIELDS
from simulator.scenario.parser.expectations import EXPECTATION
from simulator.scenario.parser.steps import STEP
from simulator.scenario.schema import script_schema


def words_of(schema: Any) -> set[str]:
    """All keys and words of the language."""
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= schema.get("properties", {}).keys()
        found |= {word for word in schema.get("enum", ()) if isinstance(word, str)}
        for inner in schema.values():
            found |= words_of(inner)
    elif isinstance(schema, list):
        for inner in schema:
            found |= words_of(inner)
    return found


WORDS = st.sampled_from(
    sorted(
        words_of(script_schema())
        | {"alice", "raid", "everyone", "userConnected", "payload.userDisconnected.code", "chat"}
        | {"5s", "[1s, 2s]", "20/s", "${alice.id}", "${n}", "${x}", "${", "$${", "a..b", "_cast"}
    )
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5), WORDS
)
STRUCTURES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text()), inner, max_size=4)
    ),
    max_leaves=30,
)
STEPS = st.lists(st.dictionaries(st.sampled_from(sorted(STEP.variants)), STRUCTURES, max_size=2))
EXPECTATIONS = st.lists(
    st.dictionaries(st.sampled_from(sorted(EXPECTATION.variants)), STRUCTURES, max_size=2)
)
SCRIPTS = st.fixed_dictionaries(
    {"steps": STEPS},
    optional={
        **{key: STRUCTURES for key in FIELDS if key not in ("steps", "expect", "blocks", "users")},
        "users": st.just(["alice", "bob"]),
        "blocks": st.dictionaries(WORDS, STEPS, max_size=3),
        "expect": EXPECTATIONS,
    },
)


def check(text: str | bytes) -> None:
    """The text is a script, or every problem has a place in it."""
    problems: tuple[Problem, ...] = ()
    try:
        assert isinstance(parse_script(text, file="f", catalog=CATALOG), Script)
    except ScriptError as error:
        problems = error.problems
        if not problems:
            raise
    for problem in problems:
        assert problem.position.line >= 1
        assert problem.position.column >= 1
        assert problem.message.isprintable()
        assert len(problem.message) < 1000


@given(st.one_of(st.text(), st.text(st.characters(categories=["Cs", "Cc", "L"])), st.binary()))
def test_any_text(text: str | bytes) -> None:
    check(text)


@given(STRUCTURES)
def test_any_structure(structure: Any) -> None:
    check(json.dumps(structure))


@given(SCRIPTS)
def test_anything_in_the_shape_of_a_script(script: Any) -> None:
    check(json.dumps(script))


@pytest.mark.parametrize("path", library.files(), ids=lambda path: path.stem)
def test_stories_with_slips_of_the_pen(path: Any) -> None:
    text = path.read_text("utf-8")
    chance = random.Random(path.stem)
    for _ in range(20):
        letters = list(text)
        for _ in range(chance.randint(1, 5)):
            place = chance.randrange(len(letters))
            slip = chance.choice(" \n:-[]{},&*#'\"x5$")
            chance.choice((letters.insert, letters.__setitem__))(place, slip)
        check("".join(letters))
