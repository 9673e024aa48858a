"""What a topic may be called: Kafka's `Topic.validate`."""

from __future__ import annotations

import re
from typing import Final

MAX_NAME_LENGTH: Final = 249
"""As in Kafka, where a topic's name becomes the name of a directory."""

_LEGAL: Final = re.compile(r"[a-zA-Z0-9._-]+")


def broken_rule(name: str) -> str | None:
    """The rule that a name breaks, in words; None for a legal one."""
    if not name:
        return "it must not be empty"
    if name in (".", ".."):
        return 'it must not be "." or ".."'
    if len(name) > MAX_NAME_LENGTH:
        return f"it has {len(name)} characters, at most {MAX_NAME_LENGTH} are allowed"
    if not _LEGAL.fullmatch(name):
        return "only ASCII letters and digits, '.', '_' and '-' are allowed"
    return None
