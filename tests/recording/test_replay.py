"""Records, a story of them, and the records that playing it gives: the same order and gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import Simulator
from simulator.catalog import Catalog
from simulator.log import Record
from simulator.recording import (
    NotARecord,
    Pace,
    actors,
    happenings,
    in_order,
    precision_of,
    record_lines,
    recording,
    script_text,
    story,
)
from simulator.scenario import Script
from simulator.scenario.envelope import stamper
from simulator.scenario.parser import parse_script

START = 1_767_225_600_000
ALICE, BOB = "5b0a4d1c-2f7e-4c88-9a64-0c4f4ad1b6de", "0f8fad5bd9cb469fa16570867728950e"
CATALOG = Catalog.builtin()
AS_IT_WAS = Pace()

Way = Callable[[Sequence[Record]], Script]
"""From records to a story."""


def through_yaml(records: Sequence[Record], pace: Pace = AS_IT_WAS) -> Script:
    happened = happenings(records, precision_of(records), pace)
    text = script_text(recording(happened, CATALOG), actors(happened), "again", "Said: ${x}")
    return parse_script(text, catalog=CATALOG)


def through_lines(records: Sequence[Record], pace: Pace = AS_IT_WAS) -> Script:
    precision = precision_of(records)
    moved = record_lines.moved(happenings(records, precision, pace), precision)
    lines = [record_lines.line(record) for record in moved]
    read = list(record_lines.records(lines, "x.jsonl"))
    return story(recording(happenings(read, precision, Pace()), CATALOG), "again", "x.jsonl")


WAYS = pytest.mark.parametrize("way", [through_yaml, through_lines])


def played(script: Script) -> list[Record]:
    with Simulator(grpc_port=None, kafka_port=None) as sim:
        sim.create_topic("orders")
        sim.play(script)
        return [event.record for event in sim.events()]


def made(position: int, time: int, value: Any, topic: str = "chat", **changes: Any) -> Record:
    text = value if value is None or isinstance(value, bytes) else orjson.dumps(value)
    record = Record(topic, 0, position, time, None, text, (), position, unchecked=False)
    return record._replace(**changes)


def connected(time: int, user: str | None = ALICE, **changes: Any) -> dict[str, Any]:
    event = {
        "payload": {"userConnected": {}},
        "id": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "version": 1,
        "name": "userConnected",
        "namespace": "game",
        "timestamp": stamper("milliseconds")(time * 1_000_000)[0],
        "clientId": "game-client",
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        **changes,
    }
    return event if user is None else event | {"userId": user}


def core(record: Record) -> tuple[Any, ...]:
    value: Any = record.value
    with suppress(orjson.JSONDecodeError):
        value = orjson.loads(record.value or b"")
    return record.topic, record.timestamp, value, record.headers


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def recorded(draw: st.DrawFn) -> list[Record]:
    """Records of all kinds, which come in the order of time."""
    records = []
    time = START
    for position in range(draw(st.integers(1, 6))):
        time += draw(st.integers(0, 100_000))
        late = draw(st.sampled_from([0, 0, 0, 7, 5000]))
        user = draw(st.sampled_from([None, ALICE, BOB, "steam-1"]))
        extra = draw(st.dictionaries(st.sampled_from(["level", "a.b", "spanContext"]), JSON))
        event = connected(time - late, user, **extra)
        kind = draw(st.sampled_from(["event", "event", "json", "text", "other"]))
        if kind == "event":
            key = draw(st.sampled_from([event["id"], "key of its own"])).encode()
            value = made(position, time, event, key=key, headers=(("a", b"${b}"),))
        elif kind == "json":
            value = made(position, time, orjson.dumps(draw(JSON)), "orders", key=b"k")
        elif kind == "text":
            value = made(position, time, draw(st.text(st.characters(codec="utf-8"))).encode())
        else:
            value = made(position, time, event, "orders")
        records.append(value)
    return records


@WAYS
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=recorded())
def test_what_is_played_is_what_was_recorded(way: Way, records: list[Record]) -> None:
    again = played(way(records))
    assert [core(record)[0] for record in again] == [record.topic for record in records]
    for old, new in zip(records, again, strict=True):
        assert core(new)[2:] == core(old)[2:]
        event = core(old)[2]
        late = isinstance(event, dict) and "timestamp" in event
        assert new.timestamp <= old.timestamp if late else new.timestamp == old.timestamp
        assert new.key == old.key or old.key is None


@WAYS
def test_the_same_order_and_gaps(way: Way) -> None:
    times = [START + gap for gap in (0, 0, 1_234, 90_000, 86_400_000)]
    records = [made(n, time, connected(time)) for n, time in enumerate(times)]
    assert [record.timestamp for record in played(way(records))] == times


@WAYS
def test_late_ones_stay_late_and_behind(way: Way) -> None:
    times = [START + 60_000, START + 10_000, START + 70_000]
    records = [made(n, time, connected(time, version=n)) for n, time in enumerate(times)]
    again = played(way(records))
    assert [record.timestamp for record in again] == times
    assert [core(record)[2]["version"] for record in again] == [0, 1, 2]


@pytest.mark.parametrize(
    ("stamps", "precision"),
    [
        (["12:00:00Z", "12:00:07Z"], "seconds"),
        (["12:00:00.123Z", "12:00:07.450Z"], "milliseconds"),
        (["12:00:00.123456789Z", "12:00:07.000000001Z"], "nanoseconds"),
    ],
)
@WAYS
def test_timestamps_as_precise_as_they_were(way: Way, stamps: list[str], precision: str) -> None:
    records = [
        made(n, ms, connected(START, timestamp=f"2026-01-01T{stamp}"))
        for n, (stamp, ms) in enumerate(
            zip(stamps, (START + 43_200_123, START + 43_207_450), strict=True)
        )
    ]
    assert precision_of(records) == precision
    again = [core(record)[2]["timestamp"] for record in played(way(records))]
    assert again == [f"2026-01-01T{stamp}" for stamp in stamps]


@pytest.mark.parametrize(
    ("pace", "gaps"),
    [
        (Pace(Fraction(10)), [100, 6_000, 50]),
        (Pace(Fraction(1), 5 * 10**9), [1_000, 5_000, 500]),
        (Pace(Fraction(10), 2 * 10**9), [100, 2_000, 50]),
    ],
)
@pytest.mark.parametrize("way", [through_yaml, through_lines])
def test_waits_can_be_shorter(
    way: Callable[[Sequence[Record], Pace], Script], pace: Pace, gaps: list[int]
) -> None:
    times = [START, START + 1_000, START + 61_000, START + 61_500]
    records = [made(n, time, connected(time)) for n, time in enumerate(times)]
    again = played(way(records, pace))
    found = [record.timestamp for record in again]
    assert [after - before for before, after in pairwise(found)] == gaps
    stamps = [core(record)[2]["timestamp"] for record in again]
    assert stamps == [stamper("milliseconds")(time * 1_000_000)[0] for time in found]


def test_partitions_keep_their_order_and_time_decides_between_them() -> None:
    def at(partition: int, offset: int, time: int) -> Record:
        return made(-1, time, {}, partition=partition, offset=offset)

    records = [at(1, 0, 5), at(1, 1, 40), at(0, 0, 10), at(0, 1, 3), at(0, 2, 20)]
    found = [(record.partition, record.offset) for record in in_order(records)]
    assert found == [(1, 0), (0, 0), (0, 1), (0, 2), (1, 1)]


def test_actors_are_named_in_the_order_of_their_first_event() -> None:
    users = [BOB, ALICE, "no-uuid", BOB, ALICE.upper()]
    records = [made(n, START, connected(START, user)) for n, user in enumerate(users)]
    happened = happenings(records, "milliseconds", Pace())
    assert actors(happened) == {BOB: "user_1", ALICE: "user_2"}
    assert set(through_yaml(records).users) == {"user_1", "user_2"}


def test_what_a_story_cannot_say_is_counted() -> None:
    records = [
        made(0, START, None),
        made(1, START, b"\xff", "orders"),
        made(2, START, {}, "orders", key=b"\xff"),
        made(3, START, {}, "orders", headers=(("a", b"1"), ("a", b"2"))),
    ]
    found = recording(happenings(records, "milliseconds", Pace()), CATALOG)
    assert sorted(found.left_out.values()) == [1, 1, 1, 1]
    assert len(found.steps) == 2
    assert found.topics == ["orders"]


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"topic": 1}', b'{"topic": "a"}'])
def test_lines_that_are_no_records_are_named(line: bytes) -> None:
    with pytest.raises(NotARecord, match=r"x\.jsonl:2: no record"):
        list(record_lines.records([b"", line], "x.jsonl"))
