"""Plays stories inside an asyncio event loop, as fast as possible or paced by real time."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from simulator.catalog import Catalog
from simulator.errors import SimulatorError
from simulator.publishing import Claim, Outlet, Publisher
from simulator.scenario.brokers import Brokers
from simulator.scenario.clock import Clock, VirtualClock
from simulator.scenario.deliveries import Deliveries
from simulator.scenario.engine.run import EARLIEST_NS, LATEST_NS, Run
from simulator.scenario.errors import PlayError, PlayFailed, PlayNotFound
from simulator.scenario.script import Script

SLICE_NS: Final = 2_000_000
"""How long a story holds the event loop at a time, about: subscribers get on in between."""

PROGRESS_NS: Final = 100_000_000
"""The least real time between two reports of progress."""

_FOREVER: Final = 1 << 100
_MAX_BUDGET: Final = 1 << 16
_LONGEST_PAUSE_NS: Final = 100_000_000


class PlayState(enum.Enum):
    """How a play goes, or went."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a play ended.

    `events` counts the records that it published by event name, `refusals` what its chat service
    refused by reason. `problems` has a text for each expectation that does not hold, and
    for the step that could not be done; `warnings` has one for what was published and is legal, but
    looks like a slip (a field whose name is nearly one of the specification's). Both are bounded.
    Times are story time, in nanoseconds.
    """

    id: str
    name: str
    state: PlayState
    seed: int
    start_ns: int
    end_ns: int
    events: Mapping[str, int]
    refusals: Mapping[str, int]
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the story came to its end and all its expectations hold."""
        return self.state is PlayState.PASSED

    def check(self) -> None:
        """Raise `PlayFailed` unless it passed."""
        if not self.passed:
            what = {
                PlayState.FAILED: "its expectations do not hold",
                PlayState.ERROR: "a step cannot be done",
                PlayState.STOPPED: "it was stopped",
            }[self.state]
            raise PlayFailed("\n  ".join([f"{self.name}: {what}", *self.problems]))


class Play:
    """A story under way, or one that has ended."""

    def __init__(
        self, play_id: str, run: Run, clock: Clock, speed: float, outlet: Outlet | None = None
    ) -> None:
        """`Player.start` makes plays."""
        self.id = play_id
        self.name = run.script.name
        self.state = PlayState.RUNNING
        self._run = run
        self._error: tuple[str, ...] = ()
        self._clock = clock
        self._speed = speed
        self._outlet = outlet
        self._claim: Claim | None = None if outlet is None else outlet.claim(places=False)
        self._advancing = False
        self._budget = 64
        self._watchers: list[Callable[[Play], object]] = []
        self._reported_ns = time.perf_counter_ns()
        self._sleeper: asyncio.Future[None] | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._task = asyncio.get_running_loop().create_task(self._play(), name=play_id)

    @property
    def ended(self) -> bool:
        """Whether it no longer runs."""
        return self.state is not PlayState.RUNNING

    @property
    def seed(self) -> int:
        """The seed that all chance of this play comes from."""
        return self._run.seed

    @property
    def events(self) -> Mapping[str, int]:
        """How many records were published so far, by event name."""
        return MappingProxyType(dict(self._run.counts))

    @property
    def story_time_ns(self) -> int:
        """The time in the story, in nanoseconds since the Unix epoch."""
        return self._run.now_ns

    @property
    def problems(self) -> tuple[str, ...]:
        """Expectations that do not hold, then the step that could not be done; see `Notes`."""
        return (*self._run.failures.texts(), *self._error)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was published so far and looks like a slip although it is legal; see `Notes`."""
        return self._run.warnings.texts()

    @property
    def users(self) -> Mapping[str, str]:
        """The ids of the users that the script declares, by name."""
        return self._run.cast.users()

    def user_id(self, name: str) -> str | None:
        """Return the id of a user of the story, crowds included; None for an unknown name."""
        return self._run.cast.user_id(name)

    @property
    def outcome(self) -> Outcome:
        """How it stands; final once the state is no longer RUNNING."""
        run = self._run
        return Outcome(
            id=self.id,
            name=self.name,
            state=self.state,
            seed=run.seed,
            start_ns=run.start_ns,
            end_ns=run.now_ns,
            events=self.events,
            refusals=MappingProxyType(dict(run.refusals)),
            problems=self.problems,
            warnings=self.warnings,
        )

    async def wait(self) -> Outcome:
        """Return the outcome when the play has ended. Cancelling the wait does not stop it."""
        await asyncio.shield(self._task)
        return self.outcome

    def stop(self) -> None:
        """End the play now; nothing is published after this call. Harmless when it has ended."""
        if self.ended:
            return
        if self._advancing:
            self._run.left = 0
        self._end(PlayState.STOPPED)

    def on_progress(self, callback: Callable[[Play], object]) -> Callable[[], None]:
        """Call back at most ten times a second while it runs, and once when it has ended.

        Returns a function that ends this. Calls come from the event loop, after the fact.
        """
        self._watchers.append(callback)
        if self.ended:
            asyncio.get_running_loop().call_soon(callback, self)

        def forget() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return forget

    async def _play(self) -> None:
        try:
            await (self._paced() if self._speed else self._unpaced())
            if self._claim is not None and not self.ended:
                await self._claim.written()
            if not self.ended:
                self._conclude()
        except SimulatorError as error:
            if not self.ended:
                self._error = (str(error),)
                self._end(PlayState.ERROR)
        except asyncio.CancelledError:
            self._end(PlayState.STOPPED)
            raise
        except BaseException as error:
            self._error = (f"the simulator is at fault: {type(error).__name__}: {error}",)
            self._end(PlayState.ERROR)
            raise

    async def _unpaced(self) -> None:
        while True:
            if self._slice(_FOREVER):
                return
            await self._stand_still()
            await self._breathe()

    async def _paced(self) -> None:
        """Let story time keep up with real time, however late this loop gets its turns."""
        begin = time.perf_counter_ns()
        numerator, denominator = self._speed.as_integer_ratio()
        start = self._run.start_ns
        while True:
            elapsed = time.perf_counter_ns() - begin
            until = start + elapsed * numerator // denominator
            if self._slice(until):
                return
            await self._stand_still()
            due = self._run.next_due_ns
            if due is None or due <= until:
                await self._breathe()
            else:
                self._move_clock(until)
                await self._sleep((due - until) * denominator // numerator + 1)

    async def _breathe(self) -> None:
        """Let others have their turn, and an existing cluster keep up."""
        await asyncio.sleep(0)
        if self._outlet is not None:
            await self._outlet.room()

    def _slice(self, until_ns: int) -> bool:
        """Do what is due, for a while; return whether that was all.

        Callbacks of the log may stop the play meanwhile; a run that is closed does nothing.
        """
        begin = time.perf_counter_ns()
        self._advancing = True
        try:
            with self._claim or nullcontext():
                over = self._run.advance(until_ns, self._budget)
        finally:
            self._advancing = False
        if self.ended:
            self._run.close()  # stop() could not do it from within
            return True
        taken = time.perf_counter_ns() - begin
        if taken > SLICE_NS:
            self._budget = max(1, self._budget // 2)
        elif taken < SLICE_NS // 2 and self._run.left <= 0:
            self._budget = min(_MAX_BUDGET, self._budget * 2)
        self._move_clock(self._run.now_ns)
        if not over and begin - self._reported_ns > PROGRESS_NS:
            self._report(begin)
        return over

    def _move_clock(self, story_ns: int) -> None:
        """Take a virtual clock along; it never runs backwards, whenever the story plays."""
        clock = self._clock
        if isinstance(clock, VirtualClock) and story_ns > clock.now_ns():
            clock.follow(story_ns)

    async def _sleep(self, real_ns: int) -> None:
        loop = asyncio.get_running_loop()
        sleeper = self._sleeper = loop.create_future()
        pause = min(real_ns, _LONGEST_PAUSE_NS) / 1e9
        handle = loop.call_later(pause, _wake, sleeper)
        try:
            await sleeper
        finally:
            handle.cancel()
            self._sleeper = None

    async def _stand_still(self) -> None:
        """Wait for what the run holds on for; `stop` ends that."""
        hold, deliveries = self._run.hold, self._run.deliveries
        if hold is None or deliveries is None:
            return
        waiting = self._waiting = asyncio.ensure_future(deliveries.wait(hold.over))
        try:
            await asyncio.wait({waiting}, timeout=hold.within_ns / 1e9)
            if waiting.done() and not waiting.cancelled():
                waiting.result()  # may raise
        finally:
            waiting.cancel()
            self._waiting = None

    def _conclude(self) -> None:
        run = self._run
        run.failures.add(verdict.text for verdict in run.verdicts() if not verdict.ok)
        self._end(PlayState.FAILED if run.failures else PlayState.PASSED)

    def _end(self, state: PlayState) -> None:
        if self.ended:
            return
        self.state = state
        if not self._advancing:
            self._run.close()
        if self._sleeper is not None:
            _wake(self._sleeper)
        if self._waiting is not None:
            self._waiting.cancel()
        self._report(time.perf_counter_ns())

    def _report(self, now_ns: int) -> None:
        self._reported_ns = now_ns
        loop = asyncio.get_running_loop()
        for callback in self._watchers:
            loop.call_soon(callback, self)


class Player:
    """Starts plays and knows them: all that run, and the latest of those that have ended."""

    def __init__(
        self,
        publisher: Publisher,
        clock: Clock,
        catalog: Catalog,
        *,
        seed: int = 0,
        history: int = 100,
        brokers: Brokers | None = None,
        deliveries: Deliveries | None = None,
    ) -> None:
        """`seed` counts where neither call nor script has one; `history` ended plays are kept.

        `brokers` are the Kafka brokers that stories act on, `deliveries` the event handler apps.
        """
        self._brokers = brokers
        self._deliveries = deliveries
        self._publisher = publisher
        self._clock = clock
        self._catalog = catalog
        self._seed = seed
        self._history = history
        self._plays: dict[str, Play] = {}
        self._started = 0

    @property
    def plays(self) -> Mapping[str, Play]:
        """The plays by id, in the order in which they were started."""
        return MappingProxyType(self._plays)

    def start(
        self,
        script: Script,
        *,
        seed: int | None = None,
        start: int | None = None,
        speed: float | None = None,
        variables: Mapping[str, object] | None = None,
    ) -> Play:
        """Begin a play and return at once; needs a running event loop.

        `seed`: instead of the script's, else the player's. `start`: the story's first instant,
        in nanoseconds since the epoch, instead of the script's or else the clock's present time.
        `speed`: story seconds per real second; None or 0 for as fast as possible. A virtual clock
        is taken along as the story goes. Raises `PlayError`.
        """
        if speed is not None and not 0 <= speed < float("inf"):
            raise PlayError(f"a speed is 0 (as fast as possible) or more, got {speed}")
        start_ns = _first(start, script.start, self._clock.now_ns())
        if not EARLIEST_NS <= start_ns <= LATEST_NS:
            raise PlayError("a story begins in the years 1 to 9999")
        run = Run(
            script,
            self._publisher,
            start_ns=start_ns,
            seed=_first(seed, script.seed, self._seed),
            variables=variables,
            brokers=self._brokers,
            deliveries=self._deliveries,
        )
        self._started += 1
        outlet = self._publisher.outlet
        play = Play(f"play-{self._started}", run, self._clock, float(speed or 0), outlet)
        self._plays[play.id] = play
        self._forget_old_plays()
        return play

    def find(self, play_id: str) -> Play:
        """Return a play; raises `PlayNotFound`."""
        play = self._plays.get(play_id)
        if play is None:
            raise PlayNotFound(f"there is no play {play_id!r}, or it ended too long ago")
        return play

    def stop_all(self) -> None:
        """Stop what runs."""
        for play in self._plays.values():
            play.stop()

    def reset(self) -> None:
        """Stop what runs and forget all plays."""
        self.stop_all()
        self._plays.clear()
        self._started = 0

    def _forget_old_plays(self) -> None:
        ended = [play.id for play in self._plays.values() if play.ended]
        for play_id in ended[: max(0, len(ended) - self._history)]:
            del self._plays[play_id]


def _first(given: int | None, scripted: int | None, otherwise: int) -> int:
    if given is not None:
        return given
    return otherwise if scripted is None else scripted


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
