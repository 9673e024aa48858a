"""What a play has to say to people: texts, each once, and no more than anybody reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

MAX_NOTES: Final = 100
"""A story may repeat a step a million times; its report stays short."""


class Notes:
    """Texts in the order in which they came, the first `MAX_NOTES`; the rest is counted."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._texts)

    def add(self, texts: Iterable[str]) -> None:
        """Take note of some texts; those that are there already are there already."""
        for text in texts:
            if text in self._texts:
                continue
            if len(self._texts) < MAX_NOTES:
                self._texts[text] = None
            else:
                self._more += 1

    def texts(self) -> tuple[str, ...]:
        """Return them, the last one saying how many were left out if any were."""
        return (*self._texts, f"... and {self._more:,} more") if self._more else (*self._texts,)
