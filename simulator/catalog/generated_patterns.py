"""Texts made by chance that fit a `pattern`, an ECMA-262 regular expression (JSON Schema, 6.3.3).

Python's own parser reads the expression, and a tree of small makers writes texts of it. Every
part knows how short and how long its texts are, so that bounds are met on the way and not by luck.
What a part cannot see, such as a lookahead, is left to the validator: a text that it refuses is
thrown away. (`rstr`, which does it in the same way, knows no bounds, and gives other texts for the
same seed in another process; `exrex` is under the AGPL.)
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from re import _parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any, Final, Protocol

from simulator.catalog.pattern_characters import (
    ASCII,
    Ranges,
    Unmakeable,
    for_python,
    members,
    without,
)

if TYPE_CHECKING:
    from simulator.catalog.generation import Chance

MAX_LENGTH: Final = 10_000
"""Characters of a text; a pattern that needs more has none."""

ATTEMPTS: Final = 200
"""Texts that are made until one fits; those with lookaheads need some."""

MAX_STEPS: Final = 100_000
"""Characters and repetitions in all these texts: a bound on stars of stars."""

_MORE: Final = 8
"""Repetitions beyond those that are needed."""

_LONGER: Final = 64
"""Characters beyond those that are needed, in all."""


class _Least:
    """A chance that always takes the first and the least."""

    def random(self) -> float:
        return 0.0

    def bits(self, count: int) -> int:
        return 0


LEAST: Final = _Least()


@dataclass(slots=True)
class _Writing:
    """Texts that are being made: their chance, the groups of this one, and the steps left."""

    chance: Chance
    groups: dict[int, str] = field(default_factory=dict)
    steps: int = MAX_STEPS

    def below(self, count: int) -> int:
        """Draw a number from 0 up to `count`, exclusive."""
        self.steps -= 1
        if self.steps < 0:
            raise Unmakeable(f"none was found in {MAX_STEPS} steps")
        return int(self.chance.random() * count)


class _Part(Protocol):
    """A part of an expression, whose texts are `low` to `high` characters long."""

    @property
    def low(self) -> int: ...
    @property
    def high(self) -> int: ...

    def write(self, writing: _Writing, low: int, high: int) -> str:
        """Make a text of a length in these bounds, if the part has such."""
        ...


class _Literal:
    low = high = 1

    def __init__(self, text: str) -> None:
        self._text = text

    def write(self, writing: _Writing, low: int, high: int) -> str:
        writing.steps -= 1
        return self._text


class _Character:
    low = high = 1

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        self._count = sum(last - first + 1 for first, last in ranges)

    def write(self, writing: _Writing, low: int, high: int) -> str:
        at = writing.below(self._count)
        for first, last in self._ranges:
            if at <= last - first:
                return chr(first + at)
            at -= last - first + 1
        raise AssertionError(at)


class _Sequence:
    def __init__(self, parts: Sequence[_Part]) -> None:
        self.parts = parts
        self.low = sum(part.low for part in parts)
        self.high = sum(part.high for part in parts)

    def write(self, writing: _Writing, low: int, high: int) -> str:
        texts = []
        least, most = self.low, self.high
        for part in self.parts:
            least -= part.low
            most -= part.high
            here = max(part.low, low - most), min(part.high, high - least)
            text = part.write(writing, *here)
            texts.append(text)
            low -= len(text)
            high -= len(text)
        return "".join(texts)


class _Branch:
    def __init__(self, parts: Sequence[_Part]) -> None:
        self.parts = parts
        self.low = min(part.low for part in parts)
        self.high = max(part.high for part in parts)

    def write(self, writing: _Writing, low: int, high: int) -> str:
        short = [part for part in self.parts if part.low <= high]
        short = short or [min(self.parts, key=lambda part: part.low)]
        fitting = [part for part in short if part.high >= low] or short
        part = fitting[writing.below(len(fitting))]
        return part.write(writing, max(part.low, low), min(part.high, high))


class _Repeat:
    def __init__(self, part: _Part, least: int, most: int) -> None:
        self.part = part
        self.least = least if part.low else min(least, 1)  # what may be empty may be left out
        self.most = most
        self.low = part.low * least
        self.high = part.high * most

    def write(self, writing: _Writing, low: int, high: int) -> str:
        part = self.part
        most = min(self.most, high // part.low if part.low else max(high, 1))
        wanted = -(-low // part.high) if part.high else 0
        least = max(self.least, min(wanted, most))
        count = least + writing.below(max(min(most - least, _MORE), 0) + 1)
        return _Sequence([part] * count).write(writing, low, high)


class _Group:
    def __init__(self, part: _Part, number: int) -> None:
        self.part = part
        self.number = number
        self.low, self.high = part.low, part.high

    def write(self, writing: _Writing, low: int, high: int) -> str:
        text = writing.groups[self.number] = self.part.write(writing, low, high)
        return text


class _Reference:
    def __init__(self, group: _Group | None, number: int) -> None:
        self.number = number
        self.low, self.high = (group.low, group.high) if group else (0, 0)

    def write(self, writing: _Writing, low: int, high: int) -> str:
        writing.below(1)
        return writing.groups.get(self.number, "")


class _Tree:
    """Makes the parts of an expression."""

    def __init__(self, pattern: str) -> None:
        """Raises Unmakeable for what Python cannot read."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sets in sets, which ECMA does not have
                parsed = _parser.parse(for_python(pattern))
        except (re.error, ValueError, OverflowError, RecursionError) as error:
            raise Unmakeable(f"it cannot be read: {error}") from None
        items = list(parsed)
        self.starts = bool(items) and _is_anchor(items[0])
        self.ends = bool(items) and _is_anchor(items[-1])
        self._groups: dict[int, _Group] = {}
        self.whole = self._sequence(items)

    def _sequence(self, items: Sequence[Any]) -> _Sequence:
        return _Sequence([part for item in items for part in self._parts(*item)])

    def _parts(self, operation: Any, value: Any) -> list[_Part]:
        match operation.name:
            case "LITERAL":
                return [_Literal(chr(value))]
            case "NOT_LITERAL":
                return [_Character(without(((value, value),)))]
            case "ANY":
                return [_Character(ASCII)]
            case "IN":
                return [_Character(members(value))]
            case "BRANCH":
                return [_Branch([self._sequence(list(each)) for each in value[1]])]
            case "SUBPATTERN":
                return [self._group(*value)]
            case "ATOMIC_GROUP":
                return [self._sequence(list(value))]
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, inner = value
                return [_Repeat(self._sequence(list(inner)), int(least), int(most))]
            case "GROUPREF":
                return [_Reference(self._groups.get(value), value)]
            case "AT" | "ASSERT" | "ASSERT_NOT":
                return []  # the validator sees whether it holds
        raise Unmakeable(f"it has {operation.name.lower().replace('_', ' ')}")

    def _group(self, number: int | None, _on: int, _off: int, inner: Any) -> _Part:
        part = self._sequence(list(inner))
        if number is None:
            return part
        group = self._groups[number] = _Group(part, number)
        return group


def texts_of(
    pattern: str, fits: Callable[[str], bool], least: int = 0, most: int | None = None
) -> Callable[[Chance], str]:
    """What makes texts for a pattern, of `least` to `most` characters where these are given.

    `fits` says whether a text is legal; every text that is made is. Raises Unmakeable where none
    is found, or none of up to `MAX_LENGTH` characters.
    """
    try:
        tree = _Tree(pattern)
        low, high = tree.whole.low, MAX_LENGTH if most is None else min(most, MAX_LENGTH)
        if low > high or least > high:
            raise Unmakeable(f"it needs {max(low, least)} characters, and {high} is the most")
        high = min(high, max(low, least) + _LONGER)
        usual = _found(tree, fits, _Writing(LEAST), least, high, attempts=1)
        usual = usual or _found(tree, fits, _Writing(Drawn()), least, high)
    except RecursionError:
        raise Unmakeable("it is nested too deep") from None
    if usual is None:
        raise Unmakeable(f"none of {ATTEMPTS} texts fits")
    known: str = usual

    def make(chance: Chance) -> str:
        try:
            return _found(tree, fits, _Writing(chance), least, high) or known
        except (Unmakeable, RecursionError):
            return known

    return make


class Drawn:
    """Python's own generator as a chance, always the same."""

    def __init__(self) -> None:
        import random

        generator = random.Random(0)
        self.random: Callable[[], float] = generator.random
        self.bits: Callable[[int], int] = generator.getrandbits


def _found(
    tree: _Tree,
    fits: Callable[[str], bool],
    writing: _Writing,
    least: int,
    high: int,
    attempts: int = ATTEMPTS,
) -> str | None:
    """A text that fits, None where there is none."""
    whole = tree.whole
    low, high = min(least, whole.high), min(high, whole.high)
    for _ in range(attempts):
        writing.groups.clear()
        text = whole.write(writing, low, high)
        missing = least - len(text)
        if missing > 0:  # what is not anchored may have anything beside it
            more = "x" * missing
            text = more + text if tree.ends and not tree.starts else text + more
        if fits(text):
            return text
    return None


def _is_anchor(item: tuple[Any, Any]) -> bool:
    return item[0].name == "AT" and item[1].name in ("AT_BEGINNING", "AT_END")
