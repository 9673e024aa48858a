"""`simulator record`, and what becomes of its files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from command_line import run
from ports import refusing_port

from simulator import Simulator

TOPICS = "chat,personalChat"


@pytest.fixture
def cluster() -> Iterator[Simulator]:
    """Somewhere that something has happened, with both doors open."""
    with Simulator(grpc_port=0, kafka_port=0) as cluster:
        cluster.play("unicode_texts")
        yield cluster


@pytest.fixture(params=["kafka", "grpc"])
def source(request: pytest.FixtureRequest, cluster: Simulator) -> str:
    where = cluster.bootstrap_servers if request.param == "kafka" else cluster.grpc_target
    return f"{request.param}://{where}"


def record(source: str, file: Path, *options: str, topics: str = TOPICS) -> str:
    done = run("record", "--from", source, "--topics", topics, "-o", str(file), *options)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def played(file: Path, *options: str) -> list[dict[str, Any]]:
    done = run("play", str(file), "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def times(lines: list[dict[str, Any]]) -> list[int]:
    return [line["timestamp"] for line in lines]


@pytest.mark.parametrize("ending", ["yaml", "jsonl"])
def test_a_recording_plays_as_it_happened(
    cluster: Simulator, source: str, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"evening.{ending}"
    happened = cluster.events()
    told = record(source, file)
    assert f"{len(happened)} records written; play them: simulator play {file}" in told
    text = file.read_text("utf-8")
    again = played(file)
    assert sorted((line["topic"], line["timestamp"], line["event"]["name"]) for line in again) == (
        sorted((event.record.topic, event.record.timestamp, event.name) for event in happened)
    )
    assert times(again) == sorted(times(again))
    for event in happened:
        sent = event.record.value or b""
        found = json.loads(sent)
        assert found["id"] not in text
        assert found["userId"] not in text
        message = found["payload"].get("personalChatSent", {}).get("payload", "")
        assert len(message) < 8 or json.dumps(message, ensure_ascii=False)[1:-1] not in text


def test_one_key_gives_one_recording(source: str, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.yaml", "b.yaml", "c.yaml")]
    record(source, files[0], "--key", "secret")
    record(source, files[1], "--key", "secret")
    record(source, files[2])
    first, second, other = (file.read_text("utf-8") for file in files)
    assert first == second != other


def test_what_is_kept(cluster: Simulator, source: str, tmp_path: Path) -> None:
    file = tmp_path / "same.jsonl"
    record(source, file, "--keep-ids", "--keep-texts")
    found = [json.loads(line)["event"] for line in file.read_text("utf-8").splitlines()]
    happened = [json.loads(event.record.value or b"") for event in cluster.events()]
    assert sorted(found, key=str) == sorted(happened, key=str)


def test_waits_can_be_made_shorter(source: str, tmp_path: Path) -> None:
    whole, short, capped = (tmp_path / f"{name}.yaml" for name in ("whole", "short", "capped"))
    record(source, whole)
    record(source, short, "--compress", "10x")
    record(source, capped, "--longest-gap", "1s")

    def gaps(file: Path) -> list[int]:
        found = times(played(file))
        return [after - before for before, after in pairwise(found)]

    assert sum(gaps(short)) == sum(gaps(whole)) // 10 > 0
    assert gaps(capped) == [min(gap, 1000) for gap in gaps(whole)]


@pytest.mark.parametrize("options", [("--count", "3"), ("--count", "3", "--until-idle", "1m")])
def test_an_end_by_number(source: str, tmp_path: Path, options: tuple[str, ...]) -> None:
    assert "3 records written" in record(source, tmp_path / "some.jsonl", *options)


@pytest.mark.parametrize("options", [("--until-idle", "300ms"), ("--for", "300ms")])
def test_an_end_by_time(
    cluster: Simulator, source: str, tmp_path: Path, options: tuple[str, ...]
) -> None:
    told = record(source, tmp_path / "all.jsonl", *options)
    assert f"{len(cluster.events())} records written" in told


@pytest.mark.parametrize("end", ["--until-idle", "--for"])
def test_a_cluster_that_answers_late_is_not_idle(
    cluster: Simulator, tmp_path: Path, end: str
) -> None:
    """The time was counted from the start once, and a slow one recorded nothing."""
    cluster.kafka.add_fault(api="Fetch", delay="1s", times=1)
    told = record(f"kafka://{cluster.bootstrap_servers}", tmp_path / "all.jsonl", end, "300ms")
    assert f"{len(cluster.events())} records written" in told


def test_recorded_lines_can_be_produced(source: str, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    record(source, file)
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    with Simulator(grpc_port=0, kafka_port=None) as other:
        done = run("produce", "--file", str(file), "--server", other.grpc_target)
        assert done.returncode == 0, done.stderr
        assert f"{len(lines)} records produced" in done.stdout
        found = [event.record for event in other.events()]
    assert [json.loads(each.value or b"") for each in found] == [line["event"] for line in lines]
    assert [each.timestamp for each in found] == times(lines)
    assert [(each.key or b"").decode() for each in found] == [line["key"] for line in lines]


def test_a_line_that_is_no_record_ends_producing(cluster: Simulator, tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    record(f"grpc://{cluster.grpc_target}", file, "--count", "1")
    file.write_bytes(file.read_bytes() + b'{"half": 1}\n')
    done = run("produce", "--file", str(file), "--server", cluster.grpc_target)
    assert done.returncode == 1
    assert "some.jsonl:2: no record" in done.stderr
    assert "the lines before it were produced: 1 record" in done.stderr


def test_topics_outside_the_catalogue(cluster: Simulator, source: str, tmp_path: Path) -> None:
    cluster.create_topic("orders")
    cluster.publish("orders", {"customer": "Alice", "total": 12}, key="a-1")
    script, lines = tmp_path / "orders.yaml", tmp_path / "orders.jsonl"
    assert f"simulator play {script} --topic orders" in record(source, script, topics="orders")
    record(source, lines, topics="orders")
    for again in (played(script, "--topic", "orders"), played(lines)):
        assert [line["topic"] for line in again] == ["orders"]
        assert again[0]["event"]["total"] == 12
        assert again[0]["event"]["customer"] != "Alice"
        assert len(again[0]["event"]["customer"]) == 5


def test_topics_with_a_prefix(tmp_path: Path) -> None:
    file = tmp_path / "evening.yaml"
    with Simulator(grpc_port=0, kafka_port=None, topic_prefix="dev") as cluster:
        cluster.play("rate_limited")
        happened = [event.name for event in cluster.events("dev.chat")]
        source = f"grpc://{cluster.grpc_target}"
        record(source, file, "--topic-prefix", "dev", topics="dev.chat")
    assert "raw" not in file.read_text("utf-8")
    again = played(file, "--topic-prefix", "dev")
    assert [(line["topic"], line["event"]["name"]) for line in again] == [
        ("dev.chat", name) for name in happened
    ]


def test_what_is_too_long_for_a_script_becomes_lines(cluster: Simulator, tmp_path: Path) -> None:
    cluster.create_topic("notes")
    for _ in range(5):
        cluster.publish("notes", {"text": "x" * 300_000})
    script, lines = tmp_path / "long.yaml", tmp_path / "long.jsonl"
    told = record(f"grpc://{cluster.grpc_target}", script, topics="notes")
    assert "longer than 1024 KiB" in told
    assert f"simulator play {lines}" in told
    assert not script.exists()
    assert len(played(lines)) == 5


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--from", "host:1"], "write kafka://host:port or grpc://host:port"),
        (["--topics", "nothing"], "nothing"),
        (["--key", ""], "--key is empty"),
        (["-o", "a.txt"], "the ending says what to write"),
        (["--key", "x", "--keep-ids"], "give one of them"),
        (["--since", "latest"], "needs --until-idle"),
        (["--compress", "0x"], "is no factor"),
        (["--for", "5"], "is not a duration"),
    ],
)
def test_wrong_usage(source: str, tmp_path: Path, options: list[str], text: str) -> None:
    usual = ["--from", source, "--topics", "chat", "-o", str(tmp_path / "a.yaml")]
    done = run("record", *usual, *options)
    assert done.returncode in (1, 2)
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_no_topic(tmp_path: Path) -> None:
    done = run("record", "--from", "grpc://host:1", "--topics", ",", "-o", str(tmp_path / "a.yaml"))
    assert done.returncode == 2
    assert "--topics names no topic" in done.stderr


def test_an_empty_topic(source: str, tmp_path: Path, cluster: Simulator) -> None:
    cluster.create_topic("empty")
    done = run("record", "--from", source, "--topics", "empty", "-o", str(tmp_path / "a.yaml"))
    assert done.returncode == 1
    assert "nothing to record" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scheme", ["kafka", "grpc"])
def test_nobody_answers(scheme: str, tmp_path: Path) -> None:
    with refusing_port() as port:
        where = f"127.0.0.1:{port}"
        done = run("record", "--from", f"{scheme}://{where}", "--topics", "chat", "-o", "a.yaml")
    assert done.returncode == 1
    assert where in done.stderr


def test_a_key_from_the_environment(source: str, tmp_path: Path) -> None:
    files = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    record(source, files[0], "--key", "secret")
    usual = ("--from", source, "--topics", TOPICS, "-o", str(files[1]))
    done = run("record", *usual, env={"SIMULATOR_RECORD_KEY": "secret"})
    assert done.returncode == 0, done.stderr
    assert files[0].read_bytes() == files[1].read_bytes()
