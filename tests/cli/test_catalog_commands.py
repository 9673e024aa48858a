"""`simulator catalog` and `simulator example`."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import run

from simulator.catalog import Catalog


def test_events_are_listed_by_topic() -> None:
    done = run("catalog")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "personalChat"
    assert lines[1].split() == [
        "personalChatSent",
        "accelbyte.chat.chat.v1.PersonalChatPersonalChatSentService",
    ]
    listed = json.loads(run("catalog", "--json").stdout)
    assert [event["event"] for event in listed["events"]] == [
        message.name for message in Catalog.builtin().messages
    ]


def test_an_event_is_shown_with_its_fields_and_an_example() -> None:
    done = run("catalog", "chat/userDisconnected")
    assert "payload.userDisconnected.code" in done.stdout
    assert "ChatUserDisconnectedService" in done.stdout
    shown = json.loads(run("catalog", "userDisconnected", "--json").stdout)
    fields = {field["path"]: field["type"] for field in shown["fields"]}
    assert fields["payload.userDisconnected.code"] == "integer"
    assert shown["example"] == Catalog.builtin().find("userDisconnected").example


def test_the_key_that_is_no_typo_of_ours_is_pointed_at() -> None:
    done = run("catalog", "--lint")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "chat/userChatRateLimited: its data lies below payload.userDisconnected"
    ]


def test_documents_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_text(
        "asyncapi: 2.0.0\nchannels: {shop: {publish: {message: {messageId: bought}}}}\n"
    )
    (tmp_path / "broken.yaml").write_text("asyncapi: 2.0.0\nchannels: 1\n")
    done = run("catalog", "--spec", str(tmp_path), "--json", env={"XDG_CACHE_HOME": str(tmp_path)})
    listed = json.loads(done.stdout)
    assert "shop" in listed["topics"]
    assert "broken.yaml" in listed["problems"][0]
    done = run("catalog", "--spec", str(tmp_path), env={"XDG_CACHE_HOME": str(tmp_path)})
    assert "Warning" in done.stderr
    assert "broken.yaml" in done.stderr


def test_examples_are_legal_and_repeat() -> None:
    first = run("example", "personalChatSent", "--count", "3", "--seed", "7")
    assert first.stdout == run("example", "personalChatSent", "--count", "3", "--seed", "7").stdout
    message = Catalog.builtin().find("personalChatSent")
    events = [json.loads(line) for line in first.stdout.splitlines()]
    assert len({json.dumps(event) for event in events}) == 3
    assert all(message.violations(event) == [] for event in events)


def test_unknown_events() -> None:
    for command in ("catalog", "example"):
        done = run(command, "userConnectd")
        assert done.returncode == 1
        assert done.stderr == "Error: there is no event userConnectd; did you mean userConnected?\n"
