"""A real Apache Kafka deletes what carries old timestamps, a story's among them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from command_line import run
from confluent_kafka import Consumer, TopicPartition

pytestmark = pytest.mark.timeout(600)  # it starts a Kafka

PATIENCE_S = 60


def wait_until_deleted(address: str, topic: str) -> None:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "looks"})
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        first, last = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=PATIENCE_S)
        if first == last > 0:
            consumer.close()
            return
    raise AssertionError(f"{topic} still has records")


def test_what_is_written_with_old_timestamps_is_deleted_and_the_user_was_warned(
    deleting_address: str, tmp_path: Path
) -> None:
    """Shards in a recording lacked events although all were acknowledged."""
    cluster = f"kafka://{deleting_address}"
    old = run("play", "party_chat", "--to", cluster)
    assert old.returncode == 0
    assert "20 events written" in old.stderr
    advice = re.search(r"chat keeps records for 7 days .* such as --start (\S+)", old.stderr)
    assert advice is not None, old.stderr

    kept = run("play", "party_chat", "--to", cluster, "--start", advice[1], "--topic-prefix", "now")
    assert kept.returncode == 0
    assert "Warning" not in kept.stderr

    for topic in ("chat", "personalChat"):
        wait_until_deleted(deleting_address, topic)
    again = run("play", "party_chat", "--to", cluster, "--topic-prefix", "again")
    assert again.returncode == 0
    wait_until_deleted(
        deleting_address, "again.personalChat"
    )  # the cleaner has seen all topics once more

    file = tmp_path / "evening.jsonl"
    usual = ("record", "--from", cluster, "-o", str(file), "--topics")
    deleted = run(*usual, "chat,personalChat")
    assert deleted.returncode == 1
    assert "chat, personalChat: all that was there has been deleted" in deleted.stderr
    assert "there was nothing to record" in deleted.stderr
    recorded = run(*usual, "now.chat,now.personalChat")
    assert recorded.returncode == 0
    assert len([json.loads(line) for line in file.read_text("utf-8").splitlines()]) == 20
