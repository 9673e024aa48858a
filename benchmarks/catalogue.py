"""A catalogue as large as the platform's: loading it, checking its events, making them up."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.fresh import figures
from benchmarks.platform_tree import DOCUMENTS, EVENTS, write_tree
from benchmarks.rows import Row
from simulator.catalog import Catalog, MessageType
from simulator.catalog.generation import generated_event
from simulator.scenario.randomness import Randomness

LOAD = """
import time
began = time.perf_counter()
from pathlib import Path
from simulator.catalog import Catalog
{before}
catalog = Catalog.load([Path({specs!r})], cache=Path({cache!r}))
assert not catalog.problems, catalog.problems
print((time.perf_counter() - began) * 1000)
"""

EMPTY_CACHE = "import shutil; shutil.rmtree({cache!r}, ignore_errors=True)"

EACH = 50
"""Events of one type that are handled in a row."""


def run(quick: bool) -> list[Row]:
    """Loading in processes of its own, with the import; the rest in events per second."""
    runs = 2 if quick else 7
    with tempfile.TemporaryDirectory() as directory:
        specs, cache = str(Path(directory) / "specs"), str(Path(directory) / "cache")
        write_tree(Path(specs))
        empty = EMPTY_CACHE.format(cache=cache)
        cold = figures(LOAD.format(before=empty, specs=specs, cache=cache), runs)
        warm = figures(LOAD.format(before="", specs=specs, cache=cache), runs)
        catalog = Catalog.load([specs], cache=Path(cache))
    chat = Catalog.builtin().find("personalChatSent")
    return [
        Row.at_most(2000, f"load {DOCUMENTS} documents, {EVENTS} events, cold", cold, "ms"),
        Row.at_most(300, "  from the cache", warm, "ms"),
        Row.at_least(50_000, "validate events of that catalogue", checks(catalog, runs), "/s"),
        Row.at_least(50_000, "make up events of that catalogue", made(catalog, runs), "/s"),
        Row.at_least(50_000, "  personalChatSent", made_of([chat], runs, 100 * EACH), "/s"),
    ]


def checks(catalog: Catalog, runs: int) -> list[float]:
    """Each type's events in a row, as a crowd or a replay brings them."""
    chance = Randomness(0)
    events = [(message, generated_event(message, chance)) for message in catalog.messages]

    def check_all() -> int:
        for message, event in events:
            is_sound = message.validator.is_sound
            for _ in range(EACH):
                assert is_sound(event)
        return len(events) * EACH

    return [rate(check_all) for _ in range(runs + 1)][1:]


def made(catalog: Catalog, runs: int) -> list[float]:
    """Events of every type."""
    return made_of(list(catalog.messages), runs, EACH)


def made_of(messages: list[MessageType], runs: int, each: int) -> list[float]:
    """So many events of each of some types in a row, which are validated as they are made."""
    chance = Randomness(0)

    def make_all() -> int:
        for message in messages:
            for _ in range(each):
                generated_event(message, chance)
        return len(messages) * each

    return [rate(make_all) for _ in range(runs + 1)][1:]


def rate(work: Callable[[], int]) -> float:
    """How many a second, by what `work` says it did."""
    began = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - began)
