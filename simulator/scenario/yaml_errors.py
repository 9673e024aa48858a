"""What PyYAML says about broken YAML, in plain words that say what to do.

libyaml and PyYAML's own parser word the same complaint differently, so complaints are recognized
by what both have in common. What is not recognized is passed on as it is.
"""

from __future__ import annotations

from typing import Any

_INDENTATION = "the indentation does not fit what comes before, or a text before this needs quotes"
_ESCAPE = "a '\\' in double quotes starts an escape; double it, or use single quotes"
BAD_ESCAPE = "an escape in this text is no character; those beyond \\uFFFF are written \\U0001F600"
_HEX = "an escape needs its digits: \\x41, \\u00E9 or \\U0001F600"
_ANCHOR = "'*' and '&' start the name of an anchor; put the text in quotes"
_TAB = "a tab cannot indent; use spaces"
_DOCUMENT_END = "nothing can follow here; one value has ended before"
_TAG = "tags are not supported; put the text in quotes"
_MESSAGES = {
    "mapping values are not allowed": "a ':' cannot stand here; quote the text or indent it right",
    "sequence entries are not allowed": "a list cannot start here; put the '-' on its own line",
    "found unexpected ':'": "a space is missing after this ':', or the text needs quotes",
    "could not find expected ':'": "the line before lacks a ':' after its key",
    "tab character where an indentation space": _TAB,
    "tab character that violates indentation": _TAB,
    "unknown escape character": _ESCAPE,
    "expected hexdecimal number": _HEX,
    "hexadecimal numbers": _HEX,
    "tag": _TAG,
    "block scalar": "only a digit, '+' or '-' can follow '|' or '>' in this line",
    "incompatible YAML document": "this version of YAML is not known; leave out the %YAML line",
    "expected <document start>": _DOCUMENT_END,
    "expected '<document start>'": _DOCUMENT_END,
    "expected <block end>": _INDENTATION,
    "did not find expected key": _INDENTATION,
    "expected '-' indicator": _INDENTATION,
    "node content": "a value is missing before this, or this needs quotes",
    "alphabetic or numeric": _ANCHOR,
    "non-alphabetical character": _ANCHOR,
    "directive": "a line cannot start with '%'; put the text in quotes",
}
"""By a part of the complaint, with its context; the first that fits is taken."""


def in_plain_words(error: Any, text: str) -> tuple[int, int, str]:
    """Line and column, from 1, and a message for a `yaml.MarkedYAMLError` about `text`."""
    problem = error.problem or error.context or "this is not YAML"
    line, column = _place(error.problem_mark or error.context_mark, text)
    at_end = (line, column) == _end(text)
    opened = _place(error.context_mark, text) if error.context_mark else None
    if "unexpected end of stream" in problem and opened:
        return *opened, "this quoted text is never closed"
    if "Unicode character escape" in problem and opened:
        return *opened, BAD_ESCAPE
    for bracket, kind in (("]", "list"), ("}", "mapping")):
        if f"expected ',' or '{bracket}'" in problem and opened:
            if at_end:
                return *opened, f"this {kind} is never closed; a '{bracket}' is missing"
            where = f"the {kind} that opens in line {opened[0]}"
            return line, column, f"expected ',' or '{bracket}' here, in {where}"
    if "cannot start any token" in problem:
        return line, column, _cannot_start(text, line, column)
    complaint = f"{error.context}: {problem}"
    for known, message in _MESSAGES.items():
        if known in complaint:
            if message is _ESCAPE and text.splitlines()[line - 1][column - 1 : column] != "\\":
                column -= 1
            return line, column, message
    return line, column, f"this is not YAML: {problem}"


def _cannot_start(text: str, line: int, column: int) -> str:
    character = text.splitlines()[line - 1][column - 1 : column]
    if character == "\t":
        return _TAB
    return f"a text cannot start with {character!r}; put it in quotes"


def _place(mark: Any, text: str) -> tuple[int, int]:
    """A mark's place; never beyond the last line that has something in it."""
    return min((mark.line + 1, mark.column + 1), _end(text))


def _end(text: str) -> tuple[int, int]:
    lines = text.rstrip().splitlines() or [""]
    return len(lines), len(lines[-1]) + 1
