"""Documents made by hypothesis, each with its `.proto`: what holds for every event of any of them.

What is generated validates and survives protobuf, and one wrong value is refused.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from google.protobuf.descriptor_pb2 import (
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.catalog import Catalog, ConversionError, InvalidEvent, MessageType
from simulator.catalog.generation import generated_event
from simulator.catalog.naming import pascal
from simulator.scenario.randomness import Randomness

PACKAGE = "made.v1"


class Kind(NamedTuple):
    """A field's schema, its type in protobuf, and a value that it refuses."""

    schema: dict[str, Any]
    proto: str
    wrong: Any


SCALARS = (
    Kind({"type": "string"}, "string", 5),
    Kind({"type": "string", "format": "uuid"}, "string", "no uuid"),
    Kind({"type": "string", "format": "date-time"}, "string", "yesterday"),
    Kind({"type": "string", "enum": ["red", "green"]}, "string", "blue"),
    Kind({"type": "string", "minLength": 3, "maxLength": 9}, "string", "ab"),
    Kind({"type": "integer"}, "int64", "5"),
    Kind({"type": "integer", "format": "int32"}, "int32", 2**31),
    Kind({"type": "integer", "minimum": -20, "maximum": -3}, "int64", -2),
    Kind({"type": "number", "minimum": 0, "exclusiveMaximum": 1}, "double", 1),
    Kind({"type": "boolean"}, "bool", "true"),
)
FREE = Kind({"type": "object"}, "google.protobuf.Struct", "text")

FIELD_NAMES = ("colour", "userId", "item_count", "x", "startedAt", "party_id", "level")


class Field(NamedTuple):
    """A field of an event's data: a scalar, a list of them, an object of them, or free form."""

    name: str
    kind: Kind
    shape: str


class Event(NamedTuple):
    """An event, the class of its message, and its fields."""

    name: str
    class_name: str
    fields: tuple[Field, ...]


fields = st.lists(
    st.builds(
        Field,
        st.sampled_from(FIELD_NAMES),
        st.sampled_from([*SCALARS, FREE]),
        st.sampled_from(["one", "many", "object"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda field: field.name,
).map(tuple)

documents = st.lists(
    st.builds(
        lambda name, odd, fields: Event(name, pascal(name) + ("Payload" if odd else ""), fields),
        st.sampled_from(["itemBought", "group.created", "user_left", "happened"]),
        st.booleans(),
        fields,
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda event: event.name,
)
channels = st.sampled_from(["shop", "group.groupCreated", "user-events"])


def schema_of(field: Field) -> dict[str, Any]:
    """JSON Schema of a field; what is not free form knows all that it may have."""
    if field.shape == "many":
        return {"type": "array", "items": field.kind.schema, "maxItems": 4}
    if field.shape == "object":
        inside = {"inner": field.kind.schema}
        return {"type": "object", "properties": inside, "additionalProperties": False}
    return field.kind.schema


def proto_of(event: Event, channel: str, file: FileDescriptorProto) -> None:
    """Add the messages and the service of an event, as the platform's generator lays them out."""
    data = file.message_type.add(name=f"{event.class_name}Data")
    for number, field in enumerate(event.fields, 1):
        kind = field.kind.proto
        if field.shape == "object":
            inner = data.nested_type.add(name=f"Inner{number}")
            add(inner, "inner", 1, kind)
            kind = f"{PACKAGE}.{data.name}.{inner.name}"
        add(data, field.name, number, kind, repeated=field.shape == "many")
    payload = file.message_type.add(name=f"{event.class_name}PayloadData")
    add(payload, "data", 1, f"{PACKAGE}.{data.name}", json_name=event.name)
    message = file.message_type.add(name=event.class_name)
    add(message, "payload", 1, f"{PACKAGE}.{payload.name}")
    add(message, "id", 2, "string")
    add(message, "name", 3, "string")
    add(message, "version", 4, "int64")
    service = file.service.add(name=f"{pascal(channel)}{pascal(event.name)}Service")
    service.method.add(
        name="OnMessage",
        input_type=f".{PACKAGE}.{message.name}",
        output_type=".google.protobuf.Empty",
    )


def add(
    message: Any, name: str, number: int, kind: str, *, repeated: bool = False, json_name: str = ""
) -> None:
    """Add a field by the name of its type."""
    scalar = f"TYPE_{kind.upper()}"
    is_message = "." in kind
    message.field.add(
        name=name,
        number=number,
        json_name=json_name or name,
        label="LABEL_REPEATED" if repeated else "LABEL_OPTIONAL",
        type=FieldDescriptorProto.TYPE_MESSAGE if is_message else scalar,
        type_name=f".{kind}" if is_message else None,
    )


def catalog_of(events: list[Event], channel: str) -> Catalog:
    """The catalogue of a document and its `.proto`, the latter compiled."""
    from google.protobuf import empty_pb2, struct_pb2

    file = FileDescriptorProto(name="made.proto", package=PACKAGE, syntax="proto3")
    file.dependency.extend(["google/protobuf/empty.proto", "google/protobuf/struct.proto"])
    messages = {}
    for event in events:
        proto_of(event, channel, file)
        data = {
            "type": "object",
            "additionalProperties": False,
            "properties": {field.name: schema_of(field) for field in event.fields},
        }
        envelope = {
            "id": {"type": "string"},
            "name": {"type": "string"},
            "version": {"type": "integer"},
        }
        payload = {"type": "object", "properties": {event.name: data}}
        messages[event.name] = {
            "name": event.class_name,
            "payload": {
                "allOf": [
                    {"type": "object", "properties": envelope},
                    {"type": "object", "properties": {"payload": payload}},
                ]
            },
        }
    refs = [{"$ref": f"#/components/messages/{event.name}"} for event in events]
    document = {
        "asyncapi": "2.0.0",
        "x-proto-package": PACKAGE,
        "channels": {
            channel: {"publish": {"message": refs[0] if len(refs) == 1 else {"oneOf": refs}}}
        },
        "components": {"messages": messages},
    }
    whole = FileDescriptorSet()
    for module in (empty_pb2, struct_pb2):
        module.DESCRIPTOR.CopyToProto(whole.file.add())
    whole.file.append(file)
    return Catalog.from_text(json.dumps(document), "made.json", whole)


quick = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


def data_of(message: MessageType, event: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = event["payload"][message.name]
    return data


@quick
@given(documents, channels, st.integers(0, 10_000))
def test_what_is_generated_validates_and_survives_protobuf(
    events: list[Event], channel: str, seed: int
) -> None:
    catalog = catalog_of(events, channel)
    assert [message.name for message in catalog.messages] == [event.name for event in events]
    chance = Randomness(seed)
    for event, message in zip(events, catalog.messages, strict=True):
        assert message.has_service
        assert message.proto_name == f"{PACKAGE}.{event.class_name}"
        made = generated_event(message, chance)
        assert message.violations(made) == []
        assert catalog.check(channel, made) is message
        proto = message.to_proto(made)
        again = message.from_proto(proto.SerializeToString())
        assert message.to_proto(again) == proto
        for field in event.fields:  # zero values vanish in protobuf, all others come back
            given = data_of(message, made).get(field.name)
            if given and field.shape != "object":
                assert data_of(message, again)[field.name] == given


@quick
@given(documents, channels, st.integers(0, 10_000), st.data())
def test_one_wrong_value_is_refused(
    events: list[Event], channel: str, seed: int, data: st.DataObject
) -> None:
    catalog = catalog_of(events, channel)
    event = data.draw(st.sampled_from(events))
    message = catalog.message(channel, event.name)
    made = generated_event(message, Randomness(seed))
    field = data.draw(st.sampled_from(event.fields))
    wrong = {
        "one": field.kind.wrong,
        "many": [field.kind.wrong],
        "object": {"inner": field.kind.wrong},
    }[field.shape]
    data_of(message, made)[field.name] = wrong
    violations = message.violations(made)
    assert len({violation.path for violation in violations}) == 1
    assert f".{field.name}" in violations[0].path
    with pytest.raises(InvalidEvent):
        catalog.check(channel, made)


@quick
@given(documents, channels, st.integers(0, 10_000), st.data())
def test_what_has_no_place_in_the_message_is_refused_by_protobuf(
    events: list[Event], channel: str, seed: int, data: st.DataObject
) -> None:
    catalog = catalog_of(events, channel)
    event = data.draw(st.sampled_from(events))
    message = catalog.message(channel, event.name)
    made = generated_event(message, Randomness(seed))
    field = data.draw(st.sampled_from(event.fields))
    data_of(message, made)[field.name] = {"one": [[]], "many": 5, "object": [1]}[field.shape]
    with pytest.raises(ConversionError):
        message.to_proto(made)
