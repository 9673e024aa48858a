"""What the command line says about a play, and what it names: a story, a script, records."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from simulator.catalog import Catalog
    from simulator.scenario import Script
    from simulator.simulator import AsyncSimulator

RECORDS: Final = ".jsonl"
"""How a file ends that has records, as `simulator record` writes them, instead of a script."""


class Wishes(NamedTuple):
    """A play as the command line has it; those of `cluster` and `shard` go to a cluster."""

    story: str
    seed: int | None
    start: str | None
    speed: float | None
    variables: dict[str, Any]
    validate: bool
    cluster: str | None = None
    shard: str | None = None
    specs: Sequence[Path] = ()
    topic_prefix: str = ""
    topic_separator: str = "."
    topics: Sequence[str] = ()


def playable(story: str, topics: Sequence[str], sim: AsyncSimulator) -> str | Script:
    """What a simulator of this process can play; the topics that it needs are created.

    Records become a story. Raises NotARecord.
    """
    playable: str | Script = story
    if story.endswith(RECORDS):
        playable, more = recorded_story(story, sim.catalog)
        topics = [*more, *topics]
    for topic in topics:
        if not sim.log.has_topic(sim.catalog.topic(topic)):
            sim.create_topic(topic)
    return playable


def recorded_story(file: str, catalog: Catalog) -> tuple[Script, Sequence[str]]:
    """The records as a story, and the topics outside the catalogue. Raises NotARecord."""
    from simulator.recording import Pace, happenings, precision_of, record_lines, recording, story

    with Path(file).open("rb") as lines:
        records = list(record_lines.records(lines, file))
    happened = happenings(records, precision_of(records), Pace())
    recorded = recording(happened, catalog)
    return story(recorded, Path(file).stem, file), recorded.topics
