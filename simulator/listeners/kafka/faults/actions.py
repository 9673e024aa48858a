"""What a fault does to the cluster: brokers stop, leaders and coordinators move, sessions end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from simulator.errors import SimulatorError
from simulator.listeners.kafka.broker_clock import BrokerTimer
from simulator.listeners.kafka.faults.places import Place
from simulator.log.placement import CoordinatorKind

if TYPE_CHECKING:
    from simulator.listeners.kafka.cluster import Cluster

logger = logging.getLogger("simulator.kafka")


class Brokers(Protocol):
    """Who starts and stops brokers."""

    async def stop_broker(self, node_id: int) -> None:
        """Close a broker's port and connections."""
        ...

    async def start_broker(self, node_id: int) -> None:
        """Open them again."""
        ...


class ClusterActions:
    """Acts on a cluster and its brokers; nothing here fails because it cannot be done now."""

    def __init__(self, cluster: Cluster, brokers: Brokers) -> None:
        self._cluster = cluster
        self._brokers = brokers
        self._tasks: list[asyncio.Task[None]] = []  # one behind the other
        self._restarts: set[BrokerTimer] = set()
        self._resets = 0
        self._closed = False

    def stop_broker(self, node_id: int, restart_after_ms: int | None) -> None:
        """Stop a broker, and start it again after a while if one is given."""
        self._begin(lambda: self._brokers.stop_broker(node_id))
        if restart_after_ms is not None:
            clock = self._cluster.clock

            def restart() -> None:
                self._restarts.discard(timer)
                self.start_broker(node_id)

            timer = clock.call_at(clock.now_ms() + restart_after_ms, restart)
            self._restarts.add(timer)

    def start_broker(self, node_id: int) -> None:
        """Start a broker again."""
        self._begin(lambda: self._brokers.start_broker(node_id))

    def move_leader(self, topic: str, partition: int, to: int | None) -> None:
        """Let a broker, or the next replica that runs, lead a partition."""
        place = self._cluster.place(topic, partition)
        running = self._cluster.placement.running
        able = [node for node in place.replicas if node in running and node != place.leader]
        target = to if to is not None else _next(able, place.leader)
        if target in able:
            self._cluster.move_leader(topic, partition, target)

    def move_coordinator(self, place: Place, to: int | None) -> None:
        """Let a broker, or the next one that runs, coordinate a group or a transactional id."""
        if place.group is not None:
            self.move_coordinator_of(CoordinatorKind.GROUP, place.group, to)
        elif place.transactional_id is not None:
            self.move_coordinator_of(CoordinatorKind.TRANSACTION, place.transactional_id, to)

    def move_coordinator_of(self, kind: CoordinatorKind, key: str, to: int | None) -> None:
        """Let a broker, or the next one that runs, coordinate what has that key."""
        placement = self._cluster.placement
        now = placement.coordinator(kind, key)
        able = [node for node in placement.running if node != now]
        target = to if to is not None else _next(able, now)
        if target in able:
            self._cluster.move_coordinator(kind, key, target)

    def expire_session(self, group: str, member_id: str | None) -> None:
        """End the session of a member, or of all members of the group."""
        self._cluster.groups.expire_member(group, member_id)

    def fence_producer(self, transactional_id: str) -> None:
        """Let the producer of a transactional id be out of date; what it has open is aborted."""
        self._cluster.transactions.fence(transactional_id)

    def reset(self) -> bool:
        """Let go of what has not begun yet; whether something has, see `settled`."""
        self._resets += 1
        for timer in self._restarts:
            timer.cancel()
        self._restarts.clear()
        return bool(self._tasks)

    async def settled(self) -> None:
        """Wait for what has begun."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Begin nothing any more, and wait for what has begun: half a start would leave a port."""
        self._closed = True
        await self.settled()

    def _begin(self, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do one thing after the other: a broker that is to start again has stopped before."""
        task = asyncio.ensure_future(self._behind(self._tasks[-1:], do, self._resets))
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    async def _behind(
        self,
        previous: Sequence[asyncio.Task[None]],
        do: Callable[[], Coroutine[Any, Any, None]],
        resets: int,
    ) -> None:
        if previous:
            await asyncio.wait(previous)
        if self._closed or resets != self._resets:
            return
        try:
            await do()
        except SimulatorError as error:
            logger.error("a broker could not be stopped or started: %s", error)


def _next(able: list[int], present: int) -> int | None:
    """The first of some brokers behind the present one, round the cluster."""
    return min(able, key=lambda node: (node < present, node), default=None)
