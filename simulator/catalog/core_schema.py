"""YAML 1.2.2's core schema (section 10.3.2): what a plain text is, for documents and for scripts.

The patterns are meant for a whole text. What none of them matches is a string.
"""

from __future__ import annotations

from typing import Final

NULLS: Final = ("", "~", "null", "Null", "NULL")
TRUE: Final = ("true", "True", "TRUE")
FALSE: Final = ("false", "False", "FALSE")

INTEGER: Final = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
REAL: Final = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
NO_JSON_NUMBER: Final = r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
"""Numbers that JSON has no form for."""


def integer(text: str) -> int:
    """The value of a text that `INTEGER` matches; ValueError where it has thousands of digits."""
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
