"""How messages show texts: cut to a readable length, in quotes, in one line."""

from __future__ import annotations


def shorten(text: str, length: int = 60) -> str:
    """The text, cut to a length that fits into a message."""
    return text if len(text) <= length else text[: length - 3] + "..."


def quoted(text: str, length: int = 60) -> str:
    """The text in quotes as messages show it: cut, and in one line."""
    return repr(shorten(text, length))
