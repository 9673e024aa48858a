"""`sim.kafka`: the brokers of a simulator, to look at and to move about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.errors import SimulatorError
from simulator.kafka_faults import AsyncFaultControl, FaultControl
from simulator.log.fault_rules import FaultRule
from simulator.log.placement import CoordinatorKind, PartitionPlace
from simulator.loop_thread import LoopThread

if TYPE_CHECKING:
    from simulator.listeners.kafka import KafkaListener


@dataclass(frozen=True, slots=True)
class BrokerInfo:
    """A broker: where clients reach it, and whether they do."""

    node_id: int
    address: str
    rack: str | None
    running: bool
    controller: bool


class AsyncKafkaControl(AsyncFaultControl):
    """The brokers of an asynchronous simulator; `KafkaControl` offers the same calls.

    Errors: `UnknownNode`, `NodeStopped`, `NotAReplica`, `TopicNotFound`, `PartitionNotFound`.
    """

    def brokers(self) -> list[BrokerInfo]:
        """Describe all brokers, running or not."""
        listener = self._listener()
        controller = listener.cluster.placement.controller
        return [
            BrokerInfo(b.node_id, b.address, b.rack, b.running, b.node_id == controller)
            for b in listener.brokers
        ]

    async def stop_broker(self, node_id: int) -> None:
        """Stop a broker: its port and connections close, and others take over what it led.

        A partition that has no other replica in sync has no leader until the broker is back.
        """
        await self._listener().stop_broker(node_id)

    async def start_broker(self, node_id: int) -> None:
        """Start a stopped broker at its old port; what others lead now, they keep.

        `elect_preferred` gives it back; the brokers do so by themselves after 5 minutes of their
        clock, unless `auto.leader.rebalance.enable` is false.
        """
        await self._listener().start_broker(node_id)

    def place(self, topic: str, partition: int = 0) -> PartitionPlace:
        """Tell a partition's leader, leader epoch, replicas and in-sync replicas."""
        return self._listener().place(topic, partition)

    def move_leader(self, topic: str, partition: int = 0, *, to: int) -> PartitionPlace:
        """Make another broker the leader of a partition, in the next leader epoch."""
        return self._listener().move_leader(topic, partition, to)

    def elect_preferred(self) -> None:
        """Give every partition back to its first replica, where that can lead it."""
        self._listener().cluster.rebalance()

    def move_replicas(self, topic: str, partition: int = 0, *, to: Sequence[int]) -> PartitionPlace:
        """Give a partition other replicas, the preferred leader first."""
        return self._listener().move_replicas(topic, partition, to)

    def coordinator(self, *, group: str | None = None, transactional_id: str | None = None) -> int:
        """Tell which broker coordinates a group or a transactional id; -1 where none runs."""
        return self._listener().coordinator(*_key(group, transactional_id))

    def move_coordinator(
        self, *, to: int, group: str | None = None, transactional_id: str | None = None
    ) -> None:
        """Make another broker the coordinator of a group or a transactional id."""
        self._listener().move_coordinator(*_key(group, transactional_id), to)


class StoryBrokers:
    """The brokers as stories act on them: at once, and without waiting for anything."""

    def __init__(
        self,
        listener: Callable[[], KafkaListener | None],
        control: AsyncKafkaControl,
        topic: Callable[[str], str],
    ) -> None:
        """`topic` gives the whole name of a topic that a story says."""
        self._topic = topic
        self._listener = listener
        self._control = control

    @property
    def available(self) -> bool:
        """Whether the simulator serves Kafka now."""
        return self._listener() is not None

    def add_fault(self, rule: FaultRule) -> int:
        """Put a rule into force; return its id."""
        if rule.topic is not None:
            rule = replace(rule, topic=self._topic(rule.topic))
        return self._control.add_rule(rule).id

    def remove_fault(self, fault_id: int) -> None:
        """Remove a rule."""
        self._control.remove_fault(fault_id)

    def stop_broker(self, node_id: int | None) -> None:
        """Begin to stop a broker, or all that run."""
        for each in self._nodes(node_id, running=True):
            self._running.actions.stop_broker(each, None)

    def start_broker(self, node_id: int | None) -> None:
        """Begin to start a broker, or all."""
        for each in self._nodes(node_id, running=False):
            self._running.actions.start_broker(each)

    def move_leader(self, topic: str, partition: int, to: int | None) -> None:
        """Let a broker, or the next replica that runs, lead a partition."""
        topic = self._topic(topic)
        if to is None:
            self._running.actions.move_leader(topic, partition, None)
        else:
            self._control.move_leader(topic, partition, to=to)

    def move_coordinator(
        self, group: str | None, transactional_id: str | None, to: int | None
    ) -> None:
        """Let a broker, or the next one that runs, coordinate a group or a transactional id."""
        if to is None:
            kind, key = _key(group, transactional_id)
            self._running.actions.move_coordinator_of(kind, key, None)
        else:
            self._control.move_coordinator(to=to, group=group, transactional_id=transactional_id)

    @property
    def _running(self) -> KafkaListener:
        listener = self._listener()
        assert listener is not None, "a story acts only on brokers that are available"
        return listener

    def _nodes(self, node_id: int | None, *, running: bool) -> list[int]:
        """The broker of that id, or those to stop or to start."""
        if node_id is not None:
            self._running.check_node(node_id)
            return [node_id]
        # Those to start may still be about to stop, so all are told to.
        return [b.node_id for b in self._running.brokers if b.running or not running]


class KafkaControl(FaultControl):
    """The brokers of a synchronous simulator; see `AsyncKafkaControl`."""

    def __init__(self, thread: LoopThread, control: AsyncKafkaControl) -> None:
        super().__init__(thread, control)
        self._control = control

    def brokers(self) -> list[BrokerInfo]:
        """Describe all brokers, running or not."""
        return self._thread.call(self._control.brokers)

    def stop_broker(self, node_id: int) -> None:
        """Stop a broker: its port and connections close, and others take over what it led."""
        self._thread.run(self._control.stop_broker(node_id))

    def start_broker(self, node_id: int) -> None:
        """Start a stopped broker at its old port; what others lead now, they keep."""
        self._thread.run(self._control.start_broker(node_id))

    def place(self, topic: str, partition: int = 0) -> PartitionPlace:
        """Tell a partition's leader, leader epoch, replicas and in-sync replicas."""
        return self._thread.call(lambda: self._control.place(topic, partition))

    def move_leader(self, topic: str, partition: int = 0, *, to: int) -> PartitionPlace:
        """Make another broker the leader of a partition, in the next leader epoch."""
        return self._thread.call(lambda: self._control.move_leader(topic, partition, to=to))

    def elect_preferred(self) -> None:
        """Give every partition back to its first replica, where that can lead it."""
        self._thread.call(self._control.elect_preferred)

    def move_replicas(self, topic: str, partition: int = 0, *, to: Sequence[int]) -> PartitionPlace:
        """Give a partition other replicas, the preferred leader first."""
        return self._thread.call(lambda: self._control.move_replicas(topic, partition, to=to))

    def coordinator(self, *, group: str | None = None, transactional_id: str | None = None) -> int:
        """Tell which broker coordinates a group or a transactional id; -1 where none runs."""
        return self._thread.call(
            lambda: self._control.coordinator(group=group, transactional_id=transactional_id)
        )

    def move_coordinator(
        self, *, to: int, group: str | None = None, transactional_id: str | None = None
    ) -> None:
        """Make another broker the coordinator of a group or a transactional id."""
        self._thread.call(
            lambda: self._control.move_coordinator(
                to=to, group=group, transactional_id=transactional_id
            )
        )


def _key(group: str | None, transactional_id: str | None) -> tuple[CoordinatorKind, str]:
    if group is not None and transactional_id is None:
        return CoordinatorKind.GROUP, group
    if transactional_id is not None and group is None:
        return CoordinatorKind.TRANSACTION, transactional_id
    raise SimulatorError("name either a group= or a transactional_id=")
