"""JSON events to protobuf messages and back, compiled once for each message type.

The rules are those of proto3's JSON mapping (https://protobuf.dev/programming-guides/json/), with
these differences, since the JSON of events is written by a service and not by protobuf:

- A field is known by its json name only. `message_id` is a field of ChatPayload, `messageId` is
  none, and neither is the envelope's `parent_namespace`.
- Fields that the message does not have (`timestampUnixNano`) are dropped; null counts as absent.
- 64-bit integers are plain numbers in JSON. They are read as numbers, also as 4000.0, and as
  strings of digits.
- Back in JSON, a message's fields that proto3 keeps no presence for, and that are zero there ("",
  0, false, []), are written inside the payload and left out of the envelope: the payload's fields
  are usually all there, the envelope's often not. A zero that the event's schema forbids ("" is no
  uuid) is left out too. So JSON -> protobuf -> JSON gives back the same event, unless its envelope
  holds a zero, its payload lacks a field, or it has fields that the message does not know.
- Numbers of a Struct are doubles; they come back as integers where they are whole and exact (up to
  2**53). The keys of an object come back in order, those of a Struct sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.catalog import json_values
from simulator.catalog.json_values import Convert, Unconvertible
from simulator.catalog.plain_json import shown
from simulator.catalog.schemas import properties
from simulator.catalog.validation import allows

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.message import Message

_WELL_KNOWN = "google.protobuf."
_STRUCTS: dict[str, tuple[Callable[[Any, Any], None], Convert]] = {
    "google.protobuf.Struct": (json_values.fill_struct, json_values.from_struct),
    "google.protobuf.ListValue": (json_values.fill_list, json_values.from_list),
    "google.protobuf.Value": (json_values.fill_value, json_values.from_value),
}


class _Reader(NamedTuple):
    """From JSON: the field's name in protobuf."""

    name: str
    convert: Convert


class _Writer(NamedTuple):
    """To JSON: `keep_zero` also when the field is zero and protobuf cannot say it was set."""

    json_name: str
    name: str
    has_presence: bool
    keep_zero: bool
    convert: Convert


class MessagePlan:
    """How one message type is read from JSON and written to it."""

    def __init__(self, descriptor: Descriptor, schema: Any, *, envelope: bool) -> None:
        """`schema` is the JSON schema of the same object, or None; `envelope` for the event itself,
        of which zeros are left out."""
        from google.protobuf import message_factory

        self.descriptor = descriptor
        self._properties = properties(schema)
        self._envelope = envelope
        self.new: Callable[..., Message] = message_factory.GetMessageClass(descriptor)

    def to_message(self, value: Any) -> Message:
        """The message for a JSON object; raises Unconvertible."""
        if not isinstance(value, Mapping):
            raise Unconvertible(f"expected an object, not {shown(value)}")
        readers = self._readers
        fields: dict[str, Any] = {}
        for key, part in value.items():
            reader = readers.get(key)
            if reader is not None and part is not None:
                try:
                    fields[reader.name] = reader.convert(part)
                except Unconvertible as error:
                    raise error.below(key) from None
        try:
            return self.new(**fields)
        except UnicodeEncodeError:
            for key, part in value.items():
                if key in readers:
                    try:
                        json_values.check_text(part)
                    except Unconvertible as error:
                        raise error.below(key) from None
            raise

    def to_json(self, message: Message) -> dict[str, Any]:
        """The JSON object for a message of this type."""
        result: dict[str, Any] = {}
        for json_name, name, has_presence, keep_zero, convert in self._writers:
            if has_presence:
                if message.HasField(name):
                    result[json_name] = convert(getattr(message, name))
            elif (value := getattr(message, name)) or keep_zero:
                result[json_name] = convert(value)
        return result

    # Built on first use: a message type may contain itself, and importing costs time.

    @cached_property
    def _readers(self) -> dict[str, _Reader]:
        return {
            field.json_name: _Reader(field.name, self._reading(field))
            for field in self.descriptor.fields
        }

    @cached_property
    def _writers(self) -> tuple[_Writer, ...]:
        return tuple(
            _Writer(
                field.json_name,
                field.name,
                field.has_presence,
                not field.has_presence and self._keeps_zero(field),
                self._writing(field),
            )
            for field in self.descriptor.fields
        )

    def _keeps_zero(self, field: FieldDescriptor) -> bool:
        schema = self._properties.get(field.json_name)
        if self._envelope or schema is None:
            return False
        if _map_entry(field) is not None:
            return allows(schema, {})
        if field.is_repeated:
            return allows(schema, [])
        zero = field.default_value
        return not isinstance(zero, bytes) and allows(schema, self._writing(field)(zero))

    def _reading(self, field: FieldDescriptor) -> Convert:
        schema = self._properties.get(field.json_name)
        if (entry := _map_entry(field)) is not None:
            value = entry.fields_by_name["value"]
            key = _scalar(entry.fields_by_name["key"])[0]
            return _reading_map(key, _single(value, _part(schema, "additionalProperties"))[0])
        if field.is_repeated:
            return _reading_list(_single(field, _part(schema, "items"))[0])
        return _single(field, schema)[0]

    def _writing(self, field: FieldDescriptor) -> Convert:
        schema = self._properties.get(field.json_name)
        if (entry := _map_entry(field)) is not None:
            value = entry.fields_by_name["value"]
            write = _single(value, _part(schema, "additionalProperties"))[1]
            return lambda entries: {_map_key(key): write(entries[key]) for key in sorted(entries)}
        if field.is_repeated:
            write_item = _single(field, _part(schema, "items"))[1]
            return lambda values: [write_item(value) for value in values]
        return _single(field, schema)[1]


def _single(field: FieldDescriptor, schema: Any) -> tuple[Convert, Convert]:
    """How one value of a field is read and written; `schema` is that of this value, or None."""
    if field.message_type is None:
        return _scalar(field)
    if field.message_type.full_name.startswith(_WELL_KNOWN):
        return _well_known(field.message_type)
    plan = MessagePlan(field.message_type, schema, envelope=False)
    return plan.to_message, plan.to_json


def _part(schema: Any, keyword: str) -> Any:
    return schema.get(keyword) if isinstance(schema, dict) else None


def _map_entry(field: FieldDescriptor) -> Descriptor | None:
    """The message that protobuf makes of a map's entries, None for other fields."""
    entry = field.message_type
    return entry if entry is not None and entry.GetOptions().map_entry else None


def _map_key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _reading_list(convert: Convert) -> Convert:
    def read(values: Any) -> list[Any]:
        if not isinstance(values, list | tuple):
            raise Unconvertible(f"expected an array, not {shown(values)}")
        index = 0
        try:
            result = []
            for index, value in enumerate(values):  # noqa: B007
                result.append(convert(value))
        except Unconvertible as error:
            raise error.below(index) from None
        return result

    return read


def _reading_map(convert_key: Convert, convert: Convert) -> Convert:
    words = {"true": True, "false": False}

    def read(entries: Any) -> dict[Any, Any]:
        if not isinstance(entries, Mapping):
            raise Unconvertible(f"expected an object, not {shown(entries)}")
        result = {}
        for key, value in entries.items():
            try:
                name = words.get(key, key) if convert_key is json_values.to_bool else key
                result[convert_key(name)] = convert(value)
            except Unconvertible as error:
                raise error.below(str(key)) from None
        return result

    return read


def _well_known(descriptor: Descriptor) -> tuple[Convert, Convert]:
    """Messages that have a JSON form of their own."""
    from google.protobuf import json_format, message_factory

    new = message_factory.GetMessageClass(descriptor)
    if descriptor.full_name in _STRUCTS:
        fill, write = _STRUCTS[descriptor.full_name]

        def read(value: Any) -> Message:
            message = new()
            fill(message, value)
            return message

        return read, write
    pool = descriptor.file.pool

    def parse(value: Any) -> Message:
        try:
            return json_format.ParseDict(value, new(), descriptor_pool=pool)
        except (json_format.Error, TypeError, ValueError, AttributeError) as error:
            raise Unconvertible(f"{shown(value)}: {error}") from None

    def write_json(message: Message) -> Any:
        return json_format.MessageToDict(message, descriptor_pool=pool)

    return parse, write_json


def _scalar(field: FieldDescriptor) -> tuple[Convert, Convert]:
    """How a value of a scalar type is read and written."""
    same: Convert = lambda value: value  # noqa: E731
    kind = field.type
    if kind == field.TYPE_STRING:
        return json_values.to_string, same
    if kind == field.TYPE_BOOL:
        return json_values.to_bool, same
    if kind == field.TYPE_BYTES:
        return json_values.to_bytes, json_values.from_bytes
    if field.enum_type is not None:
        return json_values.to_enum(field.enum_type), json_values.from_enum(field.enum_type)
    if kind == field.TYPE_DOUBLE:
        return json_values.to_float, json_values.from_double
    if kind == field.TYPE_FLOAT:
        return json_values.to_float32, json_values.from_float
    bits = 64 if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else 32
    signed = field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_INT32)
    return json_values.to_integer(bits, signed=signed), same
