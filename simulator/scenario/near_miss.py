"""Why what was wanted did not come: conditions on events, and the nearest that was seen.

Streaming and bounded: events are counted, not kept. Shared by the expectations of scripts and by
the helpers of tests.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulator.scenario.templates import as_text
from simulator.scenario.wording import shorten

_MISSING = object()
_SIMPLE = frozenset((str, int, float))
_MAX_KINDS = 16
_MAX_LISTED = 4
_OTHERS = "others"
_NOTHING = "nothing arrived"


def value_at(event: Mapping[str, Any], path: str, default: object = None) -> object:
    """The value at a dotted path, else `default`; numbers count the items of arrays."""
    value: Any = event
    for part in path.split("."):
        if type(value) is dict or isinstance(value, Mapping):  # the former is quick to tell
            value = value.get(part, _MISSING)
            if value is _MISSING:
                return default
        elif isinstance(value, list) and part.isdecimal() and len(part) < 10:
            if int(part) >= len(value):
                return default
            value = value[int(part)]
        else:
            return default
    return value


def json_equal(one: object, other: object) -> bool:
    """Equality of JSON values: 1 is 1.0, true is not 1."""
    if type(one) in _SIMPLE and type(other) in _SIMPLE:
        return one == other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping):
        return (
            isinstance(other, Mapping)
            and one.keys() == other.keys()
            and all(json_equal(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, (list, tuple)):
        return (
            isinstance(other, (list, tuple))
            and len(one) == len(other)
            and all(map(json_equal, one, other))
        )
    return one == other


def id_forms(user_id: str) -> frozenset[str]:
    """The ways to write an id that count as the same: with dashes and without."""
    plain = user_id.replace("-", "").lower()
    if len(plain) != 32:
        return frozenset((user_id,))
    dashed = f"{plain[:8]}-{plain[8:12]}-{plain[12:16]}-{plain[16:20]}-{plain[20:]}"
    return frozenset((user_id, plain, dashed))


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an event must meet, all of it; None and empty mean anything.

    `user_ids` are all the forms of the acting user's id that count, `user` is what texts call that
    user. `where` maps dotted paths to values.
    """

    event: str | None = None
    topic: str | None = None
    user: str | None = None
    user_ids: frozenset[str] = frozenset()
    where: Mapping[str, object] = field(default_factory=dict)

    def matches(
        self, topic: str, name: str | None, user_id: str | None, event: Mapping[str, Any]
    ) -> bool:
        """Whether an event meets all conditions."""
        if self.event is not None and name != self.event:
            return False
        if self.topic is not None and topic != self.topic:
            return False
        if self.user_ids and not self.is_user(user_id):
            return False
        # A loop takes half the time of all() with a generator, and this is done for every event.
        for path, value in self.where.items():
            if not json_equal(value_at(event, path, _MISSING), value):
                return False
        return True

    def is_user(self, user_id: str | None) -> bool:
        """Whether an id is that of the wanted user."""
        return user_id is not None and (
            user_id in self.user_ids or user_id.lower() in self.user_ids
        )

    def __str__(self) -> str:
        return self.said("event")

    def said(self, any_event: str) -> str:
        """In words; `any_event` stands for the event's name where any is meant."""
        parts = [self.event or any_event]
        if self.user is not None:
            parts.append(f"for {self.user}")
        if self.topic is not None:
            parts.append(f"in topic {self.topic}")
        if self.where:
            parts.append("with " + said_fields(self.where))
        return " ".join(parts)


class Tally:
    """Counts by kind, bounded: what comes after the first kinds is counted as others."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.total = 0

    def add(self, kind: str) -> None:
        """Count one."""
        self.total += 1
        if kind in self.counts:
            self.counts[kind] += 1
        elif len(self.counts) < _MAX_KINDS:
            self.counts[kind] = 1

    def in_words(self, said: Callable[[str], str] = str) -> str:
        """`3 for bob and 2 for carol`: the most frequent kinds, each through `said`."""
        ranked = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        listed = [f"{count} {said(kind)}" for kind, count in ranked[:_MAX_LISTED]]
        rest = self.total - sum(count for _, count in ranked[:_MAX_LISTED])
        if rest:
            listed.append(f"{rest} {_OTHERS}")
        return _joined(listed)


class NearMisses:
    """What arrived instead of what was wanted: near misses of one set of conditions, counted."""

    __slots__ = ("_fields", "_label", "_names", "_topics", "_users", "wanted")

    def __init__(self, wanted: Conditions, label: Callable[[str], str] = str) -> None:
        """`label` turns the id of a user into what texts call them."""
        self.wanted = wanted
        self._label = label
        self._names = Tally()
        self._topics = Tally()
        self._users = Tally()
        self._fields: dict[str, Tally] = {}

    def note(
        self, topic: str, name: str | None, user_id: str | None, event: Mapping[str, Any]
    ) -> None:
        """Count an event that does not meet the conditions."""
        wanted = self.wanted
        if wanted.event is not None and name != wanted.event:
            self._names.add(name or "unnamed records")
        elif wanted.topic is not None and topic != wanted.topic:
            self._topics.add(topic)
        elif wanted.user_ids and not wanted.is_user(user_id):
            self._users.add(self._label(user_id) if user_id else "nobody")
        else:
            for path, value in wanted.where.items():
                found = value_at(event, path, _MISSING)
                if not json_equal(found, value):
                    self._fields.setdefault(path, Tally()).add(said_value(found))
                    return

    def explain(self, arrived: Tally | None = None) -> str:
        """One sentence about the nearest of what arrived.

        For instance `2 userChatRateLimited arrived, both for bob`. `arrived` counts all events by
        name, where the caller did not hand all of them to `note`.
        """
        wanted = self.wanted
        if self._fields:
            path, values = max(self._fields.items(), key=lambda item: item[1].total)
            who = f" for {wanted.user}" if wanted.user else ""
            seen = _one_kind(values) or values.in_words(lambda value: f"with {value}")
            return f"{self._some(values.total)} arrived{who}, but {path} was {seen}"
        for tally, preposition in ((self._users, "for"), (self._topics, "in topic")):
            if tally.total:
                return f"{self._some(tally.total)} arrived, {_shares(tally, preposition)}"
        others = arrived or self._names
        if wanted.event is None or wanted.event in others.counts:
            return f"no other {wanted.event or 'event'} arrived" if others.total else _NOTHING
        return f"no {wanted.event} arrived, but {others.in_words()}" if others.total else _NOTHING

    def _some(self, count: int) -> str:
        return f"{count} {self.wanted.event or ('event' if count == 1 else 'events')}"


def said_value(value: object) -> str:
    """A JSON value as texts show it, cut to a readable length."""
    if value is _MISSING:
        return "absent"
    if isinstance(value, str):
        return shorten(json.dumps(value, ensure_ascii=False))
    return shorten(as_text(value))


def said_fields(fields: Mapping[str, object]) -> str:
    """Paths and values as texts show them."""
    return _joined([f"{path} = {said_value(value)}" for path, value in fields.items()])


def first_difference(wanted: Conditions, topic: str, name: str, event: Mapping[str, Any]) -> str:
    """What an event that does not meet the conditions has instead."""
    if wanted.event is not None and name != wanted.event:
        return f"it is a {name}"
    if wanted.topic is not None and topic != wanted.topic:
        return f"it is in topic {topic}"
    for path, value in wanted.where.items():
        found = value_at(event, path, _MISSING)
        if not json_equal(found, value):
            return f"its {path} is {said_value(found)}"
    return f"it is not for {wanted.user}"


def _one_kind(tally: Tally) -> str | None:
    return next(iter(tally.counts)) if len(tally.counts) == 1 else None


def _shares(tally: Tally, preposition: str) -> str:
    only = _one_kind(tally) if tally.total == sum(tally.counts.values()) else None
    if only is None:
        return tally.in_words(lambda kind: f"{preposition} {kind}")
    every = {1: "", 2: "both "}.get(tally.total, "all ")
    return f"{every}{preposition} {only}"


def _joined(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
