"""Branches of a story under way."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

Going = Generator[int, None, None]
"""Steps under way: yields the time (ns) to go on at, or PARKED."""

PARKED: Final = -1
"""What a branch yields that others will wake."""


class Task:
    """A branch in the heap of a run.

    `sequence` is that of its entry there: an older entry of a branch that was woken early does not
    count. `waits_for` counts the branches beside it that have yet to end.
    """

    __slots__ = ("going", "parent", "sequence", "waits_for")

    def __init__(self, going: Going, parent: Task | None) -> None:
        self.going = going
        self.parent = parent
        self.sequence = 0
        self.waits_for = 0
