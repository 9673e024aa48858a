"""Find events in the log, and wait for those that are still to come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from simulator.errors import SimulatorError
from simulator.log import Cursor, TopicLog
from simulator.testing.arrivals import Arrivals
from simulator.testing.criteria import Criteria
from simulator.testing.events import Event

BATCH = 1000


class WaitTimeout(SimulatorError, AssertionError, TimeoutError):
    """The events did not arrive in time; the text says what arrived instead."""


def events_matching(log: TopicLog, criteria: Criteria) -> list[Event]:
    """Return the retained events that meet the criteria, in append order."""
    return [event for event in _read(_from_start(log, criteria)) if criteria.matches(event)]


async def wait_for_events(
    log: TopicLog,
    criteria: Criteria,
    count: int,
    timeout: float,
    people: Mapping[str, str],
) -> list[Event]:
    """Return the first `count` events that meet the criteria, waiting `timeout` real seconds.

    Raises `WaitTimeout`; `people` maps names to user ids for its text.
    """
    found: list[Event] = []
    arrivals = Arrivals(people)
    try:
        async with asyncio.timeout(timeout):
            cursor = _from_start(log, criteria)
            while True:
                for event in _read(cursor):
                    arrivals.add(event)
                    if criteria.matches(event):
                        found.append(event)
                        if len(found) == count:
                            return found
                await _change(log)
    except TimeoutError:
        raise WaitTimeout(arrivals.explain(criteria, count, len(found), timeout)) from None


def _from_start(log: TopicLog, criteria: Criteria) -> Cursor:
    topics = [log.topic(criteria.topic)] if criteria.topic else log.topics()
    return log.cursor(
        {
            (topic.name, number): partition.start
            for topic in topics
            for number, partition in enumerate(topic.partitions)
        }
    )


def _read(cursor: Cursor) -> Iterator[Event]:
    while records := cursor.poll(BATCH):
        yield from map(Event, records)


async def _change(log: TopicLog) -> None:
    """Return at the next change of the log."""
    changed = asyncio.Event()
    log.wait(changed.set)
    try:
        await changed.wait()
    finally:
        log.cancel_wait(changed.set)
