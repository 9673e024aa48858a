from __future__ import annotations

import json
import os
import signal

import pytest
from click.testing import CliRunner
from command_line import PATIENCE_S, run, served, started

from simulator.cli import cli

NOTES = "notes"


@pytest.fixture
def story(sim):
    """A story's events in the log: 3 of alice, 2 of bob, in 2 topics."""
    sim.play("rate_limited")
    return sim


@pytest.fixture
def notes(sim):
    """A topic with three partitions and five records."""
    sim.create_topic(NOTES, partitions=3)
    for number, partition in enumerate((0, 1, 2, 0, 1)):
        sim.publish(NOTES, {"n": number}, partition=partition, timestamp=1000 * number)
    return sim


def numbers(result) -> list[int]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line)["event"]["n"] for line in result.stdout.splitlines()]


def names(result) -> list[str]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line)["event"]["name"] for line in result.stdout.splitlines()]


def test_all_topics_in_the_order_of_the_log(story, on):
    expected = [event.name for event in story.events()]
    assert names(on("tail", "--end", "--json")) == expected


def test_one_topic(story, on):
    assert set(names(on("tail", "personalChat", "--end", "--json"))) == {"personalChatSent"}


def test_words_in_a_pipe(story, on):
    result = on("tail", "--end")
    assert result.stdout.splitlines()[0] == (
        "2026-01-01T00:00:00.000Z  chat@0           alice connected"
    )
    assert len(result.stdout.splitlines()) == 18
    assert result.stderr == ""


def test_the_partition_is_shown_where_there_are_several(notes, on):
    assert "notes[2]@0" in on("tail", "--end").stdout


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("earliest", [0, 1, 2, 3, 4]),
        ("latest", []),
        ("1970-01-01T00:00:03Z", [3, 4]),
        ("0", [0, 1, 2, 3, 4]),
        ("1", [3, 4]),
        ("-1", [2, 3, 4]),
        ("-99", [0, 1, 2, 3, 4]),
    ],
)
def test_where_it_starts(notes, on, start, expected):
    assert sorted(numbers(on("tail", NOTES, "--from", start, "--end", "--json"))) == expected


def test_filters(story, on):
    people = story.people()
    limited = ["userChatRateLimited"] * 2
    assert names(on("tail", "--end", "--json", "--name", "userChatRateLimited")) == limited
    assert names(on("tail", "--end", "--json", "--user", people["bob"])) == [
        event.name for event in story.events(user="bob")
    ]
    assert names(on("tail", "--end", "--json", "--user", "bob")) == [
        event.name for event in story.events(user="bob")
    ]
    code = ("--where", "payload.userDisconnected.code=20007")
    assert names(on("tail", "--end", "--json", *code)) == limited
    assert names(on("tail", "--end", "--json", *code, "--user", people["bob"])) == []
    several = ("--name", "userConnected", "--name", "userDisconnected")
    assert len(names(on("tail", "--end", "--json", *several))) == 6
    namespace = story.events()[0].namespace
    assert len(names(on("tail", "--end", "--json", "--namespace", namespace))) == 18
    assert names(on("tail", "--end", "--json", "--namespace", "elsewhere")) == []


def test_a_maximum_ends_it(story, on):
    assert len(names(on("tail", "--json", "--max", "5"))) == 5


def test_a_group_goes_on_where_it_was(notes, on):
    group = ("--group", "g", "--json")
    assert numbers(on("tail", NOTES, "--max", "2", *group)) == [0, 1]
    assert numbers(on("tail", NOTES, "--end", *group)) == [2, 3, 4]
    assert numbers(on("tail", NOTES, "--end", *group)) == []


def test_typed_events(story, on):
    result = on("tail", "--end", "--json", "--typed", "--name", "userChatRateLimited")
    typed = json.loads(result.stdout.splitlines()[0])["typed"]
    assert typed["@type"] == "type.googleapis.com/accelbyte.chat.chat.v1.UserChatRateLimitedPayload"
    # Proto3 JSON: an int64 is a string, and false vanishes.
    assert typed["payload"] == {
        "userDisconnected": {"reason": "too many requests", "code": "20007"}
    }
    shown = on("tail", "--end", "--typed", "--max", "1").stdout
    assert shown.endswith("accelbyte.chat.chat.v1.UserConnected\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "topic 'nope' does not exist; known topics: chat, personalChat"),
        (["caht"], "did you mean 'chat'?"),
        (["chat", "--from", "900"], "offset 900 is out of range for topic 'chat' partition 0"),
        (["--where", "payload.foo=1"], "no event of these topics has a field 'payload.foo'"),
        (["--name", "userConected"], "did you mean userConnected?"),
    ],
)
def test_what_the_server_refuses_is_one_line(on, arguments, message):
    result = on("tail", "--end", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert message in result.stderr
    assert result.stderr.startswith(("Error: topic", "Error: offset", "Error: no event"))
    assert result.stderr.count("\n") == 1


def test_texts_cannot_control_the_terminal(sim, on):
    sim.create_topic(NOTES)
    sim.publish(NOTES, '{"text": "\x9b2J \u202e"}')
    for form in ([], ["--json"]):
        shown = on("tail", NOTES, "--end", *form).stdout
        assert not {"\x9b", "\u202e"} & set(shown)


def test_names_are_those_of_the_stories_whatever_their_seeds(sim, on):
    for seed in (0, 1):
        sim.play("first_connect", seed=seed)
    stranger = sim.catalog.find("userConnected").example | {"id": "x", "userId": "f" * 32}
    sim.publish("chat", stranger)
    shown = [line.split("  ", 2)[2].strip() for line in on("tail", "--end").stdout.splitlines()]
    assert shown[-1] == "ffffffff connected"
    assert [line.split()[0] for line in shown[:-1]] == ["alice"] * 4
    assert len(names(on("tail", "--end", "--json", "--user", "alice"))) == 4


def test_somebody_who_has_not_come_yet_can_be_waited_for(sim):
    """Their id is the one that seed 0 gives them."""
    with started("tail", "--server", sim.grpc_target, "--user", "alice") as process:
        assert process.stdout is not None
        sim.chat.connect("bob")
        sim.chat.connect("alice")
        assert process.stdout.readline().rstrip().endswith(b"alice connected")


def test_a_gap_is_told_beside_the_records(sim, on):
    sim.create_topic(NOTES)
    for number in range(3):
        sim.publish(NOTES, {"n": number})
    assert on("topics", "trim", NOTES, "2").exit_code == 0
    assert numbers(on("tail", NOTES, "--end", "--json")) == [2]


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_it_follows_until_it_is_interrupted(sim):
    sim.play("first_connect")
    with started("tail", "--server", sim.grpc_target, "--json") as process:
        assert process.stdout is not None
        for expected in ("userConnected", "userDisconnected"):
            assert json.loads(process.stdout.readline())["event"]["name"] == expected
        sim.play("first_connect", seed=2)  # what comes now arrives, too
        assert json.loads(process.stdout.readline())["event"]["name"] == "userConnected"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


@pytest.mark.skipif(os.name == "nt", reason="Windows tells of a closed pipe at the next line only")
def test_a_reader_that_leaves_ends_it_even_if_nothing_more_comes(sim):
    sim.play("first_connect")
    with started("tail", "--server", sim.grpc_target, "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_the_end_of_the_server_is_one_line():
    with served() as (server, target), started("tail", "--server", target, "--json") as process:
        assert run("produce", "chat", "userConnected", "--server", target).returncode == 0
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        server.terminate()
        assert process.wait(PATIENCE_S) == 1
        errors = process.stderr.read().decode()
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1


def test_a_reset_is_told_beside_the_records(sim):
    sim.play("first_connect")
    with started("tail", "--server", sim.grpc_target, "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.readline()
        sim.reset()
        sim.play("first_connect")
        assert json.loads(process.stdout.readline())["offset"] == 0
        assert b"the log was reset" in process.stderr.readline()


def test_an_address_that_is_none():
    result = CliRunner().invoke(cli, ["tail", "--server", "http://localhost"])
    assert result.exit_code == 2
    assert "is no address" in result.stderr


def test_a_port_that_speaks_something_else():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with started("topics", "--server", str(port)) as process:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            listener.close()
            assert process.wait(PATIENCE_S) == 1
            assert process.stderr is not None
            errors = process.stderr.read().decode()
    assert errors.startswith(f"Error: no simulator answers at 127.0.0.1:{port}")
    assert errors.count("\n") == 1
