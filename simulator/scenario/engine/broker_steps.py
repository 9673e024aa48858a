"""Steps about the Kafka brokers: faults, brokers that stop and start, leaders that move.

Without brokers they do nothing, and the play says so once.
"""

from __future__ import annotations

from simulator.scenario.brokers import Brokers
from simulator.scenario.engine.frame import Frame
from simulator.scenario.engine.task import Going
from simulator.scenario.script import Broker, Fault, Leader

NO_BROKERS = (
    "there are no Kafka brokers here, so that fault, broker and leader steps do nothing; "
    "they act where the story plays in a simulator that serves Kafka"
)


def fault(frame: Frame, step: Fault) -> Going:
    """Put a rule into force, for some steps or from here on, or end those of the story."""
    brokers = _brokers(frame)
    if brokers is None:
        yield from frame.run.perform(frame, step.steps)
        return
    begun = frame.run.faults
    if step.rule is None:
        for fault_id in begun:
            brokers.remove_fault(fault_id)
        begun.clear()
        return
    fault_id = brokers.add_fault(step.rule)
    if not step.steps:
        begun.append(fault_id)
        return
    try:
        yield from frame.run.perform(frame, step.steps)
    finally:
        if brokers.available:
            brokers.remove_fault(fault_id)


def broker(frame: Frame, step: Broker) -> Going:
    """Stop or start a broker, or all."""
    brokers = _brokers(frame)
    if brokers is not None:
        (brokers.stop_broker if step.action == "stop" else brokers.start_broker)(step.node_id)
    yield from ()


def leader(frame: Frame, step: Leader) -> Going:
    """Move what a broker leads or coordinates."""
    brokers = _brokers(frame)
    if brokers is not None and step.topic is not None:
        brokers.move_leader(step.topic, step.partition, step.to)
    elif brokers is not None:
        brokers.move_coordinator(step.group, step.transactional_id, step.to)
    yield from ()


def _brokers(frame: Frame) -> Brokers | None:
    brokers = frame.run.brokers
    if brokers is not None and brokers.available:
        return brokers
    frame.run.warnings.add([NO_BROKERS])
    return None
