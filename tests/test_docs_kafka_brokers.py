"""The examples of `docs/kafka-brokers.md` run, and its calls are those that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.kafka_control import AsyncKafkaControl, KafkaControl

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "kafka-brokers.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("code", EXAMPLES)
def test_example(code: str) -> None:
    exec(compile(code, "docs/kafka-brokers.md", "exec"), {})


def test_the_calls_are_there() -> None:
    named = re.findall(r"^\| `(\w+)\(", PAGE, re.MULTILINE)
    assert len(named) >= 7
    for name in named:
        assert callable(getattr(KafkaControl, name))
        assert callable(getattr(AsyncKafkaControl, name))
