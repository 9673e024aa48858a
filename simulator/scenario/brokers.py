"""The Kafka brokers as a story sees them: whoever composes the simulator gives it some."""

from __future__ import annotations

from typing import Protocol

from simulator.log.fault_rules import FaultRule


class Brokers(Protocol):
    """What a story can do to Kafka brokers. All errors are SimulatorErrors."""

    @property
    def available(self) -> bool:
        """Whether there are brokers; without them nothing else may be asked."""
        ...

    def add_fault(self, rule: FaultRule) -> int:
        """Put a rule into force; return its id. Raises where it could never fire."""
        ...

    def remove_fault(self, fault_id: int) -> None:
        """Remove a rule; harmless where it is not there."""
        ...

    def stop_broker(self, node_id: int | None) -> None:
        """Begin to stop a broker, or all; raises `UnknownNode`."""
        ...

    def start_broker(self, node_id: int | None) -> None:
        """Begin to start a stopped broker, or all; raises `UnknownNode`."""
        ...

    def move_leader(self, topic: str, partition: int, to: int | None) -> None:
        """Let a broker, or the next replica that runs, lead a partition."""
        ...

    def move_coordinator(
        self, group: str | None, transactional_id: str | None, to: int | None
    ) -> None:
        """Let a broker, or the next one that runs, coordinate a group or a transactional id."""
        ...
