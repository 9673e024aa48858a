"""`DescribeEvents`: what the catalogue of a running simulator has, a page at a time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_rooms import Rooms, Server, fails, serving, violations

from benchmarks.platform_tree import EVENTS, write_tree
from simulator.catalog import Catalog
from simulator.v1 import broker_pb2

Code = grpc.StatusCode


async def ask(server: Server, **fields: Any) -> Any:
    return await server.broker.DescribeEvents(broker_pb2.DescribeEventsRequest(**fields))


async def test_an_event_of_the_catalogue(server: Server) -> None:
    (event,) = (await ask(server, topic="chat", event="userChatRateLimited")).events
    message = server.rooms.catalog.find("userChatRateLimited")
    assert (event.topic, event.event) == ("chat", "userChatRateLimited")
    assert event.description == message.description
    assert event.message_type == "accelbyte.chat.chat.v1.UserChatRateLimitedPayload"
    assert event.service == "accelbyte.chat.chat.v1.ChatUserChatRateLimitedService"
    assert event.has_envelope
    server.rooms.catalog.check("chat", json.loads(event.example))


async def test_events_of_a_topic_of_a_name_and_all(server: Server) -> None:
    names = {event.event for event in (await ask(server, topic="chat")).events}
    assert names == {"userConnected", "userDisconnected", "userChatRateLimited"}
    (event,) = (await ask(server, event="personalChatSent")).events
    assert event.topic == "personalChat"
    everything = await ask(server)
    assert len(everything.events) == 4
    assert everything.next_page_token == ""


async def test_what_there_is_not(server: Server) -> None:
    for fields, field, text in (
        ({"topic": "chatt"}, "topic", "did you mean chat?"),
        ({"topic": "anything"}, "topic", "has no events"),
        ({"topic": "chat", "event": "userConected"}, "event", "did you mean userConnected?"),
        ({"topic": "chat", "event": "personalChatSent"}, "event", "belongs to topic personalChat"),
        ({"event": "personalChatsent"}, "event", "did you mean personalChatSent?"),
    ):
        error = await fails(ask(server, **fields), Code.NOT_FOUND, text)
        assert list(violations(error)) == [field]


@pytest.fixture
async def large(tmp_path: Path) -> AsyncIterator[Server]:
    write_tree(tmp_path / "specs")
    rooms = Rooms()
    rooms.catalog = Catalog.load([tmp_path / "specs"], cache=tmp_path / "cache")
    async with serving(rooms) as server:
        yield server


async def test_a_large_catalogue_comes_in_pages(large: Server) -> None:
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        page = await ask(large, page_token=token)
        assert 0 < len(page.events) <= 100
        assert page.ByteSize() < 4 * 1024 * 1024  # what clients accept by default
        found += [(event.topic, event.event) for event in page.events]
        token = page.next_page_token
        if not token:
            break
    assert len(found) == EVENTS + 4
    assert found == [(message.topic, message.name) for message in large.rooms.catalog.messages]
    small = await ask(large, page_size=3, page_token="2")
    assert [(event.topic, event.event) for event in small.events] == found[2:5]
    assert len((await ask(large, page_size=10**6)).events) == 100


async def test_large_examples_make_small_pages(tmp_path: Path) -> None:
    large = {"text": "x" * 700_000}
    document = {
        "asyncapi": "2.6.0",
        "channels": {
            f"channel{number}": {
                "publish": {"message": {"messageId": "large", "examples": [{"payload": large}]}}
            }
            for number in range(5)
        },
    }
    rooms = Rooms()
    rooms.catalog = Catalog.from_text(json.dumps(document), "large.json")
    async with serving(rooms) as server:
        pages, token = [], "0"
        while token:
            page = await ask(server, event="large", page_token=token)
            pages.append(len(page.events))
            token = page.next_page_token
    assert pages == [2, 2, 1]


async def test_pages_that_cannot_be(server: Server) -> None:
    for fields in (
        {"page_size": -1},
        {"page_token": "next"},
        {"page_token": "-1"},
        {"page_token": "9" * 100},
    ):
        error = await fails(ask(server, **fields), Code.INVALID_ARGUMENT)
        assert list(violations(error)) == list(fields)
    assert len((await ask(server, page_token="99")).events) == 0
