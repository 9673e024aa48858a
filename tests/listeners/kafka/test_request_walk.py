"""The look at a request before the codec reads it."""

from __future__ import annotations

import struct
from importlib import import_module
from typing import Any

import pytest
from kafka_wire import (
    API_VERSIONS,
    FETCH,
    METADATA,
    NAMES,
    PRODUCE,
    Wire,
    fetch,
    payload_of,
    produce,
)
from kio.serial import entity_reader
from kio.static.constants import EntityType

from simulator import AsyncSimulator
from simulator.listeners.kafka import request_walk
from simulator.listeners.kafka.errors import ProtocolViolation
from simulator.listeners.kafka.registry import registered
from simulator.listeners.kafka.request_walk import checker_of


def checker(key: int, version: int) -> Any:
    module = import_module(f"kio.schema.{NAMES[key]}.v{version}.request")
    return checker_of(payload_of(module, EntityType.request))


def head(key: int, version: int, tags: bytes = b"") -> bytes:
    return struct.pack(">hhih", key, version, 1, -1) + tags


def test_every_request_has_a_check() -> None:
    for key, served in registered().items():
        for version in range(served.min_version, served.max_version + 1):
            checker(key, version)


@pytest.mark.parametrize("count", [2, 1000, 0x7FFFFFFF])
def test_an_array_longer_than_its_bytes(count: int) -> None:
    with pytest.raises(ProtocolViolation, match=f"an array of {count} elements"):
        checker(METADATA, 1)(head(METADATA, 1) + struct.pack(">i", count) + b"\0")
    compact = b"\xff\xff\xff\xff\x0f"
    with pytest.raises(ProtocolViolation, match="an array of 4294967294 elements"):
        checker(METADATA, 9)(head(METADATA, 9, b"\0") + compact)


def test_all_arrays_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_walk, "MAX_ELEMENTS", 10)
    names = b"".join(struct.pack(">h", 1) + b"t" for _ in range(10))
    check = checker(METADATA, 1)
    data = head(METADATA, 1) + struct.pack(">i", 10) + names
    assert check(data) is data
    with pytest.raises(ProtocolViolation, match="an array of 11 elements"):
        check(head(METADATA, 1) + struct.pack(">i", 11) + names + struct.pack(">h", 1) + b"t")


def test_null_only_where_it_may_be() -> None:
    null = struct.pack(">i", -1)
    assert checker(METADATA, 1)(head(METADATA, 1) + null)
    other = struct.pack(">i", -2)
    assert checker(METADATA, 1)(head(METADATA, 1) + other) == head(METADATA, 1) + null
    for version, body in ((0, null), (0, other), (1, struct.pack(">ih", 1, -1))):
        with pytest.raises(ProtocolViolation, match="null"):
            checker(METADATA, version)(head(METADATA, version) + body)
    software = b"\x02a"
    assert checker(API_VERSIONS, 3)(head(API_VERSIONS, 3, b"\0") + software * 2 + b"\0")
    with pytest.raises(ProtocolViolation, match="null"):
        checker(API_VERSIONS, 3)(head(API_VERSIONS, 3, b"\0") + software + b"\0\0")


def test_it_ends_too_early() -> None:
    whole = head(API_VERSIONS, 3, b"\0") + b"\x02a\x02b\0"
    check = checker(API_VERSIONS, 3)
    assert check(whole) is whole
    for size in range(8, len(whole)):
        with pytest.raises(ProtocolViolation):
            check(whole[:size])


UNKNOWN = b"\x63\x03abc"  # tag 99 of three bytes


def test_unknown_tagged_fields_are_left_out() -> None:
    """KIP-482: servers ignore what they do not know."""
    check = checker(API_VERSIONS, 3)
    plain = head(API_VERSIONS, 3, b"\0") + b"\x02a\x02b\0"
    tagged = head(API_VERSIONS, 3, b"\x01" + UNKNOWN) + b"\x02a\x02b" + b"\x02" + UNKNOWN * 2
    assert check(tagged) == plain
    assert check(memoryview(tagged)) == plain


async def test_known_tagged_fields_stay(sim: AsyncSimulator, wire: Wire) -> None:
    frame = wire.frame(FETCH, 12, **fetch(("t", 0, 0)), cluster_id="other")[4:]
    tags = b"\x01\x00\x06\x06other"
    assert frame.endswith(tags)
    before = frame.removesuffix(tags)
    assert checker(FETCH, 12)(before + b"\x02" + tags[1:] + UNKNOWN) == frame
    wrong = before + b"\x01\x00\x05\x06other"
    with pytest.raises(ProtocolViolation, match="a tagged field 0 of 5 bytes"):
        checker(FETCH, 12)(wrong)


def test_a_size_in_more_bytes_than_it_needs() -> None:
    """The codec reads it, too: whoever goes another way than it does checks the wrong bytes."""
    for null in (b"\x80\x00", b"\x80\x80\x80\x80\x00"):
        with pytest.raises(ProtocolViolation, match="a null where none may be"):
            checker(METADATA, 9)(head(METADATA, 9, b"\0") + b"\x02" + null + bytes(5))
    named = head(METADATA, 9, b"\0") + b"\x02" + b"\x82\x00a" + bytes(5)
    assert checker(METADATA, 9)(named) == named
    # In Metadata 12, a topic has an id and no name.
    nameless = head(METADATA, 12, b"\0") + b"\x02" + bytes(16) + b"\x80\x00" + bytes(4)
    version = payload_of(import_module("kio.schema.metadata.v12.request"), EntityType.request)
    assert checker(METADATA, 12)(nameless) == nameless
    body, size = entity_reader(version)(nameless, len(head(METADATA, 12, b"\0")))
    assert (body.topics[0].name, size) == (None, len(nameless) - len(head(METADATA, 12, b"\0")))
    with pytest.raises(ProtocolViolation, match="ends too early"):
        checker(METADATA, 12)(nameless[:-1])


def test_unknown_fields_inside_a_known_tagged_field_are_left_out() -> None:
    """The state of a replica is one, in Fetch 15; its size is another then."""
    body = bytes(4 + 4 + 4 + 1 + 4 + 4) + b"\x01\x01\x01"  # no topics, none forgotten, no rack
    state = struct.pack(">iq", 7, 8)
    check = checker(FETCH, 15)
    front = head(FETCH, 15, b"\0") + body
    plain = front + b"\x01" + b"\x01\x0d" + state + b"\0"
    assert check(plain) == plain
    inner = state + b"\x01" + UNKNOWN
    tagged = b"\x01" + bytes((len(inner),)) + inner
    assert check(front + b"\x01" + tagged) == plain
    assert check(front + b"\x02" + tagged + UNKNOWN) == plain


async def test_a_client_of_the_future_is_served(sim: AsyncSimulator, wire: Wire) -> None:
    body = head(API_VERSIONS, 3, b"\x01" + UNKNOWN) + b"\x02a\x02b" + b"\x01" + UNKNOWN
    wire.writer.write(struct.pack(">i", len(body)) + body)
    assert (await wire.receive(API_VERSIONS, 3)).error_code.value == 0


@pytest.mark.parametrize("version", [3, 9, 12])
async def test_record_batches_are_passed_over(
    sim: AsyncSimulator, wire: Wire, version: int
) -> None:
    """Whatever their bytes look like."""
    for records in (b"\xff" * 300, b"", b"\x7f" * 20, None):
        frame = wire.frame(PRODUCE, version, **produce("t", records))[4:]
        assert checker(PRODUCE, version)(frame) is frame
