"""What can be wrong with a script, told with the place where it was written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.scenario.script import Position


class ScenarioError(SimulatorError):
    """The base of this room's errors."""


class DurationError(ScenarioError):
    """A text is not a duration (or not an instant); the message says what would be."""


class TemplateError(ScenarioError):
    """A template is malformed or cannot be filled in.

    `offset` is the place in the template's text, counted from 0, where that is known.
    """

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message)
        self.offset = offset


class IncludeError(ScenarioError):
    """An included file cannot be found or must not be read."""


class StoryNotFound(ScenarioError):
    """Neither a story of the library nor a file has this name."""


class Problem(NamedTuple):
    """One thing that is wrong with a script, and where."""

    position: Position
    message: str

    def __str__(self) -> str:
        return f"{self.position}: {self.message}"


class ScriptError(ScenarioError):
    """A script cannot be played: all problems that were found, in the order of the text.

    `problems` is bounded; `omitted` counts those that were left out.
    """

    def __init__(self, problems: Iterable[Problem], omitted: int = 0) -> None:
        self.problems = tuple(problems)
        self.omitted = omitted
        lines = [str(problem) for problem in self.problems]
        if omitted:
            lines.append(f"... and {omitted} more")
        super().__init__("\n".join(lines))
