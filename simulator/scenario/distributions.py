"""Distributions of durations, bound to a stream of random draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from simulator.scenario.randomness import Randomness
from simulator.scenario.script import Distribution


def sampler(distribution: Distribution, randomness: Randomness) -> Callable[[], int]:
    """Return a function that draws a duration in nanoseconds, 0 or more.

    A normal distribution is cut off at 0: what would be negative takes no time at all.
    """
    mean, low, deviation = distribution.mean, distribution.low, distribution.deviation
    match distribution.kind:
        case "constant":
            return lambda: mean
        case "uniform":
            width = distribution.high - low + 1
            random = randomness.random
            return lambda: low + int(random() * width)
        case "exponential":
            return partial(randomness.exponential, mean)
        case "normal":
            normal = randomness.normal
            return lambda: max(0, normal(mean, deviation))
