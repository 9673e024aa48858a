from __future__ import annotations

import click
import pytest

from simulator.cli import options


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("2.5", 2.5), ("max", 0.0), ("MAX", 0.0)])
def test_speeds(text, speed):
    assert options.Speed()(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "60x", "fast", "nan", "inf", "1e300", ""])
def test_what_is_no_speed(text):
    with pytest.raises(click.BadParameter, match="is no speed: a number such as"):
        options.Speed()(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("1KiB", 1024), ("512 MiB", 512 << 20), ("1g", 1 << 30), ("2GB", 2 << 30)],
)
def test_sizes(text, size):
    assert options.Size()(text) == size


@pytest.mark.parametrize("text", ["0", "-5", "1.5GiB", "much", "1 parsec", ""])
def test_what_is_no_size(text):
    with pytest.raises(click.BadParameter, match="write it like 512MiB"):
        options.Size()(text)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("50052", "127.0.0.1:50052"),
        ("localhost:1", "localhost:1"),
        ("[::1]:50051", "[::1]:50051"),
        ("sim.example:443", "sim.example:443"),
    ],
)
def test_servers(text, server):
    assert options.Server()(text) == server


@pytest.mark.parametrize("text", ["rate_limited", "host", "host:port", "http://host:1", "::1", ""])
def test_what_is_no_server(text):
    assert not options.looks_like_address(text)
    with pytest.raises(click.BadParameter, match="is no address: write it like"):
        options.Server()(text)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("a.b=4000", ("a.b", 4000)),
        ("a=4000.5", ("a", 4000.5)),
        ("a=true", ("a", True)),
        ("a=null", ("a", None)),
        ('a="4000"', ("a", "4000")),
        ('a=["x", 1]', ("a", ["x", 1])),
        ("a=two words", ("a", "two words")),
        ("a=x=y", ("a", "x=y")),
        ("a=", ("a", "")),
        ("a=NaN", ("a", "NaN")),
    ],
)
def test_assignments_are_json_where_they_can_be(text, pair):
    assert options.Assignment()(text) == pair


@pytest.mark.parametrize("text", ["a", "=1", ""])
@pytest.mark.parametrize("kind", [options.Assignment, options.Pair])
def test_what_is_no_assignment(kind, text):
    with pytest.raises(click.BadParameter, match="write it like name=value"):
        kind()(text)


def test_pairs_stay_texts():
    assert options.Pair()("attempt=2") == ("attempt", "2")


def test_instants():
    assert options.Instant()("2026-01-31T18:00:00Z") == "2026-01-31T18:00:00Z"
    with pytest.raises(click.BadParameter, match="yesterday"):
        options.Instant()("yesterday")
