"""Steps about time, order and choice."""

from __future__ import annotations

from simulator.scenario.engine.frame import Branch, Frame
from simulator.scenario.engine.task import PARKED, Going
from simulator.scenario.script import Choose, Expect, Late, Parallel, Repeat, Wait


def wait(frame: Frame, step: Wait) -> Going:
    """Let time pass: a fixed span, or one drawn from a range."""
    low, high = step.span.low, step.span.high
    span = low if low == high else frame.branch.random.between(low, high)
    yield frame.run.now_ns + span


def late(frame: Frame, step: Late) -> Going:
    """Do steps whose events carry timestamps in the past; nested ones add up."""
    return frame.run.perform(frame.later(step.by), step.steps)


def repeat(frame: Frame, step: Repeat) -> Going:
    """Do steps several times.

    `every` is the spacing from start to start, counted from the first, so that it does not drift;
    a round that takes longer lets the next one start at once.
    """
    run = frame.run
    begin = run.now_ns
    rounds = (step.times or 0) if step.each is None else len(step.each)
    for index in range(rounds):
        if step.every is not None and index:
            due = begin + index * step.every
            if due > run.now_ns:
                yield due
        names: dict[str, object] = {"n": index + 1}
        if step.each is not None:
            names[step.name] = frame.value(step.each[index])
        yield from run.perform(frame.with_names(names), step.steps)
        yield from frame.breathe()


def parallel(frame: Frame, step: Parallel) -> Going:
    """Do several lists of steps at the same time, each with its own chance; end with the last."""
    if not step.branches:
        return
    source = frame.branch.fork("parallel")
    frame.run.spawn(
        [
            frame.run.perform(frame.on_branch(Branch(source.fork(index), frame.run.style)), steps)
            for index, steps in enumerate(step.branches)
        ]
    )
    yield PARKED


def choose(frame: Frame, step: Choose) -> Going:
    """Do one list of steps, drawn by weight."""
    chosen = frame.branch.random.weighted([option.weight for option in step.options])
    return frame.run.perform(frame, step.options[chosen].steps)


def expect(frame: Frame, step: Expect) -> Going:
    """Check expectations now; one that does not hold fails the story, which goes on."""
    observer = frame.run.checkpoint(step)
    yield from frame.run.stand_still(observer.holds())
    frame.run.failures.add(verdict.text for verdict in observer.verdicts() if not verdict.ok)
