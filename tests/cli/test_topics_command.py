from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from simulator.cli import cli


def test_the_table(sim, on):
    sim.create_topic("notes", partitions=2)
    sim.publish("notes", b"12345", partition=1)
    result = on("topics")
    assert result.exit_code == 0
    header, *rows = (line.split() for line in result.stdout.splitlines())
    assert header == ["TOPIC", "PARTITION", "OFFSETS", "BYTES", "EVENTS"]
    assert rows == [
        ["chat", "0", "0..0", "0", "userChatRateLimited,", "userConnected,", "userDisconnected"],
        ["notes", "0", "0..0", "0", "anything"],
        ["1", "0..1", "5"],
        ["personalChat", "0", "0..0", "0", "personalChatSent"],
    ]


def test_json(sim, on):
    sim.create_topic("notes")
    sim.publish("notes", b"12345")
    (notes,) = [t for t in json.loads(on("topics", "--json").stdout) if t["topic"] == "notes"]
    assert notes == {
        "topic": "notes",
        "partitions": [{"partition": 0, "start_offset": 0, "end_offset": 1, "bytes": 5}],
        "events": [],
    }


def test_create_and_delete(sim, on):
    result = on("topics", "create", "notes", "--partitions", "3", "--max-age", "1h30m",
                "--max-bytes", "1MiB", "--max-records", "10")  # fmt: skip
    assert result.output == "created notes with 3 partitions\n"
    (notes,) = [topic for topic in sim.topics() if topic.name == "notes"]
    assert len(notes.partitions) == 3
    assert notes.retention.max_age_ms == 90 * 60 * 1000
    assert notes.retention.max_bytes == 1 << 20
    assert notes.retention.max_records == 10
    assert on("topics", "delete", "notes").output == "deleted notes\n"
    assert {topic.name for topic in sim.topics()} == {"chat", "personalChat"}


def test_trim(sim, on):
    sim.create_topic("notes", partitions=2)
    for number in range(6):
        sim.publish("notes", {"n": number}, partition=number % 2)
    result = on("topics", "trim", "notes", "2", "--partition", "1")
    assert result.output == "notes[1] starts at offset 2\n"
    assert [event.json["n"] for event in sim.events("notes")] == [0, 2, 4, 5]
    on("topics", "trim", "notes", "1")
    assert [event.json["n"] for event in sim.events("notes")] == [2, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["create", "chat"], "topic 'chat' exists already"),
        (["create", "no/slash"], "invalid topic name 'no/slash'"),
        (["create", "x", "--max-age", "5"], "add a unit"),
        (["delete", "caht"], "did you mean 'chat'?"),
        (["trim", "caht", "1"], "did you mean 'chat'?"),
        (["trim", "chat", "9"], "offset 9 is out of range"),
        (["trim", "chat", "0", "--partition", "7"], "has no partition 7"),
    ],
)
def test_what_cannot_be_done_is_one_line(on, arguments, message):
    result = on("topics", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_server_may_be_named_before_or_behind_the_subcommand(sim):
    runner = CliRunner()
    before = ["topics", "--server", sim.grpc_target, "create", "one"]
    behind = ["topics", "create", "two", "--server", sim.grpc_target]
    assert runner.invoke(cli, before).exit_code == 0
    assert runner.invoke(cli, behind).exit_code == 0
    assert {"one", "two"} < {topic.name for topic in sim.topics()}
