"""Look for requests in the log of a cluster, and wait for those that are still to come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

from simulator.errors import SimulatorError, check_timeout
from simulator.listeners.kafka.cluster import Cluster
from simulator.listeners.kafka.request_view import KafkaRequest
from simulator.log.fault_rules import InvalidFault
from simulator.log.kafka_names import wrong_api, wrong_error

SHOWN = 5
"""Requests that the text of a timeout tells."""


class NotObserved(SimulatorError, AssertionError, TimeoutError):
    """What was waited for did not come in time; the text says what came instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCriteria:
    """Which requests somebody asks for: all conditions that are not None hold.

    `error` is one of the errors in the answer, by Kafka's name, or "NONE" for an answer without
    any. `fault` is the id of the fault that fired. `after` leaves out requests up to that number.
    Raises `InvalidFault` for an API or an error that Kafka does not have.
    """

    api: str | None = None
    client_id: str | None = None
    broker: int | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    group: str | None = None
    transactional_id: str | None = None
    error: str | None = None
    fault: int | None = None
    after: int = 0
    matching: Callable[[KafkaRequest], object] | None = None

    def __post_init__(self) -> None:
        wrong = wrong_api(self.api) if self.api is not None else None
        if wrong is None and self.error not in (None, "NONE"):
            wrong = wrong_error(str(self.error))
        if wrong is not None:
            raise InvalidFault(wrong)

    def __str__(self) -> str:
        told = [
            f"{field.name}={value!r}"
            for field in fields(self)
            if field.name not in ("after", "matching")
            and (value := getattr(self, field.name)) is not None
        ]
        if self.matching is not None:
            told.append(f"matching {getattr(self.matching, '__name__', 'the predicate')}")
        return f"a request with {', '.join(told)}" if told else "a request"

    def matches(self, request: KafkaRequest) -> bool:
        """Whether a request is one of them."""
        return (
            self._is_of(request)
            and self._is_about(request)
            and self.error in (None, "NONE" if not request.errors else None, *request.errors)
            and (self.matching is None or bool(self.matching(request)))
        )

    def _is_of(self, request: KafkaRequest) -> bool:
        return (
            request.number > self.after
            and self.api in (None, request.api)
            and self.client_id in (None, request.client_id)
            and self.broker in (None, request.broker)
            and self.transactional_id in (None, request.transactional_id)
            and self.fault in (None, request.fault)
        )

    def _is_about(self, request: KafkaRequest) -> bool:
        if self.topic is None and self.partition is None and self.offset is None:
            return self.group in (None, request.group) or any(
                self.group == each.group for each in request.partitions
            )
        return any(
            self.topic in (None, each.topic)
            and self.partition in (None, each.partition)
            and self.offset in (None, each.offset)
            and self.group in (None, each.group)
            for each in request.partitions
        )


def requests_matching(cluster: Cluster, criteria: RequestCriteria) -> list[KafkaRequest]:
    """The requests that are kept and meet the criteria, oldest first."""
    return list(filter(criteria.matches, cluster.request_log.read(criteria.after)))


async def wait_for_requests(
    cluster: Cluster, criteria: RequestCriteria, count: int, timeout: float
) -> list[KafkaRequest]:
    """The first `count` requests that meet the criteria, kept ones or those to come.

    Waits up to `timeout` real seconds, then raises NotObserved.
    """
    log = cluster.request_log
    found: list[KafkaRequest] = []
    others = _Others(criteria)
    seen = criteria.after

    def enough() -> bool:
        nonlocal seen
        for request in log.read(seen):
            seen = request.number
            if len(found) < count and criteria.matches(request):
                found.append(request)
            else:
                others.note(request)
        return len(found) >= count

    def explain() -> str:
        came = f"{len(found)} of {count} came" if found else "none came"
        wanted = f"{count} times {criteria}" if count > 1 else str(criteria)
        return f"waited {timeout:g} s for {wanted}: {came}; {others.explain()}"

    await _until(enough, log.watch, log.unwatch, timeout, explain)
    return found


async def wait_for_commit(
    cluster: Cluster, group: str, topic: str, partition: int, offset: int | None, timeout: float
) -> int:
    """The offset that a group has committed, once it is `offset` or beyond, or any.

    Through whatever door. Waits up to `timeout` real seconds, then raises NotObserved.
    """
    groups = cluster.log.groups

    def committed() -> bool:
        at = groups.committed(group, topic, partition)
        return at is not None and (offset is None or at >= offset)

    def explain() -> str:
        at = groups.committed(group, topic, partition)
        wanted = "an offset" if offset is None else f"offset {offset}"
        stands = "it has committed none there" if at is None else f"it has committed {at}"
        elsewhere = ", ".join(
            f"{name}-{number} {where}" for (name, number), where in groups.offsets(group).items()
        )
        if at is None and elsewhere:
            stands += f", but {elsewhere}"
        if at is None and group not in groups.names():
            known = ", ".join(groups.names()[:10]) or "none"
            stands = f"no such group has committed anything (groups that have: {known})"
        text = f"waited {timeout:g} s for group {group!r} to commit {wanted} of {topic}-{partition}"
        return f"{text}: {stands}"

    cluster.log.bounds(topic, partition)
    await _until(committed, groups.watch, groups.unwatch, timeout, explain)
    at = groups.committed(group, topic, partition)
    assert at is not None
    return at


Watch = Callable[[Callable[[], object]], None]


async def _until(
    done: Callable[[], bool],
    watch: Watch,
    unwatch: Watch,
    timeout: float,
    explain: Callable[[], str],
) -> None:
    check_timeout(timeout)
    changed = asyncio.Event()
    watch(changed.set)
    try:
        async with asyncio.timeout(timeout) as deadline:
            while not done():
                await changed.wait()
                changed.clear()
    except TimeoutError:
        if not deadline.expired():
            raise  # of the predicate's own making
        raise NotObserved(explain()) from None
    finally:
        unwatch(changed.set)


class _Others:
    """What came and was not asked for, the likeliest first."""

    def __init__(self, criteria: RequestCriteria) -> None:
        self._criteria = criteria
        self._near: list[str] = []
        self._counts: dict[str, int] = {}

    def note(self, request: KafkaRequest) -> None:
        """Remember a request."""
        if self._criteria.api == request.api:
            self._near = [*self._near[1 - SHOWN :], str(request)]
        self._counts[request.api] = self._counts.get(request.api, 0) + 1

    def explain(self) -> str:
        """What came instead."""
        return "; ".join(self._parts()) or "no client asked for anything"

    def _parts(self) -> Iterator[str]:
        if self._near:
            yield "the last of this API: " + " | ".join(self._near)
        if self._counts:
            counts = (
                name if number == 1 else f"{name} {number} times"
                for name, number in self._counts.items()
            )
            yield "what came: " + ", ".join(counts)
