"""The part of `sim.kafka` about faults and about what clients asked for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, TypeVar, Unpack

from simulator.errors import SimulatorError
from simulator.log.fault_rules import Fault as FaultState
from simulator.log.fault_rules import FaultRule
from simulator.loop_thread import LoopThread
from simulator.options import check_words
from simulator.scenario.durations import parse_duration
from simulator.testing.waiting import WaitTimeout

if TYPE_CHECKING:
    from simulator.listeners.kafka import KafkaListener
    from simulator.listeners.kafka.observation import RequestCriteria
    from simulator.listeners.kafka.request_view import KafkaRequest

T = TypeVar("T")

Duration = str | float
"""A text such as "200ms" or "10s", or seconds."""


class FaultOptions(TypedDict, total=False):
    """What a fault matches, how often it fires, and what it does; see `FaultRule`.

    `delay`, `throttle` and `restart_after` are durations: "200ms", or seconds.
    """

    api: str | None
    client_id: str | None
    broker: int | None
    topic: str | None
    partition: int | None
    group: str | None
    transactional_id: str | None
    times: int | None
    nth: int | None
    every: int | None
    probability: float | None
    error: str | None
    delay: Duration | None
    drop: Literal["before", "after"] | None
    cut: int | None
    throttle: Duration | None
    duplicate: bool
    stop_broker: int | bool
    restart_after: Duration | None
    move_leader: int | bool
    move_coordinator: int | bool
    expire_session: bool
    fence_producer: bool


class RequestConditions(TypedDict, total=False):
    """Which requests are meant: all conditions hold; those that are left out do not count.

    `api` and `error` by Kafka's names ("NONE" for no error), `broker` by node id, `offset` as asked
    for or committed. `fault`: the id of the fault that fired. `after`: the number of a request,
    only later ones count. `matching`: any predicate.
    """

    api: str | None
    client_id: str | None
    broker: int | None
    topic: str | None
    partition: int | None
    offset: int | None
    group: str | None
    transactional_id: str | None
    error: str | None
    fault: int | None
    after: int
    matching: Callable[[KafkaRequest], object] | None


def fault_rule(options: FaultOptions) -> FaultRule:
    """The rule that some keywords stand for; raises TypeError, DurationError or InvalidFault."""
    check_words(options, FaultOptions)
    given: dict[str, Any] = dict(options)
    for name in ("delay", "throttle", "restart_after"):
        given[f"{name}_ms"] = _milliseconds(given.pop(name, None))
    return FaultRule(**given)


def _milliseconds(duration: Duration | None) -> int | None:
    if duration is None:
        return None
    if isinstance(duration, str):
        return parse_duration(duration) // 1_000_000
    return round(duration * 1000)


class AsyncFault:
    """A fault in force. Leaving a `with` block of it removes it."""

    def __init__(self, control: AsyncFaultControl, state: FaultState) -> None:
        self._control = control
        self._state = state

    def __repr__(self) -> str:
        return f"<{self.rule} fired {self.fired} of {self.seen}>"

    @property
    def id(self) -> int:
        """Its number, which the log of requests names."""
        return self._state.fault_id

    @property
    def rule(self) -> FaultRule:
        """What it matches and does."""
        return self._state.rule

    @property
    def fired(self) -> int:
        """How often it fired."""
        return self._state.fired

    @property
    def seen(self) -> int:
        """How many requests matched, whether it fired or not."""
        return self._state.seen

    def remove(self) -> None:
        """Let it no longer fire; harmless when it is removed already."""
        self._control.remove_fault(self.id)

    async def wait(self, times: int = 1, *, timeout: float = 5.0) -> None:
        """Wait until it has fired so often and those requests have ended; see `wait_for`."""
        await self._control.wait_for_requests(times, fault=self.id, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


class Fault:
    """A fault in force in a synchronous simulator; see `AsyncFault`."""

    def __init__(self, thread: LoopThread, fault: AsyncFault) -> None:
        self._thread = thread
        self._fault = fault

    def __repr__(self) -> str:
        return repr(self._fault)

    @property
    def id(self) -> int:
        """Its number, which the log of requests names."""
        return self._fault.id

    @property
    def rule(self) -> FaultRule:
        """What it matches and does."""
        return self._fault.rule

    @property
    def fired(self) -> int:
        """How often it fired."""
        return self._fault.fired

    @property
    def seen(self) -> int:
        """How many requests matched, whether it fired or not."""
        return self._fault.seen

    def remove(self) -> None:
        """Let it no longer fire; harmless when it is removed already."""
        self._thread.call(self._fault.remove)

    def wait(self, times: int = 1, *, timeout: float = 5.0) -> None:
        """Wait until it has fired so often and those requests have ended."""
        __tracebackhide__ = True
        self._thread.run(self._fault.wait(times, timeout=timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()


class AsyncFaultControl:
    """Faults and observation of the Kafka brokers."""

    def __init__(self, listener: Callable[[], KafkaListener]) -> None:
        """`listener` gives the running listener, or raises."""
        self._listener = listener

    # Faults

    def fault(self, **options: Unpack[FaultOptions]) -> AsyncFault:
        """Put a fault into force until its `with` block ends, or it is removed.

        Options: `FaultOptions`. Raises `InvalidFault`, `UnknownNode`, `TopicNotFound` or
        `PartitionNotFound` where it could never fire.
        """
        return self.add_rule(fault_rule(options))

    def add_fault(self, **options: Unpack[FaultOptions]) -> AsyncFault:
        """Put a fault into force until it is removed; see `fault`."""
        return self.fault(**options)

    def add_rule(self, rule: FaultRule) -> AsyncFault:
        """Put a rule into force; see `fault`."""
        from simulator.listeners.kafka.faults.checks import check_rule

        cluster = self._listener().cluster
        check_rule(cluster, rule)
        return AsyncFault(self, cluster.faults.rules.add(rule))

    def faults(self) -> list[AsyncFault]:
        """All faults in force, in the order in which they are tried."""
        rules = self._listener().cluster.faults.rules
        return [AsyncFault(self, state) for state in rules.faults.values()]

    def find_fault(self, fault_id: int) -> AsyncFault:
        """A fault by its id; raises `FaultNotFound`."""
        return AsyncFault(self, self._listener().cluster.faults.rules.find(fault_id))

    def remove_fault(self, fault_id: int) -> None:
        """Let a fault no longer fire; harmless where there is none of that id."""
        self._listener().cluster.faults.rules.remove(fault_id)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._listener().cluster.faults.rules.clear()

    def expire_session(self, group: str, member_id: str | None = None) -> None:
        """End the session of a member of a group, or of all: as if it had been silent too long.

        Raises `SimulatorError` where the group has no such member.
        """
        groups = self._listener().cluster.groups
        members = groups.member_ids(group)
        if not members or member_id not in (None, *members):
            who = "no member" if member_id is None else f"no member {member_id!r}"
            raise SimulatorError(f"group {group!r} has {who} on the Kafka door")
        groups.expire_member(group, member_id)

    def fence_producer(self, transactional_id: str) -> None:
        """Let the producer of a transactional id be out of date; what it has open is aborted.

        Raises `SimulatorError` where no producer has begun with that id.
        """
        listener = self._listener()
        if listener.cluster.transactions.find(transactional_id) is None:
            raise SimulatorError(f"no producer has the transactional id {transactional_id!r}")
        listener.actions.fence_producer(transactional_id)

    # Observation

    def requests(self, **conditions: Unpack[RequestConditions]) -> list[KafkaRequest]:
        """Return the latest requests of Kafka clients that meet the conditions, oldest first.

        A request is there once it is answered. The latest 2,000 are kept.
        """
        from simulator.listeners.kafka.observation import requests_matching

        return requests_matching(self._listener().cluster, _criteria(conditions))

    async def wait_for_request(
        self, *, timeout: float = 5.0, **conditions: Unpack[RequestConditions]
    ) -> KafkaRequest:
        """Return the first request that meets the conditions, a kept one or the next to come.

        Waits up to `timeout` real seconds; then raises `WaitTimeout`, whose text says what came.
        """
        return (await self.wait_for_requests(1, timeout=timeout, **conditions))[0]

    async def wait_for_requests(
        self, count: int, *, timeout: float = 5.0, **conditions: Unpack[RequestConditions]
    ) -> list[KafkaRequest]:
        """Return the first `count` requests that meet the conditions; see `wait_for_request`."""
        from simulator.listeners.kafka.observation import wait_for_requests

        criteria = _criteria(conditions)
        return await _observed(
            wait_for_requests(self._listener().cluster, criteria, count, timeout)
        )

    async def wait_for_commit(
        self,
        group: str,
        topic: str,
        partition: int = 0,
        offset: int | None = None,
        *,
        timeout: float = 5.0,
    ) -> int:
        """Return what a group has committed, once that is `offset` or beyond; any without one.

        Through whatever door. Waits up to `timeout` real seconds; then raises `WaitTimeout`.
        """
        from simulator.listeners.kafka.observation import wait_for_commit

        cluster = self._listener().cluster
        return await _observed(wait_for_commit(cluster, group, topic, partition, offset, timeout))


class FaultControl:
    """Faults and observation of the Kafka brokers; see `AsyncFaultControl`."""

    def __init__(self, thread: LoopThread, control: AsyncFaultControl) -> None:
        self._thread = thread
        self._faults = control

    def fault(self, **options: Unpack[FaultOptions]) -> Fault:
        """Put a fault into force until its `with` block ends, or it is removed."""
        return self._thread.call(lambda: Fault(self._thread, self._faults.fault(**options)))

    def add_fault(self, **options: Unpack[FaultOptions]) -> Fault:
        """Put a fault into force until it is removed."""
        return self.fault(**options)

    def faults(self) -> list[Fault]:
        """All faults in force, in the order in which they are tried."""
        found = self._thread.call(self._faults.faults)
        return [Fault(self._thread, fault) for fault in found]

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._thread.call(self._faults.clear_faults)

    def expire_session(self, group: str, member_id: str | None = None) -> None:
        """End the session of a member of a group, or of all."""
        self._thread.call(lambda: self._faults.expire_session(group, member_id))

    def fence_producer(self, transactional_id: str) -> None:
        """Let the producer of a transactional id be out of date; what it has open is aborted."""
        self._thread.call(lambda: self._faults.fence_producer(transactional_id))

    def requests(self, **conditions: Unpack[RequestConditions]) -> list[KafkaRequest]:
        """Return the latest requests of Kafka clients that meet the conditions, oldest first."""
        return self._thread.call(lambda: self._faults.requests(**conditions))

    def wait_for_request(
        self, *, timeout: float = 5.0, **conditions: Unpack[RequestConditions]
    ) -> KafkaRequest:
        """Return the first request that meets the conditions, a kept one or the next to come."""
        __tracebackhide__ = True
        return self._thread.run(self._faults.wait_for_request(timeout=timeout, **conditions))

    def wait_for_requests(
        self, count: int, *, timeout: float = 5.0, **conditions: Unpack[RequestConditions]
    ) -> list[KafkaRequest]:
        """Return the first `count` requests that meet the conditions."""
        __tracebackhide__ = True
        return self._thread.run(
            self._faults.wait_for_requests(count, timeout=timeout, **conditions)
        )

    def wait_for_commit(
        self,
        group: str,
        topic: str,
        partition: int = 0,
        offset: int | None = None,
        *,
        timeout: float = 5.0,
    ) -> int:
        """Return what a group has committed, once that is `offset` or beyond; any without one."""
        __tracebackhide__ = True
        return self._thread.run(
            self._faults.wait_for_commit(group, topic, partition, offset, timeout=timeout)
        )


def _criteria(conditions: RequestConditions) -> RequestCriteria:
    from simulator.listeners.kafka.observation import RequestCriteria

    check_words(conditions, RequestConditions)
    return RequestCriteria(**conditions)


async def _observed(waiting: Coroutine[Any, Any, T]) -> T:
    from simulator.listeners.kafka.observation import NotObserved

    try:
        return await waiting
    except NotObserved as error:
        raise WaitTimeout(str(error)) from None
