"""Steps about event handler apps. Where nothing is delivered, they do nothing; the play says so."""

from __future__ import annotations

from typing import Final

from simulator.delivery_settings import check_target
from simulator.scenario.engine.frame import Frame
from simulator.scenario.engine.task import Going
from simulator.scenario.script import Deliver

NO_DELIVERIES: Final = (
    "nothing is delivered to event handler apps here, so that deliver steps do nothing"
)


def deliver(frame: Frame, step: Deliver) -> Going:
    """Deliver to an app from here on, or no longer to those that the story began with."""
    run = frame.run
    if run.deliveries is None:
        run.warnings.add([NO_DELIVERIES])
    elif step.to is None:
        for target in run.targets:
            run.deliveries.remove(target)
        run.targets.clear()
    else:
        target = frame.text(step.to)
        check_target(target)
        if run.deliveries.add(target, step.settings):
            run.targets[target] = step.within
    yield from ()
