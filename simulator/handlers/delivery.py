"""One target's delivery: from the log to the app, batch by batch, at least once.

As the platform does it (facts, section 4): a batch is taken from the topics, every event of it is
one call of `OnMessage`, and where a call fails with a code that is tried again, the whole batch is
sent again after a pause, until each of its events was handled once. Then the offsets behind it are
committed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Final

from simulator.catalog import Catalog
from simulator.delivery_settings import DeliverySettings
from simulator.errors import SimulatorError
from simulator.handlers.app import OK, Answer, App
from simulator.handlers.at_once import all_at_once
from simulator.handlers.changes import Changes
from simulator.handlers.parcels import Parcel, Unreadable, pack
from simulator.handlers.readiness import Readiness, Ready
from simulator.handlers.report import (
    DeliveryReport,
    DeliveryState,
    Outcome,
    Outcomes,
    Tally,
)
from simulator.log import Cursor, Record, TopicDeleted, TopicLog
from simulator.scenario.randomness import Randomness

UNIMPLEMENTED: Final = "UNIMPLEMENTED"


logger = logging.getLogger("simulator.handlers")

Answered = Callable[[str, str, Answer], None]
"""Hears of each answer: the event's id, its name, and the answer."""

Noted = Callable[[str, str, Outcome], None]
"""Hears what became of an event: the target, the event's id, and the outcome."""

Bury = Callable[[Record, str], None]
"""Puts a record that is given up, with the reason, where the settings say."""


class Delivery:
    """Reads what a group has not dealt with, and brings it to one app."""

    def __init__(
        self,
        target: str,
        settings: DeliverySettings,
        *,
        log: TopicLog,
        catalog: Catalog,
        randomness: Randomness,
        bury: Bury,
        changes: Changes,
        noted: Noted,
        answered: Answered | None = None,
        ready: Ready | None = None,
    ) -> None:
        """`start` begins; `bury` takes dead letters; `answered` hears of every answer.

        `changes` hears of whatever happens, `noted` of what becomes of an event. `ready` is asked
        first where the log follows another.
        """
        self.target = target
        self.settings = settings
        self.group = settings.group or f"{catalog.topic_prefix}handlers.{target}"
        self._log = log
        self._catalog = catalog
        self._randomness = randomness
        self._bury = bury
        self._answered = answered
        self._readiness: Readiness | None = None
        if ready is not None:
            self._readiness = Readiness(ready, self.group, settings.backoff(1), self._waits)
        self._app = App(target, settings.deadline_s)
        self.topics = tuple(map(catalog.topic, settings.topics)) or tuple(catalog.channels)
        self._task: asyncio.Task[None] | None = None
        self._state = DeliveryState.STOPPED
        self._reason = ""  # why it backs off, or has ended
        self._lost = ""  # what was given up last, and why
        self._skipped = 0  # as the cursor counts them
        self._tallies: dict[str, Tally] = {}
        self._outcomes = Outcomes()
        self._changes = changes
        self._noted = noted
        self._wake = asyncio.Event()

    # Life

    def start(self) -> None:
        """Begin where the group has committed; the app need not be there yet."""
        if self._task is None:
            self._state, self._reason = DeliveryState.IDLE, ""
            loop, cursor = asyncio.get_running_loop(), None
            if self._readiness is None:
                cursor = self._open(self.settings.start)
            else:
                self._readiness.start()
            self._task = loop.create_task(self._run(cursor), name=self.group)

    async def stop(self) -> None:
        """End, in the middle of a batch if need be: it is sent again by whoever goes on."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._readiness is not None:
            await self._readiness.stop()
        self._log.cancel_wait(self._wake.set)
        self._state = DeliveryState.STOPPED
        await self._app.close()
        self._changes.notify()

    def reset(self) -> None:
        """Begin anew, and know no event: the log has forgotten what the group was at."""
        self._lost = ""
        self._tallies.clear()
        self._outcomes = Outcomes()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._log.cancel_wait(self._wake.set)
            self.start()
        self._changes.notify()

    # Looking at it

    def report(self) -> DeliveryReport:
        """How it stands."""
        events = {name: tally.report() for name, tally in sorted(self._tallies.items())}
        reason = self._reason or self._lost
        return DeliveryReport(self.target, self.group, self._state, reason, self._lag(), events)

    def outcome(self, event_id: str) -> Outcome | None:
        """What became of an event; None while that is open, or for one that is not known."""
        return self._outcomes.of(event_id)

    async def wait_for(self, holds: Callable[[], bool]) -> None:
        """Return when `holds()`; it is asked again whenever something has happened."""
        await self._changes.wait_for(holds)

    @property
    def stopped(self) -> bool:
        """Whether it brings no more: it was stopped, or something unexpected has ended it."""
        return self._state is DeliveryState.STOPPED

    @property
    def idle(self) -> bool:
        """Whether everything that is there has been dealt with."""
        behind = self._readiness is not None and self._readiness.behind
        return self._state is DeliveryState.IDLE and self._lag() == 0 and not behind

    def _lag(self) -> int:
        committed = self._log.groups.offsets(self.group)
        lag = 0
        for topic, partition in self._places():
            start, end = self._log.bounds(topic, partition)
            lag += end - max(committed.get((topic, partition), start), start)
        return lag

    def _places(self) -> set[tuple[str, int]]:
        """The partitions that there are of its topics."""
        return {
            (topic, index)
            for topic in self.topics
            if self._log.has_topic(topic)
            for index in range(len(self._log.topic(topic).partitions))
        }

    # Reading

    def _open(self, start_at: str = "earliest") -> Cursor:
        """A reader from where the group has come to; of topics that exist now.

        `start_at` is where it begins in those that the group does not know: what has come about
        meanwhile is new from its first record on.
        """
        committed = self._log.groups.offsets(self.group)
        starts: dict[tuple[str, int], int] = {}
        for topic, partition in self._places():
            start, end = self._log.bounds(topic, partition)
            first = start if start_at == "earliest" else end
            offset = committed.get((topic, partition), first)
            starts[topic, partition] = min(max(offset, start), end)
        cursor = self._log.cursor(starts)
        self._skipped = 0
        if start_at == "latest":
            self._commit(cursor)  # so that what counts as behind is only what comes from now on
        return cursor

    def _commit(self, cursor: Cursor) -> None:
        for (topic, partition), offset in cursor.offsets.items():
            with suppress(SimulatorError):  # the log was reset meanwhile
                self._log.groups.commit(self.group, topic, partition, offset)

    def _waits(self, reason: str) -> None:
        # These have reasons of their own.
        if self._state not in (DeliveryState.BACKING_OFF, DeliveryState.STOPPED):
            self._reason = reason
        self._changes.notify()

    async def _run(self, cursor: Cursor | None) -> None:
        """Deliver as long as it goes; what nobody expected stops it, and is told."""
        try:
            if self._readiness is not None:
                await self._readiness.reached(whole=self.settings.start == "latest")
            await self._deliver_all(self._open(self.settings.start) if cursor is None else cursor)
        except Exception as error:
            logger.exception("the delivery to %s has stopped", self.target)
            self._state = DeliveryState.STOPPED
            self._reason = f"{type(error).__name__}: {error}"
            self._changes.notify()

    async def _deliver_all(self, cursor: Cursor) -> None:
        while True:
            try:
                records = cursor.poll(self.settings.batch_size)
            except TopicDeleted:
                cursor = self._open()
                continue
            self._tell_what_was_removed(cursor)
            if not records and cursor.offsets.keys() != self._places():
                cursor = self._open()  # there are topics or partitions that were not there
                continue
            if records:
                await self._deliver(records)
                self._commit(cursor)
                self._reason = ""
                self._changes.notify()
                continue
            self._commit(cursor)
            self._state, self._reason = DeliveryState.IDLE, ""
            self._changes.notify()
            await self._wait_for_more(cursor)

    def _tell_what_was_removed(self, cursor: Cursor) -> None:
        removed, self._skipped = cursor.skipped - self._skipped, cursor.skipped
        if removed:
            self._lost = f"records removed from the log before their turn: {removed:,}"

    async def _wait_for_more(self, cursor: Cursor) -> None:
        """Return when there is more to read, or the topics have changed."""
        self._wake.clear()
        self._log.wait(self._wake.set, self.topics)
        with suppress(TopicDeleted):
            if cursor.at_end and cursor.offsets.keys() == self._places():
                await self._wake.wait()
        self._log.cancel_wait(self._wake.set)

    def _packed(self, records: list[Record], batch: list[Parcel]) -> Iterator[Parcel]:
        """The parcels of records, each made when it is asked for, and put into `batch`."""
        for record in records:
            packed = pack(record, self._catalog, self.settings)
            if isinstance(packed, Unreadable):
                self._tally("unreadable").add("unreadable")
                self._note(packed.event_id, Outcome.UNREADABLE)
                self._lost = f"{packed.event_id} is unreadable: {packed.reason}"
                self._bury(record, packed.reason)
            elif packed is not None:
                batch.append(packed)
                yield packed

    # Sending

    async def _deliver(self, records: list[Record]) -> None:
        """Send a batch until nothing of it is to be tried again."""
        attempt = 1
        batch: list[Parcel] = []
        if self.settings.chaos.shuffle:
            self._randomness.shuffle(records)
        self._state = DeliveryState.DELIVERING
        failed = await self._attempt(self._packed(records, batch), attempt)
        while failed:
            if attempt == self.settings.attempts:
                for parcel, answer in failed:
                    self._give_up(
                        parcel, f"{answer.code} after {attempt} attempts: {answer.detail}"
                    )
                return
            parcel, answer = failed[0]
            self._state = DeliveryState.BACKING_OFF
            self._reason = f"{parcel.name}: {answer.code}: {answer.detail}".rstrip(": ")
            self._changes.notify()
            await self._app.back_off(self.settings.backoff(attempt))
            attempt += 1
            whole = batch if self.settings.retry_batch else [each for each, _ in failed]
            pending = [each for each in whole if not each.closed]
            if self.settings.chaos.shuffle:
                self._randomness.shuffle(pending)
            self._state = DeliveryState.DELIVERING
            failed = await self._attempt(pending, attempt)

    async def _attempt(
        self, parcels: Iterable[Parcel], attempt: int
    ) -> list[tuple[Parcel, Answer]]:
        """Send each once, or as chaos has it; return those that must be tried again.

        One by one where order is wanted, and where there is no connection: a batch for an app that
        is not there costs one call.
        """
        again: dict[Parcel, Answer] = {}
        calls = iter(parcels)
        if self.settings.chaos.duplicate:
            calls = chain.from_iterable((each, each) for each in calls)

        async def send(parcel: Parcel) -> bool:
            answer = await self._send(parcel, attempt)
            if answer is not None:
                again[parcel] = answer
            return answer is None

        if not self.settings.ordered:
            await self._app.connect()
        for parcel in calls:
            if not self.settings.ordered and self._app.connected:
                await all_at_once(chain((parcel,), calls), send)
            elif not await send(parcel) and (self.settings.ordered or not self._app.connected):
                again.update((each, again[parcel]) for each in calls if each not in again)
        return list(again.items())

    async def _send(self, parcel: Parcel, attempt: int) -> Answer | None:
        """One call; the answer where the event must be tried again."""
        chaos, tally = self.settings.chaos, self._tally(parcel.name)
        if chaos.delay_ms:
            await asyncio.sleep(self._randomness.below(chaos.delay_ms + 1) / 1000)
        answer = await self._app.on_message(parcel.service, parcel.data, parcel.metadata)
        if self._answered is not None:
            self._answered(parcel.event_id, parcel.name, answer)
        tally.took(answer.milliseconds)
        tally.add("sent")
        if attempt > 1:
            tally.add("retried")
        if answer.code == OK:
            if parcel.handled:
                tally.add("duplicate")
            else:
                if parcel.closed:  # a repeat was given up before
                    tally.add("given_up", -1)
                parcel.handled = True
                tally.add("handled")
                self._note(parcel.event_id, Outcome.HANDLED)
            if chaos.lose_first_answer and attempt == 1:
                return Answer("UNAVAILABLE", "chaos: the first answer was lost", 0)
            return None
        if answer.code == UNIMPLEMENTED:
            if parcel.closed or parcel.handled:
                tally.add("duplicate")
            else:
                parcel.closed = True
                tally.add("unimplemented")
                self._note(parcel.event_id, Outcome.UNIMPLEMENTED)
            return None
        tally.add("failed")
        if answer.code in self.settings.retried_codes:
            return None if parcel.handled else answer
        self._give_up(parcel, f"{answer.code}: {answer.detail}")
        return None

    def _give_up(self, parcel: Parcel, reason: str) -> None:
        if parcel.closed:
            return
        parcel.closed = True
        if parcel.handled:
            return  # a repeat of it failed: the app has it
        self._tally(parcel.name).add("given_up")
        self._note(parcel.event_id, Outcome.FAILED)
        self._lost = f"{parcel.name} was given up: {reason}".rstrip(": ")
        self._bury(parcel.record, reason)

    def _note(self, event_id: str, outcome: Outcome) -> None:
        self._outcomes.note(event_id, outcome)
        self._noted(self.target, event_id, outcome)
        self._changes.notify()

    def _tally(self, name: str) -> Tally:
        tally = self._tallies.get(name)
        if tally is None:
            tally = self._tallies[name] = Tally()
        return tally
