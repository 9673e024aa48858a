"""The catalogue: which topics there are, and which events each of them carries."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.catalog.descriptors import Descriptors, combined
from simulator.catalog.document import Document, read_document
from simulator.catalog.errors import (
    AmbiguousEvent,
    InvalidDocument,
    InvalidEvent,
    UnknownEvent,
    UnknownField,
    Violation,
)
from simulator.catalog.message_type import MessageType
from simulator.catalog.plain_json import shown
from simulator.catalog.schemas import NAME, PAYLOAD, has_envelope
from simulator.catalog.validation import check_schema
from simulator.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from google.protobuf.descriptor_pb2 import FileDescriptorSet
    from google.protobuf.descriptor_pool import DescriptorPool

BUILTIN = "chat-events"
"""The document that is read where nobody names another: its files among the package's data."""


_ITEM = re.compile(r"\.\d+(?=\.|$)", re.ASCII)
"""One item of an array, as part of a path."""


class Channel(NamedTuple):
    """A topic and the events that it may carry, by name."""

    name: str
    messages: Mapping[str, MessageType]
    description: str = ""


class CatalogSource(NamedTuple):
    """A document, and the protobuf messages of its events where there are some."""

    document: Document
    descriptors: Descriptors | None = None


class Catalog:
    """The events of some documents. Topics that none of them names are untyped and take anything.

    A document's channel `chat` is the topic `chat`, or `dev.chat` with the prefix `dev.`. This is
    where the two meet: doors and the log know the whole name, stories and tests say the channel,
    and `topic` and `said` turn one into the other. Other topics are called what they are called.

    `problems` says what could not be read while it was loaded; what could is here. `notes` say what
    was read and belongs to no event.
    """

    def __init__(
        self,
        sources: Sequence[CatalogSource],
        problems: Sequence[str] = (),
        *,
        topic_prefix: str = "",
        notes: Sequence[str] = (),
    ) -> None:
        """Where two documents have the same event of a channel, the first one counts.

        `topic_prefix` stands before every channel, its separator included.
        """
        documents = [source.document for source in sources]
        self.title = documents[0].title if len(documents) == 1 else f"{len(documents)} documents"
        self.source = documents[0].source if len(documents) == 1 else self.title
        self.problems = tuple(problems)
        self.notes = tuple(notes)
        self.sources = tuple(sources)
        self.topic_prefix = topic_prefix
        messages: dict[str, dict[str, MessageType]] = {}
        descriptions: dict[str, str] = {}
        for document, descriptors in sources:
            for channel in document.channels.values():
                here = messages.setdefault(channel.name, {})
                descriptions[channel.name] = descriptions.get(channel.name) or channel.description
                for message in channel.messages.values():
                    if message.name not in here:
                        here[message.name] = MessageType(
                            message,
                            channel.name,
                            document.proto_package,
                            descriptors,
                            topic=topic_prefix + channel.name,
                        )
        self.channels: Mapping[str, Channel] = MappingProxyType(
            {
                topic_prefix + name: Channel(
                    topic_prefix + name, MappingProxyType(found), descriptions[name]
                )
                for name, found in messages.items()
            }
        )
        """The topics, by their whole name, in the order of the documents."""

    @classmethod
    @cache
    def builtin(cls) -> Catalog:
        """Chat Events, which the package brings along; read once per process."""
        document = read_document(_shipped(f"{BUILTIN}.yaml").decode(), f"{BUILTIN}.yaml")
        return cls([CatalogSource(document, Descriptors(_shipped(f"{BUILTIN}.binpb")))])

    @classmethod
    def from_text(
        cls, text: str, source: str, descriptor_set: FileDescriptorSet | bytes | None = None
    ) -> Catalog:
        """The catalogue of one AsyncAPI 2.x document, YAML or JSON.

        `source` names the document in errors. `descriptor_set` holds the protobuf messages of the
        events, and every file that these import; without it there is no typed form. Raises
        InvalidDocument.
        """
        descriptors = None if descriptor_set is None else Descriptors(descriptor_set)
        return cls([CatalogSource(read_document(text, source, check=check_schema), descriptors)])

    @classmethod
    def load(cls, paths: Sequence[str | Path], *, cache: Path | None = None) -> Catalog:
        """The events of documents in files and directories, and the Chat Events: `load_catalog`."""
        from simulator.catalog.loading import load_catalog  # the built-in document needs less

        return load_catalog(paths, cache=cache)

    def with_topic_prefix(self, prefix: str) -> Catalog:
        """The same events, on topics with this prefix."""
        if prefix == self.topic_prefix:
            return self
        return Catalog(self.sources, self.problems, topic_prefix=prefix, notes=self.notes)

    def topic(self, name: str) -> str:
        """The whole name of a topic that is said with or without the prefix."""
        whole = self.topic_prefix + name
        return whole if name not in self.channels and whole in self.channels else name

    def said(self, topic: str) -> str:
        """What stories and tests call a topic: the channel, without the prefix."""
        return topic.removeprefix(self.topic_prefix) if topic in self.channels else topic

    @cached_property
    def messages(self) -> tuple[MessageType, ...]:
        """All events of all topics."""
        return tuple(
            message for channel in self.channels.values() for message in channel.messages.values()
        )

    @property
    def pool(self) -> DescriptorPool:
        """The protobuf descriptors, in a pool of their own; empty where there are none."""
        return self._all_descriptors.pool

    @property
    def descriptor_set(self) -> FileDescriptorSet:
        """The same descriptors as files."""
        return self._all_descriptors.descriptor_set

    def message(self, topic: str, name: str) -> MessageType:
        """An event of a topic; UnknownEvent, with what was probably meant, where there is none."""
        topic = self.topic(topic)
        channel = self.channels.get(topic)
        if channel is None:
            hint = did_you_mean(closest(topic, self.channels))
            raise UnknownEvent(f"topic {topic} has no events in {self.title or self.source}{hint}")
        message = channel.messages.get(name)
        if message is None:
            raise UnknownEvent(f"topic {topic} has no event {name}{self._hint(topic, name)}")
        return message

    def find(self, name: str) -> MessageType:
        """An event by its name alone; UnknownEvent, or AmbiguousEvent where topics share it."""
        found = [message for message in self.messages if message.name == name]
        if len(found) > 1:
            raise AmbiguousEvent(name, [message.topic for message in found])
        if not found:
            hint = did_you_mean(closest(name, (message.name for message in self.messages)))
            raise UnknownEvent(f"there is no event {name}{hint}")
        return found[0]

    def find_proto(self, full_name: str, topic: str | None = None) -> MessageType:
        """The event that has this protobuf message, among those of a topic or of all.

        `full_name` may be an Any's type URL. Raises UnknownEvent or AmbiguousEvent.
        """
        full_name = full_name.rpartition("/")[2]
        found = [message for message in self.messages if message.proto_name == full_name]
        here = [message for message in found if topic in (None, message.topic)]
        if len(here) > 1:
            raise AmbiguousEvent(full_name, [message.topic for message in here])
        if not here:
            where = "" if topic is None else f" on topic {topic}"
            others = ", ".join(message.topic for message in found)
            hint = f"; it belongs to topic {others}" if found else ""
            raise UnknownEvent(f"there is no event with message {full_name}{where}{hint}")
        return here[0]

    def check_path(self, path: str, topics: Iterable[str] | None = None) -> None:
        """Raise UnknownField unless an event, of these topics or of all, has a place for a path.

        The path is dotted. A number in it, or `[]` behind a name, stands for an item of an array.
        """
        known = _ITEM.sub("[]", path)
        messages = self._of_topics(topics)
        if not any(message.allows_path(known) for message in messages):
            suggestions = (message.suggest_path(known) for message in messages)
            hint = did_you_mean(next(filter(None, suggestions), None))
            raise UnknownField(f"no event of these topics has a field {path!r}{hint}")

    def identify(self, topic: str, event: object) -> MessageType:
        """Which event of a topic this is: by the envelope's `name`, else by an unambiguous key of
        its payload; without an envelope, the first one that it is legal for.

        Raises InvalidEvent where that does not tell, UnknownEvent for a topic without events.
        """
        channel = self.channels.get(topic)
        if channel is None:
            hint = did_you_mean(closest(topic, self.channels))
            raise UnknownEvent(f"topic {topic} has no events in {self.title or self.source}{hint}")
        if not isinstance(event, Mapping):
            raise _refusal(
                topic, "$", event, "type: object", f"expected an object, not {shown(event)}"
            )
        name = event.get(NAME)
        if isinstance(name, str) and name in channel.messages:
            return channel.messages[name]
        named = [m for m in channel.messages.values() if has_envelope(m.schema)]
        if name is not None and named:
            hint = self._hint(topic, name) if isinstance(name, str) else ""
            what = f"topic {topic} has no event {shown(name)}{hint}"
            raise _refusal(topic, f"$.{NAME}", name, "event", what)
        return self._by_payload_key(channel, event)

    def check(self, topic: str, event: Mapping[str, Any]) -> MessageType:
        """Identify and validate an event, which may be any value at all.

        Raises InvalidEvent with every rule that it breaks.
        """
        message = self.identify(topic, event)
        validator = message.validator
        if not validator.is_sound(event):
            raise InvalidEvent(topic, validator.violations(event))
        return message

    @cached_property
    def _all_descriptors(self) -> Descriptors:
        found = [source.descriptors for source in self.sources if source.descriptors is not None]
        return found[0] if len(found) == 1 else combined(found)

    def _of_topics(self, topics: Iterable[str] | None) -> list[MessageType]:
        wanted = None if topics is None else set(map(self.topic, topics))
        return [m for m in self.messages if wanted is None or m.topic in wanted]

    def _hint(self, topic: str, name: str) -> str:
        elsewhere = [m.topic for m in self.messages if m.name == name]
        if elsewhere:
            return f"; {name} belongs to topic {', '.join(elsewhere)}"
        here = closest(name, self.channels[topic].messages)
        if here is not None:
            return did_you_mean(here)
        other = closest(name, (m.name for m in self.messages))
        if other is None:
            known = ", ".join(self.channels[topic].messages)
            return f"; it has {known}" if known else "; it has none"
        return f"{did_you_mean(other)} It belongs to topic {self.find(other).topic}"

    def _by_payload_key(self, channel: Channel, event: Mapping[str, Any]) -> MessageType:
        payload = event.get(PAYLOAD)
        keys = payload if isinstance(payload, Mapping) else {}
        messages = list(channel.messages.values())
        found = [m for m in messages if m.payload_key is not None and m.payload_key in keys]
        if len(found) == 1:
            return found[0]
        if not found and len(messages) == 1:
            return messages[0]
        for message in found or messages:
            # Without an envelope there is no name: an event is what it fits, as in oneOf.
            if not message.has_envelope and message.is_valid(event):
                return message
        names = " or ".join(m.name for m in found or messages)
        if messages and not any(m.has_envelope for m in messages):
            nearest = (found or messages)[0]
            why = f"{nearest.name}: {nearest.violations(event)[0]}"
            raise _refusal(channel.name, "$", event, "oneOf", f"is no {names} ({why})")
        what = f"expected {NAME} to say which event this is: {names or 'there are none'}"
        raise _refusal(channel.name, f"$.{NAME}", None, f"required: {NAME}", what)


def _shipped(name: str) -> bytes:
    """A file among the package's data. `importlib.resources` would take 20 ms to import."""
    content = pkgutil.get_data(__package__, f"documents/{name}")
    if content is None:
        raise InvalidDocument(name, "#", "the package's loader cannot read its data")
    return content


def _refusal(topic: str, path: str, value: object, rule: str, message: str) -> InvalidEvent:
    return InvalidEvent(topic, [Violation(path, value, rule, message)])
