"""Characters of ECMA-262 regular expressions (JSON Schema, 6.3.3): sets, properties, escapes.

A text needs only some of the characters that a set has, so that the plain ones are taken where
there is a choice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from simulator.catalog.errors import CatalogError

_WIDE: Final = 5000
"""A set of more characters than that is taken for "anything": what ASCII has of it will do."""

Ranges = tuple[tuple[int, int], ...]

_DIGITS: Final[Ranges] = ((48, 57),)
_LETTERS: Final[Ranges] = ((97, 122), (65, 90))
_SIGNS: Final[Ranges] = ((33, 47), (58, 64), (91, 96), (123, 126))
_SPACE: Final[Ranges] = ((32, 32),)
ASCII: Final[Ranges] = (*_LETTERS, *_DIGITS, *_SIGNS, *_SPACE)
_BEYOND_ASCII: Final[Ranges] = ((0xA1, 0x17F), (0, 31))
_SURROGATES: Final = (0xD800, 0xDFFF)

_CATEGORIES: Final[dict[str, Ranges]] = {
    "CATEGORY_DIGIT": _DIGITS,
    "CATEGORY_NOT_DIGIT": (*_LETTERS, *_SIGNS, *_SPACE),
    "CATEGORY_SPACE": _SPACE,
    "CATEGORY_NOT_SPACE": (*_LETTERS, *_DIGITS, *_SIGNS),
    "CATEGORY_WORD": (*_LETTERS, *_DIGITS, (95, 95)),
    "CATEGORY_NOT_WORD": (*_SPACE, (33, 47), (58, 64), (91, 94), (96, 96), (123, 126)),
}

_PROPERTIES: Final = {
    **dict.fromkeys(("L", "Letter", "Alphabetic"), "a-zA-Z"),
    **dict.fromkeys(("Lu", "Uppercase_Letter", "Uppercase"), "A-Z"),
    **dict.fromkeys(("Ll", "Lowercase_Letter", "Lowercase"), "a-z"),
    **dict.fromkeys(("N", "Number", "Nd", "Decimal_Number"), "0-9"),
    **dict.fromkeys(("P", "Punctuation", "Po", "Other_Punctuation"), "!#%&*,./:;?@"),
    **dict.fromkeys(("S", "Symbol"), "$+<=>"),
    **dict.fromkeys(("Z", "Separator", "Zs", "Space_Separator"), " "),
}
"""Some characters of Unicode's properties; any that fit are good enough."""

_ESCAPE: Final = re.compile(
    r"\\(?:c(?P<control>[A-Za-z])|u\{(?P<code>[0-9a-fA-F]{1,6})\}|p\{(?P<property>\w+)\}|.)",
    re.DOTALL,
)
_NAMED_GROUP: Final = re.compile(r"\(\?<(?=\w)")


class Unmakeable(CatalogError):
    """No text can be made for a pattern; the text says why."""


def members(items: Sequence[Any]) -> Ranges:
    """The characters of a set."""
    negated = False
    found: list[tuple[int, int]] = []
    for operation, value in items:
        match operation.name:
            case "NEGATE":
                negated = True
            case "LITERAL":
                found.append((value, value))
            case "RANGE":
                found.append(value)
            case "CATEGORY":
                found += _CATEGORIES[value.name]
    if negated:
        return without(tuple(found))
    whole = _minus(tuple(found), (_SURROGATES,))
    if sum(last - first + 1 for first, last in whole) > _WIDE:
        whole = _shared(whole, ASCII) or whole
    if not whole:
        raise Unmakeable("it wants half a surrogate pair, which is no text")
    return whole


def without(excluded: Ranges) -> Ranges:
    """Some characters outside of ranges."""
    rest = _minus(ASCII, excluded) or _minus(_BEYOND_ASCII, excluded)
    rest = rest or _minus(((0, 0x10FFFF),), (*excluded, _SURROGATES))
    if not rest:
        raise Unmakeable("a set in it leaves no character")
    return rest


def _minus(ranges: Ranges, excluded: Ranges) -> Ranges:
    rest = ranges
    for low, high in excluded:
        rest = tuple(
            (first, last)
            for start, end in rest
            for first, last in ((start, min(end, low - 1)), (max(start, high + 1), end))
            if first <= last
        )
    return rest


def _shared(ranges: Ranges, others: Ranges) -> Ranges:
    pairs = ((max(a, c), min(b, d)) for c, d in others for a, b in ranges)
    return tuple(dict.fromkeys((first, last) for first, last in pairs if first <= last))


def for_python(pattern: str) -> str:
    """The expression as Python writes it: escapes and names of groups differ from ECMA's."""
    in_set = False
    parts = []
    at = 0
    while at < len(pattern):
        escape = _ESCAPE.match(pattern, at)
        named = None if in_set else _NAMED_GROUP.match(pattern, at)
        if escape is not None:
            parts.append(_escape(escape, in_set=in_set))
            at = escape.end()
        elif named is not None:
            parts.append("(?P<")
            at = named.end()
        else:
            in_set = pattern[at] == "[" or (in_set and pattern[at] != "]")
            parts.append(pattern[at])
            at += 1
    return "".join(parts)


def _escape(found: re.Match[str], *, in_set: bool) -> str:
    if found["control"]:
        return f"\\x{ord(found['control']) % 32:02x}"
    if found["code"]:
        return f"\\U{int(found['code'], 16):08x}"
    if found["property"]:
        members = _PROPERTIES.get(found["property"])
        if members is None:
            raise Unmakeable(f"characters of {found[0]} are not known here")
        return members if in_set else f"[{members}]"
    return found[0]
