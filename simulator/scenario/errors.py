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
    """One thing that is wrong with a script, and where; it can be played with a mere warning."""

    position: Position
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.position}: {'warning: ' if self.is_warning else ''}{self.message}"


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


class StepError(ScenarioError):
    """A step of a running story cannot be done; `str()` is `file:line:column: message`."""

    def __init__(self, position: Position, message: str) -> None:
        super().__init__(f"{position}: {message}")
        self.position = position
        self.message = message


class ClockError(ScenarioError):
    """A clock was asked to run backwards, or at no rate at all."""


class ChatError(ScenarioError):
    """The simulated chat service does not do what it was asked to.

    `code` is the error code that a client of the published service would see, 0 where none is
    documented.
    """

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class NotConnected(ChatError):
    """Somebody who has no session was asked to write or to leave."""


class SessionRefused(ChatError):
    """The service does not open this session: it is full, or the user has one already."""


class MessageTooLong(ChatError):
    """A text is longer than the service's `max_message_length`."""


class UnknownActor(ScenarioError):
    """A script names a user or a party that it does not declare."""


class PlayError(ScenarioError):
    """A play cannot be started as asked, for instance with an unknown variable."""


class PlayNotFound(ScenarioError):
    """No running or recent play has this id."""


class PlayFailed(ScenarioError):
    """A play ended in another way than it should; the message lists what was wrong."""
