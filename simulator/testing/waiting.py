"""Find events in the log, and wait for those that are still to come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from simulator.errors import SimulatorError
from simulator.log import Cursor, TopicLog
from simulator.scenario.near_miss import NearMisses
from simulator.testing.criteria import Criteria
from simulator.testing.events import Event

BATCH = 1000


class WaitTimeout(SimulatorError, AssertionError, TimeoutError):
    """The events did not arrive in time; the text says what arrived instead."""


def events_matching(log: TopicLog, criteria: Criteria) -> list[Event]:
    """Return the retained events that meet the criteria, in append order."""
    return [event for event in _read(_from_start(log, criteria)) if criteria.matches(event)]


async def wait_for_events(
    log: TopicLog, criteria: Criteria, count: int, timeout: float, names: Mapping[str, str]
) -> list[Event]:
    """Return the first `count` events that meet the criteria, waiting `timeout` real seconds.

    Raises `WaitTimeout`; `names` is what its text calls users, by their ids.
    """
    search = _Search(criteria, count, names)
    cursor = _from_start(log, criteria)
    try:
        async with asyncio.timeout(timeout):
            while not search.over(_read(cursor)):
                await _change(log)
    except TimeoutError:
        raise WaitTimeout(search.explain(timeout)) from None
    return search.found


class _Search:
    """What was found so far, and what nearly was."""

    def __init__(self, criteria: Criteria, count: int, names: Mapping[str, str]) -> None:
        self.found: list[Event] = []
        self._criteria = criteria
        self._count = count
        self._near = NearMisses(criteria.conditions, lambda user_id: names.get(user_id, user_id))
        self._unmatched = 0

    def over(self, events: Iterator[Event]) -> bool:
        """Look at more events; return whether enough were found."""
        for event in events:
            if len(self.found) >= self._count:
                break
            if self._criteria.matches(event):
                self.found.append(event)
            elif self._criteria.meets_conditions(event):
                self._unmatched += 1
            else:
                self._near.note(event.topic, event.name, event.user_id, event.json)
        return len(self.found) >= self._count

    def explain(self, timeout: float) -> str:
        wanted = f"{self._count} times {self._criteria}" if self._count > 1 else str(self._criteria)
        came = f"{len(self.found)} of {self._count} arrived" if self.found else "none arrived"
        instead = self._near.explain()
        if self._unmatched:
            instead = f"{self._unmatched} met everything but the predicate"
        return f"waited {timeout:g} s for {wanted}: {came}; {instead}"


def _from_start(log: TopicLog, criteria: Criteria) -> Cursor:
    topic = criteria.conditions.topic
    return log.cursor(
        {
            (info.name, number): partition.start
            for info in (log.topics() if topic is None else [log.topic(topic)])
            for number, partition in enumerate(info.partitions)
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
