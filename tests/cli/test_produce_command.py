from __future__ import annotations

import json
import os
import signal
import uuid
from datetime import UTC, datetime

import pytest
from command_line import PATIENCE_S, served, started

CONNECTED = json.dumps({"name": "userConnected", "payload": {"userConnected": {}}})


def test_an_example_with_a_fresh_envelope(sim, on):
    before = datetime.now(UTC)
    for offset in range(2):
        result = on("produce", "chat", "userConnected")
        assert result.output == f"chat[0]@{offset}\n"
    first, second = sim.events("chat", name="userConnected")
    assert first.id != second.id
    assert first.trace_id != second.trace_id
    assert uuid.UUID(first.id).version == 4
    assert first.key == first.id.encode()
    stamped = datetime.fromisoformat(first.json["timestamp"])
    assert abs((stamped - before).total_seconds()) < 600  # now, not the example's time


def test_fields_are_set_and_removed(sim, on):
    result = on(
        "produce", "chat", "userDisconnected",
        "--set", "payload.userDisconnected.code=4000",
        "--set", "payload.userDisconnected.reason=server shutdown",
        "--set", 'extra={"any": [1]}',
        "--remove", "traceId",
        "--user", "alice",
    )  # fmt: skip
    assert result.exit_code == 0
    (event,) = sim.events("chat")
    assert event.data["code"] == 4000
    assert event.data["reason"] == "server shutdown"
    assert event.json["extra"] == {"any": [1]}
    assert event.trace_id is None
    # The same name is the same user in the simulated chat service.
    assert event.user_id == sim.chat.connect("alice").user_id


def test_a_user_by_id(sim, on):
    user = str(uuid.uuid4())
    on("produce", "chat", "userConnected", "--user", user)
    assert sim.events()[0].user_id == user


def test_key_headers_and_partition(sim, on):
    sim.create_topic("notes", partitions=3)
    result = on(
        "produce", "notes", "--json", '{"n": 1}', "--key", "k", "--partition", "2",
        "--header", "attempt=2", "--header", "attempt=3",
    )  # fmt: skip
    assert result.output == "notes[2]@0\n"
    (event,) = sim.events("notes")
    assert event.key == b"k"
    assert event.headers == (("attempt", b"2"), ("attempt", b"3"))
    assert event.record.value == b'{"n": 1}'


def test_near_misses_are_warned_about_on_stderr(sim, on):
    result = on(
        "produce",
        "personalChat",
        "personalChatSent",
        "--set",
        "payload.personalChatSent.messageId=x",
    )
    assert result.exit_code == 0
    assert result.stdout == "personalChat[0]@0\n"
    assert result.stderr.startswith("Warning: $.payload.personalChatSent.messageId")
    assert "message_id" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chat", "userConected"], "did you mean userConnected?"),
        (["caht", "userConnected"], "did you mean 'chat'?"),
        (["nope", "--json", "{}"], "topic 'nope' does not exist"),
        (["chat", "--json", "not json"], "not a JSON event"),
        (["chat", "userConnected", "--partition", "4"], "has no partition 4"),
        (["chat", "userConnected", "--set", "name.x=1"], "cannot set name.x"),
        (
            ["chat", "userDisconnected", "--set", "payload.userDisconnected.code=abc"],
            "$.payload.userDisconnected.code",
        ),
    ],
)
def test_what_is_refused(sim, on, arguments, message):
    result = on("produce", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: ")
    assert "records[" not in result.stderr
    assert message in result.stderr
    assert sim.events() == []


def test_bad_events_may_be_let_through(sim, on):
    assert on("produce", "chat", "--json", "not json", "--no-validate").exit_code == 0
    assert on("produce", "personalChat", "userConnected", "--no-validate").exit_code == 0
    assert [event.unchecked for event in sim.events()] == [True, True]


def test_lines_of_standard_input(sim, on):
    sim.create_topic("notes")
    lines = '{"n":1}\n\n{"n":2}\r\n{"text":"שלום"}'
    result = on("produce", "notes", "--file", "-", "--header", "a=1", input=lines)
    assert result.output == "3 records produced\n"
    events = sim.events("notes")
    assert [event.record.value.decode() for event in events] == [
        '{"n":1}', '{"n":2}', '{"text":"שלום"}',
    ]  # fmt: skip
    assert {event.headers for event in events} == {(("a", b"1"),)}


def test_many_lines(sim, on):
    sim.create_topic("notes")
    result = on("produce", "notes", "--file", "-", input='{"n":1}\n' * 5000)
    assert result.output == "5,000 records produced\n"
    assert len(sim.events("notes")) == 5000


@pytest.mark.parametrize(("before", "said"), [(1, "1 record"), (2, "2 records")])
def test_the_line_at_fault_is_named(sim, on, tmp_path, before, said):
    path = tmp_path / "events.jsonl"
    good = f"{CONNECTED}\n" * before
    path.write_text(f"{good}\nnonsense\n{CONNECTED}\n", encoding="utf-8")
    result = on("produce", "chat", "--file", str(path))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {path}:{before + 2}: invalid event for topic chat: ")
    assert f"(the lines before it were produced: {said})" in result.stderr
    assert len(sim.events("chat")) == before


def test_a_warning_names_its_line(sim, on):
    near = {"name": "userConnected", "payload": {"userConnected": {}}, "namespce": "x"}
    result = on("produce", "chat", "--file", "-", input=f"{CONNECTED}\n\n{json.dumps(near)}\n")
    assert result.stdout == "2 records produced\n"
    assert result.stderr.startswith("Warning: <stdin>:3: $.namespce")


def test_a_file_that_does_not_exist(on):
    result = on("produce", "chat", "--file", "nowhere.jsonl")
    assert result.exit_code == 2
    assert "nowhere.jsonl" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_an_interrupt_while_it_waits_for_lines_ends_it_quietly(sim):
    with started("produce", "chat", "--file", "-", "--server", sim.grpc_target) as process:
        assert process.stdin is not None
        process.stdin.write(CONNECTED.encode() + b"\n")
        process.stdin.flush()
        sim.wait_for("chat", timeout=PATIENCE_S)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 130
        assert process.stderr is not None
        assert process.stderr.read().strip() == b""
    assert len(sim.events("chat")) == 1


def test_the_end_of_the_server_while_it_waits_for_lines_is_one_line():
    with (
        served() as (server, target),
        started("produce", "chat", "--file", "-", "--server", target) as process,
        started("tail", "--max", "1", "--server", target) as watcher,
    ):
        assert process.stdin is not None
        process.stdin.write(CONNECTED.encode() + b"\n")
        process.stdin.flush()
        assert watcher.wait(PATIENCE_S) == 0
        server.terminate()
        assert process.wait(PATIENCE_S) == 1
        assert process.stderr is not None
        errors = process.stderr.read().decode()
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1
