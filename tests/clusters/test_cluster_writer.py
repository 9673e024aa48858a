"""Stories written to a cluster: whole, in parts, and where the cluster does not take them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from command_line import run
from ports import refusing_port

from simulator import Simulator
from simulator.clusters import (
    ClusterAddress,
    ClusterUnavailable,
    ClusterWriter,
    InvalidAddress,
    Shard,
)

NOW = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@pytest.fixture
def cluster() -> Iterator[Simulator]:
    """A simulator stands in for the cluster: Kafka's protocol is what counts here."""
    with Simulator(grpc_port=None) as cluster:
        yield cluster


def ids(cluster: Simulator) -> list[str]:
    return [event.id for event in cluster.events()]


def play(cluster: Simulator, *options: str, story: str = "rate_limited") -> str:
    done = run("play", story, "--to", f"kafka://{cluster.bootstrap_servers}", *options)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_a_story_is_written_as_it_is_played(cluster: Simulator) -> None:
    assert "18 events written to kafka://" in play(cluster)
    with Simulator(grpc_port=None, kafka_port=None) as played:
        played.play("rate_limited")
        assert sorted(ids(cluster)) == sorted(ids(played))
        for topic in ("chat", "personalChat"):
            here, there = (
                [
                    e.record._replace(offset=0, position=0, unchecked=False)
                    for e in each.events(topic)
                ]
                for each in (cluster, played)
            )
            assert here == there


def test_shards_together_are_the_whole(cluster: Simulator) -> None:
    parts = []
    for number in (1, 2, 3):
        before = set(ids(cluster))
        play(cluster, "--shard", f"{number}/3", story="party_chat")
        parts.append(set(ids(cluster)) - before)
    found = ids(cluster)
    assert len(found) == len(set(found)) == sum(map(len, parts))
    assert sum(1 for part in parts if part) > 1
    with Simulator(grpc_port=None, kafka_port=None) as played:
        played.play("party_chat")
        assert sorted(found) == sorted(ids(played))


def test_what_the_cluster_refuses_fails_the_play() -> None:
    with Simulator(grpc_port=None, config={"message.max.bytes": 700}) as cluster:
        done = run("play", "rate_limited", "--to", f"kafka://{cluster.bootstrap_servers}")
    assert done.returncode == 1
    assert "records were refused" in done.stderr


def test_a_cluster_that_is_not_there() -> None:
    with refusing_port() as port:
        servers = f"127.0.0.1:{port}"
        done = run("play", "first_connect", "--to", f"kafka://{servers}")
    assert done.returncode == 1
    assert f"{servers} does not answer" in done.stderr


@pytest.mark.parametrize("text", ["host:1", "kafka://", "kafka://host", "kafka://a:1,b", "kafka:a"])
def test_addresses_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidAddress, match="kafka://host:port"):
        ClusterAddress.parse(text)


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_shards_that_cannot_be(text: str) -> None:
    with pytest.raises(InvalidAddress, match="I/N"):
        Shard.parse(text)


def test_wrong_usage() -> None:
    for options, text in (
        (["--shard", "1/2"], "--shard is for --to"),
        (["--to", "kafka://a:1", "--server", "1"], "leave --server out"),
    ):
        done = run("play", "first_connect", *options)
        assert done.returncode == 2
        assert text in done.stderr


def test_copies_of_what_is_written_already(cluster: Simulator, tmp_path: Path) -> None:
    script = tmp_path / "twice.yaml"
    steps = "[{connect: alice}, {wait: 400ms}, {duplicate: 1}]"
    script.write_text(f"{{users: [alice], steps: {steps}}}")
    play(cluster, "--speed", "1", story=str(script))
    first, second = ids(cluster)
    assert first == second


def test_topics_beside_those_of_the_catalogue(cluster: Simulator, tmp_path: Path) -> None:
    cluster.create_topic("orders")
    script = tmp_path / "orders.yaml"
    script.write_text("steps: [{produce: {topic: orders, raw: one}}]")
    assert "1 events written" in play(cluster, "--topic", "orders", story=str(script))
    assert [event.record.value for event in cluster.events("orders")] == [b"one"]


A_WEEK = {"retention.ms": "604800000"}


@pytest.mark.parametrize(
    ("settings", "options", "warned"),
    [
        (A_WEEK, (), True),
        (A_WEEK | {"cleanup.policy": "compact,delete"}, (), True),
        (A_WEEK, ("--start", NOW), False),
        (A_WEEK | {"cleanup.policy": "compact"}, (), False),
        (A_WEEK | {"message.timestamp.type": "LogAppendTime"}, (), False),
        ({"retention.ms": "-1"}, (), False),
        ({"retention.ms": str(2**63 - 1)}, (), False),
    ],
)
def test_records_that_the_cluster_deletes_for_their_timestamps_are_warned_of(
    cluster: Simulator, settings: dict[str, str], options: tuple[str, ...], warned: bool
) -> None:
    """Kafka's `retention.ms` counts from the timestamps that records carry."""
    for topic in ("old.chat", "old.personalChat"):
        cluster.create_topic(topic, config=settings)
    told = play(cluster, "--topic-prefix", "old", *options)
    begins = "Warning: old.chat keeps records for 7 days by their own timestamps"
    assert (begins in told) == warned == ("Warning: old.personalChat" in told)
    assert told.count("set retention.ms=-1") == int(warned)


def test_a_cluster_that_goes_away_is_told_with_the_reason() -> None:
    with Simulator(grpc_port=None) as cluster:
        servers = cluster.bootstrap_servers
        writer = ClusterWriter(ClusterAddress(servers))
        cluster.create_topic("notes")
        cluster.publish("notes", "one")
        record = cluster.events("notes")[0].record
        writer.write([record])
        writer.finish()
    writer.write([record])
    with pytest.raises(ClusterUnavailable, match=f"{servers}: 1 records were not ack.*: .+"):
        writer.finish(timeout=2)


def test_a_topic_that_nobody_makes() -> None:
    with Simulator(grpc_port=None, config={"auto.create.topics.enable": False}) as cluster:
        done = run(
            "play",
            "rate_limited",
            "--to",
            f"kafka://{cluster.bootstrap_servers}",
            "--topic-prefix",
            "none",
        )
    assert done.returncode == 1
    assert "topic none.chat: " in done.stderr
    assert "create it first" in done.stderr


def test_a_record_that_is_larger_than_the_clients_own_limit(
    cluster: Simulator, tmp_path: Path
) -> None:
    """That is 1,000,000 bytes, Kafka's for a batch is 1,048,588."""
    cluster.create_topic("notes")
    lines = tmp_path / "large.jsonl"
    lines.write_text(json.dumps({"topic": "notes", "timestamp": 1, "value": "x" * 1_040_000}))
    assert "1 events written" in play(cluster, story=str(lines))
    assert [len(event.record.value or b"") for event in cluster.events("notes")] == [1_040_000]
