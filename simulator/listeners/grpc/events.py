"""Events of the catalogue as the gRPC door describes them, a page at a time."""

from __future__ import annotations

import asyncio
from typing import Final

import orjson

from simulator.catalog import Catalog, MessageType, UnknownEvent
from simulator.listeners.grpc.errors import FieldError, NoSuchEvent
from simulator.listeners.grpc.limits import PAGE_EVENTS, RESPONSE_BYTES
from simulator.listeners.grpc.requests import Checks
from simulator.v1 import broker_pb2

_AT_ONCE: Final = 10
"""Events described before others get their turn: the first time each compiles its schema."""


async def described_events(
    catalog: Catalog, request: broker_pb2.DescribeEventsRequest
) -> broker_pb2.DescribeEventsResponse:
    """One page of the events that are asked for; raises InvalidRequest and FieldError."""
    start = _start(request)
    wanted = _wanted(catalog, request.topic, request.event)
    response = broker_pb2.DescribeEventsResponse()
    size = 0
    last = min(start + (request.page_size or PAGE_EVENTS), start + PAGE_EVENTS, len(wanted))
    at = start
    while at < last and size < RESPONSE_BYTES:
        description = _description(wanted[at])
        response.events.append(description)
        size += description.ByteSize()
        at += 1
        if at % _AT_ONCE == 0:
            await asyncio.sleep(0)
    if at < len(wanted):
        response.next_page_token = str(at)
    return response


def _start(request: broker_pb2.DescribeEventsRequest) -> int:
    checks = Checks()
    checks.not_negative(request.page_size, "page_size")
    token = request.page_token
    is_ours = not token or (token.isascii() and token.isdecimal() and len(token) < 10)
    checks.require(is_ours, "page_token", "is none that a response has given")
    checks.done()
    return int(token or 0)


def _wanted(catalog: Catalog, topic: str, name: str) -> list[MessageType]:
    """The events of a topic, of a name, of both, or all."""
    channel = catalog.channels.get(catalog.topic(topic))
    try:
        if topic and (channel is None or name):
            return [catalog.message(topic, name)]
        if channel is not None:
            return list(channel.messages.values())
        found = [message for message in catalog.messages if name in ("", message.name)]
        return found or ([catalog.find(name)] if name else [])
    except UnknownEvent as error:  # which says what was probably meant
        field = "topic" if topic and channel is None else "event"
        raise FieldError(field, NoSuchEvent(str(error))) from None


def _description(message: MessageType) -> broker_pb2.EventDescription:
    return broker_pb2.EventDescription(
        topic=message.topic,
        event=message.name,
        description=message.description,
        message_type=message.proto_name if message.has_descriptor else "",
        service=message.service_name if message.has_service else "",
        example=orjson.dumps(message.example).decode(),
        has_envelope=message.has_envelope,
    )
