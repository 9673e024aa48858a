"""The synchronous simulator: the same calls, with the event loop in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack

from simulator.catalog import Catalog
from simulator.errors import SimulatorError
from simulator.kafka_control import KafkaControl
from simulator.log import Retention, TopicInfo
from simulator.log.group_info import GroupInfo
from simulator.log.log_writer import DEFAULT_MAX_BYTES
from simulator.loop_thread import LoopThread
from simulator.options import EventConditions, PlayOptions, PublishOptions
from simulator.publishing import EventValue, Published
from simulator.scenario.live_chat import LiveChat, SendResult, Session
from simulator.scenario.player import Outcome
from simulator.scenario.script import Script
from simulator.security import KafkaSecurity
from simulator.settings import KafkaBroker, Settings
from simulator.simulator import AsyncSimulator
from simulator.testing.events import Event
from simulator.testing.waiting import WaitTimeout

if TYPE_CHECKING:
    from simulator.handlers_control import HandlersControl

T = TypeVar("T")


class Simulator:
    """A simulator for code that is not asynchronous, and the door to the one that is.

    ```python
    with Simulator() as sim:
        sim.play("rate_limited")
        assert sim.events("chat", name="userChatRateLimited", user="alice")

    async with Simulator() as sim:      # an AsyncSimulator
        await sim.play("rate_limited")
    ```

    The keyword arguments are those of `Settings`.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        start: datetime | str | None = None,
        speed: float | None = None,
        validate: bool = True,
        host: str = "127.0.0.1",
        grpc_port: int | None = 0,
        kafka_port: int | None = 0,
        brokers: int | Sequence[KafkaBroker] = 1,
        config: Mapping[str, object] | None = None,
        security: KafkaSecurity | None = None,
        kafka_validation: Literal["reject", "mark", "off"] = "reject",
        handlers: Sequence[str] = (),
        max_bytes: int = DEFAULT_MAX_BYTES,
        log: str | None = None,
        log_topics: Sequence[str] = (),
        specs: Sequence[str | PathLike[str]] = (),
        catalog: Catalog | None = None,
        topic_prefix: str = "",
        topic_separator: str = ".",
        record_key: str | None = "id",
        extra_fields: bool = False,
    ) -> None:
        """Nothing is started yet: use `with`, `async with`, or `start` and `stop`.

        Raises `InvalidSetting` or `NotAnInstant`.
        """
        self.settings = Settings(
            seed=seed,
            start=start,
            speed=speed,
            validate=validate,
            host=host,
            grpc_port=grpc_port,
            kafka_port=kafka_port,
            brokers=brokers,
            config=config or {},
            security=security,
            kafka_validation=kafka_validation,
            handlers=handlers,
            max_bytes=max_bytes,
            log=log,
            log_topics=log_topics,
            specs=specs,
            catalog=catalog,
            topic_prefix=topic_prefix,
            topic_separator=topic_separator,
            record_key=record_key,
            extra_fields=extra_fields,
        )
        self._thread: LoopThread | None = None
        self._inner: AsyncSimulator | None = None
        self._entered_async: AsyncSimulator | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'stopped' if self._inner is None else self._inner.state}>"

    # --- life ------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start in a background thread; returns once every door accepts connections."""
        if self._thread is not None:
            raise SimulatorError("this simulator is started already")
        thread = LoopThread("simulator")
        try:
            self._inner = thread.run(_started(self.settings))
        except BaseException:
            thread.close()
            raise
        self._thread = thread
        return self

    def stop(self) -> None:
        """Close every door and end the thread; a second call does nothing."""
        thread, self._thread = self._thread, None
        inner, self._inner = self._inner, None
        if thread is not None and inner is not None:
            try:
                thread.run(inner.stop())
            finally:
                thread.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    async def __aenter__(self) -> AsyncSimulator:
        if self._entered_async is not None:
            raise SimulatorError("this simulator is started already")
        self._entered_async = entered = AsyncSimulator(self.settings)
        try:
            return await entered.__aenter__()
        except BaseException:
            self._entered_async = None
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        entered, self._entered_async = self._entered_async, None
        if entered is not None:
            await entered.__aexit__(kind, error, traceback)

    @property
    def grpc_target(self) -> str:
        """The address of the gRPC listener, `host:port`."""
        return self._sim.grpc_target

    @property
    def bootstrap_servers(self) -> str:
        """The addresses that Kafka clients begin with: `host:port`, of several brokers with ","."""
        return self._sim.bootstrap_servers

    # --- stories and events ----------------------------------------------------------------

    def play(
        self,
        story: str | PathLike[str] | Script,
        *,
        check: bool = True,
        **options: Unpack[PlayOptions],
    ) -> Outcome:
        """Play a story to its end; see `AsyncSimulator.play`."""
        __tracebackhide__ = True
        return self._running.run(self._sim.play(story, check=check, **options))

    def publish(
        self, topic: str, event: EventValue, **options: Unpack[PublishOptions]
    ) -> Published:
        """Append one event as given; see `AsyncSimulator.publish`.

        Returns once an existing cluster has it, with the place that it has there.
        """
        sim = self._sim
        __tracebackhide__ = True
        if sim.publisher.outlet is None:
            return self._running.call(lambda: sim.publish(topic, event, **options))
        through = sim.publisher.through(lambda: sim.publish(topic, event, **options))
        published, (place,) = self._running.run(through)
        return replace(published, place=place)

    def events(
        self, topic: str | None = None, **conditions: Unpack[EventConditions]
    ) -> list[Event]:
        """Return the retained events that meet the conditions; see `AsyncSimulator.events`."""
        sim = self._sim
        __tracebackhide__ = True
        return self._running.call(lambda: sim.events(topic, **conditions))

    def wait_for(
        self,
        topic: str | None = None,
        *,
        timeout: float = 5.0,
        **conditions: Unpack[EventConditions],
    ) -> Event:
        """Return the first event that meets the conditions; see `AsyncSimulator.wait_for`."""
        __tracebackhide__ = True
        return self._wait(self._sim.wait_for(topic, timeout=timeout, **conditions))

    def wait_for_count(
        self,
        count: int,
        topic: str | None = None,
        *,
        timeout: float = 5.0,
        **conditions: Unpack[EventConditions],
    ) -> list[Event]:
        """Return the first `count` events that meet the conditions."""
        sim = self._sim
        __tracebackhide__ = True
        return self._wait(sim.wait_for_count(count, topic, timeout=timeout, **conditions))

    def people(self) -> dict[str, str]:
        """Return the user ids that names stand for."""
        return self._running.call(self._sim.people)

    def _wait(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait, and say so where the wait itself kept an event loop from going on."""
        __tracebackhide__ = True
        try:
            return self._running.run(waiting)
        except WaitTimeout as timed_out:
            if not _in_event_loop():
                raise
            raise WaitTimeout(
                f"{timed_out} (this wait blocked the running event loop, and all that runs on it: "
                "use `async with Simulator() as sim` in asynchronous tests)"
            ) from None

    def names(self) -> dict[str, str]:
        """Return what users are called, by id."""
        return self._running.call(self._sim.names)

    @property
    def catalog(self) -> Catalog:
        """Which events exist."""
        return self._sim.catalog

    @property
    def clock(self) -> ClockControl:
        """The simulator's clock: `sim.clock.advance("31s")`."""
        return ClockControl(self._running, self._sim)

    @property
    def kafka(self) -> KafkaControl:
        """The Kafka brokers: `sim.kafka.stop_broker(2)`."""
        return KafkaControl(self._running, self._sim.kafka)

    @property
    def handlers(self) -> HandlersControl:
        """The event handler apps: `sim.handlers.add("127.0.0.1:6565")`."""
        from simulator.handlers_control import HandlersControl  # not needed by most

        sim = self._sim
        return HandlersControl(self._running, lambda: sim.handlers)

    def wait_delivered(self, event_id: str, timeout: float = 5.0) -> None:
        """Return when every event handler app has dealt with an event, and one has handled it.

        Waits up to `timeout` real seconds; then raises `NotDelivered`, an AssertionError that says
        what became of the event.
        """
        self.handlers.wait_delivered(event_id, timeout)

    @property
    def chat(self) -> ChatControl:
        """The simulated chat service, driven by hand: `sim.chat.connect("alice")`."""
        return ChatControl(self._running, self._sim.chat)

    # --- topics ----------------------------------------------------------------------------

    def create_topic(
        self,
        topic: str,
        *,
        partitions: int = 1,
        retention: Retention = Retention(),
        config: Mapping[str, object] | None = None,
    ) -> TopicInfo:
        """Create a topic; `config` has Kafka's settings for it, which overrule `retention`.

        Raises `TopicExists`, `InvalidTopicName` or `InvalidConfig`.
        """
        sim = self._sim
        return self._running.call(
            lambda: sim.create_topic(
                topic, partitions=partitions, retention=retention, config=config
            )
        )

    def configure_topic(self, topic: str, config: Mapping[str, object]) -> TopicInfo:
        """Replace the settings that were given for a topic, by Kafka's names.

        Raises `TopicNotFound` or `InvalidConfig`.
        """
        sim = self._sim
        return self._running.call(lambda: sim.configure_topic(topic, config))

    def add_partitions(self, topic: str, total: int) -> TopicInfo:
        """Give a topic so many partitions in all; raises `TopicNotFound`."""
        sim = self._sim
        return self._running.call(lambda: sim.add_partitions(topic, total))

    def compact(self, topic: str) -> int:
        """Compact a topic now, as happens by itself every 15 s; return how many records it deleted.

        Raises `TopicNotFound`, or `InvalidTopicSetting` unless its cleanup.policy has compact.
        """
        sim = self._sim
        return self._running.call(lambda: sim.compact(topic))

    def delete_records(self, topic: str, before_offset: int, *, partition: int = 0) -> int:
        """Delete the records before an offset; return the first offset that is left."""
        sim = self._sim
        return self._running.call(
            lambda: sim.delete_records(topic, before_offset, partition=partition)
        )

    def delete_topic(self, topic: str) -> None:
        """Delete a topic and its records; raises `TopicNotFound`."""
        sim = self._sim
        self._running.call(lambda: sim.delete_topic(topic))

    def groups(self) -> list[GroupInfo]:
        """Describe all groups, with members, committed offsets and lag; see `AsyncSimulator`."""
        return self._running.call(self._sim.groups)

    def topics(self) -> list[TopicInfo]:
        """Describe all topics, but for those that the cluster keeps for itself."""
        return self._running.call(self._sim.topics)

    # --- back in time ----------------------------------------------------------------------

    def reset(self) -> None:
        """Make the simulator as it was when it started; see `AsyncSimulator.reset`."""
        self._running.run(_reset(self._sim))

    def snapshot(self) -> str:
        """Keep the present state under an id."""
        return self._running.call(self._sim.snapshot)

    def restore(self, snapshot_id: str) -> None:
        """Go back to a kept state."""
        sim = self._sim
        self._running.call(lambda: sim.restore(snapshot_id))

    def drop_snapshot(self, snapshot_id: str) -> None:
        """Forget a kept state."""
        sim = self._sim
        self._running.call(lambda: sim.drop_snapshot(snapshot_id))

    @contextmanager
    def fork(self) -> Iterator[Self]:
        """Undo, at the end of the block, everything that happened in it."""
        snapshot_id = self.snapshot()
        try:
            yield self
        finally:
            self.restore(snapshot_id)
            self.drop_snapshot(snapshot_id)

    # --- inside ----------------------------------------------------------------------------

    @property
    def _running(self) -> LoopThread:
        if self._thread is None:
            raise SimulatorError("this simulator is not running: use `with Simulator() as sim:`")
        return self._thread

    @property
    def _sim(self) -> AsyncSimulator:
        if self._inner is None:
            raise SimulatorError("this simulator is not running: use `with Simulator() as sim:`")
        return self._inner


class ClockControl:
    """The clock of a synchronous simulator."""

    def __init__(self, thread: LoopThread, sim: AsyncSimulator) -> None:
        self._thread = thread
        self._sim = sim

    def now_ns(self) -> int:
        """Return the time, in nanoseconds since the Unix epoch."""
        return self._thread.call(self._sim.clock.now_ns)

    def advance(self, duration: int | str) -> int:
        """Move virtual time on by nanoseconds or by a duration such as "31s"; return the time.

        Raises `ClockError` where the clock runs by itself.
        """
        sim = self._sim
        return self._thread.call(lambda: sim.clock.advance(duration))


class ChatControl:
    """The chat service of a synchronous simulator."""

    def __init__(self, thread: LoopThread, chat: LiveChat) -> None:
        self._thread = thread
        self._chat = chat

    def connect(self, user: str) -> Session:
        """Open a session; see `LiveChat.connect`."""
        return self._do(lambda: self._chat.connect(user))

    def send(
        self,
        user: str,
        text: str,
        *,
        to: str | None = None,
        party: str | None = None,
        members: tuple[str, ...] = (),
    ) -> SendResult:
        """Write to a user or a party; see `LiveChat.send`."""
        return self._do(lambda: self._chat.send(user, text, to=to, party=party, members=members))

    def disconnect(
        self,
        user: str,
        *,
        reason: str | None = None,
        code: int | None = None,
        forced: bool = False,
    ) -> None:
        """End a session; see `LiveChat.disconnect`."""
        self._do(lambda: self._chat.disconnect(user, reason=reason, code=code, forced=forced))

    def _do(self, call: Callable[[], T]) -> T:
        return self._thread.run(self._chat.through(call))


async def _reset(sim: AsyncSimulator) -> None:
    sim.reset()
    await sim.kafka_settled()


async def _started(settings: Settings) -> AsyncSimulator:
    sim = AsyncSimulator(settings)
    await sim.start()
    return sim


def _in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
