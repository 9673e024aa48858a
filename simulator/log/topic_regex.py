"""Regular expressions over topic names, in a time that no expression can make long.

Consumers send expressions in RE2's syntax (KIP-848), which Python's resembles, and Python reads
them here. But Python matches by trial and error, and a stranger's expression could keep it busy for
years. So what it has read becomes an automaton that goes through a name once, as RE2 does. What
RE2 does not have (looking around, references back) is refused.
"""

from __future__ import annotations

import re
import string
import warnings
from collections.abc import Iterable
from re import _constants as op  # type: ignore[attr-defined]  # what the parser speaks
from re import _parser  # type: ignore[attr-defined]  # private, the same since Python 3.11
from typing import Any, Final

from simulator.log.errors import LogError

MAX_LENGTH: Final = 2000
"""Characters of an expression."""

MAX_STATES: Final = 1000
"""Of the automaton; repetitions count as often as they are repeated."""

_NAME_CHARACTERS: Final = frozenset(string.ascii_letters + string.digits + "._-")

_POSIX: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "punct": "._\\-",
    "upper": "A-Z",
    "word": "a-zA-Z0-9_",
    "xdigit": "a-fA-F0-9",
}

_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: frozenset(string.digits),
    op.CATEGORY_WORD: frozenset(string.ascii_letters + string.digits + "_"),
    op.CATEGORY_SPACE: frozenset[str](),
}
_NEGATED: Final = {
    op.CATEGORY_NOT_DIGIT: op.CATEGORY_DIGIT,
    op.CATEGORY_NOT_WORD: op.CATEGORY_WORD,
    op.CATEGORY_NOT_SPACE: op.CATEGORY_SPACE,
}

_BEGINNINGS: Final = frozenset([op.AT_BEGINNING, op.AT_BEGINNING_STRING])
_ENDS: Final = frozenset([op.AT_END, op.AT_END_STRING])


class InvalidTopicRegex(LogError):
    """Not a regular expression, or one that is too large; says what is wrong with it."""


class TopicRegex:
    """A compiled expression; raises InvalidTopicRegex."""

    def __init__(self, regex: str) -> None:
        if len(regex) > MAX_LENGTH:
            raise InvalidTopicRegex(f"more than {MAX_LENGTH} characters")
        # Of each state: which characters lead on from it, and where to go without any.
        self._steps: list[tuple[frozenset[str], int] | None] = []
        self._jumps: list[list[tuple[object, int]]] = []
        self._start = self._state()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                parsed = _parser.parse(_translated(regex))
            self._end = self._sequence(parsed, self._start, bool(parsed.state.flags & re.I))
        except (re.error, OverflowError, RecursionError) as error:
            reason = error.msg if isinstance(error, re.error) else "too deep or too large"
            raise InvalidTopicRegex(reason) from None

    def matches(self, name: str) -> bool:
        """Whether the expression describes the whole of a topic's name."""
        here = self._reached([self._start], at_beginning=True, at_end=not name)
        for position, character in enumerate(name, 1):
            following = []
            for state in here:
                step = self._steps[state]
                if step is not None and character in step[0]:
                    following.append(step[1])
            here = self._reached(following, at_beginning=False, at_end=position == len(name))
            if not here:
                return False
        return self._end in here

    def _reached(self, states: Iterable[int], *, at_beginning: bool, at_end: bool) -> set[int]:
        """These states, and those that can be reached from them without a character."""
        allowed: set[object] = {None}
        allowed |= _BEGINNINGS if at_beginning else set()
        allowed |= _ENDS if at_end else set()
        found: set[int] = set()
        open_states = list(states)
        while open_states:
            state = open_states.pop()
            if state not in found:
                found.add(state)
                open_states += [to for where, to in self._jumps[state] if where in allowed]
        return found

    # The automaton

    def _state(self) -> int:
        if len(self._steps) >= MAX_STATES:
            raise InvalidTopicRegex("it is too large")
        self._steps.append(None)
        self._jumps.append([])
        return len(self._steps) - 1

    def _jump(self, state: int, to: int, where: object = None) -> None:
        self._jumps[state].append((where, to))

    def _sequence(self, items: Iterable[Any], start: int, ignore_case: bool) -> int:
        """Add what matches all `items` one after the other; return the state that it ends in."""
        for code, value in items:
            start = self._item(code, value, start, ignore_case)
        return start

    def _item(self, code: Any, value: Any, start: int, ignore_case: bool) -> int:
        end = self._state()
        if code is op.BRANCH:
            for branch in value[1]:
                self._jump(self._sequence(branch, start, ignore_case), end)
        elif code is op.SUBPATTERN:
            _, added, removed, inner = value
            ignore_case = (ignore_case or bool(added & re.I)) and not removed & re.I
            self._jump(self._sequence(inner, start, ignore_case), end)
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT):
            self._jump(self._repeated(value, start, ignore_case), end)
        elif code is op.AT and (value in _BEGINNINGS or value in _ENDS):
            self._jump(start, end, value)
        else:
            origin = self._state()  # a state has one way on at most
            self._jump(start, origin)
            self._steps[origin] = (_characters(code, value, ignore_case), end)
        return end

    def _repeated(self, value: Any, start: int, ignore_case: bool) -> int:
        least, most, inner = value
        if not len(inner):
            return start
        for _ in range(least):
            start = self._sequence(inner, start, ignore_case)
        end = self._state()
        self._jump(start, end)
        if most is op.MAXREPEAT:
            loop = self._state()
            self._jump(start, loop)
            self._jump(self._sequence(inner, loop, ignore_case), loop)
            self._jump(loop, end)
        else:
            for _ in range(most - least):
                start = self._sequence(inner, start, ignore_case)
                self._jump(start, end)
        return end


def _characters(code: Any, value: Any, ignore_case: bool) -> frozenset[str]:
    """Those characters of topic names that one element matches."""
    if code in (op.LITERAL, op.NOT_LITERAL):
        found = {chr(value)}
    elif code is op.ANY:
        return _NAME_CHARACTERS
    elif code is op.IN:
        found = set().union(*(_in_class(*each) for each in value if each[0] is not op.NEGATE))
    else:
        raise InvalidTopicRegex(f"{str(code).lower()} is not supported")
    if ignore_case:
        found = {form for each in found for form in (each.lower(), each.upper())}
    negated = code is op.NOT_LITERAL or (code is op.IN and value[0][0] is op.NEGATE)
    return _NAME_CHARACTERS - found if negated else _NAME_CHARACTERS & found


def _in_class(code: Any, value: Any) -> frozenset[str]:
    if code is op.LITERAL:
        return frozenset(chr(value))
    if code is op.RANGE:
        low, high = value
        return frozenset(each for each in _NAME_CHARACTERS if low <= ord(each) <= high)
    if value in _NEGATED:
        return _NAME_CHARACTERS - _CATEGORIES[_NEGATED[value]]
    return _CATEGORIES[value]


def _translated(regex: str) -> str:
    """What RE2 writes in another way than Python."""
    regex = re.sub(r"\[:(\w+):\]", lambda found: _POSIX.get(found[1], found[0]), regex)
    return regex.replace(r"\z", r"\Z").replace("(?<", "(?P<") if r"\\" not in regex else regex
