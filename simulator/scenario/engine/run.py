"""One story as a discrete-event simulation: pure and synchronous, driven from outside.

Branches are generators. Each yields the time at which it wants to go on, and a heap keeps them in
order of that time; at the same time, the one that asked first goes first. A branch keeps its place
as long as time does not move, so that how a run is cut into slices (`budget`) can never change
what it publishes.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from typing import Final

from simulator.publishing import Publisher
from simulator.scenario.brokers import Brokers
from simulator.scenario.chat_service import ChatService
from simulator.scenario.deliveries import Deliveries, Hold
from simulator.scenario.engine.cast import Cast, all_steps
from simulator.scenario.engine.chat_actions import ChatActions
from simulator.scenario.engine.emitter import Emitter
from simulator.scenario.engine.frame import Branch, Frame, Scope, StoryNames
from simulator.scenario.engine.notes import Notes
from simulator.scenario.engine.steps import run_steps
from simulator.scenario.engine.task import PARKED, Going, Task
from simulator.scenario.engine.variables import bind_variables
from simulator.scenario.envelope import Envelopes, EventStyle, stamper
from simulator.scenario.errors import ScenarioError
from simulator.scenario.expectations import ExpectationObserver, Verdict
from simulator.scenario.randomness import Randomness
from simulator.scenario.script import Duplicate, Expect, Expectation, Script, Step, Text
from simulator.scenario.templates import Renderer, as_text

EARLIEST_NS: Final = -62_135_596_800 * 1_000_000_000
LATEST_NS: Final = 253_402_300_800 * 1_000_000_000 - 1
"""The years 1 to 9999: no timestamp says anything else."""


class Run:
    """A script being played from `start_ns` on.

    `advance` publishes what is due. The same script, seed, start and variables publish the same
    bytes, whatever the slices.
    """

    def __init__(
        self,
        script: Script,
        publisher: Publisher,
        *,
        start_ns: int,
        seed: int = 0,
        variables: Mapping[str, object] | None = None,
        brokers: Brokers | None = None,
        deliveries: Deliveries | None = None,
    ) -> None:
        """Raises `PlayError` for a variable that the script lacks, `TemplateError` for its value.

        Nothing is published yet.
        """
        self.script = script
        self.seed = seed
        self.start_ns = start_ns
        self.now_ns = start_ns
        self.until_ns = start_ns
        """How far the present slice may go."""
        self.left = 0
        """How many more things the present slice may do."""
        self.brokers = brokers
        self.faults: list[int] = []
        """Of the brokers, begun by the story and to go on after it."""
        self.deliveries = deliveries
        self.targets: dict[str, int] = {}
        """Event handler apps that the story has added, and how long it waits for each (ns)."""
        self.hold: Hold | None = None
        """What the present slice has ended for: the story goes on when that is over."""
        self.failures = Notes()
        """Expectations that did not hold when their step came, and at the end; a text each."""
        self.warnings = Notes()
        """What was published and looks like a mistake although it is legal."""
        self.stamp = stamper(script.timestamps)
        self.style = EventStyle.of(script, extra_fields=publisher.extra_fields)
        self.cast = Cast(script, seed)
        names = StoryNames(seed, lambda: self.stamp(self.now_ns)[0], self.cast.id_of)
        scope = Scope(bind_variables(script.variables, variables or {}, names), names)
        root = Frame(self, Branch(Randomness(seed).fork("story"), self.style), scope)
        self._render = Renderer(scope, "what the expectations compare with is").render
        self._expected = self._observer(script.expectations) if script.expectations else None
        self._checkpoints: dict[int, ExpectationObserver] = {}  # steps are not hashable
        keep: dict[str | None, int] = {}
        for step in all_steps(script.steps):
            if isinstance(step, Expect):
                self._checkpoints[id(step)] = self._observer(step.expectations)
            elif isinstance(step, Duplicate):
                keep[step.event] = max(step.last, keep.get(step.event, 0))
        self._observers = [*self._checkpoints.values()]
        if self._expected is not None:
            self._observers.append(self._expected)
        self.emitter = Emitter(publisher, observers=self._observers, keep=keep)
        self.service = ChatService(script.service)
        self.envelopes = Envelopes(self.style)
        self.chat = ChatActions(self.service, self.style, self.emitter)
        self._sequence = 0
        self._heap: list[tuple[int, int, Task]] = []
        self.task = Task(self._story(root), None)
        """The branch that is under way now."""
        self._push(start_ns, self.task)

    @property
    def counts(self) -> Mapping[str, int]:
        """How many records were published so far, by event name."""
        return self.emitter.counts

    @property
    def refusals(self) -> Mapping[str, int]:
        """What the chat service refused, by reason."""
        return self.chat.refusals

    @property
    def next_due_ns(self) -> int | None:
        """When the story goes on, None once it has ended; within a branch: when another does."""
        heap = self._heap
        while heap and heap[0][1] != heap[0][2].sequence:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def advance(self, until_ns: int, budget: int) -> bool:
        """Go on up to and including `until_ns`, doing about `budget` things at most.

        Returns whether the story has ended. Raises `StepError` for a step that cannot be done; the
        story is over then, and what it published stays.
        """
        heap = self._heap
        self.until_ns = min(until_ns, LATEST_NS)
        self.left = budget
        self.hold = None
        while heap and self.left > 0 and heap[0][0] <= until_ns:
            due, sequence, task = heapq.heappop(heap)
            if sequence != task.sequence:
                continue
            self.now_ns = due
            self.task = task
            try:
                wake = next(task.going)
                if wake > LATEST_NS:
                    task.going.throw(ScenarioError("the story goes beyond the year 9999"))
            except StopIteration:
                self._ended(task)
            except BaseException:
                self.close()
                raise
            else:
                if wake == due:
                    heapq.heappush(heap, (due, sequence, task))
                elif wake != PARKED:
                    self._push(wake, task)
            # Counted afterwards: a branch may rely on having something left when it goes on.
            self.left -= 1
        return self.next_due_ns is None

    def perform(self, frame: Frame, steps: Sequence[Step]) -> Going:
        """Do steps one after the other, within another step."""
        return run_steps(frame, steps)

    def spawn(self, branches: Sequence[Going]) -> None:
        """Start branches beside the present one, which then yields PARKED until all have ended."""
        parent = self.task
        parent.waits_for = len(branches)
        for going in branches:
            self._push(self.now_ns, Task(going, parent))

    def wake(self, task: Task) -> None:
        """Let a branch that waits for a later time go on now."""
        self._push(self.now_ns, task)

    def close(self) -> None:
        """End the story here."""
        tasks = [task for _, _, task in self._heap]
        self._heap.clear()
        for task in tasks:
            task.going.close()
        for observer in self._observers:
            observer.close()

    def checkpoint(self, step: Expect) -> ExpectationObserver:
        """Return what watches over the expectations of a step."""
        return self._checkpoints[id(step)]

    def stand_still(self, holds: Sequence[Hold]) -> Going:
        """Leave off until all holds are over, or the time of the longest; the player waits."""
        if holds:
            within_ns = max(hold.within_ns for hold in holds)
            self.hold = Hold(lambda: all(hold.over() for hold in holds), within_ns)
            self.left = 0
            yield self.now_ns

    def verdicts(self) -> list[Verdict]:
        """Return how the script's expectations stand now."""
        return self._expected.verdicts() if self._expected else []

    def _story(self, root: Frame) -> Going:
        """All steps; then time for event handler apps to deal with what has been published."""
        yield from run_steps(root, self.script.steps)
        holds = [] if self._expected is None else self._expected.holds()
        holds += [
            Hold(lambda: not self._unsettled(), self.targets[target])
            for target in self._unsettled()
        ]
        yield from self.stand_still(holds)
        self.warnings.add(map(self._late, self._unsettled()))

    def _unsettled(self) -> list[str]:
        """The event handler apps of the story that have yet to deal with something."""
        deliveries = self.deliveries
        if deliveries is None:
            return []
        return [target for target in self.targets if not deliveries.settled(target)]

    def _late(self, target: str) -> str:
        assert self.deliveries is not None
        return f"{target} has not dealt with everything: it is {self.deliveries.standing(target)}"

    def _observer(self, expectations: tuple[Expectation, ...]) -> ExpectationObserver:
        return ExpectationObserver(
            expectations,
            self._user_id,
            render=self._render,
            users=self.cast.users(),
            deliveries=self.deliveries,
        )

    def _user_id(self, text: Text) -> str:
        """The id of a user of the story who is called so; any other text is an id itself."""
        name = as_text(self._render(text))
        return self.cast.user_id(name) or name

    def _push(self, due_ns: int, task: Task) -> None:
        self._sequence += 1
        task.sequence = self._sequence
        heapq.heappush(self._heap, (due_ns, self._sequence, task))

    def _ended(self, task: Task) -> None:
        parent = task.parent
        if parent is not None:
            parent.waits_for -= 1
            if parent.waits_for == 0:
                self._push(self.now_ns, parent)
