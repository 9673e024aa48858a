"""What people write: given texts, texts of a given length, and corpora."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from simulator.scenario.errors import ScenarioError
from simulator.scenario.randomness import Randomness

_FILLER: Final = (
    "anyone up for one more round after this I think we can still make it if the left side holds "
    "wait for the signal then push together and keep the healer alive they are low on supplies "
    "nice shot that was closer than it looked meet me at the bridge bring the map and a torch "
)
"""Words to cut texts of any length from."""


def text_of_length(length: int, randomness: Randomness) -> str:
    """Return a text of exactly so many characters, all of them ASCII."""
    start = randomness.below(len(_FILLER))
    repeats = (start + length) // len(_FILLER) + 1
    return (_FILLER * repeats)[start : start + length]


def texts_of_length(low: int, high: int, randomness: Randomness) -> Callable[[], str]:
    """Return a function that draws texts of `low` to `high` characters, quickly."""
    random = randomness.random
    starts = len(_FILLER)
    widths = high - low + 1
    filler = _FILLER * (high // starts + 2)

    def draw() -> str:
        start = int(random() * starts)
        return filler[start : start + low + int(random() * widths)]

    return draw


def corpus(corpora: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    """Return the texts of a corpus; raises `ScenarioError` where there are none."""
    texts = corpora.get(name)
    if not texts:
        raise ScenarioError(f"there is no corpus {name!r}, or it is empty")
    return texts
