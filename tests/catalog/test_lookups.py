from __future__ import annotations

import pytest
from documents import catalog, event_schema
from spec_events import EVENTS, TOPICS, example

from simulator.catalog import AmbiguousEvent, Catalog, InvalidEvent, UnknownEvent, UnknownField
from simulator.errors import SimulatorError

CATALOG = Catalog.builtin()


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_found_by_its_name(name):
    message = CATALOG.find(name)
    assert (message.name, message.channel) == (name, TOPICS[name])
    assert CATALOG.message(TOPICS[name], name) is message
    assert CATALOG.channels[TOPICS[name]].messages[name] is message


@pytest.mark.parametrize(
    ("topic", "name", "said"),
    [
        (
            "chat",
            "userConected",
            "topic chat has no event userConected; did you mean userConnected?",
        ),
        ("chat", "UserConnected", "did you mean userConnected?"),
        (
            "chat",
            "personalChatSent",
            "topic chat has no event personalChatSent; "
            "personalChatSent belongs to topic personalChat",
        ),
        (
            "personalChat",
            "userChatRateLimitd",
            "did you mean userChatRateLimited? It belongs to topic chat",
        ),
        (
            "chat",
            "entirely different",
            "it has userConnected, userDisconnected, userChatRateLimited",
        ),
        ("personal_chat", "personalChatSent", "topic personal_chat has no events in Chat Events"),
        ("personal_chat", "personalChatSent", "did you mean personalChat?"),
    ],
)
def test_unknown_events_of_a_topic(topic, name, said):
    with pytest.raises(UnknownEvent) as raised:
        CATALOG.message(topic, name)
    assert said in str(raised.value)
    assert isinstance(raised.value, SimulatorError)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("userconnected", "there is no event userconnected; did you mean userConnected?"),
        ("zzz", "there is no event zzz"),
    ],
)
def test_unknown_events(name, said):
    with pytest.raises(UnknownEvent) as raised:
        CATALOG.find(name)
    assert str(raised.value) == said


def test_one_event_on_two_topics_is_ambiguous():
    made = {"publish": {"message": {"$ref": "#/components/messages/made"}}}
    found = catalog({"made": {"payload": event_schema()}}, {"north": made, "south": made})
    with pytest.raises(AmbiguousEvent) as raised:
        found.find("made")
    assert raised.value.topics == ("north", "south")
    assert "say which: north, south" in str(raised.value)
    assert found.message("south", "made").channel == "south"
    with pytest.raises(AmbiguousEvent):
        found.find_proto("Made")
    assert found.find_proto("Made", "north").channel == "north"


def test_unknown_protobuf_messages():
    full_name = CATALOG.find("userConnected").proto_name
    with pytest.raises(UnknownEvent, match="on topic personalChat; it belongs to topic chat"):
        CATALOG.find_proto(full_name, "personalChat")
    with pytest.raises(UnknownEvent, match=r"no event with message example\.Nothing"):
        CATALOG.find_proto("type.googleapis.com/example.Nothing")


@pytest.mark.parametrize("name", EVENTS)
def test_the_envelopes_name_identifies_an_event(name):
    assert CATALOG.identify(TOPICS[name], {"name": name}).name == name


@pytest.mark.parametrize(
    ("topic", "payload", "name"),
    [
        ("personalChat", {"personalChatSent": {}}, "personalChatSent"),
        ("chat", {"userConnected": {}}, "userConnected"),
        # The only event of its topic: what is wrong with it is the validator's business.
        ("personalChat", {"message": {}}, "personalChatSent"),
        ("personalChat", None, "personalChatSent"),
    ],
)
def test_without_a_name_an_unambiguous_payload_key_does(topic, payload, name):
    assert CATALOG.identify(topic, {"payload": payload}).name == name


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            {"payload": {"userDisconnected": {}}},
            "$.name: expected name to say which event this is: "
            "userDisconnected or userChatRateLimited",
        ),
        (
            {"payload": {"userConnected": {}, "userDisconnected": {}}},
            "userConnected or userDisconnected or userChatRateLimited",
        ),
        ({"payload": {}}, "expected name to say which event this is: userConnected or"),
        ({"payload": "userConnected"}, "expected name to say"),
        ({}, "expected name to say"),
        ({"name": "userConected"}, '$.name: topic chat has no event "userConected"; did you mean'),
        ({"name": "personalChatSent"}, "belongs to topic personalChat"),
        ({"name": ""}, '$.name: topic chat has no event ""'),
        ({"name": 5}, "$.name: topic chat has no event 5"),
        ({"name": ["userConnected"]}, '$.name: topic chat has no event ["userConnected"]'),
        (None, "$: expected an object, not null"),
        ([{"name": "userConnected"}], "$: expected an object, not [{…}]"),
    ],
)
def test_events_that_cannot_be_identified(event, said):
    for ask in (CATALOG.identify, CATALOG.check):
        with pytest.raises(InvalidEvent) as raised:
            ask("chat", event)
        assert said in str(raised.value)
        assert raised.value.topic == "chat"
        assert len(raised.value.violations) == 1


def test_a_topic_without_events_identifies_nothing():
    with pytest.raises(
        UnknownEvent, match="topic chats has no events in Chat Events; did you mean"
    ):
        CATALOG.check("chats", example("userConnected"))


def test_paths():
    disconnected = CATALOG.find("userDisconnected")
    assert disconnected.knows_path("payload.userDisconnected.code")
    assert not disconnected.knows_path("payload.userDisconnected.cod")
    assert not disconnected.allows_path("payload.userDisconnected.cod")
    connected = CATALOG.find("userConnected")
    assert not connected.knows_path("payload.userConnected.region.name")
    assert connected.allows_path("payload.userConnected.region.name")
    assert connected.allows_path("payload.userConnected")
    assert not connected.allows_path("payload.userConnectedness")
    CATALOG.check_path("payload.userDisconnected.code")
    CATALOG.check_path("payload.userDisconnected.code", ["chat"])
    with pytest.raises(UnknownField, match=r"'payload\.userDisconnected\.code'"):
        CATALOG.check_path("payload.userDisconnected.code", ["personalChat"])
    CATALOG.check_path("payload.personalChatSent.target_members[]")
    CATALOG.check_path("payload.personalChatSent.target_members.12")


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("payload.userDisconnected.cod", "payload.userDisconnected.code"),
        ("payload.user_disconnected.code", "payload.userDisconnected.code"),
        ("userDisconnected.code", "payload.userDisconnected.code"),
        ("code", "payload.userDisconnected.code"),
        ("message_id", "payload.personalChatSent.message_id"),
        ("user_id", "userId"),
        ("zzz", None),
    ],
)
def test_path_suggestions(path, meant):
    with pytest.raises(UnknownField) as caught:
        CATALOG.check_path(path)
    hint = f"; did you mean {meant}?" if meant else ""
    assert str(caught.value) == f"no event of these topics has a field {path!r}{hint}"
    if meant:
        CATALOG.check_path(meant)


def test_without_an_envelope_an_event_is_what_it_is_legal_for():
    """As a channel's oneOf says; there is no name that could tell."""
    kinds = {
        kind: {"payload": {"required": ["kind"], "properties": {"kind": {"const": kind}}}}
        for kind in ("first", "second")
    }
    found = catalog(kinds)
    for kind in kinds:
        assert found.check("things", found.find(kind).example).name == kind
    with pytest.raises(InvalidEvent) as refused:
        found.check("things", {"kind": "third"})
    (violation,) = refused.value.violations
    assert violation.path == "$"
    assert violation.message.startswith("is no first or second (first: $.kind: ")
