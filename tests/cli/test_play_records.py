"""`simulator play FILE.jsonl --server` and `simulator deliver FILE.jsonl`: records, no scripts."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from command_line import FREE_PORTS, run, served

from simulator import Event, Simulator
from simulator.log.record import MAX_HEADERS

sys.path.append(str(Path(__file__).resolve().parents[1] / "handlers"))
from handler_apps import HandlerApp

START = 1_767_225_600_000
USER = "0f8fad5b-d9cb-469f-a165-70867728950e"


@pytest.fixture
def there() -> Iterator[Simulator]:
    with Simulator(grpc_port=0, kafka_port=None) as there:
        yield there


def connected(number: int, **changes: Any) -> dict[str, Any]:
    """The line of an event that is legal, as it is."""
    event = {
        "payload": {"userConnected": {}},
        "id": f"{number:032x}",
        "version": 1,
        "name": "userConnected",
        "timestamp": f"2026-01-01T00:00:{number % 60:02d}.000Z",
        "userId": USER,
    }
    line = {"topic": "chat", "timestamp": START + number % 60 * 1000, "key": event["id"]}
    return {**line, "event": event, **changes}


def written(file: Path, lines: Sequence[Any]) -> str:
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return str(file)


def core(event: Event) -> tuple[Any, ...]:
    record = event.record
    value = None if record.value is None else json.loads(record.value)
    return record.topic, record.timestamp, record.key, value


def test_they_arrive_as_a_play_here_writes_them(there: Simulator, tmp_path: Path) -> None:
    with Simulator(grpc_port=0, kafka_port=None) as cluster:
        cluster.play("unicode_texts")
        file, source = tmp_path / "evening.jsonl", f"grpc://{cluster.grpc_target}"
        done = run("record", "--from", source, "--topics", "chat,personalChat", "-o", str(file))
        assert done.returncode == 0, done.stderr
    for start in ((), ("--start", "2031-05-01T12:00:00Z")):
        here = run("play", str(file), "--json", *start)
        wanted = [json.loads(line) for line in here.stdout.splitlines()]
        done = run("play", str(file), "--server", there.grpc_target, *start)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"evening passed: {len(wanted)} events" in done.stdout
        found = [core(event) for event in there.events()]
        assert found == [
            (line["topic"], line["timestamp"], line["key"].encode(), line["event"])
            for line in wanted
        ]
        there.reset()


def test_at_a_speed_and_with_progress_for_programs(there: Simulator, tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", [connected(number) for number in range(5)])
    options = ("--server", there.grpc_target, "--speed", "100", "--json")
    done = run("play", file, *options)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["state"] for line in lines[-2:]] == ["running", "passed"]
    assert lines[-1]["events"] == {"userConnected": 5}
    assert lines[-1]["story_time"] == "2026-01-01T00:00:04Z"
    assert [event.id for event in there.events()] == [f"{number:032x}" for number in range(5)]


def test_what_is_not_in_the_specification_happened_all_the_same(
    there: Simulator, tmp_path: Path
) -> None:
    """With a mark or without; records of other topics, without a value, and bytes, too."""
    broken = connected(1)
    broken["event"]["payload"] = {"userConnected": 5}
    marked = {**connected(2), "unchecked": True}
    lines = [
        connected(0),
        broken,
        marked,
        connected(3),
        {"topic": "orders", "timestamp": START, "key": None, "value": {"base64": "/w=="}},
        {"topic": "chat", "timestamp": START, "key": "gone", "event": None},
        {
            "topic": "orders",
            "timestamp": START + 1,
            "key": {"base64": "AP8="},
            "event": 5,
            "headers": [{"name": "a", "value": "b"}, {"name": "a", "value": None}],
        },
    ]
    done = run("play", written(tmp_path / "a.jsonl", lines), "--server", there.grpc_target)
    assert (done.returncode, done.stderr) == (0, "")
    records = [event.record for event in there.events()]
    chat = [record for record in records if record.topic == "chat"]
    assert [record.unchecked for record in chat] == [False, True, True, False, False]
    assert chat[-1].value is None
    first, second = (record for record in records if record.topic == "orders")
    assert (first.value, first.key) == (b"\xff", None)
    assert (second.value, second.key) == (b"5", b"\x00\xff")
    assert second.headers == (("a", b"b"), ("a", None))


def test_more_than_a_request_holds(there: Simulator, tmp_path: Path) -> None:
    many = [connected(number) for number in range(1201)]
    large = [
        {"topic": "notes", "timestamp": START, "key": str(number), "value": "x" * 700_000}
        for number in range(8)
    ]
    done = run(
        *("play", written(tmp_path / "a.jsonl", [*many, *large])),
        *("--server", there.grpc_target),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [event.id for event in there.events("chat")] == [f"{n:032x}" for n in range(1201)]
    keys = [event.record.key for event in there.events("notes")]
    assert keys == [str(number).encode() for number in range(8)]


def test_a_prefix_of_the_simulator_counts(tmp_path: Path) -> None:
    file = written(
        tmp_path / "a.jsonl",
        [connected(0), {"topic": "orders", "timestamp": START, "key": "k", "event": {}}],
    )
    with Simulator(grpc_port=0, kafka_port=None, topic_prefix="dev") as there:
        for _ in range(2):
            done = run("play", file, "--server", there.grpc_target)
            assert (done.returncode, done.stderr) == (0, "")
        assert {topic.name for topic in there.topics()} == {
            "dev.chat",
            "dev.personalChat",
            "orders",
        }
        assert len(there.events("chat")) == len(there.events("orders")) == 2


def test_a_bad_line_is_told_before_anything_is_sent(there: Simulator, tmp_path: Path) -> None:
    file = written(tmp_path / "bad.jsonl", [connected(0), {"half": 1}])
    done = run("play", file, "--server", there.grpc_target)
    assert done.returncode == 1
    assert f"{file}:2: no record" in done.stderr
    assert there.events() == []


def test_records_of_the_same_request_count_as_sent(there: Simulator, tmp_path: Path) -> None:
    headers = [{"name": "a", "value": "b"}] * (MAX_HEADERS + 1)
    wrong = {"topic": "notes", "timestamp": START, "key": "k", "value": "x", "headers": headers}
    file = written(tmp_path / "a.jsonl", [connected(0), connected(1), wrong, connected(2)])
    done = run("play", file, "--server", there.grpc_target)
    assert done.returncode == 1
    assert f"{file}:3: " in done.stderr
    assert "(2 records were sent before)" in done.stderr
    assert len(there.events()) == 2


def test_what_the_simulator_refuses_is_told_with_its_line(tmp_path: Path) -> None:
    large = {"topic": "notes", "timestamp": START, "key": "k", "value": "x" * 3_000_000}
    file = written(tmp_path / "a.jsonl", [connected(0), connected(1), large])
    with Simulator(grpc_port=0, kafka_port=None) as there:
        done = run("play", file, "--server", there.grpc_target)
        assert done.returncode == 1
        assert f"{file}:3: " in done.stderr
        assert "(2 records were sent before)" in done.stderr
        assert len(there.events()) == 2


def test_wrong_usage(tmp_path: Path) -> None:
    file = written(tmp_path / "a.jsonl", [connected(0)])
    done = run("play", file, "--server", "1", "--var", "a=1")
    assert (done.returncode, "records have no variables" in done.stderr) == (2, True)
    done = run("play", file, "--server", "1")
    assert (done.returncode, "no simulator answers at" in done.stderr) == (1, True)
    done = run("play", str(tmp_path / "none.jsonl"), "--server", "1")
    assert done.returncode == 1
    assert "none.jsonl: No such file" in done.stderr


def test_a_file_without_records(there: Simulator, tmp_path: Path) -> None:
    done = run("play", written(tmp_path / "a.jsonl", []), "--server", there.grpc_target)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a passed: 0 events" in done.stdout


@pytest.mark.parametrize("where", ["here", "there", "idempotent"])
async def test_records_are_delivered(tmp_path: Path, where: str) -> None:
    file = written(tmp_path / "a.jsonl", [connected(number) for number in range(3)])
    app = HandlerApp()
    async with app.served() as target:
        with Simulator(grpc_port=0, kafka_port=None) as sim:
            options = {
                "here": [],
                "there": ["--server", sim.grpc_target],
                "idempotent": ["--check-idempotent"],
            }
            arguments = ("deliver", file, "--to", target, *options[where])
            done = await asyncio.to_thread(run, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(app.calls) == (9 if where == "idempotent" else 3)


def test_records_are_validated(tmp_path: Path) -> None:
    good = written(tmp_path / "good.jsonl", [connected(0), connected(1)])
    bad = written(tmp_path / "bad.jsonl", [connected(0), 5])
    done = run("validate", good)
    assert (done.returncode, done.stdout) == (0, f"{good}: ok, 2 records\n")
    done = run("validate", good, bad, "--quiet")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{bad}:2: no record")
    assert "1 of 2 files has mistakes" in done.stderr


def test_a_server_plays_records_from_its_start(tmp_path: Path) -> None:
    order = {"topic": "orders", "timestamp": START, "key": "k", "event": {}}
    file = written(tmp_path / "a.jsonl", [connected(0), order])
    with served("--speed", "max", "--play", file) as (_, server):
        topics = ("--max", "2", "--json", "--server", server)
        lines = [json.loads(line) for line in run("tail", *topics).stdout.splitlines()]
    assert sorted(line["topic"] for line in lines) == ["chat", "orders"]
    done = run("serve", "--play", written(tmp_path / "bad.jsonl", [5]), *FREE_PORTS)
    assert done.returncode == 1
    assert "bad.jsonl:1: no record" in done.stderr


def test_a_recording_says_what_playing_it_takes(tmp_path: Path) -> None:
    spec = tmp_path / "my specs" / "lobby.yaml"
    spec.parent.mkdir()
    spec.write_text(
        "asyncapi: 2.0.0\nchannels: {lobby: {publish: {message: {messageId: opened}}}}\n"
    )
    options = ("--spec", str(spec), "--topic-prefix", "dev", "--topic-separator", "-")
    with Simulator(
        grpc_port=0, kafka_port=None, specs=[spec], topic_prefix="dev", topic_separator="-"
    ) as there:
        there.publish("lobby", {"players": 3})
        source = f"grpc://{there.grpc_target}"
        for ending in ("yaml", "jsonl"):
            file = tmp_path / f"a.{ending}"
            recorded = ("--from", source, "--topics", "dev-lobby", "-o", str(file))
            done = run("record", *recorded, *options)
            assert done.returncode == 0, done.stderr
            command = done.stdout.strip().partition("play them: simulator ")[2]
            assert command.endswith("--topic-prefix dev --topic-separator -")
            again = run(*shlex.split(command), "--json")
            assert again.returncode == 0, again.stderr
            assert json.loads(again.stdout)["topic"] == "dev-lobby"
