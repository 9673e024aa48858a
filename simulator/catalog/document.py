"""Reads one AsyncAPI document: its channels, and the messages that each of them carries.

Where this follows the specification: https://www.asyncapi.com/docs/reference/specification/v2.6.0
and, for 3.0, https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.catalog.errors import InvalidDocument
from simulator.catalog.references import References, escape
from simulator.catalog.schemas import Schema, merge_all_of, types
from simulator.topic_names import broken_rule

if TYPE_CHECKING:
    from simulator.catalog.referenced_files import ReferencedFiles

_SCHEMA_FORMATS = ("application/vnd.aai.asyncapi", "application/schema+")
"""What `schemaFormat` may begin with: AsyncAPI's own schemas and JSON Schema."""


Check = Callable[[Any], None]
"""Raises ValueError for a schema that is none."""

_OTHER_TYPES = frozenset(("array", "boolean", "integer", "null", "number", "string"))


@dataclass(frozen=True, slots=True)
class MessageSource:
    """A message as the document has it.

    `name` is the name of the event; `class_name` what its protobuf message is named after; `schema`
    is free of `$ref`, and of `allOf` where it could be merged; `examples` are whole events.
    """

    name: str
    class_name: str
    schema: Schema
    description: str = ""
    examples: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelSource:
    """A channel as the document has it; `messages` may be empty."""

    name: str
    description: str
    messages: Mapping[str, MessageSource]


@dataclass(frozen=True, slots=True)
class Document:
    """A document; `proto_package` is empty where it names none."""

    source: str
    title: str
    proto_package: str
    channels: Mapping[str, ChannelSource] = field(default_factory=dict)


def read_document(
    text: str,
    source: str,
    problems: list[str] | None = None,
    *,
    check: Check | None = None,
    files: ReferencedFiles | None = None,
) -> Document:
    """The document in `text`, YAML or JSON; `source` names it in errors. Raises InvalidDocument.

    With `problems`, a channel or a message that cannot be read goes there, and the others are read.
    `check` is asked about every payload, and `files` are those that the document may refer to.
    """
    try:
        document = _parse(text, source)
        reader = _Reader3 if str(document["asyncapi"]).startswith("3.") else _Reader
        return reader(document, source, problems, check, files).document()
    except RecursionError:
        raise InvalidDocument(source, "#", "nested too deep") from None


def _parse(text: str, source: str) -> Mapping[str, Any]:
    import yaml  # only documents need it

    from simulator.catalog.yaml_text import load

    try:
        document = load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "#"
        raise InvalidDocument(source, place, str(error.problem or error)) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidDocument(source, "#", " ".join(str(error).split())) from None
    version = document.get("asyncapi") if isinstance(document, dict) else None
    if version is None:
        raise InvalidDocument(source, "#", "not an AsyncAPI document: there is no `asyncapi` field")
    if not str(version).startswith(("2.", "3.0")):
        reason = f"AsyncAPI 2.x or 3.0 is needed, found {version}"
        raise InvalidDocument(source, "#/asyncapi", reason)
    found: Mapping[str, Any] = document
    return found


class _Reader:
    def __init__(
        self,
        document: Mapping[str, Any],
        source: str,
        problems: list[str] | None,
        check: Check | None,
        files: ReferencedFiles | None,
    ) -> None:
        self._document = document
        self._source = source
        self._problems = problems
        self._check = check
        self._references = References(document, source, files)

    def document(self) -> Document:
        info = self._document.get("info")
        channels = self._mapping(self._document.get("channels"), "#/channels")
        return Document(
            source=self._source,
            title=str(info.get("title", "")) if isinstance(info, Mapping) else "",
            proto_package=str(self._document.get("x-proto-package", "")),
            channels=self._channels(channels),
        )

    def _channels(self, channels: Mapping[str, Any]) -> dict[str, ChannelSource]:
        """The channels by topic; those of one topic (of AsyncAPI 3) together.

        One that has nothing left of its messages is left out: its topic would take no event at all.
        """
        found: dict[str, ChannelSource] = {}
        for name, node in channels.items():
            before = len(self._problems or ())
            with self._telling():
                channel = self._channel(name, node)
                if not channel.messages and len(self._problems or ()) > before:
                    continue
                known = found.get(channel.name, channel)
                messages = dict(known.messages)
                self._add(messages, channel.messages.values(), f"#/channels/{escape(name)}")
                description = known.description or channel.description
                found[channel.name] = ChannelSource(channel.name, description, messages)
        return found

    def _channel(self, name: Any, node: Any) -> ChannelSource:
        item, place = self._item(name, node)
        self._check_topic(name, place)
        messages: dict[str, MessageSource] = {}
        for operation in ("publish", "subscribe"):
            if operation not in item:
                continue
            inside = f"{place}/{operation}"
            found = self._mapping(item[operation], inside)
            if "message" in found:
                listed = self._messages(found["message"], f"{inside}/message", name)
                self._add(messages, listed, inside)
        return ChannelSource(name, str(item.get("description", "")), messages)

    def _item(self, name: Any, node: Any) -> tuple[Mapping[str, Any], str]:
        """A channel as it is written, and its place."""
        place = f"#/channels/{escape(name)}"
        if not isinstance(name, str):
            raise self._error(place, f"the name {name!r} is not a string; put it in quotes")
        item, place = self._references.follow(node, place)
        return self._mapping(item, place), place

    def _check_topic(self, name: str, place: str) -> None:
        rule = broken_rule(name)
        if rule is not None:
            raise self._error(place, f"no topic can be called {name!r:.60}: {rule}")

    def _add(
        self, messages: dict[str, MessageSource], more: Iterable[MessageSource], place: str
    ) -> None:
        for message in more:
            with self._telling():
                if messages.setdefault(message.name, message) != message:
                    raise self._error(place, f"two different messages are named {message.name}")

    def _messages(
        self, node: Any, place: str, channel: str, name: str = ""
    ) -> Iterator[MessageSource]:
        """The messages of a node, which may be one or several; `name` is that of a single one."""
        alternatives: Any = []
        with self._telling():
            message, found = self._references.follow(node, place)
            message = self._mapping(message, found)
            if "oneOf" not in message:
                yield self._message(message, found, channel, name, inline=found == place)
                return
            alternatives = message["oneOf"]
            if not isinstance(alternatives, list):
                raise self._error(f"{found}/oneOf", "a list of messages is needed")
        for index, alternative in enumerate(alternatives):
            yield from self._messages(alternative, f"{found}/oneOf/{index}", channel)

    def _message(
        self,
        message: Mapping[str, Any],
        place: str,
        channel: str,
        called: str,
        *,
        inline: bool,
    ) -> MessageSource:
        """An event is named as its channel calls it (AsyncAPI 3), else by `messageId`, else by its
        component's key, else by `name`.

        The key comes before `name` since the platform's documents put the name of the protobuf
        message there. A message without any of them is named by what follows its channel's last
        dot.
        """
        schema_format = str(message.get("schemaFormat", _SCHEMA_FORMATS[0]))
        if not schema_format.startswith(_SCHEMA_FORMATS):
            raise self._error(f"{place}/schemaFormat", f"{schema_format} is not supported")
        key = (
            None
            if inline
            else place.partition("#")[2].rpartition("/")[2].replace("~1", "/").replace("~0", "~")
        )
        given = message.get("name")
        last_part = channel.rpartition(".")[2]
        name = str(called or message.get("messageId") or key or given or last_part)
        payload, payload_place = self._payload(message, f"{place}/payload")
        resolved = self._references.schema(payload, payload_place)
        self._check_schema(resolved, payload_place)
        schema = merge_all_of(resolved)
        if not isinstance(schema, dict):
            schema = {} if schema else {"not": {}}
        kinds = types(schema)
        if kinds and _OTHER_TYPES.issuperset(kinds):
            reason = f"an event is an object, and this payload is {' or '.join(kinds)}"
            raise self._error(payload_place, reason)
        return MessageSource(
            name=name,
            class_name=str(given or name),
            schema=schema,
            description=str(message.get("summary") or message.get("description") or ""),
            examples=tuple(
                example["payload"]
                for example in message.get("examples") or []
                if isinstance(example, Mapping) and "payload" in example
            ),
        )

    def _check_schema(self, schema: Any, place: str) -> None:
        if self._check is not None:
            try:
                self._check(schema)
            except ValueError as error:
                raise self._error(place, f"not a JSON schema: {error}") from None

    def _payload(self, message: Mapping[str, Any], place: str) -> tuple[Any, str]:
        """The schema of a message and its place."""
        return message.get("payload", True), place

    def _mapping(self, node: Any, place: str) -> Mapping[str, Any]:
        if not isinstance(node, Mapping):
            raise self._error(place, f"a mapping is needed, not {node!r:.60}")
        return node

    def _error(self, place: str, reason: str) -> InvalidDocument:
        return InvalidDocument(self._source, place, reason)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Write down what goes wrong with a part, if anybody wants to know; else let it through."""
        try:
            yield
        except InvalidDocument as error:
            if self._problems is None or self._references.exhausted:
                raise
            self._problems.append(str(error))


class _Reader3(_Reader):
    """AsyncAPI 3.0: channels have addresses and name their messages themselves."""

    def _channel(self, name: Any, node: Any) -> ChannelSource:
        """A channel's topic is its `address`, and its key where it has none.

        The channel's own key of a message is the name of it, whatever it refers to.
        """
        item, place = self._item(name, node)
        topic = str(item.get("address") or name)
        self._check_topic(topic, place)
        messages: dict[str, MessageSource] = {}
        listed = self._mapping(item.get("messages", {}), f"{place}/messages")
        for key, each in listed.items():
            inside = f"{place}/messages/{escape(key)}"
            self._add(messages, self._messages(each, inside, topic, str(key)), inside)
        return ChannelSource(topic, str(item.get("description", "")), messages)

    def _payload(self, message: Mapping[str, Any], place: str) -> tuple[Any, str]:
        """A payload may be a schema, or an object that names the schema's format beside it."""
        payload = message.get("payload", True)
        if isinstance(payload, Mapping) and "schemaFormat" in payload and "schema" in payload:
            wanted = str(payload["schemaFormat"])
            if not wanted.startswith(_SCHEMA_FORMATS):
                raise self._error(f"{place}/schemaFormat", f"{wanted} is not supported")
            return payload["schema"], f"{place}/schema"
        return payload, place
