"""The examples of docs/kafka.md run, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = (DOCS / "kafka.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_examples_run(number: int) -> None:
    exec(BLOCKS[number], {})


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 6


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)", PAGE))))
def test_links_lead_somewhere(target: str) -> None:
    assert (DOCS / target).is_file()
