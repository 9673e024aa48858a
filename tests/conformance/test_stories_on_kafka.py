"""Stories written to a real Apache Kafka, whole and in shards, and recorded from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from command_line import run

from simulator import Simulator

pytestmark = pytest.mark.timeout(600)  # the first test of a worker may have to start Kafka


class Place(NamedTuple):
    """The cluster, and topics there that are of one test alone: others write at the same time."""

    address: str
    prefix: str

    @property
    def topics(self) -> list[str]:
        return [f"{self.prefix}.{topic}" for topic in ("chat", "personalChat")]

    def play(self, *options: str) -> None:
        to = ("--to", f"kafka://{self.address}", "--topic-prefix", self.prefix)
        done = run("play", "party_chat", *to, *options)
        assert done.returncode == 0, done.stderr

    def record(self, file: Path, *options: str) -> None:
        source = ("--from", f"kafka://{self.address}", "--topics", ",".join(self.topics))
        done = run("record", *source, "--topic-prefix", self.prefix, "-o", str(file), *options)
        assert done.returncode == 0, done.stderr

    def ids(self, directory: Path) -> list[str]:
        file = directory / "all.jsonl"
        self.record(file, "--keep-ids", "--keep-texts")
        return [line["event"]["id"] for line in lines_of(file.read_text("utf-8"))]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def place(real_address: str) -> Place:
    return Place(real_address, f"t{uuid4().hex[:10]}")


def local() -> list[str]:
    """The ids of the story's events, in the order of their time."""
    with Simulator(grpc_port=None, kafka_port=None) as sim:
        sim.play("party_chat")
        return [event.id for event in sim.events()]


def test_a_story_is_written_and_recorded(place: Place, tmp_path: Path) -> None:
    place.play()
    assert sorted(place.ids(tmp_path)) == sorted(local())


def test_shards_together_are_the_whole(place: Place, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        place.play("--shard", f"{number}/3")
    assert sorted(place.ids(tmp_path)) == sorted(local())


def test_a_recording_plays_in_the_same_order(place: Place, tmp_path: Path) -> None:
    place.play()
    script, lines = tmp_path / "story.yaml", tmp_path / "lines.jsonl"
    for file in (script, lines):
        place.record(file, "--key", "of this test")
    recorded = lines_of(lines.read_text("utf-8"))
    done = run("play", str(script), "--json", "--topic-prefix", place.prefix)
    assert done.returncode == 0, done.stderr
    again = lines_of(done.stdout)
    assert {line["topic"] for line in again} == set(place.topics)
    for topic in place.topics:
        for field in ("event", "timestamp", "key"):
            assert [line[field] for line in again if line["topic"] == topic] == [
                line[field] for line in recorded if line["topic"] == topic
            ]
