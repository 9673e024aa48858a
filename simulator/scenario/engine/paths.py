"""Dotted paths into an event: `payload.personalChatSent.target_members.0`."""

from __future__ import annotations

from typing import Any

from simulator.scenario.errors import ScenarioError


def set_path(event: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a path.

    Objects that are missing on the way are made, a number names an item of an array, and the
    number after the last one appends. Raises `ScenarioError` where the path leads through
    something that is neither.
    """
    *way, last = path.split(".")
    place: Any = event
    for depth, part in enumerate(way):
        if isinstance(place, dict):
            place = place.setdefault(part, {})
        else:
            place = place[_index(place, part, path, way[:depth], room=0)]
    if isinstance(place, dict):
        place[last] = value
        return
    index = _index(place, last, path, way, room=1)
    if index == len(place):
        place.append(value)
    else:
        place[index] = value


def remove_path(event: dict[str, Any], path: str) -> None:
    """Leave out what is at a path; what is not there is no error."""
    *way, last = path.split(".")
    place: Any = event
    for part in way:
        place = _step_into(place, part)
        if place is None:
            return
    if isinstance(place, dict):
        place.pop(last, None)
    elif isinstance(place, list):
        index = _number(last)
        if index is not None and index < len(place):
            del place[index]


def _step_into(place: Any, part: str) -> Any:
    if isinstance(place, dict):
        return place.get(part)
    index = _number(part)
    if isinstance(place, list) and index is not None and index < len(place):
        return place[index]
    return None


def _number(part: str) -> int | None:
    return int(part) if part.isascii() and part.isdecimal() and len(part) < 10 else None


def _index(place: Any, part: str, path: str, way: list[str], *, room: int) -> int:
    where = ".".join(way) or "the event"
    if not isinstance(place, list):
        raise ScenarioError(
            f"cannot set {path}: {where} is {_kind(place)}, neither an object nor an array"
        )
    index = _number(part)
    if index is None:
        raise ScenarioError(f"cannot set {path}: {where} is an array, and {part!r} is no number")
    if index >= len(place) + room:
        raise ScenarioError(f"cannot set {path}: {where} has {len(place)} items, counted from 0")
    return index


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    return "a string" if isinstance(value, str) else "a number"
