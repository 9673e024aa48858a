"""How a story went, in a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import click

from simulator.cli.terminal import safe, safe_lines, warn

_MESSAGE_REFUSALS: Final = {"muted": "muted", "too_long": "too long"}
_LOGIN_REFUSALS: Final = {"multiple_logins": "connected already"}
"""What the chat service refuses without an event that would tell of it."""


class Summary(NamedTuple):
    """A play that has ended: how, with which events, how long in the story and in reality."""

    name: str
    state: str
    events: Mapping[str, int]
    problems: Sequence[str]
    story_s: float | None
    real_s: float | None = None
    warnings: Sequence[str] = ()
    refusals: Mapping[str, int] = {}

    @property
    def passed(self) -> bool:
        """Whether every step could be done and every expectation holds."""
        return self.state == "passed"

    @property
    def verdict(self) -> str:
        """Say how it ended."""
        return {
            "passed": "every expectation holds",
            "failed": "an expectation does not hold"
            if len(self.problems) == 1
            else "expectations do not hold",
            "error": "a step cannot be done",
            "stopped": "it was stopped",
        }.get(self.state, self.state)

    def head(self) -> str:
        """Return one line."""
        colour = "green" if self.passed else "red"
        total = sum(self.events.values())
        parts = [f"{total:,} event{'' if total == 1 else 's'}"]
        if self.story_s is not None:
            parts.append(f"{readable_seconds(self.story_s)} of story")
        if self.real_s is not None:
            parts.append(f"played in {readable_seconds(self.real_s)}")
        state = click.style(
            "broke off" if self.state == "error" else self.state, fg=colour, bold=True
        )
        return f"{click.style(safe(self.name), bold=True)} {state}: {', '.join(parts)}"

    def table(self) -> list[str]:
        """Return a line for each kind of event."""
        return [f"  {count:>9,}  {safe(name)}" for name, count in self.events.items()]

    def text(self) -> str:
        """Return the head, the table, and what was refused without an event."""
        return "\n".join([self.head(), *self.table(), *self._refused()])

    def _refused(self) -> list[str]:
        lines = []
        for what, kinds in (("message", _MESSAGE_REFUSALS), ("login", _LOGIN_REFUSALS)):
            counts = {kinds[key]: count for key, count in self.refusals.items() if key in kinds}
            total = sum(counts.values())
            if total:
                reasons = ", ".join(
                    reason if len(counts) == 1 else f"{count:,} {reason}"
                    for reason, count in counts.items()
                )
                many = f"{what} was" if total == 1 else f"{what}s were"
                lines.append(f"  {total:,} {many} refused ({reasons})")
        return lines

    def explain(self) -> None:
        """Say on stderr what looks like a slip, and what went wrong, a line each."""
        for warning in self.warnings:
            warn(warning)
        for problem in self.problems:
            click.echo(safe_lines(problem), err=True)


def readable_seconds(seconds: float) -> str:
    """Return a duration as a person would say it: `10.6 s`, `1 h 02 min`."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def how_far(name: str, events: Mapping[str, int], time_ns: int) -> str:
    """Return what a play that goes on has come to: its events, and its time (nanoseconds)."""
    now = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{name}: {sum(events.values()):,} events, story time {now:%Y-%m-%d %H:%M:%S}"
