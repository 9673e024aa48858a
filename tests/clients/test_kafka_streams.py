"""Kafka Streams on the Kafka door."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka_clients import Client
from kafka_libraries import built_by_maven, java_command

from simulator import Simulator

pytestmark = pytest.mark.timeout(600)  # the first test of a library builds its program


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once_v2"])
def test_count_by_name(
    sim: Simulator, client_of: Callable[[str], Client], guarantee: str, tmp_path: Path
) -> None:
    sim.play("rate_limited")
    names = [json.loads(event.record.value or b"")["name"] for event in sim.events("chat")]
    sim.create_topic("counts")
    where = built_by_maven("streams")
    arguments = [
        sim.bootstrap_servers,
        "chat",
        "counts",
        str(len(names)),
        guarantee,
        str(tmp_path / "state"),
    ]
    finished = subprocess.run(
        [*java_command(where, "count.CountByName"), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    counts = client_of("confluent-kafka").open("counts", "earliest", committed=True)
    told = {record.key: int(record.value or "") for record in counts.take(len(names))}
    assert told == Counter(names)
