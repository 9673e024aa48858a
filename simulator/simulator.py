"""The composition root: one object that starts, holds and stops every room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from simulator.errors import SimulatorError
from simulator.handler_targets import HandlerTargets
from simulator.instants import instant_ns
from simulator.kafka_control import AsyncKafkaControl, StoryBrokers
from simulator.listeners.grpc import GrpcListener
from simulator.log import TopicLog
from simulator.options import (
    EventConditions,
    PlayOptions,
    PublishOptions,
    check_words,
    record_headers,
)
from simulator.publishing import EventValue, Published, Publisher
from simulator.questions import EventQuestions
from simulator.retention_timer import RetentionTimer
from simulator.scenario import load_script
from simulator.scenario.clock import VirtualClock
from simulator.scenario.known_users import KnownUsers
from simulator.scenario.live_chat import LiveChat
from simulator.scenario.player import Outcome, Play, Player
from simulator.scenario.script import Script
from simulator.setting_up import catalog_of, clock_of, cluster_of, virtual_start_ns
from simulator.settings import Settings
from simulator.snapshots import Snapshots
from simulator.story_deliveries import StoryDeliveries
from simulator.testing.events import Event
from simulator.testing.waiting import events_matching, wait_for_events
from simulator.topic_calls import TopicCalls

if TYPE_CHECKING:
    from simulator.handlers import Handlers
    from simulator.listeners.kafka import KafkaListener
    from simulator.listeners.kafka.event_checks import EventChecks

__all__ = ["AsyncSimulator", "Settings"]


class AsyncSimulator(TopicCalls):
    """The simulator inside a running event loop; everything on it belongs to that loop.

    `async with Simulator() as sim:` gives one. The synchronous `Simulator` offers the same calls.
    """

    def __init__(self, settings: Settings = Settings()) -> None:
        """Set up the rooms; `start` and `stop`, or `async with`, open and close the doors."""
        self.settings = settings
        self.catalog = catalog_of(settings)
        self.clock = clock_of(settings)
        self.log = TopicLog(max_bytes=settings.max_bytes)
        self._cluster = cluster_of(settings, self.catalog, self.log)
        self.publisher = Publisher(
            self.catalog,
            self.log if self._cluster is None else self._cluster.outlet.outbox,
            self._now_ms,
            validate=settings.validate,
            record_key=settings.record_key,
            extra_fields=settings.extra_fields,
            outlet=None if self._cluster is None else self._cluster.outlet,
        )
        self.kafka = AsyncKafkaControl(self._kafka_listener)
        self.player = Player(
            self.publisher,
            self.clock,
            self.catalog,
            seed=settings.seed,
            brokers=StoryBrokers(lambda: self._kafka, self.kafka, self.catalog.topic),
            deliveries=StoryDeliveries(lambda: self.handlers),
        )
        self.chat = LiveChat(self.publisher, self.clock, seed=settings.seed)
        self.users = KnownUsers(self.player, self.chat)
        self._questions = EventQuestions(self.log, self.catalog, self.users)
        self._retention = RetentionTimer(self.log, self.clock)
        self._snapshots = Snapshots(self.log, self.chat, self.clock)
        self._started = False
        self._listener: GrpcListener | None = None
        self._target: str | None = None
        self._kafka: KafkaListener | None = None
        self._handlers: Handlers | None = None
        self._reaper: asyncio.Handle | None = None
        if isinstance(self.clock, VirtualClock):
            self.clock.on_advance(self._advanced)
        for topic in self.catalog.channels if self._cluster is None else ():
            self.log.create_topic(topic, permanent=True)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.state}>"

    # --- life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the doors; raises where a port is taken, and then everything is closed again."""
        if self._started:
            raise SimulatorError("this simulator is started already")
        self._started = True
        self._retention.arm()
        try:
            await self._open_doors()
        except BaseException:
            await self.stop()
            raise

    async def _open_doors(self) -> None:
        if self._cluster is not None:
            await self._cluster.start()
        if self.settings.grpc_port is not None:
            self._listener = GrpcListener(
                self.settings.host,
                self.settings.grpc_port,
                catalog=self.catalog,
                log=self.log,
                publisher=self.publisher,
                player=self.player,
                chat=self.chat,
                users=self.users,
                control=self,
                kafka=self.kafka,
                targets=HandlerTargets(lambda: self.handlers),
                speed=self.settings.speed,
            )
            self._target = await self._listener.start()
        if self.settings.own_kafka_port is not None:
            from simulator.listeners.kafka import KafkaListener  # not needed by most

            kafka = KafkaListener(
                self.settings.host,
                brokers=self.settings.kafka_brokers,
                log=self.log,
                publisher=self.publisher,
                control=self,
                config=lambda: self._broker_config,
                seed=self.settings.seed,
                security=self.settings.security,
                event_checks=self._event_checks,
            )
            if self.settings.config:
                self.settle_topics()
            await kafka.start()
            self._kafka = kafka
        for target in self.settings.handlers:
            self.handlers.add(target)

    async def stop(self) -> None:
        """Close the doors and stop the stories; what was appended stays readable here.

        Does nothing when it is not started, and can be started again.
        """
        self._started = False
        self._target = None
        self.player.stop_all()
        self._retention.disarm()
        handlers, self._handlers = self._handlers, None
        if handlers is not None:
            await handlers.stop()
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.stop()
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            await kafka.stop()
        if self._cluster is not None:
            await self._cluster.stop()
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def state(self) -> str:
        """In words: `stopped`, or `running, gRPC on 127.0.0.1:50051, Kafka on 127.0.0.1:9092`."""
        if not self._started:
            return "stopped"
        doors = [] if self._target is None else [f"gRPC on {self._target}"]
        if self._kafka is not None:
            doors.append(f"Kafka on {self._kafka.bootstrap_servers}")
        if self._cluster is not None:
            doors.append(f"on the Kafka cluster at {self._cluster.servers}")
        return ", ".join(["running", *doors])

    @property
    def grpc_target(self) -> str:
        """The address of the gRPC listener, `host:port`."""
        if self._target is None:
            raise SimulatorError(
                "this simulator has no gRPC listener: it is not started, or grpc_port is None"
            )
        return self._target

    @property
    def bootstrap_servers(self) -> str:
        """The addresses that Kafka clients begin with: `host:port`, of several brokers with ",".

        Brokers that are stopped are left out. Of an existing cluster, those that were given.
        """
        if self._cluster is not None:
            return self._cluster.servers
        return self._kafka_listener().bootstrap_servers

    @property
    def handlers(self) -> Handlers:
        """The event handler apps to which events are delivered."""
        if self._handlers is None:
            from simulator.handlers import Handlers  # not needed by most

            if not self._started:
                raise SimulatorError("this simulator delivers nothing: it is not started")
            self._handlers = Handlers(
                self.log,
                self.catalog,
                self._now_ms,
                self.settings.seed,
                ready=None if self._cluster is None else self.opened,
                outbox=self.publisher.log,
            )
        return self._handlers

    # --- stories ---------------------------------------------------------------------------

    async def play(
        self,
        story: str | PathLike[str] | Script,
        *,
        check: bool = True,
        **options: Unpack[PlayOptions],
    ) -> Outcome:
        """Play a story of the library by name, a script file by path, or a parsed script.

        Returns when the story has ended. Raises `ScriptError` for a script that does not parse
        and, unless `check` is False, `PlayFailed` where a step could not be done or an expectation
        does not hold. Options: `PlayOptions`.
        """
        outcome = await self.start_play(story, **options).wait()
        if check:
            outcome.check()
        return outcome

    def start_play(
        self, story: str | PathLike[str] | Script, **options: Unpack[PlayOptions]
    ) -> Play:
        """Begin a story and return at once; see `play`."""
        check_words(options, PlayOptions)
        script = story if isinstance(story, Script) else load_script(story, catalog=self.catalog)
        start = options.get("start")
        speed = options.get("speed")
        return self.player.start(
            script,
            seed=options.get("seed"),
            start=None if start is None else instant_ns(start),
            speed=self.settings.speed if speed is None else speed,
            variables=options.get("variables"),
        )

    # --- events ----------------------------------------------------------------------------

    def publish(
        self, topic: str, event: EventValue, **options: Unpack[PublishOptions]
    ) -> Published:
        """Append one event as given: a mapping, JSON text or bytes. Options: `PublishOptions`.

        Raises `InvalidEvent` or an error of the log; then nothing was appended. For an existing
        cluster it is on its way then: the offset is -1, and `written` waits for it.
        """
        check_words(options, PublishOptions)
        published = self.publisher.publish(
            topic,
            event,
            key=options.get("key"),
            headers=record_headers(topic, options.get("headers", ())),
            partition=options.get("partition"),
            timestamp=options.get("timestamp"),
            validate=options.get("validate"),
        )
        if self._cluster is None:
            return published
        return replace(published, place=published.place._replace(offset=-1))

    async def written(self) -> None:
        """Return when an existing cluster has all that `publish` and `chat` have given to it.

        Raises `LogUnavailable`, or the cluster's reason where it refuses a record.
        """
        if self._cluster is not None:
            await self._cluster.outlet.all_written()

    def events(
        self, topic: str | None = None, **conditions: Unpack[EventConditions]
    ) -> list[Event]:
        """Return the retained events of one topic or of all, in append order.

        A topic, an event name or a path of `where` that cannot be is an error, not an empty list.
        """
        self._retention.apply()
        return events_matching(self.log, self._questions.criteria(topic, conditions))

    async def wait_for(
        self,
        topic: str | None = None,
        *,
        timeout: float = 5.0,
        **conditions: Unpack[EventConditions],
    ) -> Event:
        """Return the first event that meets the conditions, a retained one or the next to come.

        Waits up to `timeout` real seconds; then raises `WaitTimeout`, an AssertionError whose text
        says what arrived instead.
        """
        return (await self.wait_for_count(1, topic, timeout=timeout, **conditions))[0]

    async def wait_for_count(
        self,
        count: int,
        topic: str | None = None,
        *,
        timeout: float = 5.0,
        **conditions: Unpack[EventConditions],
    ) -> list[Event]:
        """Return the first `count` events that meet the conditions; see `wait_for`."""
        criteria = self._questions.criteria(topic, conditions)
        return await wait_for_events(self.log, criteria, count, timeout, self.users.names())

    async def wait_delivered(self, event_id: str, timeout: float = 5.0) -> None:
        """Return when every event handler app has dealt with an event; see `Handlers`."""
        await self.handlers.wait_delivered(event_id, timeout)

    def people(self) -> dict[str, str]:
        """Return the user ids that names stand for: those of the plays and of the chat service."""
        return self.users.ids()

    def names(self) -> dict[str, str]:
        """Return what users are called, by id: stories with other seeds gave a name other ids."""
        return self.users.names()

    # --- back in time ----------------------------------------------------------------------

    def reset(self) -> None:
        """Make the simulator as it was when it started: empty, its clock and chance at the start.

        Stories that run are stopped. Subscribers stay connected and see what comes next. Kafka
        brokers that were stopped start again; `kafka_settled` waits for them.
        """
        self._check_own_log("reset")
        self.player.reset()
        self.log.reset()
        if self._kafka is not None:
            self._kafka.reset()
            if "_topic_configs" in vars(self):  # else nobody has asked for Kafka's settings
                self.settle_topics()
        self.chat.reset()
        if self._handlers is not None:
            self._handlers.reset()
        if isinstance(self.clock, VirtualClock):
            self.clock.restart(virtual_start_ns(self.settings))
        self._retention.arm()
        self._reap_later()

    async def kafka_settled(self) -> None:
        """Wait until the Kafka brokers run that a reset has started again."""
        if self._kafka is not None:
            await self._kafka.settled()

    def snapshot(self) -> str:
        """Keep the present state under an id, in a time that does not depend on what is held."""
        self._check_own_log("snapshot")
        return self._snapshots.take()

    def restore(self, snapshot_id: str) -> None:
        """Go back to a kept state, which stays usable; stories that run are stopped."""
        self._check_own_log("restore")
        state = self._snapshots.find(snapshot_id)
        self.player.stop_all()
        self._snapshots.restore(state)
        self._retention.arm()
        self._reap_later()

    def drop_snapshot(self, snapshot_id: str) -> None:
        """Forget a kept state."""
        self._snapshots.drop(snapshot_id)
        self._reap_later()

    @asynccontextmanager
    async def fork(self) -> AsyncIterator[Self]:
        """Undo, at the end of the block, everything that happened in it."""
        snapshot_id = self.snapshot()
        try:
            yield self
        finally:
            self.restore(snapshot_id)
            self.drop_snapshot(snapshot_id)

    # --- inside ----------------------------------------------------------------------------

    def _kafka_listener(self) -> KafkaListener:
        if self._kafka is None:
            raise SimulatorError(
                "this simulator has no Kafka listener: it is not started, or kafka_port is None"
            )
        return self._kafka

    @property
    def _event_checks(self) -> EventChecks:
        from simulator.listeners.kafka.event_checks import EventChecks

        wanted = self.settings.kafka_validation if self.settings.validate else "off"
        return EventChecks(wanted)

    def _advanced(self, by_ns: int) -> None:
        if self._kafka is not None:
            self._kafka.jump(by_ns // 1_000_000)
