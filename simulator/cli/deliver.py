"""`simulator deliver`: play stories and deliver their events to event handler apps."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from simulator.cli import options, terminal
from simulator.cli.delivery_options import delivery_options, settings_of, target_option
from simulator.cli.delivery_stories import Stories
from simulator.cli.delivery_tables import fit_lines, report_lines
from simulator.cli.failures import CommandFailed
from simulator.cli.play import PlayCommand, summary_of
from simulator.cli.specs import spec_option, topic_options
from simulator.cli.terminal import Progress
from simulator.cli.wishes import Wishes, playable

if TYPE_CHECKING:
    from simulator.handlers import DeliveryReport, DeliverySettings
    from simulator.handlers.compatibility import EventFit
    from simulator.simulator import AsyncSimulator

_LOOK_EVERY_S: Final = 0.1


@click.command(
    cls=PlayCommand, short_help="Play stories and deliver their events to event handler apps."
)
@click.argument("stories", nargs=-1)
@target_option
@click.option(
    "--server",
    type=options.Server(),
    metavar="[HOST:PORT]",
    help=f"Deliver what is on a running simulator, {options.DEFAULT_SERVER} unless an address "
    f"follows or {options.SERVER_VARIABLE} is set. Without STORIES that is what is done anyway, "
    "until Ctrl-C.",
)
@options.seed_option
@click.option(
    "--start",
    type=options.Instant(),
    help="When the stories begin, such as 2026-01-31T18:00:00Z; instead of the scripts' own.",
)
@spec_option
@topic_options
@delivery_options
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=30.0,
    show_default=True,
    help="How long to wait until everything is delivered.",
)
@click.option("--check", is_flag=True, help="Ask the app which events it takes, and send nothing.")
@click.option(
    "--check-idempotent",
    is_flag=True,
    help="Deliver everything once, and then twice more, and tell what is answered differently.",
)
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON.")
@click.pass_context
def deliver(
    ctx: click.Context,
    /,
    stories: Sequence[str],
    targets: Sequence[str],
    server: str | None,
    seed: int | None,
    start: str | None,
    specs: Sequence[Path],
    topic_prefix: str,
    topic_separator: str,
    timeout: float,
    check: bool,
    check_idempotent: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Play STORIES, of the library by name, scripts by path or records, and deliver every event.

    Each event is one call of OnMessage, in the typed form that the app was generated for. The exit
    status is 1 if an event is given up or not delivered in time.
    """
    wanted = Stories(stories, seed, start, specs, timeout, topic_prefix, topic_separator)
    there = server is not None or not (stories or check)
    if there and topic_prefix:
        text = "--topic-prefix is a setting of the server: simulator serve --topic-prefix"
        raise click.UsageError(text, ctx)
    if check:
        _check(targets, server, wanted, as_json=as_json)
        return
    settings = settings_of(**given)
    if check_idempotent:
        if server is not None or not stories:
            text = "--check-idempotent plays here: name a STORY, and leave --server out"
            raise click.UsageError(text, ctx)
        _check_idempotent(wanted, targets, settings)
    elif there:
        address = server or options.default_server()
        _report_all(*_there(address, wanted, targets, settings, as_json=as_json), as_json=as_json)
    else:
        _report_all(*_here(wanted, targets, settings, as_json=as_json), as_json=as_json)


def _report_all(reports: list[DeliveryReport], late: str, *, as_json: bool) -> None:
    """Print how it went; fails where something was not delivered."""
    if as_json:
        click.echo(json.dumps([report.to_json() for report in reports], indent=2))
    else:
        for report in reports:
            click.echo("\n".join(report_lines(report)))
    given_up = sum(report.total.given_up + report.total.unreadable for report in reports)
    if late:
        raise CommandFailed(late)
    if given_up:
        raise CommandFailed(f"{given_up} event{'' if given_up == 1 else 's'} given up")


# --- asking the apps -----------------------------------------------------------------------


def _check(targets: Sequence[str], server: str | None, wanted: Stories, *, as_json: bool) -> None:
    """Print how each event fits each app; fails where one would be misread."""
    from simulator.handlers.compatibility import Fit

    found = _fits(targets, server, wanted)
    if as_json:
        rows = {
            target: [
                {
                    "topic": each.topic,
                    "event": each.event,
                    "service": each.service,
                    "fit": each.fit.value,
                    "differences": list(each.differences),
                }
                for each in fits
            ]
            for target, fits in found.items()
        }
        click.echo(json.dumps(rows, indent=2))
    else:
        for target, fits in found.items():
            click.echo("\n".join(fit_lines(target, fits)))
    wrong = [each.event for fits in found.values() for each in fits if each.fit is Fit.INCOMPATIBLE]
    if wrong:
        raise CommandFailed(f"the app would misread {', '.join(wrong)}")


def _fits(targets: Sequence[str], server: str | None, wanted: Stories) -> dict[str, list[EventFit]]:
    if server is not None:
        from simulator.cli.delivery_server import DeliveryClient

        with DeliveryClient(server) as client:
            return {target: client.check(target) for target in targets}
    import asyncio

    from simulator.handlers.compatibility import check_app

    catalog = wanted.catalog()
    return {target: asyncio.run(check_app(target, catalog)) for target in targets}


def _check_idempotent(wanted: Stories, targets: Sequence[str], settings: DeliverySettings) -> None:
    import asyncio

    from simulator.cli.idempotency import differing_answers

    for target in targets:
        lines = asyncio.run(differing_answers(wanted, target, settings))
        if lines:
            text = "\n".join(f"  {line}" for line in lines)
            raise CommandFailed(f"{target} does not treat repeats as it did the first:\n{text}")
        click.echo(f"{target}: every event was answered alike, once and when repeated")


# --- in this process -----------------------------------------------------------------------


def _here(
    wanted: Stories, targets: Sequence[str], settings: DeliverySettings, *, as_json: bool
) -> tuple[list[DeliveryReport], str]:
    import asyncio

    return asyncio.run(_deliver(wanted, targets, settings, quiet=as_json))


async def _deliver(
    wanted: Stories, targets: Sequence[str], settings: DeliverySettings, *, quiet: bool
) -> tuple[list[DeliveryReport], str]:
    """The reports, and what is late: empty where everything was dealt with."""
    import asyncio

    from simulator.handlers import NotDelivered
    from simulator.simulator import AsyncSimulator

    async with AsyncSimulator(wanted.settings()) as sim:
        for target in targets:
            sim.handlers.add(target, settings)
        for story in wanted.names:
            await _play(sim, story, wanted, quiet=quiet)
        late = ""
        with Progress(quiet=quiet) as progress:
            idle = asyncio.ensure_future(sim.handlers.wait_idle(wanted.timeout))
            while not idle.done():
                await asyncio.wait({idle}, timeout=_LOOK_EVERY_S)
                progress.update(lambda: _how_far(sim.handlers.reports()))
            try:
                idle.result()
            except NotDelivered as error:
                late = str(error)
        return sim.handlers.reports(), late


async def _play(sim: AsyncSimulator, story: str, wanted: Stories, *, quiet: bool) -> None:
    played = playable(story, (), sim)
    outcome = await sim.start_play(played, seed=wanted.seed, start=wanted.start).wait()
    summary = summary_of(outcome)
    if not quiet:
        click.echo(summary.head())
    if not summary.passed:
        summary.explain()
        raise CommandFailed(f"{summary.name}: {summary.verdict}")


# --- on a running simulator ----------------------------------------------------------------


def _there(
    server: str,
    wanted: Stories,
    targets: Sequence[str],
    settings: DeliverySettings,
    *,
    as_json: bool,
) -> tuple[list[DeliveryReport], str]:
    """Deliver what is there until all that the stories make is; without stories, until Ctrl-C."""
    from simulator.cli.delivery_server import LOOK_EVERY_S, DeliveryClient
    from simulator.cli.play_there import play_there
    from simulator.handlers import NotDelivered

    with (
        DeliveryClient(server) as client,
        client.targets(targets, settings),
        Progress(quiet=as_json) as progress,
    ):

        def look() -> None:
            progress.update(lambda: _how_far(client.reports(targets)))

        for story in wanted.names:
            wishes = Wishes(
                story, wanted.seed, wanted.start, None, {}, validate=True, specs=wanted.specs
            )
            summary = play_there(server, wishes, progress, as_json=False)
            progress.clear()
            if not as_json:
                click.echo(summary.head())
            if not summary.passed:
                summary.explain()
                raise CommandFailed(f"{summary.name}: {summary.verdict}")
        if wanted.names:
            try:
                return client.wait_idle(targets, wanted.timeout, look), ""
            except NotDelivered as error:
                return client.reports(targets), str(error)
        click.secho(f"delivering what is on {server}; Ctrl-C ends it", dim=True, err=True)
        try:
            while True:
                client.reports(targets)  # fails when the server has gone
                look()
                time.sleep(LOOK_EVERY_S)
        except KeyboardInterrupt:
            terminal.leave_line()  # the usual way to end it
        return client.reports(targets), ""


def _how_far(reports: Sequence[DeliveryReport]) -> str:
    return "; ".join(
        f"{report.target}: {report.state.value}, {report.total.handled:,} handled, "
        f"{report.lag:,} to come" + (f" ({report.reason})" if report.reason else "")
        for report in reports
    )
