"""The built-in document against the specification's tables."""

from __future__ import annotations

import pytest
from spec_events import EVENTS, FIELDS, TOPICS, example

from simulator.catalog import Catalog

CATALOG = Catalog.builtin()


def test_topics_and_events_are_those_of_the_specification():
    found = {(message.channel, message.name) for message in CATALOG.messages}
    assert found == set(FIELDS)
    assert list(CATALOG.channels) == ["personalChat", "chat"]


@pytest.mark.parametrize(("topic", "name"), FIELDS)
def test_fields_are_those_of_the_specification(topic, name):
    fields = CATALOG.message(topic, name).fields
    found = {path: tuple(field)[1:] for path, field in fields.items()}
    assert found == FIELDS[topic, name]
    assert list(found) == list(FIELDS[topic, name])
    assert all(path == field.path for path, field in fields.items())


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("personalChatSent", "personalChatSent"),
        ("userConnected", "userConnected"),
        ("userDisconnected", "userDisconnected"),
        ("userChatRateLimited", "userDisconnected"),
    ],
)
def test_payload_keys(name, key):
    assert CATALOG.find(name).payload_key == key


@pytest.mark.parametrize(
    ("name", "message", "service"),
    [
        ("personalChatSent", "PersonalChatSent", "PersonalChatPersonalChatSentService"),
        ("userConnected", "UserConnected", "ChatUserConnectedService"),
        ("userDisconnected", "UserDisconnected", "ChatUserDisconnectedService"),
        ("userChatRateLimited", "UserChatRateLimitedPayload", "ChatUserChatRateLimitedService"),
    ],
)
def test_protobuf_names(name, message, service):
    found = CATALOG.find(name)
    assert found.proto_name == f"accelbyte.chat.chat.v1.{message}"
    assert found.service_name == f"accelbyte.chat.chat.v1.{service}"
    assert CATALOG.find_proto(found.proto_name) is found
    assert CATALOG.find_proto(f"type.googleapis.com/{found.proto_name}", found.channel) is found


@pytest.mark.parametrize("name", EVENTS)
def test_the_specifications_examples_are_legal(name):
    message = CATALOG.check(TOPICS[name], example(name))
    assert message is CATALOG.find(name)
    assert message.is_valid(example(name))
    assert message.violations(example(name)) == []
    assert message.near_misses(example(name)) == []


@pytest.mark.parametrize("name", EVENTS)
def test_nothing_but_the_payload_is_required(name):
    bare = {"payload": example(name)["payload"], "name": name}
    for key in bare["payload"]:
        bare["payload"][key] = {}
    assert CATALOG.check(TOPICS[name], bare).name == name


@pytest.mark.parametrize("name", EVENTS)
def test_additional_properties_are_allowed_everywhere(name):
    event = example(name, timestampUnixNano=1_566_656_122_000_000_000, unionNamespace="union")
    event["payload"]["more"] = [{}]
    event["payload"][CATALOG.find(name).payload_key]["more"] = {"deep": [1, None]}
    assert CATALOG.check(TOPICS[name], event).near_misses(event) == []


@pytest.mark.parametrize("name", EVENTS)
def test_own_examples_are_legal_and_made_anew(name):
    message = CATALOG.find(name)
    assert CATALOG.check(message.channel, message.example) is message
    message.example["payload"].clear()
    assert message.payload_key in message.example["payload"]


def test_the_builtin_catalogue_is_read_once():
    assert Catalog.builtin() is CATALOG
    assert CATALOG.title == "Chat Events"
