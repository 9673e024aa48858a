"""One event that a topic may carry: its rules, its fields, its form in protobuf."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from simulator.catalog.conversion import MessagePlan
from simulator.catalog.descriptors import Descriptors, names_by_rule
from simulator.catalog.errors import ConversionError, Violation
from simulator.catalog.examples import example_of
from simulator.catalog.json_values import Unconvertible
from simulator.catalog.schemas import (
    NAME,
    Field,
    Schema,
    fields,
    has_envelope,
    is_free_form,
    payload_key,
    walk,
)
from simulator.catalog.shapes import NearMiss
from simulator.catalog.validation import EventValidator
from simulator.suggestions import closest

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from simulator.catalog.document import MessageSource


class MessageType:
    """An event of a topic, as the catalogue's document describes it.

    What needs compiling is compiled on first use and then kept.
    """

    def __init__(
        self,
        source: MessageSource,
        channel: str,
        package: str,
        descriptors: Descriptors | None,
        *,
        topic: str | None = None,
    ) -> None:
        """`package` is that of the protobuf message; no `descriptors`: no typed form.

        `topic` is by default what the document's `channel` is called.
        """
        self.name = source.name
        """The name of the event, as in its envelope."""
        self.channel = channel
        """The document's channel: the topic without the prefix of an installation."""
        self.topic = channel if topic is None else topic
        """The topic, as the log and all doors call it."""
        self.description = source.description
        self.schema: Schema = source.schema
        """JSON Schema of the event as published, without `$ref`; not to be changed."""
        self.payload_key = payload_key(source.schema)
        """The key below `payload` that holds this event's data, None where there is no such."""
        self.has_envelope = has_envelope(source.schema)
        """Whether it has the platform's envelope; without it, the schema says all that it has."""
        self._source = source
        self._package = package
        self._descriptors = descriptors

    def __repr__(self) -> str:
        return f"<MessageType {self.channel}/{self.name}>"

    def is_valid(self, event: Mapping[str, Any]) -> bool:
        """Whether every field that the schema knows is legal: the quick question, under 1 us.

        What lies in free-form objects and below unknown keys is not looked at, and text not for
        whether UTF-8 can hold it: a JSON encoder does that anyway. `violations` looks at all.
        """
        return self.validator.is_valid(event)

    def violations(self, event: object) -> list[Violation]:
        """Every rule that the event breaks; empty for a legal event. Takes any value at all."""
        return self.validator.violations(event)

    def near_misses(self, event: Mapping[str, Any]) -> list[NearMiss]:
        """Fields that this event does not know and that look like misspelt ones that it does."""
        if self.validator.is_clean(event):
            return []
        return list(self.validator.near_misses(event))

    @cached_property
    def validator(self) -> EventValidator:
        """The compiled rules."""
        return EventValidator(self.schema, self.name)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The fields that the schema knows, by dotted path; the items of an array are `path[]`."""
        return MappingProxyType(dict(fields(self.schema)))

    def knows_path(self, path: str) -> bool:
        """Whether the schema knows a field of this dotted path."""
        return path in self.fields

    def allows_path(self, path: str) -> bool:
        """Whether there is a place for this path: it is known, or below a free-form object.

        The spec allows additional properties everywhere; still, what is neither known nor in an
        object that is there to hold anything is more likely a mistake.
        """
        return self.knows_path(path) or any(
            path.startswith(free) for free in self._free_form_prefixes
        )

    def suggest_path(self, path: str) -> str | None:
        """The known path that this one may be meant to be: misspelt, or without its head."""
        last = path.rpartition(".")[2]
        known: tuple[str, ...] = tuple(self.fields)
        same_end = (field for field in known if field.rpartition(".")[2] == last and field != path)
        return next(same_end, None) or closest(path, known)

    @property
    def example(self) -> dict[str, Any]:
        """A legal event, made anew each time: the document's own example or one from the schema."""
        return copy.deepcopy(self._example)

    # protobuf

    @property
    def proto_name(self) -> str:
        """Full name of the protobuf message; by rule where the catalogue has no descriptors."""
        return self._names[0]

    @property
    def service_name(self) -> str:
        """Full name of the gRPC service whose `OnMessage` takes this event."""
        return self._names[1]

    def to_proto(self, event: Mapping[str, Any]) -> Message:
        """The event as a message of the catalogue's own pool; see `conversion` for the rules.

        Takes any value; raises ConversionError that names the path where it does not fit.
        """
        try:
            return self._plan.to_message(event)
        except Unconvertible as error:
            raise ConversionError(self.name, f"${error.path}", error.reason) from None
        except RecursionError:
            raise ConversionError(self.name, "$", "nested too deep") from None

    def from_proto(self, message: Message | bytes) -> dict[str, Any]:
        """The event as JSON, from a message of any pool or from its bytes.

        Raises ConversionError for another message type, or for bytes that cannot be parsed.
        """
        plan = self._plan
        if not isinstance(message, bytes):
            if message.DESCRIPTOR is plan.descriptor:
                return plan.to_json(message)
            given = message.DESCRIPTOR.full_name
            if given != self.proto_name:
                raise ConversionError(self.name, "$", f"expected {self.proto_name}, not {given}")
            message = message.SerializeToString()
        return plan.to_json(self._parse(message))

    def _parse(self, data: bytes) -> Message:
        from google.protobuf.message import DecodeError

        message = self._plan.new()
        try:
            message.ParseFromString(data)
        except DecodeError as error:
            raise ConversionError(self.name, "$", f"not a {self.proto_name}: {error}") from None
        return message

    @property
    def has_descriptor(self) -> bool:
        """Whether the catalogue has the protobuf message."""
        found = self._descriptors
        return found is not None and found.message(self.proto_name) is not None

    @property
    def has_service(self) -> bool:
        """Whether the catalogue has the gRPC service."""
        return self._descriptors is not None and self._descriptors.has_service(self.service_name)

    @property
    def descriptor(self) -> Descriptor:
        """The protobuf message; ConversionError where the catalogue has none."""
        descriptor = self._descriptors.message(self.proto_name) if self._descriptors else None
        if descriptor is None:
            reason = f"this catalogue has no protobuf descriptor of {self.proto_name}"
            raise ConversionError(self.name, "$", reason)
        return descriptor

    @cached_property
    def _plan(self) -> MessagePlan:
        return MessagePlan(self.descriptor, self.schema, envelope=True)

    @cached_property
    def _names(self) -> tuple[str, str]:
        find = self._descriptors.names if self._descriptors else names_by_rule
        return find(self._package, self.channel, self.name, self._source.class_name)

    @cached_property
    def _example(self) -> dict[str, Any]:
        for given in self._source.examples:
            if not self.violations(given):
                return dict(given)
        made = example_of({"type": "object", **self.schema})
        event = dict(made) if isinstance(made, dict) else {}
        if self.has_envelope:
            event[NAME] = self.name
        return event if self.is_valid(event) else self._made(event)

    def _made(self, otherwise: dict[str, Any]) -> dict[str, Any]:
        """An event by chance, always the same, for schemas that a plain example does not meet."""
        from simulator.catalog.generated_patterns import Drawn
        from simulator.catalog.generation import made_event

        return made_event(self, Drawn()) or otherwise

    @cached_property
    def _free_form_prefixes(self) -> tuple[str, ...]:
        return tuple(f"{path}." for path, part in walk(self.schema) if is_free_form(part))
