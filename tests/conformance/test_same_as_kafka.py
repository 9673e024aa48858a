"""The same steps on this broker and on a real Apache Kafka have the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from brokers import Pair
from differing import DOCUMENT, documented, found_differences, outdated, unexplained
from steps import all_steps

pytestmark = pytest.mark.timeout(600)  # the first test of a worker may have to start Kafka


@pytest.mark.parametrize("steps", all_steps())
async def test_same_answers(pair: Pair, steps: str) -> None:
    found = await found_differences(pair, steps, all_steps()[steps])
    strange = unexplained(steps, found)
    assert not strange, "\n".join(["differs, and is not documented:", *map(str, strange)])
    rotten = outdated(steps, found)
    assert not rotten, f"{DOCUMENT.name} names differences that are gone: {', '.join(rotten)}"


def test_documented_differences_name_steps() -> None:
    named = {name for row in documented() for name in row.steps if "*" not in name} - {"generated"}
    assert named <= set(all_steps())


def test_every_api_that_both_serve_is_in_some_steps(pair: Pair) -> None:
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("steps_*.py"))
    assert {api for api in pair.newest if f'"{api}"' not in texts} == set()
