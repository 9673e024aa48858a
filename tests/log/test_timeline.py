"""Timelines against histories kept as lists."""

from __future__ import annotations

import random

import pytest

from simulator.log.timeline import Timeline


def common_prefix(one: list[int], two: list[int]) -> int:
    """How many records two histories begin with in common."""
    length = min(len(one), len(two))
    return next((i for i in range(length) if one[i] != two[i]), length)


@pytest.mark.parametrize("seed", range(30))
def test_the_common_end_is_where_histories_part(seed: int) -> None:
    generator = random.Random(seed)
    timeline, history = Timeline(), list[int]()
    seen = [(timeline, history)]
    record = 0
    for _ in range(60):
        for _ in range(generator.choice([0, 1, 1, 5])):
            record += 1
            history = [*history, record]
        seen.append((timeline, history))
        action = generator.random()
        if action < 0.5:
            parent, history = generator.choice(seen)
            timeline = Timeline(parent, len(history))
        elif action < 0.6:
            timeline, history = Timeline(timeline, 0), []
        seen.append((timeline, history))
    for one, first in seen:
        for two, second in seen:
            # A reader's place lies within both histories, so nothing beyond them matters.
            common = min(one.common_end(two), len(first), len(second))
            assert common == common_prefix(first, second)
