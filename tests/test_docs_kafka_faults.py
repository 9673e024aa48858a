"""The page on faults of Kafka names everything that there is, and its examples run."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest
from confluent_kafka import Producer

from simulator.kafka_faults import FaultOptions, RequestConditions, fault_rule
from simulator.listeners.kafka.request_view import KafkaRequest, RequestedPartition
from simulator.log.fault_rules import FaultRule
from simulator.scenario.durations import parse_duration
from simulator.scenario.errors import DurationError

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "kafka-faults.md").read_text("utf-8")
CODE = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("kind", [FaultOptions, RequestConditions])
def test_every_keyword_is_named(kind: type) -> None:
    assert kind.__annotations__.keys() <= CODE


@pytest.mark.parametrize("kind", [KafkaRequest, RequestedPartition])
def test_every_field_of_a_request_is_named(kind: type) -> None:
    assert {field.name for field in fields(kind)} <= CODE


def test_keywords_are_those_of_the_rule() -> None:
    names = {field.name.removesuffix("_ms") for field in fields(FaultRule)}
    assert names == FaultOptions.__annotations__.keys()


@pytest.mark.parametrize("effect", re.findall(r"^\| `([a-z_]+=[^`]+)`", PAGE, re.MULTILINE))
def test_every_example_in_a_table_is_a_rule(effect: str) -> None:
    rule = eval(f"fault_rule(dict({effect}) | {{'delay': 0}})", {"fault_rule": fault_rule})
    assert isinstance(rule, FaultRule)


def test_first_example_runs() -> None:
    """With a service under test where the page has dots."""
    sent = []

    def serve(servers: str) -> None:
        producer = Producer({"bootstrap.servers": servers, "retry.backoff.ms": 10})
        producer.produce("chat", b"{}")
        sent.append(producer)

    assert "...  #" in BLOCKS[0]
    code = BLOCKS[0].replace("...  #", "serve(sim.bootstrap_servers)  #")
    exec(code, {"serve": serve})
    assert sent


@pytest.mark.parametrize(
    ("given", "milliseconds"), [("200ms", 200), ("1m30s", 90_000), (0.25, 250)]
)
def test_durations(given: str | float, milliseconds: int) -> None:
    assert fault_rule({"delay": given}).delay_ms == milliseconds
    if isinstance(given, str):
        assert parse_duration(given) == milliseconds * 1_000_000


def test_duration_without_a_unit() -> None:
    with pytest.raises(DurationError):
        fault_rule({"delay": "5"})
