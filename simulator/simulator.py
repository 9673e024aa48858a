"""The composition root: one object that starts, holds and stops every room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Self, Unpack

from simulator.catalog import Catalog
from simulator.errors import SimulatorError
from simulator.instants import instant_ns
from simulator.listeners.grpc import GrpcListener
from simulator.log import Headers, InvalidRecord, Retention, TopicInfo, TopicLog
from simulator.options import EventConditions, PlayOptions, PublishOptions
from simulator.publishing import EventValue, Published, Publisher
from simulator.retention_timer import RetentionTimer
from simulator.scenario import load_script
from simulator.scenario.clock import RealClock, VirtualClock
from simulator.scenario.live_chat import LiveChat
from simulator.scenario.near_miss import Conditions
from simulator.scenario.player import Outcome, Play, Player
from simulator.scenario.script import Script
from simulator.snapshots import Snapshots
from simulator.testing.criteria import Criteria, all_forms
from simulator.testing.events import Event
from simulator.testing.waiting import events_matching, wait_for_events

if TYPE_CHECKING:
    from simulator.listeners.kafka import KafkaListener

DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)
"""Where virtual time begins unless a start is given: a fixed instant, so that runs repeat."""

DEFAULT_MAX_BYTES = 1 << 30
"""How much the log holds before it refuses more, unless a test asks for another bound."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a simulator is set up.

    `seed`: of everything random. `start`: where its clock begins, an aware datetime or RFC 3339
    text; by default `DEFAULT_START` for a virtual clock and the present for a running one.
    `speed`: None for virtual time, which moves only as stories play or `clock.advance` is called;
    otherwise seconds of the simulator's time per real second. `validate`: whether events must
    conform to the catalogue. `host`, `grpc_port`: where gRPC listens, port 0 for a free one, None
    for no listener. `kafka_port`: the same for Kafka's clients, none by default. `max_bytes`: the
    bound on what the log holds. `catalog`: which events exist, by default the Chat Events.
    """

    seed: int = 0
    start: datetime | str | None = None
    speed: float | None = None
    validate: bool = True
    host: str = "127.0.0.1"
    grpc_port: int | None = 0
    kafka_port: int | None = None
    max_bytes: int = DEFAULT_MAX_BYTES
    catalog: Catalog | None = None


class AsyncSimulator:
    """The simulator inside a running event loop; everything on it belongs to that loop.

    `async with Simulator() as sim:` gives one. The synchronous `Simulator` offers the same calls.
    """

    def __init__(self, settings: Settings = Settings()) -> None:
        """Set up the rooms; `start` and `stop`, or `async with`, open and close the doors."""
        self.settings = settings
        self.catalog = settings.catalog or Catalog.builtin()
        self.clock = _clock(settings)
        self.log = TopicLog(max_bytes=settings.max_bytes)
        self.publisher = Publisher(self.catalog, self.log, self._now_ms, validate=settings.validate)
        self.player = Player(self.publisher, self.clock, self.catalog)
        self.chat = LiveChat(self.publisher, self.clock, seed=settings.seed)
        self._retention = RetentionTimer(self.log, self.clock)
        self._snapshots = Snapshots(self.log, self.chat, self.clock)
        self._listener: GrpcListener | None = None
        self._target: str | None = None
        self._kafka: KafkaListener | None = None
        self._bootstrap: str | None = None
        self._reaper: asyncio.Handle | None = None

    # --- life ------------------------------------------------------------------------------

    async def start(self) -> None:
        """Create the catalogue's topics and open the doors; raises where a port is taken."""
        for topic in self.catalog.channels:
            self.log.create_topic(topic, permanent=True)
        try:
            await self._open_doors()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close the doors and stop the stories; what was appended stays readable here."""
        self.player.stop_all()
        self._retention.disarm()
        listener, self._listener = self._listener, None
        if listener is not None:
            await listener.stop()
        kafka, self._kafka = self._kafka, None
        if kafka is not None:
            await kafka.stop()
        if self._reaper is not None:
            self._reaper.cancel()

    async def _open_doors(self) -> None:
        if self.settings.grpc_port is not None:
            listener = GrpcListener(
                self.settings.host,
                self.settings.grpc_port,
                catalog=self.catalog,
                log=self.log,
                publisher=self.publisher,
                player=self.player,
                chat=self.chat,
                control=self,
                speed=self.settings.speed,
            )
            self._target = await listener.start()
            self._listener = listener
        if self.settings.kafka_port is not None:
            from simulator.listeners.kafka import KafkaListener

            kafka = KafkaListener(
                self.settings.host,
                self.settings.kafka_port,
                log=self.log,
                publisher=self.publisher,
                control=self,
            )
            self._bootstrap = await kafka.start()
            self._kafka = kafka

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
    def grpc_target(self) -> str:
        """The address of the gRPC listener, `host:port`."""
        if self._target is None:
            raise SimulatorError(
                "this simulator has no gRPC listener: it is not started, or grpc_port is None"
            )
        return self._target

    @property
    def bootstrap_servers(self) -> str:
        """The address that Kafka clients begin with, `host:port`."""
        if self._bootstrap is None:
            raise SimulatorError(
                "this simulator has no Kafka listener: it is not started, or kafka_port is not "
                "given (0 takes a free port)"
            )
        return self._bootstrap

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

        Raises `InvalidEvent` or an error of the log; then nothing was appended.
        """
        return self.publisher.publish(
            topic,
            event,
            key=options.get("key"),
            headers=_headers(topic, options.get("headers", ())),
            partition=options.get("partition"),
            timestamp=options.get("timestamp"),
            validate=options.get("validate"),
        )

    def events(
        self, topic: str | None = None, **conditions: Unpack[EventConditions]
    ) -> list[Event]:
        """Return the retained events of one topic or of all, in append order.

        An unknown topic or event name is an error, not an empty list.
        """
        self._retention.apply()
        return events_matching(self.log, self._criteria(topic, conditions))

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
        criteria = self._criteria(topic, conditions)
        names = {user_id: name for name, user_id in self.people().items()}
        return await wait_for_events(self.log, criteria, count, timeout, names)

    def people(self) -> dict[str, str]:
        """Return the user ids that names stand for: those of the plays and of the chat service."""
        people: dict[str, str] = {}
        for play in self.player.plays.values():
            people.update(play.users)
        people.update(self.chat.users)
        return people

    # --- topics ----------------------------------------------------------------------------

    def create_topic(
        self, topic: str, *, partitions: int = 1, retention: Retention = Retention()
    ) -> TopicInfo:
        """Create a topic; raises `TopicExists` or `InvalidTopicName`."""
        created = self.log.create_topic(topic, partitions, retention)
        self._retention.arm()
        return created

    def delete_topic(self, topic: str) -> None:
        """Delete a topic and its records; raises `TopicNotFound`."""
        self.log.delete_topic(topic)
        self._reap_later()

    def topics(self) -> list[TopicInfo]:
        """Describe all topics."""
        self._retention.apply()
        return self.log.topics()

    # --- back in time ----------------------------------------------------------------------

    def reset(self) -> None:
        """Make the simulator as it was when it started: empty, its clock and chance at the start.

        Stories that run are stopped. Subscribers stay connected and see what comes next.
        """
        self.player.reset()
        self.log.reset()
        self.chat.reset()
        if isinstance(self.clock, VirtualClock):
            self.clock.restart(_start_ns(self.settings))
        self._retention.arm()
        self._reap_later()

    def snapshot(self) -> str:
        """Keep the present state under an id, in a time that does not depend on what is held."""
        return self._snapshots.take()

    def restore(self, snapshot_id: str) -> None:
        """Go back to a kept state, which stays usable; stories that run are stopped."""
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

    def _criteria(self, topic: str | None, conditions: EventConditions) -> Criteria:
        name, user = conditions.get("name"), conditions.get("user")
        if topic is not None:
            self.log.topic(topic)
        if name is not None:
            self._check_event_name(topic, name)
        wanted = Conditions(
            event=name,
            topic=topic,
            user=user,
            user_ids=frozenset() if user is None else all_forms(self._ids_of(user)),
            where=conditions.get("where") or {},
        )
        return Criteria(wanted, conditions.get("matching"))

    def _ids_of(self, user: str) -> set[str]:
        """Every id that a name stands for: stories with other seeds gave it other ids."""
        ids = {play.user_id(user) for play in self.player.plays.values()}
        ids.add(self.chat.users.get(user))
        return {user_id for user_id in ids if user_id is not None} or {user}

    def _check_event_name(self, topic: str | None, name: str) -> None:
        """A misspelt event name should fail here, not look like an event that never came."""
        if topic is None:
            if all(message.name != name for message in self.catalog.messages):
                self.catalog.find(name)
        elif topic in self.catalog.channels:
            self.catalog.message(topic, name)

    def _now_ms(self) -> int:
        return self.clock.now_ns() // 1_000_000

    def _reap_later(self) -> None:
        """Free what was dropped in small slices between other work, not in one long pause."""
        if self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_soon(self._reap)

    def _reap(self) -> None:
        self._reaper = None
        if self.log.reap():
            self._reap_later()


def _clock(settings: Settings) -> VirtualClock | RealClock:
    if settings.speed is None:
        return VirtualClock(_start_ns(settings))
    start = None if settings.start is None else instant_ns(settings.start)
    return RealClock(settings.speed, start)


def _start_ns(settings: Settings) -> int:
    return instant_ns(settings.start or DEFAULT_START)


def _headers(topic: str, headers: Headers | Mapping[str, str | bytes | None]) -> Headers:
    pairs: Iterable[tuple[str, str | bytes | None]] = (
        headers.items() if isinstance(headers, Mapping) else headers
    )
    try:
        return tuple(
            (name, value.encode() if isinstance(value, str) else value) for name, value in pairs
        )
    except UnicodeEncodeError as error:
        raise InvalidRecord(topic, f"header value {error.object!r} is not valid Unicode") from None
