"""How each kind of step is done: a table of handlers, one for each class of step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from simulator.errors import SimulatorError
from simulator.scenario import script
from simulator.scenario.engine import (
    broker_steps,
    chat_steps,
    deliver_steps,
    flow_steps,
    record_steps,
)
from simulator.scenario.engine.crowd import crowd
from simulator.scenario.engine.frame import Frame
from simulator.scenario.engine.task import Going
from simulator.scenario.errors import StepError

Handler = Callable[[Frame, Any], Going]

HANDLERS: Final[Mapping[type[script.Step], Handler]] = {
    script.Connect: chat_steps.connect,
    script.Chat: chat_steps.chat,
    script.RateLimit: chat_steps.rate_limit,
    script.Disconnect: chat_steps.disconnect,
    script.Mute: chat_steps.mute,
    script.Unmute: chat_steps.unmute,
    script.Produce: record_steps.produce,
    script.Duplicate: record_steps.duplicate,
    script.Wait: flow_steps.wait,
    script.Late: flow_steps.late,
    script.Repeat: flow_steps.repeat,
    script.Parallel: flow_steps.parallel,
    script.Choose: flow_steps.choose,
    script.Expect: flow_steps.expect,
    script.Crowd: crowd,
    script.Fault: broker_steps.fault,
    script.Broker: broker_steps.broker,
    script.Leader: broker_steps.leader,
    script.Deliver: deliver_steps.deliver,
}


def run_steps(frame: Frame, steps: Sequence[script.Step]) -> Going:
    """Do steps one after the other; an error gets the place of the innermost step around it."""
    run = frame.run
    for step in steps:
        try:
            yield from HANDLERS[type(step)](frame, step)
        except StepError:
            raise
        except SimulatorError as error:
            raise StepError(step.at, str(error)) from error
        run.left -= 1
        if run.left <= 0:
            yield run.now_ns
