"""Find events in the log, and wait for those that are still to come."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

from simulator.errors import SimulatorError, check_timeout
from simulator.log import TopicLog
from simulator.scenario.near_miss import NearMisses
from simulator.testing.criteria import Criteria
from simulator.testing.events import Event

BATCH = 1000


class WaitTimeout(SimulatorError, AssertionError, TimeoutError):
    """The events did not arrive in time; the text says what arrived instead."""


def events_matching(log: TopicLog, criteria: Criteria) -> list[Event]:
    """Return the retained events that meet the criteria, in append order."""
    reader = _Reader(log, criteria.conditions.topic)
    return [event for event in reader.read() if criteria.matches(event)]


async def wait_for_events(
    log: TopicLog, criteria: Criteria, count: int, timeout: float, names: Mapping[str, str]
) -> list[Event]:
    """Return the first `count` events that meet the criteria, waiting `timeout` real seconds.

    Raises `WaitTimeout`; `names` is what its text calls users, by their ids. Raises `TopicDeleted`
    where the one topic that the criteria name is deleted meanwhile.
    """
    check_timeout(timeout)
    search = _Search(criteria, count, names)
    reader = _Reader(log, criteria.conditions.topic)
    try:
        async with asyncio.timeout(timeout) as deadline:
            while not search.over(reader.read()):
                await reader.change()
    except TimeoutError:
        if not deadline.expired():
            raise  # of the predicate's own making
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


class _Reader:
    """Reads one topic, or all of them as they come and go, in append order."""

    def __init__(self, log: TopicLog, topic: str | None) -> None:
        self._log = log
        self._topic = topic
        self._places = self._starts()
        self._cursor = log.cursor(self._places)

    def read(self) -> Iterator[Event]:
        """What has not been read yet."""
        if self._topic is None:
            self._follow_topics()
        while records := self._cursor.poll(BATCH):
            yield from map(Event, records)

    async def change(self) -> None:
        """Return at the next change of what is read."""
        changed = asyncio.Event()
        self._log.wait(changed.set, None if self._topic is None else [self._topic])
        try:
            await changed.wait()
        finally:
            self._log.cancel_wait(changed.set)

    def _starts(self) -> dict[tuple[str, int], int]:
        log, topic = self._log, self._topic
        return {
            (info.name, number): partition.start
            for info in (log.topics() if topic is None else [log.topic(topic)])
            for number, partition in enumerate(info.partitions)
        }

    def _follow_topics(self) -> None:
        starts, offsets = self._starts(), self._cursor.offsets
        if not starts.keys() == offsets.keys() == self._places.keys():
            self._places = {**starts, **offsets}
            self._cursor = self._log.cursor(self._places)
