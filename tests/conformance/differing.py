"""Where two transcripts differ, and which differences `docs/differences.md` explains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from brokers import Pair, Steps, Transcript

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "differences.md"
ABSENT = "absent"
_TICKED = re.compile(r"`([^`]*)`")


class Difference(NamedTuple):
    """One value that the brokers do not agree on; `place` is the step's label and the field."""

    place: str
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.place}\n    this broker:  {self.ours}\n    Apache Kafka: {self.theirs}"


class Row(NamedTuple):
    """A documented difference; `steps` and `place` are patterns, None as a value means any."""

    steps: tuple[str, ...]
    place: str
    ours: str | None
    theirs: str | None

    def explains(self, steps: str, difference: Difference) -> bool:
        place = re.sub(r"\[\d+\]| v\d+(?= |$)", "", difference.place)
        return (
            any(fnmatchcase(steps, pattern) for pattern in self.steps)
            and fnmatchcase(place, self.place)
            and self.ours in (None, difference.ours)
            and self.theirs in (None, difference.theirs)
        )


@cache
def documented() -> tuple[Row, ...]:
    """The rows of the tables whose columns are: steps, answer, this broker, Apache Kafka, why."""
    rows = []
    for line in DOCUMENT.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("| `") or len(cells) != 5:
            continue
        assert cells[4], f"{DOCUMENT.name} gives no reason: {line}"
        steps = tuple(_TICKED.findall(cells[0]))
        rows += [
            Row(steps, place, _literal(cells[2]), _literal(cells[3]))
            for place in _TICKED.findall(cells[1])
        ]
    return tuple(rows)


def _literal(cell: str) -> str | None:
    found = _TICKED.fullmatch(cell)
    return found[1] if found else None


def differences(ours: Transcript, theirs: Transcript) -> list[Difference]:
    """All values that differ."""
    found = []
    for mine, real in zip_longest(ours, theirs, fillvalue=("no further step", None)):
        if mine[0] != real[0]:
            found.append(Difference("steps", mine[0], real[0]))
            break
        found += [
            Difference(f"{mine[0]} {path}".strip(), left, right)
            for path, left, right in _differing(mine[1], real[1], "")
        ]
    return found


def _differing(ours: Any, theirs: Any, path: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in dict.fromkeys([*ours, *theirs]):
            inner = f"{path}.{name}" if path else name
            yield from _differing(ours.get(name, ABSENT), theirs.get(name, ABSENT), inner)
    elif isinstance(ours, list) and isinstance(theirs, list):
        pairs = zip_longest(ours, theirs, fillvalue=ABSENT)
        for index, (left, right) in enumerate(pairs):
            yield from _differing(left, right, f"{path}[{index}]")
    elif ours != theirs:
        yield path, str(ours), str(theirs)


def unexplained(steps: str, found: Iterable[Difference]) -> list[Difference]:
    """The differences that the document does not name."""
    return [
        difference
        for difference in found
        if not any(row.explains(steps, difference) for row in documented())
    ]


async def found_differences(pair: Pair, name: str, steps: Steps) -> list[Difference]:
    """What the two brokers do not agree on.

    Steps with a difference that is not documented are done once more: parts of a real broker hear
    from each other with a delay, so that one may be a matter of timing, and then is gone.
    """
    for _ in range(2):
        ours, theirs = await pair.play(steps)
        assert len(ours) > 0 or name == "generated", "these steps asked nothing"
        found = differences(ours, theirs)
        if not unexplained(name, found):
            break
    return found


def outdated(steps: str, found: Sequence[Difference]) -> list[str]:
    """The rows that name these steps, but no difference that is there."""
    return [
        row.place
        for row in documented()
        if steps in row.steps and not any(row.explains(steps, each) for each in found)
    ]
