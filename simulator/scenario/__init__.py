"""Stories: scripts, the simulated chat service, and the player."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from simulator.scenario.errors import Problem, ScenarioError, ScriptError, StoryNotFound
from simulator.scenario.player import Outcome, Play, Player, PlayState
from simulator.scenario.script import Script

if TYPE_CHECKING:
    from simulator.catalog import Catalog
    from simulator.scenario.includes import IncludeResolver

__all__ = [
    "Outcome",
    "Play",
    "PlayState",
    "Player",
    "Problem",
    "ScenarioError",
    "Script",
    "ScriptError",
    "StoryNotFound",
    "load_script",
    "parse_script",
    "validate_file",
]

# The parser, with YAML, is loaded when the first script is: most imports need none of it.


def load_script(name_or_path: str | os.PathLike[str], *, catalog: Catalog | None = None) -> Script:
    """A story of the library by name, or the script in a file; see `parser.loading`."""
    from simulator.scenario.parser import load_script as load

    return load(name_or_path, catalog=catalog)


def parse_script(
    text: str | bytes,
    *,
    file: str = "<inline>",
    resolver: IncludeResolver | None = None,
    catalog: Catalog | None = None,
) -> Script:
    """The script in a YAML text; see `parser.loading`."""
    from simulator.scenario.parser import parse_script as parse

    return parse(text, file=file, resolver=resolver, catalog=catalog)


def validate_file(path: str | os.PathLike[str], catalog: Catalog | None) -> list[Problem]:
    """What is wrong with a script file; see `parser.loading`."""
    from simulator.scenario.parser import validate_file as validate

    return validate(path, catalog)
