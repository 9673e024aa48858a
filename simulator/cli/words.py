"""What an event says, in words: `alice → bob  hi`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle
from typing import Any, Final, NamedTuple

import orjson

from simulator.cli.terminal import safe


class Span(NamedTuple):
    """A piece of a line, and how it looks: keyword arguments of `click.style`."""

    text: str
    style: Mapping[str, Any] = {}


DIM: Final = {"dim": True}
WARNING: Final = {"fg": "yellow"}
ALARM: Final = {"fg": "red", "bold": True}

_PALETTE: Final = ("cyan", "magenta", "green", "bright_blue", "bright_yellow", "bright_magenta")
_MAX_DETAIL: Final = 300


class People:
    """How users and parties are shown: by name where it is known, each user in one colour."""

    def __init__(self, names: Mapping[str, str] | None = None) -> None:
        """`names` maps names to ids, as `Simulator.people` does."""
        self._names: dict[str, str] = {}
        self._styles: dict[str, Mapping[str, Any]] = {}
        self._colours = cycle(_PALETTE)
        self.learn(names or {})

    def learn(self, names: Mapping[str, str]) -> None:
        """Add names."""
        for name, user_id in names.items():
            self.call(user_id, name)

    def call(self, user_id: str, name: str) -> None:
        """Show a user by this name, unless there is one already."""
        self._names.setdefault(_plain(user_id), name)

    def knows(self, user_id: str) -> bool:
        """Whether a user has a name here."""
        return _plain(user_id) in self._names

    def span(self, user_id: object, kind: str = "") -> Span:
        """Return a user's name, else the beginning of the id, after `kind` where it is given."""
        if not isinstance(user_id, str) or not user_id:
            return Span("somebody", DIM)
        plain = _plain(user_id)
        style = self._styles.get(plain)
        if style is None:
            style = self._styles[plain] = {"fg": next(self._colours)}
        name = self._names.get(plain)
        return Span(safe(name or f"{kind}{plain[:8]}"), style)


def describe(value: bytes | None, people: People) -> list[Span]:
    """Say what the value of a record means.

    Events of the Chat Events have words of their own; others show their name and payload.
    """
    if value is None:
        return [Span("(null)", DIM)]
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return [Span("not JSON: ", WARNING), Span(_detail(value))]
    if not isinstance(event, dict):
        return [Span("not an event: ", WARNING), Span(_detail(value))]
    name = event.get("name")
    words = _WORDS.get(name) if isinstance(name, str) else None
    if words is not None:
        payload_key, phrase = words
        payload = event.get("payload")
        data = payload.get(payload_key) if isinstance(payload, dict) else None
        if isinstance(data, dict):
            return phrase(event, data, people)
    return _other(event, people)


def _connected(event: dict[str, Any], _: dict[str, Any], people: People) -> list[Span]:
    return [people.span(event.get("userId")), Span(" connected")]


def _disconnected(event: dict[str, Any], data: dict[str, Any], people: People) -> list[Span]:
    verb = " was disconnected" if data.get("forced") is True else " disconnected"
    return [people.span(event.get("userId")), Span(verb), Span(_why(data), DIM)]


def _rate_limited(event: dict[str, Any], data: dict[str, Any], people: People) -> list[Span]:
    return [
        people.span(event.get("userId")),
        Span(" was rate-limited", ALARM),
        Span(_why(data), DIM),
    ]


def _sent(event: dict[str, Any], data: dict[str, Any], people: People) -> list[Span]:
    target_type = data.get("target_type")
    kind = "" if target_type in (None, "user") else f"{target_type} "
    text = data.get("payload")
    return [
        people.span(data.get("sender_id") or event.get("userId")),
        Span(" → ", DIM),
        people.span(data.get("target_id"), kind),
        # The text comes last, so that one that runs from right to left moves nothing else.
        Span("  " + (safe(text) if isinstance(text, str) else _detail(orjson.dumps(text)))),
    ]


def _other(event: dict[str, Any], people: People) -> list[Span]:
    spans = []
    if "userId" in event:
        spans += [people.span(event["userId"]), Span("  ")]
    name = event.get("name")
    if isinstance(name, str):
        spans.append(Span(safe(name) + " ", {"bold": True}))
        rest = event.get("payload", {})
        if isinstance(rest, dict) and list(rest) == [name]:
            rest = rest[name]
    else:
        rest = event
    spans.append(Span(_detail(orjson.dumps(rest)), DIM))
    return spans


_WORDS: Final[
    Mapping[str, tuple[str, Callable[[dict[str, Any], dict[str, Any], People], list[Span]]]]
] = {
    "userConnected": ("userConnected", _connected),
    "userDisconnected": ("userDisconnected", _disconnected),
    "userChatRateLimited": ("userDisconnected", _rate_limited),  # the key that the spec gives it
    "personalChatSent": ("personalChatSent", _sent),
}


def _why(data: dict[str, Any]) -> str:
    parts = [str(data[key]) for key in ("code", "reason") if data.get(key) not in (None, "")]
    return f" ({safe(' '.join(parts))})" if parts else ""


def _detail(value: bytes) -> str:
    text = safe(value.decode("utf-8", "backslashreplace")) or "(empty)"
    return text if len(text) <= _MAX_DETAIL else text[: _MAX_DETAIL - 1] + "…"


def _plain(user_id: str) -> str:
    return user_id.replace("-", "").lower()
