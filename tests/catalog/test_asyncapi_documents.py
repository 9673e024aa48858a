from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import orjson
import pytest
from documents import catalog, document, event_schema, schema_catalog

from simulator.catalog import Catalog, InvalidDocument
from simulator.catalog.catalog import CatalogSource
from simulator.catalog.document import read_document
from simulator.catalog.references import MAX_DEPTH
from simulator.catalog.validation import check_schema


def refused(text: str) -> InvalidDocument:
    with pytest.raises(InvalidDocument) as raised:
        Catalog.from_text(text, "things.yaml")
    assert raised.value.source == "things.yaml"
    assert str(raised.value).startswith(f"things.yaml: {raised.value.place}: ")
    return raised.value


def refused_json(found: dict) -> InvalidDocument:
    return refused(orjson.dumps(found).decode())


MESSAGE = "asyncapi: 2.0.0\nchannels: {a: {publish: {message: "

YAML = """
asyncapi: '2.0.0'
info: {title: Things, version: 1.0.0}
x-proto-package: example.things.v1
channels:
  thing:
    description: What happens to things.
    publish:
      message:
        $ref: '#/components/messages/thingMade'
components:
  messages:
    thingMade:
      name: thingMade
      summary: A thing was made.
      payload:
        type: object
        properties:
          id: {type: string}
          version: {type: integer}
          name: {type: string}
          state: {type: string, enum: [on, off, no, 1.0.0, 2020-01-01]}
"""


def test_yaml_and_json_are_the_same():
    from simulator.catalog.yaml_text import load

    from_yaml = Catalog.from_text(YAML, "a.yaml")
    from_json = Catalog.from_text(orjson.dumps(load(YAML)).decode(), "a.json")
    assert from_yaml.message("thing", "thingMade").schema == (
        from_json.message("thing", "thingMade").schema
    )
    assert from_yaml.channels["thing"].description == "What happens to things."
    assert from_yaml.message("thing", "thingMade").description == "A thing was made."
    assert from_yaml.title == "Things"


def test_yaml_is_read_as_version_1_2():
    """AsyncAPI 2.x demands YAML 1.2, where `on` and a date are strings."""
    states = Catalog.from_text(YAML, "a.yaml").find("thingMade").schema["properties"]["state"]
    assert states["enum"] == ["on", "off", "no", "1.0.0", "2020-01-01"]


def test_a_document_without_channels_has_no_events():
    empty = catalog(channels={})
    assert dict(empty.channels) == {}
    assert empty.messages == ()


def test_channels_may_have_nothing_to_say():
    found = catalog(channels={"a": {}, "b": {"publish": {}}, "c": {"subscribe": {"summary": "x"}}})
    assert [len(channel.messages) for channel in found.channels.values()] == [0, 0, 0]


def test_publish_and_subscribe_both_count():
    made, seen = {"name": "made", "payload": {}}, {"name": "seen", "payload": {}}
    channels = {
        "a": {"publish": {"message": made}, "subscribe": {"message": {"oneOf": [seen, made]}}}
    }
    assert set(catalog(channels=channels).channels["a"].messages) == {"made", "seen"}


def test_two_messages_of_one_name_are_refused():
    one, other = ({"name": "made", "payload": {"required": [field]}} for field in ("a", "b"))
    error = refused_json(
        document(channels={"a": {"publish": {"message": {"oneOf": [one, other]}}}})
    )
    assert error.place == "#/channels/a/publish"
    assert "made" in str(error)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ({"messageId": "byId", "name": "byName"}, "byId"),
        ({"name": "byName"}, "byKey"),
        ({}, "byKey"),
    ],
)
def test_a_component_is_named_by_its_id_or_its_key(message, name):
    assert [found.name for found in catalog({"byKey": message}).messages] == [name]


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ({"messageId": "byId", "name": "byName"}, "byId"),
        ({"name": "byName"}, "byName"),
        ({}, "last"),
    ],
)
def test_an_inline_message_is_named_by_its_id_its_name_or_its_channel(message, name):
    found = catalog(channels={"group.of.last": {"publish": {"message": message}}})
    assert [found.name for found in found.messages] == [name]


def test_channel_names_may_have_dots():
    message = {"$ref": "#/components/messages/groupCreated"}
    channels = {"group.groupCreated": {"publish": {"message": message}}}
    found = catalog({"groupCreated": {}}, channels, **{"x-proto-package": "example.group.v1"})
    dotted = found.message("group.groupCreated", "groupCreated")
    assert dotted.proto_name == "example.group.v1.GroupCreated"
    assert dotted.service_name == "example.group.v1.GroupGroupCreatedGroupCreatedService"


@pytest.mark.parametrize("name", ["a/b~c", "user {id}", "..", "x" * 250, ""])
def test_channels_that_no_topic_can_be_called_after(name):
    error = refused_json(document({"made": {}}, {name: {"publish": {"message": {"name": "m"}}}}))
    assert error.place == f"#/channels/{name.replace('~', '~0').replace('/', '~1')}"
    assert "no topic can be called" in str(error)


@pytest.mark.parametrize("kind", ["string", "array", ["integer", "null"]])
def test_payloads_that_are_no_objects(kind):
    error = refused_json(document({"made": {"payload": {"type": kind}}}))
    assert error.place == "#/components/messages/made/payload"
    assert "an event is an object" in str(error)


def test_messages_of_version_3_are_called_what_their_channel_calls_them():
    channels = {
        "one": {"address": "a", "messages": {"made": {"$ref": "#/components/messages/x"}}},
        "other": {"address": "a", "messages": {"gone": {"payload": {}}, "made": MADE}},
        "third": {"address": None, "messages": {"left": {"name": "leftEvent"}}},
    }
    found = catalog({"x": MADE}, channels, asyncapi="3.0.0")
    assert {name: set(each.messages) for name, each in found.channels.items()} == {
        "a": {"made", "gone"},
        "third": {"left"},
    }


MADE = {"payload": {"properties": {"a": {"type": "string"}}}}


def test_protobuf_names_come_from_the_message_name():
    found = catalog({"thing_gone": {"name": "thingGone_payload"}}, **{"x-proto-package": "a.v1"})
    assert found.find("thing_gone").proto_name == "a.v1.ThingGonePayload"
    assert found.find("thing_gone").service_name == "a.v1.ThingsThingGoneService"
    assert catalog({"gone": {}}).find("gone").proto_name == "Gone"


def test_channels_and_one_ofs_may_be_references():
    channels = {"things": {"$ref": "#/x-channels/things"}}
    extra = {
        "x-channels": {"things": {"publish": {"message": {"$ref": "#/x-messages/all"}}}},
        "x-messages": {"all": {"oneOf": [{"$ref": "#/components/messages/made"}]}},
    }
    assert [m.name for m in catalog({"made": {}}, channels, **extra).messages] == ["made"]


def test_references_are_json_pointers():
    schema = event_schema(
        a={"$ref": "#/components/schemas/with~1slash~0and%20space"},
        b={"$ref": "#/components/schemas/listed/oneOf/1"},
        c={"$ref": "#/components/schemas/tilde~01one"},
    )
    found = schema_catalog(
        schema,
        **{
            "with/slash~and space": {"type": "boolean"},
            "listed": {"oneOf": [{}, {"type": "null"}]},
            "tilde~1one": {"type": "number"},
        },
    )
    assert {path: field.type for path, field in found.find("thing").fields.items()} == {
        "id": "string",
        "version": "integer",
        "name": "string",
        "payload": "object",
        "payload.a": "boolean",
        "payload.b": "null",
        "payload.c": "number",
    }


def test_a_property_may_be_called_ref():
    found = schema_catalog({"type": "object", "properties": {"$ref": {"type": "string"}}})
    assert list(found.find("thing").fields) == ["$ref"]


def test_what_stands_beside_a_reference_is_ignored():
    schema = {"properties": {"a": {"$ref": "#/components/schemas/text", "type": "integer"}}}
    assert (
        schema_catalog(schema, text={"type": "string"}).find("thing").fields["a"].type == "string"
    )


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("#/components/schemas/envelop", "did you mean envelope?"),
        ("#/components/schema/envelope", "did you mean schemas?"),
        ("#/components/schemas/envelope/type/x", "there is no 'x'"),
        ("other.yaml#/thing", "only references inside the document"),
        ("https://example.com/thing.yaml", "only references inside the document"),
    ],
)
def test_references_that_lead_nowhere(reference, said):
    error = refused_json(document({"thing": {"payload": event_schema(a={"$ref": reference})}}))
    assert said in str(error)
    assert reference in str(error)
    assert error.place == (
        "#/components/messages/thing/payload/allOf/1/properties/payload/properties/a"
    )


def test_recursive_schemas_are_refused_and_the_circle_named():
    schemas = {
        "tree": {"type": "object", "properties": {"left": {"$ref": "#/components/schemas/branch"}}},
        "branch": {"allOf": [{"$ref": "#/components/schemas/tree"}]},
    }
    payload = event_schema(tree={"$ref": "#/components/schemas/tree"})
    error = refused_json(document({"thing": {"payload": payload}}, schemas=schemas))
    assert (
        "recursive schemas are not supported: #/components/schemas/tree -> "
        "#/components/schemas/branch -> #/components/schemas/tree" in str(error)
    )


def test_messages_that_refer_to_each_other_are_refused():
    messages = {
        "a": {"$ref": "#/components/messages/b"},
        "b": {"$ref": "#/components/messages/a"},
    }
    assert "leads back to itself" in str(refused_json(document(messages)))


def test_a_document_that_multiplies_is_refused():
    """Each schema uses the next one twice: 2**40 schemas when written out."""
    schemas = {
        f"s{level}": {
            "type": "object",
            "properties": {name: {"$ref": f"#/components/schemas/s{level + 1}"} for name in "ab"},
        }
        for level in range(40)
    } | {"s40": {"type": "string"}}
    payload = {"$ref": "#/components/schemas/s0"}
    error = refused_json(document({"thing": {"payload": payload}}, schemas=schemas))
    assert "more than 100000 schemas" in str(error)


def test_a_bomb_of_aliases_is_refused():
    bomb = ["a0: &a0 [x, x]"]
    bomb += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    assert "values with all aliases written out" in str(
        refused("asyncapi: 2.0.0\n" + "\n".join(bomb))
    )


def test_a_bomb_of_merge_keys_is_refused():
    bomb = ["a0: &a0 {x: 1}"]
    bomb += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 100)}]}}" for n in range(1, 9)]
    assert "values with all aliases" in str(refused("asyncapi: 2.0.0\n" + "\n".join(bomb)))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_a_document_too_deep_for_the_stack_is_refused(opening):
    assert "nested more than" in str(refused(opening * 100_000))


def test_an_alias_to_itself_is_refused():
    assert "nested more than" in str(refused("asyncapi: 2.0.0\nchannels: &a {b: *a}"))


def test_deep_schemas_are_refused():
    schema: dict = {"type": "string"}
    for _ in range(MAX_DEPTH + 1):
        schema = {"not": schema}
    assert "deep" in str(refused_json(document({"thing": {"payload": schema}})))


def test_a_deep_chain_of_references_is_refused():
    count = 3000
    schemas = {
        f"s{n}": {"properties": {"a": {"$ref": f"#/components/schemas/s{n + 1}"}}}
        for n in range(count)
    } | {f"s{count}": {}}
    payload = {"$ref": "#/components/schemas/s0"}
    error = refused_json(document({"thing": {"payload": payload}}, schemas=schemas))
    assert "deep" in str(error)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", "#", "there is no `asyncapi` field"),
        ("- 1", "#", "there is no `asyncapi` field"),
        ("openapi: 3.0.0", "#", "there is no `asyncapi` field"),
        ("asyncapi: 4.0.0", "#/asyncapi", "AsyncAPI 2.x or 3.0 is needed, found 4.0.0"),
        ("asyncapi: 1.2.0", "#/asyncapi", "AsyncAPI 2.x or 3.0 is needed, found 1.2.0"),
        ("asyncapi: 2.0.0", "#/channels", "a mapping is needed, not None"),
        ("asyncapi: 2.0.0\nchannels: [1]", "#/channels", "a mapping is needed, not [1]"),
        ("asyncapi: 2.0.0\nchannels: {a: 5}", "#/channels/a", "a mapping is needed, not 5"),
        ("asyncapi: 2.0.0\nchannels: {1: {}}", "#/channels/1", "put it in quotes"),
        (
            MESSAGE + "{oneOf: {}}}}}",
            "#/channels/a/publish/message/oneOf",
            "a list of messages is needed",
        ),
        (
            MESSAGE + "{payload: 5}}}}",
            "#/channels/a/publish/message/payload",
            "a schema is a mapping, not 5",
        ),
        (
            MESSAGE + "{payload: {properties: {1: {}}}}}}}",
            "#/channels/a/publish/message/payload/properties",
            "put it in quotes",
        ),
        (
            MESSAGE + "{schemaFormat: application/avro}}}}",
            "#/channels/a/publish/message/schemaFormat",
            "application/avro is not supported",
        ),
        (
            MESSAGE + "{name: x, payload: {type: strin}}}}}",
            "#/channels/a/publish/message/payload",
            "not a JSON schema: type: ",
        ),
    ],
)
def test_bad_documents(text, place, said):
    error = refused(text)
    assert error.place == place
    assert said in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("asyncapi: [1 2\nb: ]", 2),
        ("asyncapi: 2.0.0\n  a: b", 2),
        ('{"asyncapi": "2.0.0"\n, "channels": {]}', 2),
        ("asyncapi: 2.0.0\n\nchannels: !!python/object:os.system {}", 3),
        ("asyncapi: *nothing", 1),
    ],
)
def test_malformed_yaml_names_the_line(text, line):
    error = refused(text)
    assert error.place.startswith(f"line {line}, column ")
    assert "\n" not in str(error)


def test_characters_that_yaml_cannot_hold():
    assert "\n" not in str(refused("asyncapi: \x00"))


def test_a_message_without_a_payload_takes_any_object():
    found = catalog({"thing": {}})
    assert found.check("things", {"anything": [1]}) is found.find("thing")


def test_a_false_schema_takes_nothing():
    found = catalog({"thing": {"payload": False}})
    assert not found.find("thing").is_valid({})


def test_examples_of_a_message_come_first():
    examples = [
        {"name": "not legal", "payload": {"payload": {"size": "big"}}},
        {"payload": {"payload": {"size": 42}}},
    ]
    message = {"payload": event_schema(size={"type": "integer"}), "examples": examples}
    assert catalog({"thing": message}).find("thing").example == {"payload": {"size": 42}}


def test_pyyaml_without_libyaml_reads_the_same(monkeypatch):
    """PyYAML has its native loader only where libyaml was at hand when it was built."""
    import importlib

    import yaml

    from simulator.catalog import yaml_text

    path = Path(yaml_text.__file__).parent / "documents" / "chat-events.yaml"
    text = path.read_text(encoding="utf-8") + dedent(
        """
        x-values: [0x1F, 0o17, -17, 1.5, 1e3, .5, ~, null, true, False, on, "quoted", 2020-01-01,
                   1_000]
        x-base: &base {a: 1}
        x-more: {<<: *base, b: 2}
        """
    )
    native = yaml_text.load(text)
    with monkeypatch.context() as patch:
        patch.delattr(yaml, "CSafeLoader", raising=False)
        plain = importlib.reload(yaml_text).load(text)
    importlib.reload(yaml_text)
    assert plain == native
    assert native["x-values"] == [
        *(31, 15, -17, 1.5, 1000.0, 0.5, None, None, True, False),
        *("on", "quoted", "2020-01-01", "1_000"),
    ]
    assert native["x-more"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("value", [5, "x", None, [5], {"a": 5}])
@pytest.mark.parametrize(
    "keyword",
    ["type", "allOf", "oneOf", "properties", "required", "items", "enum", "pattern", "minLength"],
)
def test_keywords_of_the_wrong_kind_are_refused_or_harmless(keyword, value):
    for schema in ({keyword: value}, {"properties": {"a": {"allOf": [{keyword: value}]}}}):
        told: list[str] = []
        text = orjson.dumps(document({"thing": {"payload": schema}})).decode()
        read = read_document(text, "things.json", told, check=check_schema)
        assert all("#/components/messages/thing/payload" in problem for problem in told)
        for thing in Catalog([CatalogSource(read)]).messages:
            assert isinstance(thing.example, dict)
