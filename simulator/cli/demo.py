"""`simulator demo`: a story, played and seen arriving at a gRPC subscriber, in one go."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from simulator.cli import failures, options, terminal
from simulator.cli.summary import Summary, readable_seconds

if TYPE_CHECKING:
    from simulator.scenario.player import Play
    from simulator.scenario.script import Script
    from simulator.simulator import AsyncSimulator
    from simulator.v1 import record_pb2
    from simulator.v1.broker_pb2_grpc import BrokerAsyncStub

DURATION_S: Final = 4.0
"""How long a story takes to watch, unless it is shorter or a speed is given."""

MOST_LINES: Final = 300
"""How many events are shown; of larger stories the rest is only counted."""

LATEST_S: Final = 20.0
"""How long events may take to arrive after the story has ended."""


@click.command(short_help="Watch a story arrive at a gRPC subscriber: start here.")
@click.argument("story", default="rate_limited", metavar="[STORY]")
@options.seed_option
@click.option(
    "--speed",
    type=options.Speed(),
    metavar="N|max",
    help="Seconds of the story per real second; by default as fast as is pleasant to watch, and "
    "max where nobody watches.",
)
def demo(story: str, seed: int | None, speed: float | None) -> None:
    """Play STORY (rate_limited) on a simulator of its own, and show what a gRPC subscriber sees.

    The exit status is 0 only if everything that was played arrived, and the story's expectations
    hold.
    """
    import asyncio

    summary, arrived = asyncio.run(_demo(story, seed, speed))
    played = sum(summary.events.values())
    click.echo("\n" + _verdict(summary, arrived))
    click.echo("\n".join(summary.table()))
    summary.explain()
    if not summary.passed:
        raise failures.CommandFailed(f"{summary.name}: {summary.verdict}")
    if arrived != played:
        raise failures.CommandFailed(f"{played:,} events were played, {arrived:,} arrived")
    _next_steps(story)


async def _demo(story: str, seed: int | None, speed: float | None) -> tuple[Summary, int]:
    """Play a story and show its events; return how it went and how many records arrived."""
    import asyncio

    from simulator.cli.play import summary_of
    from simulator.scenario.parser import load_script
    from simulator.simulator import AsyncSimulator, Settings

    async with AsyncSimulator(Settings(kafka_port=None)) as sim:
        script = load_script(story, catalog=sim.catalog)
        if speed is None:
            speed = await _pleasant_speed(script, seed)
        _announce(script, sim, speed)
        subscriber = _Subscriber(sim)
        reading = asyncio.create_task(subscriber.read())
        try:
            play = sim.start_play(script, seed=seed, speed=speed)
            subscriber.people.learn(_names(play, script))
            outcome = await play.wait()
            waiting = asyncio.create_task(subscriber.wait_for(sum(outcome.events.values())))
            done, _ = await asyncio.wait(
                {reading, waiting}, timeout=LATEST_S, return_when=asyncio.FIRST_COMPLETED
            )
            waiting.cancel()
            if reading in done:
                reading.result()  # only an error can have ended it
        finally:
            reading.cancel()
        subscriber.finish()
        return summary_of(outcome), subscriber.arrived


class _Subscriber:
    """Reads all topics over gRPC, as any client would, and shows what comes."""

    def __init__(self, sim: AsyncSimulator) -> None:
        import asyncio

        from simulator.cli.records import RecordLines
        from simulator.cli.words import People

        self.people = People()
        self._places: set[tuple[str, int, int]] = set()
        self._target = sim.grpc_target
        self._topics = [topic.name for topic in sim.topics()]
        self._more = asyncio.Event()
        self._lines = RecordLines(
            self.people, on_terminal=terminal.is_terminal(sys.stdout), max_lines=2
        )
        self._progress = terminal.Progress()

    @property
    def arrived(self) -> int:
        """How many records have arrived, each counted once."""
        return len(self._places)

    async def read(self) -> None:
        """Show records until cancelled."""
        import grpc.aio

        from simulator.cli.client import channel_options
        from simulator.v1.broker_pb2 import SubscribeRequest
        from simulator.v1.broker_pb2_grpc import BrokerStub

        options = channel_options(self._target)
        async with grpc.aio.insecure_channel(self._target, options=options) as channel:
            broker: BrokerAsyncStub = BrokerStub(channel)  # type: ignore[assignment]
            async for response in broker.Subscribe(SubscribeRequest(topics=self._topics)):
                self._show(response.records)
                self._more.set()

    async def wait_for(self, total: int) -> None:
        """Return when so many records have arrived."""
        while self.arrived < total:
            self._more.clear()
            await self._more.wait()

    def finish(self) -> None:
        """Say how many were not shown."""
        self._progress.clear()
        if self.arrived > MOST_LINES:
            click.secho(f"... and {self.arrived - MOST_LINES:,} more", dim=True)

    def _show(self, records: Sequence[record_pb2.Record]) -> None:
        from simulator.cli.client import record_of

        shown = records[: max(0, MOST_LINES - self.arrived)]
        self._places.update((r.topic, r.partition, r.offset) for r in records)
        if shown:
            click.echo("\n".join(self._lines.render(record_of(record)) for record in shown))
        else:
            self._progress.update(lambda: f"... and {self.arrived - MOST_LINES:,} more")


async def _pleasant_speed(script: Script, seed: int | None) -> float:
    """Play the story once where nobody sees it, to learn how long it is."""
    from simulator.simulator import AsyncSimulator, Settings

    if not terminal.is_terminal(sys.stdout):
        return options.AS_FAST_AS_POSSIBLE
    async with AsyncSimulator(Settings(grpc_port=None, kafka_port=None)) as sim:
        outcome = await sim.play(script, check=False, seed=seed)
    return max(1.0, (outcome.end_ns - outcome.start_ns) / 1e9 / DURATION_S)


def _names(play: Play, script: Script) -> dict[str, str]:
    """The ids of all who can appear, by name: users, parties, crowds."""
    from simulator.scenario.engine.cast import all_steps, crowd_user
    from simulator.scenario.identity import derived_id
    from simulator.scenario.script import Crowd

    names = dict(play.users)
    for party in script.parties.values():
        names[party.name] = party.id or derived_id(play.seed, "party", party.name)
    for step in all_steps(script.steps):
        if isinstance(step, Crowd):
            for number in range(1, step.users + 1):
                name = crowd_user(step.name, number)
                names[name] = play.user_id(name) or ""
    return names


def _announce(script: Script, sim: AsyncSimulator, speed: float) -> None:
    title = f"{script.name}: {script.description}" if script.description else script.name
    first, *rest = _paragraph(title)
    name, colon, words = first.partition(":")
    click.echo("\n".join([click.style(name, bold=True) + colon + words, *rest]))
    paces = {options.AS_FAST_AS_POSSIBLE: "as fast as possible", 1.0: "in real time"}
    pace = paces.get(speed, f"{speed:.3g} times as fast as in real time")
    topics = " and ".join(topic.name for topic in sim.topics())
    for line in _paragraph(
        f"Played {pace}, by a simulator on {sim.grpc_target}, for a gRPC subscriber to {topics}."
    ):
        click.secho(line, dim=True)
    click.echo()


def _paragraph(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(terminal.safe(text), min(terminal.width(), 100)) or [""]


def _verdict(summary: Summary, arrived: int) -> str:
    played = sum(summary.events.values())
    good = summary.passed and arrived == played
    mark = click.style("✓" if good else "✗", fg="green" if good else "red", bold=True)
    length = "" if summary.story_s is None else f" in {readable_seconds(summary.story_s)} of story"
    return f"{mark} {played:,} events{length}, {arrived:,} arrived over gRPC; {summary.verdict}"


def _next_steps(story: str) -> None:
    other = "party_chat" if story != "party_chat" else "spammer_muted"
    program = terminal.program()
    steps = (
        (f"{program} demo {other}", f"another story; {program} scenarios lists them"),
        (f"{program} serve", "a simulator for your own programs"),
        (f"{program} tail", "what happens on it, as it happens"),
    )
    length = max(len(command) for command, _ in steps)
    click.echo("\nNext:")
    for command, purpose in steps:
        click.echo(f"  {click.style(command.ljust(length), fg='cyan')}  {purpose}")
