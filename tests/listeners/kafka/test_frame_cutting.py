"""Requests are cut from a stream of bytes, however it comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.listeners.kafka.errors import ProtocolViolation
from simulator.listeners.kafka.frames import Frames

MAX_BYTES = 5_000_000


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def feed(frames: Frames, data: bytes, at_most: int) -> None:
    """Let bytes arrive, `at_most` at a time, as far as there is room for them."""
    while data:
        buffer = frames.buffer()
        count = min(len(buffer), at_most, len(data))
        assert count
        buffer[:count] = data[:count]
        buffer.release()
        frames.received(count)
        data = data[count:]


sizes = st.one_of(
    st.integers(8, 40),
    st.integers(65_500, 65_600),
    st.sampled_from([131_064, 1 << 20, (1 << 20) + 1, 3_000_000]),
)


@settings(deadline=None)
@given(st.lists(sizes, max_size=6), st.sampled_from([1, 3, 7, 1000, 65_536, 1 << 22]))
def test_every_request_arrives_whole(lengths: list[int], at_most: int) -> None:
    at_most = max(at_most, sum(lengths) // 500)  # a bounded number of steps
    bodies = [bytes([number + 1]) * length for number, length in enumerate(lengths)]
    frames = Frames(MAX_BYTES)
    feed(frames, b"".join(map(framed, bodies)), at_most)
    assert [bytes(frame) for frame in frames.complete] == bodies


@pytest.mark.parametrize("size", [-1, 0, 7, MAX_BYTES + 1, -(1 << 31)])
def test_a_size_that_cannot_be(size: int) -> None:
    frames = Frames(MAX_BYTES)
    with pytest.raises(ProtocolViolation, match=str(size)):
        feed(frames, framed(b"12345678") + size.to_bytes(4, "big", signed=True), 100)
    assert [bytes(frame) for frame in frames.complete] == [b"12345678"]


@pytest.mark.parametrize(
    ("begun", "told"),
    [
        (bytes.fromhex("160301020001"), "TLS"),  # a handshake record, RFC 8446 5.1
        (b"PRI * HTTP/2.0", "gRPC"),
        (b"GET / HTTP/1.1", "HTTP"),
    ],
)
def test_other_protocols_are_recognised(begun: bytes, told: str) -> None:
    with pytest.raises(ProtocolViolation, match=f"which is how {told} begins"):
        feed(Frames(MAX_BYTES), begun, 100)


def test_a_size_alone_takes_little_memory() -> None:
    frames = Frames(100_000_000)
    feed(frames, (100_000_000).to_bytes(4, "big"), 4)
    assert len(frames.buffer()) <= 1 << 21
