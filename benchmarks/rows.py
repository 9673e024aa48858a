"""What a benchmark reports: rows of a table."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Row:
    """One measured quantity.

    `median` and `best` of `runs` samples, in `unit`. `target` is what the project aims at: a bound
    from above, or from below where `more_is_better`; None for a figure that is only informative,
    such as a peer's.
    """

    what: str
    median: float
    best: float
    runs: int
    unit: str
    target: float | None = None
    more_is_better: bool = False

    @classmethod
    def at_most(cls, target: float | None, what: str, samples: Sequence[float], unit: str) -> Self:
        """A row of samples that should be small."""
        median = statistics.median(samples)
        return cls(what, median, min(samples), len(samples), unit, target)

    @classmethod
    def at_least(cls, target: float | None, what: str, samples: Sequence[float], unit: str) -> Self:
        """A row of samples that should be large."""
        median = statistics.median(samples)
        return cls(what, median, max(samples), len(samples), unit, target, more_is_better=True)

    @property
    def verdict(self) -> str:
        """Whether the median meets the target; empty without one."""
        if self.target is None:
            return ""
        met = self.median >= self.target if self.more_is_better else self.median <= self.target
        return "meets" if met else "short"

    @property
    def aim(self) -> str:
        """The target with its direction."""
        if self.target is None:
            return ""
        return f"{'≥' if self.more_is_better else '≤'} {number(self.target)}"


def number(value: float) -> str:
    """Three significant digits, with separators for thousands."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(rows: Sequence[Row]) -> str:
    """The rows as an aligned text table."""
    lines = [("what", "median", "best", "unit", "target", "verdict", "runs")]
    lines += [
        (
            row.what,
            number(row.median),
            number(row.best),
            row.unit,
            row.aim,
            row.verdict,
            f"{row.runs}",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]
    numeric = {1, 2, 4, 6}
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
