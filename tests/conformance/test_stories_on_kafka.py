"""Stories written to a real Apache Kafka, and recorded from there."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest
from command_line import run

from simulator import Simulator

TOPICS = ("chat", "personalChat")


@pytest.fixture
def seed() -> str:
    """Of this test alone: others write to the same cluster."""
    return str(uuid4().int >> 72)


def local(seed: str) -> list[str]:
    """The ids of the story's events, in the order of their time."""
    with Simulator(grpc_port=None, kafka_port=None) as sim:
        sim.play("party_chat", seed=int(seed))
        return [event.id for event in sim.events()]


def play(address: str, seed: str, *options: str) -> None:
    done = run("play", "party_chat", "--seed", seed, "--to", f"kafka://{address}", *options)
    assert done.returncode == 0, done.stderr


def record(address: str, file: Path, *options: str) -> None:
    usual = ("--from", f"kafka://{address}", "--topics", ",".join(TOPICS), "-o", str(file))
    done = run("record", *usual, *options)
    assert done.returncode == 0, done.stderr


def ids(address: str, directory: Path) -> list[str]:
    file = directory / "all.jsonl"
    record(address, file, "--keep-ids", "--keep-texts")
    return [json.loads(line)["event"]["id"] for line in file.read_text("utf-8").splitlines()]


def test_a_story_is_written_and_recorded(real_address: str, seed: str, tmp_path: Path) -> None:
    play(real_address, seed)
    written = local(seed)
    found = [event_id for event_id in ids(real_address, tmp_path) if event_id in set(written)]
    assert sorted(found) == sorted(written)


def test_a_recording_plays_in_the_same_order(real_address: str, seed: str, tmp_path: Path) -> None:
    play(real_address, seed)
    script, lines = tmp_path / "story.yaml", tmp_path / "lines.jsonl"
    for file in (script, lines):
        record(real_address, file, "--key", "of this test")
    recorded = [json.loads(line) for line in lines.read_text("utf-8").splitlines()]
    done = run("play", str(script), "--json")
    assert done.returncode == 0, done.stderr
    again = [json.loads(line) for line in done.stdout.splitlines()]
    for topic in TOPICS:
        for field in ("event", "timestamp", "key"):
            assert [line[field] for line in again if line["topic"] == topic] == [
                line[field] for line in recorded if line["topic"] == topic
            ]
