"""The commands of the page on existing clusters, run in their order, and its tables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run, started

from simulator import Simulator
from simulator.cli.record import record

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "clusters.md").read_text("utf-8")
COMMANDS = re.findall(r"^\$ simulator (.+)$", PAGE, re.MULTILINE)


@pytest.fixture
def cluster() -> Iterator[Simulator]:
    with Simulator(grpc_port=0, kafka_port=0) as cluster:
        cluster.create_topic("orders")
        yield cluster


def test_the_commands_work(cluster: Simulator, tmp_path: Path) -> None:
    (tmp_path / "orders.yaml").write_text("steps: [{produce: {topic: orders, raw: one}}]")
    assert len(COMMANDS) >= 8
    for command in COMMANDS:
        text = command.replace("localhost:9092", cluster.bootstrap_servers)
        environment = {"SIMULATOR_SERVER": cluster.grpc_target}
        done = run(*shlex.split(text), cwd=tmp_path, env=environment)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert [event.record.value for event in cluster.events("orders")] == [b"one"]


def test_the_simulator_on_top_of_a_cluster(cluster: Simulator) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    exec(code.replace("localhost:9092", cluster.bootstrap_servers), {})
    assert cluster.events("chat", name="userChatRateLimited")
    (command,) = re.findall(r"^simulator (serve .+)$", PAGE, re.MULTILINE)
    text = command.replace("localhost:9092", cluster.bootstrap_servers)
    with started(*shlex.split(text), "--grpc-port", "0", "--exit-with-stdin") as process:
        assert process.stdout is not None
        first = process.stdout.readline().decode()
        assert f"on the Kafka cluster at {cluster.bootstrap_servers}" in first


def test_every_option_is_named() -> None:
    options = {name for parameter in record.params for name in parameter.opts if "--" in name}
    assert options - {"--output", "--help"} <= set(re.findall(r"--[a-z-]+", PAGE))
