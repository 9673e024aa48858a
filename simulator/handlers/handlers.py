"""All targets of one simulator: adding and removing them, and what they have done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from simulator.catalog import Catalog
from simulator.delivery_settings import DeliverySettings, HandlerError, check_target
from simulator.errors import SimulatorError
from simulator.handlers.changes import Changes
from simulator.handlers.delivery import Answered, Delivery
from simulator.handlers.following import Following
from simulator.handlers.readiness import Ready
from simulator.handlers.report import DeliveryReport, DeliveryState, Outcome
from simulator.log import Record, TopicLog
from simulator.scenario.randomness import Randomness
from simulator.suggestions import closest, did_you_mean

MAX_TARGETS: Final = 1000

logger = logging.getLogger("simulator.handlers")


class TargetNotFound(HandlerError):
    """There is no such target."""


class NotDelivered(SimulatorError, AssertionError):
    """An event was not handled; the text says what became of it at each target.

    `late`: it may still be, but the time is over.
    """

    def __init__(self, text: str, *, late: bool = False) -> None:
        self.late = late
        super().__init__(text)


class Handlers:
    """The targets to which events are delivered, by address."""

    def __init__(
        self,
        log: TopicLog,
        catalog: Catalog,
        now_ms: Callable[[], int],
        seed: int,
        *,
        ready: Ready | None = None,
        outbox: TopicLog | None = None,
    ) -> None:
        """`now_ms` stamps dead letters.

        Where the log follows another, `ready` is asked before anything is delivered, and dead
        letters go to the `outbox`.
        """
        self.catalog = catalog
        self._log = log
        self._now_ms = now_ms
        self._ready = ready
        self._outbox = log if outbox is None else outbox
        self._randomness = Randomness(seed).fork("handlers")
        self._deliveries: dict[str, Delivery] = {}
        self._changes = Changes()
        self._followers: set[Following] = set()
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def deliveries(self) -> Mapping[str, Delivery]:
        """The targets that there are."""
        return self._deliveries

    def add(
        self,
        target: str,
        settings: DeliverySettings = DeliverySettings(),
        *,
        answered: Answered | None = None,
    ) -> Delivery:
        """Deliver to `host:port` from now on; the app need not be there yet. Raises HandlerError.

        A dead-letter topic that does not exist is created. `answered` hears of every answer.
        """
        check_target(target)
        if target in self._deliveries:
            raise HandlerError(f"{target} is a target already; remove it first")
        if len(self._deliveries) >= MAX_TARGETS:
            raise HandlerError(f"there are {MAX_TARGETS} targets already")
        for topic in settings.topics:
            if self.catalog.topic(topic) not in self.catalog.channels:
                hint = did_you_mean(closest(topic, self.catalog.channels))
                raise HandlerError(f"topic {topic} has no events that could be delivered{hint}")
        dead = settings.dead_letters
        delivery = Delivery(
            target,
            settings,
            log=self._log,
            catalog=self.catalog,
            randomness=self._randomness.fork(target),
            bury=self._burying(dead),
            changes=self._changes,
            noted=self._noted,
            answered=answered,
            ready=self._ready,
        )
        for other in self._deliveries.values():
            if other.group == delivery.group:
                text = f"group {other.group} is that of {other.target}: give {target} its own"
                raise HandlerError(text)
        if dead in delivery.topics:
            text = f"dead letters cannot go to {dead}, from where they would be delivered again"
            raise HandlerError(f"{text}: name another topic")
        if dead is not None and not self._outbox.has_topic(dead):
            if self._ready is not None:
                text = f"dead letters cannot go to {dead}, which is not among the topics"
                raise HandlerError(f"{text} of the log: name it with --log-topic (log_topics=)")
            self._log.create_topic(dead)
        self._deliveries[target] = delivery
        delivery.start()
        return delivery

    async def remove(self, target: str) -> DeliveryReport:
        """Deliver no longer, and tell how it ended; the group keeps its offsets."""
        delivery = self._delivery(target)
        del self._deliveries[target]
        await delivery.stop()
        return delivery.report()

    def discard(self, target: str) -> None:
        """Begin to remove a target; harmless where it is none."""
        delivery = self._deliveries.pop(target, None)
        if delivery is not None:
            ending = asyncio.get_running_loop().create_task(delivery.stop())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def report(self, target: str) -> DeliveryReport:
        """How one target stands; raises HandlerError."""
        return self._delivery(target).report()

    def _delivery(self, target: str) -> Delivery:
        delivery = self._deliveries.get(target)
        if delivery is None:
            hint = did_you_mean(closest(target, self._deliveries))
            raise TargetNotFound(f"{target} is no target{hint}")
        return delivery

    def reset(self) -> None:
        """Forget what has been done; deliveries go on with what comes."""
        for delivery in self._deliveries.values():
            delivery.reset()

    async def stop(self) -> None:
        """Remove all."""
        for target in list(self._deliveries):
            await self.remove(target)
        await asyncio.gather(*self._ending)

    def follow(self) -> Following:
        """Begin to follow events, until `unfollow`."""
        following = Following()
        self._followers.add(following)
        return following

    def unfollow(self, following: Following) -> None:
        """Follow no longer."""
        self._followers.discard(following)

    async def wait(self, holds: Callable[[], bool]) -> None:
        """Return when `holds()`; it is asked again whenever a delivery has got on."""
        await self._changes.wait_for(holds)

    def reports(self) -> list[DeliveryReport]:
        """How each target stands."""
        return [delivery.report() for delivery in self._deliveries.values()]

    async def wait_delivered(self, event_id: str, timeout: float = 5.0) -> None:
        """Return when every target has handled the event, or does not implement it.

        Waits up to `timeout` real seconds; NotDelivered if it is not handled by then, or given up,
        and where no target is there or none of them implements it.
        """
        waited = list(self._deliveries.values())
        if not waited:
            raise NotDelivered("no target is there to deliver to: add one first")
        over = await _over(timeout, waited, lambda delivery: delivery.outcome(event_id) is not None)
        outcomes = [delivery.outcome(event_id) for delivery in waited]
        good = {Outcome.HANDLED, Outcome.UNIMPLEMENTED}
        if not good.issuperset(outcomes) or Outcome.HANDLED not in outcomes:
            within = f" within {timeout:g} s" if over else ""
            lines = [f"event {event_id} was not handled{within}:"]
            for delivery, outcome in zip(waited, outcomes, strict=True):
                told = "not sent" if outcome is None else outcome.value.replace("_", " ")
                standing = delivery.report().standing
                lines.append(f"  {delivery.target}: {told}; the delivery is {standing}")
            raise NotDelivered("\n".join(lines), late=over)

    async def wait_idle(self, timeout: float = 5.0, target: str | None = None) -> None:
        """Return when a target, or every one, has dealt with all that is there.

        Waits up to `timeout` real seconds; NotDelivered if more is to come then, or if a target
        that it waits for is removed before.
        """
        waited = list(self._deliveries.values()) if target is None else [self._delivery(target)]
        over = await _over(timeout, waited, lambda delivery: delivery.idle)
        reports = [delivery.report() for delivery in waited]
        if over or any(r.state is DeliveryState.STOPPED and r.lag for r in reports):
            within = f" within {timeout:g} s" if over else ""
            lines = [f"not everything was delivered{within}:"]
            lines += [f"  {r.target}: {r.lag} to come, {r.standing}" for r in reports]
            raise NotDelivered("\n".join(lines), late=over)

    def _noted(self, target: str, event_id: str, outcome: Outcome) -> None:
        for following in self._followers:
            following.note(target, event_id, outcome)

    def _burying(self, topic: str | None) -> Callable[[Record, str], None]:
        def bury(record: Record, reason: str) -> None:
            if topic is None or not self._outbox.has_topic(topic):
                return
            place = f"{record.topic}-{record.partition}@{record.offset}"
            headers = (("source", place.encode()), ("reason", reason.encode()[:1000]))
            try:
                self._outbox.append(
                    topic,
                    record.value,
                    key=record.key,
                    timestamp=self._now_ms(),
                    headers=headers,
                )
            except SimulatorError as error:  # the log is full, or this is too large with headers
                logger.warning("%s cannot go to %s: %s", place, topic, error)

        return bury


async def _over(
    timeout: float, deliveries: Sequence[Delivery], holds: Callable[[Delivery], bool]
) -> bool:
    """Wait until it holds for each, or that has stopped; whether the time was over before."""
    try:
        async with asyncio.timeout(timeout):
            for delivery in deliveries:
                await delivery.wait_for(lambda each=delivery: each.stopped or holds(each))  # type: ignore[misc]
    except TimeoutError:
        return True
    return False
