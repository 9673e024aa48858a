"""Scripts as short texts: what the tests of the parser share."""

from __future__ import annotations

from simulator.catalog import Catalog
from simulator.scenario import ScriptError, parse_script
from simulator.scenario.script import Script, Step

CATALOG = Catalog.builtin()

CAST = "users: [alice, bob]\nparties: {raid: [alice, bob]}\n"
"""The first two lines of most scripts here."""


def parsed(text: str, **options: object) -> Script:
    """The script; what is wrong with it fails the test, word by word."""
    return parse_script(text, file="x.yaml", catalog=CATALOG, **options)  # type: ignore[arg-type]


def steps_of(text: str) -> tuple[Step, ...]:
    """The steps of a script about the usual cast."""
    return parsed(f"{CAST}{text}").steps


def step_of(text: str) -> Step:
    """The one step of a script that is `- <text>`."""
    [step] = steps_of(f"steps:\n  - {text}\n")
    return step


def problems_in(text: str, **options: object) -> list[str]:
    """What is wrong with a script, a line each, without the name of the file."""
    try:
        parsed(text, **options)
    except ScriptError as error:
        return [str(problem).removeprefix("x.yaml:") for problem in error.problems]
    return []
