"""`simulator play`: play a story and check what it expects."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from simulator.cli import failures, options
from simulator.cli.specs import catalog_of, spec_option, topic_options
from simulator.cli.summary import Summary, how_far
from simulator.cli.terminal import Progress, warn
from simulator.cli.wishes import RECORDS, Wishes, playable

if TYPE_CHECKING:
    from simulator.clusters import ClusterWriter
    from simulator.scenario.player import Outcome
    from simulator.simulator import AsyncSimulator

_LOOK_EVERY_S: Final = 0.1
_WRITE_AT_ONCE: Final = 1000

_KEPT_BEHIND: Final = 20_000
"""Records of a topic that stay beyond what is written: `duplicate` reaches back to them."""


class PlayCommand(click.Command):
    """Lets `--server` stand alone: what follows it is an address only if it looks like one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Fill in the address where it is left out."""
        filled = []
        for argument, following in zip(args, [*args[1:], ""], strict=False):
            bare = argument == "--server" and not options.looks_like_address(following)
            filled.append(f"--server={options.default_server()}" if bare else argument)
        return super().parse_args(ctx, filled)


@click.command(cls=PlayCommand, short_help="Play a story and check what it expects.")
@click.argument("story")
@options.seed_option
@click.option(
    "--start",
    type=options.Instant(),
    help="When the story begins, such as 2026-01-31T18:00:00Z; instead of the script's.",
)
@click.option(
    "--speed",
    type=options.Speed(),
    metavar="N|max",
    help="Seconds of the story per real second; by default max, and for a script on a running "
    "simulator whatever that was started with.",
)
@click.option(
    "--var",
    "variables",
    type=options.Assignment(),
    metavar="NAME=VALUE",
    multiple=True,
    help="Set a variable of the script; the value is JSON where it can be read as such, else text.",
)
@click.option(
    "--server",
    type=options.Server(),
    metavar="[HOST:PORT]",
    help=f"Play on a running simulator, {options.DEFAULT_SERVER} unless an address follows or "
    f"{options.SERVER_VARIABLE} is set; a script may include files of the library only, records "
    "are sent one after the other. Otherwise the story plays in this process.",
)
@click.option(
    "--to",
    "cluster",
    metavar="kafka://HOST:PORT[,...]",
    help="Write the events to an existing Kafka cluster, as they are played.",
)
@click.option(
    "--shard",
    metavar="I/N",
    help="Write the events of one part of the users only: N plays, 1/N to N/N, on as many hosts "
    "write what one play would.",
)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="NAME",
    help="A topic that the story uses beside those of the catalogue.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Write each event as a line of JSON, as tail does; on a server, the progress.",
)
@click.option("--quiet", "-q", is_flag=True, help="Write nothing but problems.")
@spec_option
@topic_options
@options.validate_option
@click.pass_context
def play(
    ctx: click.Context,
    story: str,
    seed: int | None,
    start: str | None,
    speed: float | None,
    variables: Sequence[tuple[str, Any]],
    server: str | None,
    cluster: str | None,
    shard: str | None,
    topics: Sequence[str],
    as_json: bool,
    quiet: bool,
    specs: Sequence[Path],
    topic_prefix: str,
    topic_separator: str,
    validate: bool,
) -> None:
    """Play STORY, a story of the library by name, a script by path, or records (.jsonl).

    The exit status is 1, with an explanation, if a step cannot be done or an expectation does not
    hold, and for a script with mistakes (a line `file:line:column: message` each).
    """
    if shard is not None and cluster is None:
        raise click.UsageError("--shard is for --to kafka://...", ctx)
    if server is not None and cluster is not None:
        raise click.UsageError("--to writes what is played here: leave --server out", ctx)
    if server is not None and topic_prefix:
        raise click.UsageError(
            "--topic-prefix is a setting of the server: simulator serve --topic-prefix", ctx
        )
    if server is not None and topics:
        raise click.UsageError("--topic is for plays here: leave --server out", ctx)
    if server is not None and variables and story.endswith(RECORDS):
        raise click.UsageError("records have no variables: leave --var out", ctx)
    wishes = Wishes(
        story,
        seed,
        start,
        speed,
        dict(variables),
        validate,
        cluster,
        shard,
        specs,
        topic_prefix,
        topic_separator,
        topics,
    )
    with Progress(quiet=quiet or as_json) as progress:
        if server is None:
            import asyncio

            summary = asyncio.run(_play_here(wishes, progress, as_json=as_json))
        elif not validate:
            raise click.UsageError(
                "--no-validate is a setting of the server: simulator serve --no-validate", ctx
            )
        else:
            from simulator.cli.play_there import play_there

            summary = play_there(server, wishes, progress, as_json=as_json)
    if not quiet:
        # With --json, standard output belongs to the program that reads it.
        click.echo(summary.text(), err=as_json)
    summary.explain()
    if not summary.passed:
        raise failures.CommandFailed(f"{summary.name}: {summary.verdict}")


# --- in this process -----------------------------------------------------------------------


async def _play_here(wishes: Wishes, progress: Progress, *, as_json: bool) -> Summary:
    import asyncio

    from simulator.simulator import AsyncSimulator, Settings

    async with AsyncSimulator(
        Settings(
            validate=wishes.validate,
            grpc_port=None,
            kafka_port=None,
            catalog=catalog_of(wishes.specs),
            topic_prefix=wishes.topic_prefix,
            topic_separator=wishes.topic_separator,
        )
    ) as sim:
        play = sim.start_play(
            playable(wishes.story, wishes.topics, sim),
            seed=wishes.seed,
            start=wishes.start,
            speed=wishes.speed,
            variables=wishes.variables,
        )
        writer = None if wishes.cluster is None else _cluster_writer(wishes, progress)
        write = _record_writer(sim, writer, as_json=as_json) if as_json or writer else None
        begin = time.monotonic()
        ended = asyncio.ensure_future(play.wait())
        while not ended.done():
            await asyncio.wait({ended}, timeout=_LOOK_EVERY_S)
            progress.update(lambda: how_far(play.name, play.events, play.story_time_ns))
            if write is not None:
                write()
        if writer is not None:
            writer.finish()
            sent = writer.written.total()
            progress.clear()
            click.echo(f"{sent:,} events written to {wishes.cluster}", err=True)
        return summary_of(ended.result())._replace(real_s=time.monotonic() - begin)


def _cluster_writer(wishes: Wishes, progress: Progress) -> ClusterWriter:
    from simulator.clusters import ClusterAddress, ClusterWriter, Shard

    def tell(text: str) -> None:
        progress.clear()
        warn(text)

    address = ClusterAddress.parse(wishes.cluster or "")
    shard = Shard.parse(wishes.shard or "1/1")
    return ClusterWriter(address, shard, tell)


def _record_writer(
    sim: AsyncSimulator, writer: ClusterWriter | None, *, as_json: bool
) -> Callable[[], None]:
    """Return a function that writes the records that have come since its last call.

    What a cluster has is not kept here as well, so that a story may be of any length.
    """
    from simulator.cli.records import json_line

    cursor = sim.log.cursor({(topic.name, 0): 0 for topic in sim.topics()})

    def write() -> None:
        while records := cursor.poll(_WRITE_AT_ONCE):
            if as_json:
                sys.stdout.write("".join(f"{json_line(record)}\n" for record in records))
                sys.stdout.flush()
            if writer is not None:
                writer.write(records)
                for (topic, _), offset in cursor.offsets.items():
                    sim.delete_records(topic, max(0, offset - _KEPT_BEHIND))

    return write


def summary_of(outcome: Outcome) -> Summary:
    """Sum up a play of this process."""
    return Summary(
        name=outcome.name,
        state=outcome.state.value,
        events=outcome.events,
        problems=outcome.problems,
        story_s=(outcome.end_ns - outcome.start_ns) / 1e9,
        warnings=outcome.warnings,
        refusals=outcome.refusals,
    )
