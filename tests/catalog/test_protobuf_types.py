"""Every kind of protobuf field, with events of a made-up document; chat events have only a few."""

from __future__ import annotations

import math
from typing import Any

import pytest
from documents import catalog, event_schema
from google.protobuf import json_format
from protoc import descriptor_set

from simulator.catalog import Catalog, ConversionError, MessageType

PROTO = """
syntax = "proto3";
package example.v1;
import "google/protobuf/empty.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";

message ThingMade { ThingMadeData payload = 1; string id = 2; int64 version = 3; string name = 4; }
message ThingMadeData { Everything everything = 1; }
enum Colour { NONE = 0; RED = 1; BLUE = 2; }
message Everything {
  double a_double = 1; float a_float = 2; int32 an_int32 = 3; uint32 a_uint32 = 4;
  uint64 a_uint64 = 5; sint64 a_sint64 = 6; fixed32 a_fixed32 = 7; sfixed64 a_sfixed64 = 8;
  bool a_bool = 9; bytes some_bytes = 10; Colour colour = 11; repeated Colour colours = 12;
  map<string, int64> counts = 13; map<int32, Everything> by_number = 14;
  map<bool, string> words = 15;
  Everything inner = 16; repeated Everything list = 17;
  optional int32 maybe = 18;
  oneof choice { string text = 19; int32 number = 20; }
  google.protobuf.Value value = 21; google.protobuf.ListValue values = 22;
  google.protobuf.Timestamp moment = 23; google.protobuf.Int64Value wrapped = 24;
  string required_text = 25; string other_name = 26 [json_name = "other"];
}
service ThingsThingWasMadeService { rpc OnMessage(ThingMade) returns (google.protobuf.Empty); }
"""


@pytest.fixture(scope="module")
def things(tmp_path_factory) -> Catalog:
    properties = {
        "anInt32": {"type": "integer"},
        "aBool": {"type": "boolean"},
        "colours": {"type": "array", "items": {"type": "string"}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "requiredText": {"type": "string", "minLength": 1},
        "list": {
            "type": "array",
            "items": {"type": "object", "properties": {"anInt32": {"type": "integer"}}},
        },
    }
    message = {
        "name": "thingNew",
        "payload": event_schema(everything={"type": "object", "properties": properties}),
    }
    return catalog(
        {"thing_was_made": message},
        descriptor_set=descriptor_set(tmp_path_factory.mktemp("proto"), PROTO),
        **{"x-proto-package": "example.v1"},
    )


@pytest.fixture
def made(things) -> MessageType:
    return things.find("thing_was_made")


def event(**everything: Any) -> dict[str, Any]:
    return {"payload": {"everything": everything}}


def there_and_back(made: MessageType, **everything: Any) -> dict[str, Any]:
    back = made.from_proto(made.to_proto(event(**everything)).SerializeToString())
    found = back["payload"]["everything"]
    return {name: value for name, value in found.items() if name in everything}


def test_the_service_says_which_message_it_is(made):
    """Neither the event's name nor the message's leads to ThingMade."""
    assert made.proto_name == "example.v1.ThingMade"
    assert made.service_name == "example.v1.ThingsThingWasMadeService"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aDouble", 0.1),
        ("aDouble", 1e300),
        ("aFloat", 0.1),
        ("aFloat", 16777216.0),
        ("anInt32", -(2**31)),
        ("aUint32", 2**32 - 1),
        ("aUint64", 2**64 - 1),
        ("aSint64", -(2**63)),
        ("aFixed32", 2**32 - 1),
        ("aSfixed64", -(2**63)),
        ("aBool", True),
        ("someBytes", "+/8="),
        ("colour", "BLUE"),
        ("colours", ["RED", "NONE"]),
        ("counts", {"a": 1, "b": -(2**63)}),
        ("byNumber", {"-1": {"aBool": True}, "7": {}}),
        ("words", {"false": "no", "true": "yes"}),
        ("inner", {"inner": {"inner": {"aDouble": 2.5}}}),
        ("maybe", 0),
        ("text", ""),
        ("number", 5),
        ("value", {"a": [1, "b", None]}),
        ("values", [1, [2], {"c": 3}]),
        ("moment", "2026-01-01T00:00:00.500Z"),
        ("other", "x"),
    ],
)
def test_values_survive_and_protobufs_own_json_agrees(made, name, value):
    assert there_and_back(made, **{name: value}) == {name: value}
    ours = made.to_proto(event(**{name: value}))
    assert json_format.ParseDict(event(**{name: value}), type(ours)()) == ours
    assert made.to_proto(json_format.MessageToDict(ours)) == ours


@pytest.mark.parametrize(
    ("name", "value", "back"),
    [
        ("aDouble", 3, 3.0),
        ("aDouble", "NaN", "NaN"),
        ("aDouble", "-Infinity", "-Infinity"),
        ("aFloat", "Infinity", "Infinity"),
        ("colour", 2, "BLUE"),
        ("colour", 77, 77),
        ("someBytes", "-_8", "+/8="),
        ("wrapped", 5, "5"),
        ("aUint64", "18446744073709551615", 2**64 - 1),
    ],
)
def test_other_forms_of_a_value(made, name, value, back):
    assert there_and_back(made, **{name: value}) == {name: back}


def test_zeros_are_written_where_the_schema_knows_and_allows_them(made):
    back = made.from_proto(made.to_proto(event(list=[{}])))
    assert back == event(anInt32=0, aBool=False, colours=[], counts={}, list=[{"anInt32": 0}])


@pytest.mark.parametrize(
    ("name", "value", "at"),
    [
        ("aDouble", math.nan, ""),
        ("aDouble", math.inf, ""),
        ("aDouble", "nan", ""),
        ("aDouble", 10**400, ""),
        ("aDouble", True, ""),
        ("aFloat", 1e39, ""),
        ("anInt32", 2**31, ""),
        ("aUint32", -1, ""),
        ("aUint64", 2**64, ""),
        ("aBool", "true", ""),
        ("someBytes", "*", ""),
        ("someBytes", "a", ""),
        ("someBytes", "ä", ""),
        ("someBytes", 5, ""),
        ("colour", "GREEN", ""),
        ("colour", 2**31, ""),
        ("colour", True, ""),
        ("colours", ["RED", "GREEN"], "[1]"),
        ("counts", [1], ""),
        ("counts", {"a": "x"}, ".a"),
        ("byNumber", {"x": {}}, ".x"),
        ("byNumber", {"1": {"aBool": 1}}, "['1'].aBool"),
        ("words", {"maybe": "x"}, ".maybe"),
        ("inner", {"inner": {"inner": 5}}, ".inner.inner"),
        ("list", [{}, {"anInt32": "x"}], "[1].anInt32"),
        ("values", {"a": 1}, ""),
        ("values", [1, math.nan], "[1]"),
        ("moment", "now", ""),
        ("moment", 5, ""),
        ("wrapped", "x", ""),
    ],
)
def test_what_does_not_fit(made, name, value, at):
    with pytest.raises(ConversionError) as raised:
        made.to_proto(event(**{name: value}))
    assert raised.value.path == f"$.payload.everything.{name}{at}"


def test_a_message_inside_itself_without_end(made):
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"inner": deep}
    with pytest.raises(ConversionError, match="nested too deep"):
        made.to_proto(event(**deep))


def test_a_document_without_its_service_goes_by_the_message_name(tmp_path):
    source = PROTO[: PROTO.index("service ")]
    found = catalog(
        {"thing_was_made": {"name": "thingMade"}, "other": {}},
        descriptor_set=descriptor_set(tmp_path, source),
        **{"x-proto-package": "example.v1"},
    )
    made = found.find("thing_was_made")
    assert made.proto_name == "example.v1.ThingMade"
    assert made.from_proto(made.to_proto({"version": 5})) == {"version": 5}
    with pytest.raises(ConversionError, match=r"no protobuf descriptor of example\.v1\.Other"):
        found.find("other").to_proto({})
