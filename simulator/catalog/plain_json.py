"""Events as JSON can hold them, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any

from simulator.catalog.errors import Violation

MAX_DEPTH = 64
"""Objects and arrays inside one another. Chat events have four levels; consumers' parsers stop at
a hundred or more."""
MAX_SHOWN = 60
"""Characters of a value in a message."""

_INTEGERS = range(-(2**63), 2**64)
"""What a JSON encoder or a consumer's parser takes for an integer, signed or not."""


def to_plain(value: object, depth: int = MAX_DEPTH) -> tuple[Any, list[Violation]]:
    """The value as dict, list, str, int, float, bool and None, and what JSON cannot hold of it.

    Other mappings become dicts, tuples lists, subclasses of str, int and float their plain form,
    enums their values and decimals numbers: what validator and encoder make of them.
    The value is to be used only when there are no violations. `depth`: how many objects and arrays
    may be inside one another.
    """
    violations: list[Violation] = []
    return _plain(value, "$", depth, violations), violations


def _plain(value: Any, path: str, depth: int, violations: list[Violation]) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, Decimal):
        number = float(value)
        value = int(value) if number.is_integer() and abs(number) < 2**64 else number
    kind = type(value)
    if value is None or kind is bool:
        return value
    if isinstance(value, str):
        return _string(value, path, violations)
    if isinstance(value, int):
        if value not in _INTEGERS:
            violations.append(_violation(path, value, "has no place in 64 bits"))
        return value if kind is int else int.__index__(value)
    if isinstance(value, float):
        if not isfinite(value):
            violations.append(_violation(path, value, "is no JSON number"))
        return value if kind is float else float.__float__(value)
    if not isinstance(value, Mapping | list | tuple):
        violations.append(_violation(path, value, f"is a {kind.__name__}, which JSON has not"))
        return None
    if depth == 0:
        reason = f"is nested more than {MAX_DEPTH} deep"
        violations.append(_violation(path, value, reason))
        return None
    if isinstance(value, Mapping):
        plain = {}
        for key, part in value.items():
            if isinstance(key, str):
                name = _string(key, path, violations)
                plain[name] = _plain(part, member(path, name), depth - 1, violations)
            else:
                violations.append(_violation(path, key, "is the name of a field but no string"))
        return plain
    return [
        _plain(part, f"{path}[{index}]", depth - 1, violations) for index, part in enumerate(value)
    ]


def _string(value: str, path: str, violations: list[Violation]) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        violations.append(_violation(path, value, "has half a surrogate pair, which is no text"))
    return value if type(value) is str else str.__str__(value)


def _violation(path: str, value: object, reason: str) -> Violation:
    return Violation(path, value, "json", f"{shown(value)} {reason}")


def member(path: str, name: str) -> str:
    """The JSON path of a member: `$.a.b`, or `$.a['odd name']`."""
    return f"{path}.{name}" if name.isidentifier() else f"{path}[{name!r}]"


def shown(value: object) -> str:
    """A value as JSON on one line, shortened to `MAX_SHOWN` characters."""
    if isinstance(value, str):
        text = _quoted(value[: MAX_SHOWN + 1])
    elif value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, Mapping):
        parts = (f"{_quoted(str(key)[:MAX_SHOWN])}: {_brief(part)}" for key, part in value.items())
        text = f"{{{_first(parts)}}}"
    elif isinstance(value, list | tuple):
        text = f"[{_first(_brief(part) for part in value)}]"
    elif isinstance(value, int) and value not in _INTEGERS:
        text = f"{'-' if value < 0 else ''}an integer of {value.bit_length()} bits"
    elif isinstance(value, float) and not isfinite(value):
        text = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    else:
        text = _safe_repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def _brief(value: object) -> str:
    """A value inside another: containers are not opened, so that depth costs nothing."""
    if isinstance(value, Mapping):
        return "{…}" if value else "{}"
    if isinstance(value, list | tuple):
        return "[…]" if value else "[]"
    return shown(value)


def _first(parts: Any) -> str:
    text = ""
    for part in parts:
        text = f"{text}, {part}" if text else part
        if len(text) > MAX_SHOWN:
            break
    return text


def _quoted(text: str) -> str:
    import json

    return json.dumps(text, ensure_ascii=not text.isprintable())


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # a foreign object's own fault must not hide what is wrong with the event
        return f"a {type(value).__name__}"
