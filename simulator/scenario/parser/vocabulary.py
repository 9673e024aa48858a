"""Which topics, events and fields a script can name: the catalogue's, and what it makes up.

A script may put events and fields into the log that the catalogue does not know (`set`, `raw`), and
then expect them. So names in expectations are checked when the whole script has been read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from simulator.catalog import Catalog, MessageType
from simulator.scenario.wording import quoted, shorten
from simulator.suggestions import closest

_INDEX = re.compile(r"\.[0-9]+(?=\.|$)")

Suggest = Callable[[str, Iterable[str]], str]


class Vocabulary:
    """What can be named in one script; without a catalogue, anything."""

    def __init__(self, catalog: Catalog | None, suggest: Suggest) -> None:
        """`suggest` words the end of a message about an unknown word."""
        self._catalog = catalog
        self._suggest = suggest
        self._topics = {catalog.said(topic) for topic in catalog.channels} if catalog else set()
        self._topics_of: dict[str, list[str]] = {}
        for message in catalog.messages if catalog else ():
            self._topics_of.setdefault(message.name, []).append(message.channel)
        self._made_names: set[str] = set()
        self._made_paths: set[str] = set()
        self._anything = catalog is None

    def allow_name(self, name: str) -> None:
        """The script gives an event this name."""
        self._made_names.add(name)

    def allow_path(self, path: str) -> None:
        """The script sets this field."""
        self._made_paths.add(path)

    def allow_anything(self) -> None:
        """The script publishes what cannot be known from its text."""
        self._anything = True

    def wrong_topic(self, topic: str) -> str | None:
        """What is wrong with a topic. Unknown ones are untyped; near misses are mistakes."""
        if self._catalog is None or topic in self._topics:
            return None
        meant = closest(topic, self._topics)
        return f"unknown topic {quoted(topic)} (did you mean '{meant}'?)" if meant else None

    def wrong_produced_event(self, event: str, topic: str | None, validate: bool) -> str | None:
        """What is wrong with making an event from the catalogue, for a topic if one is named."""
        if self._catalog is None:
            return None
        topics = self._topics_of.get(event)
        if topics is None:
            return f"unknown event {quoted(event)}{self._suggest(event, self._topics_of)}"
        if topic is None and len(topics) > 1:
            return f"'{event}' is an event of several topics; name one: {', '.join(topics)}"
        if topic is not None and validate and topic not in topics:
            return f"'{event}' is no event of topic {quoted(topic)} but of {', '.join(topics)}"
        return None

    def near_misses(self, event: str, topic: str | None, path: str, value: object) -> list[str]:
        """What looks misspelt when an event is made with this value at this path."""
        if self._catalog is None:
            return []
        for key in reversed(path.split(".")):
            value = {key: value}
        assert isinstance(value, Mapping)
        return [
            f"{quoted(near_miss.path.removeprefix('$.'))} is no field of {event}; "
            f"did you mean {near_miss.suggestion}?"
            for message in self._types(event, topic)[:1]
            for near_miss in message.near_misses(value)
        ]

    def wrong_event(self, event: str, topic: str | None) -> str | None:
        """What is wrong with expecting an event of this name."""
        if self._anything or self._catalog is None or event in self._made_names:
            return None
        if event in self._topics_of or (topic and topic not in self._topics):
            return None
        known = {*self._topics_of, *self._made_names}
        return f"unknown event {quoted(event)}{self._suggest(event, known)}"

    def wrong_path(self, path: str, event: str | None, topic: str | None) -> str | None:
        """What is wrong with expecting a value at a path in such events."""
        if self._anything or self._catalog is None or self._is_made(path):
            return None
        types = self._types(event, topic)
        schema_path = _INDEX.sub("[]", path)
        if not types or any(each.allows_path(schema_path) for each in types):
            return None
        what = f"the events of topic {quoted(topic)}" if topic else "any event"
        if event:
            what = shorten(event)
        for each in types:
            meant = each.suggest_path(path)
            if meant is not None:
                return f"unknown field {quoted(path)} of {what} (did you mean '{meant}'?)"
        return f"unknown field {quoted(path)} of {what}"

    def _types(self, event: str | None, topic: str | None) -> list[MessageType]:
        assert self._catalog is not None
        found = [each for each in self._catalog.messages if event in (None, each.name)]
        on_topic = [each for each in found if topic in (None, each.channel)]
        return on_topic or found

    def _is_made(self, path: str) -> bool:
        """Whether the script sets this field, one around it, or one in it."""
        return any(
            path == made or path.startswith(f"{made}.") or made.startswith(f"{path}.")
            for made in self._made_paths
        )
