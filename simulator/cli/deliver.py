"""`simulator deliver`: play stories and deliver their events to event handler apps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from simulator.cli import options
from simulator.cli.delivery_options import delivery_options, settings_of, target_option
from simulator.cli.delivery_tables import fit_lines, report_lines
from simulator.cli.failures import CommandFailed
from simulator.cli.play import summary_of
from simulator.cli.specs import catalog_of, spec_option
from simulator.cli.terminal import Progress

if TYPE_CHECKING:
    from simulator.catalog import Catalog
    from simulator.handlers import DeliveryReport, DeliverySettings
    from simulator.simulator import AsyncSimulator

_LOOK_EVERY_S: Final = 0.1


@click.command(short_help="Play stories and deliver their events to event handler apps.")
@click.argument("stories", nargs=-1)
@target_option
@options.seed_option
@spec_option
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
    seed: int | None,
    specs: Sequence[Path],
    timeout: float,
    check: bool,
    check_idempotent: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Play STORIES, of the library by name or scripts by path, and deliver every event.

    Each event is one call of OnMessage, in the typed form that the app was generated for. The exit
    status is 1 if an event is given up or not delivered in time. A running simulator delivers what
    happens on it with simulator serve --deliver-to.
    """
    import asyncio  # not for --help

    catalog = catalog_of(specs)
    if check:
        _check(targets, catalog, as_json=as_json)
        return
    if not stories:
        raise click.UsageError("name a STORY to play, or use --check", ctx)
    settings = settings_of(**given)
    if check_idempotent:
        from simulator.cli.idempotency import differing_answers

        for target in targets:
            lines = asyncio.run(
                differing_answers(stories, target, seed, settings, timeout, catalog)
            )
            if lines:
                text = "\n".join(f"  {line}" for line in lines)
                raise CommandFailed(f"{target} does not treat repeats as it did the first:\n{text}")
            click.echo(f"{target}: every event was answered alike, once and when repeated")
        return
    reports, late = asyncio.run(
        _deliver(stories, targets, seed, settings, timeout, catalog, quiet=as_json)
    )
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


def _check(targets: Sequence[str], catalog: Catalog, *, as_json: bool) -> None:
    """Print how each event fits each app; fails where one would be misread."""
    import asyncio

    from simulator.handlers.compatibility import Fit, check_app

    found = {target: asyncio.run(check_app(target, catalog)) for target in targets}
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


async def _deliver(
    stories: Sequence[str],
    targets: Sequence[str],
    seed: int | None,
    settings: DeliverySettings,
    timeout: float,
    catalog: Catalog,
    *,
    quiet: bool,
) -> tuple[list[DeliveryReport], str]:
    """The reports, and what is late: empty where everything was dealt with."""
    import asyncio

    from simulator.handlers import NotDelivered
    from simulator.simulator import AsyncSimulator, Settings

    async with AsyncSimulator(Settings(grpc_port=None, kafka_port=None, catalog=catalog)) as sim:
        for target in targets:
            sim.handlers.add(target, settings)
        for story in stories:
            await _play(sim, story, seed, quiet=quiet)
        late = ""
        with Progress(quiet=quiet) as progress:
            idle = asyncio.ensure_future(sim.handlers.wait_idle(timeout))
            while not idle.done():
                await asyncio.wait({idle}, timeout=_LOOK_EVERY_S)
                progress.update(lambda: _how_far(sim))
            try:
                idle.result()
            except NotDelivered as error:
                late = str(error)
        return sim.handlers.reports(), late


async def _play(sim: AsyncSimulator, story: str, seed: int | None, *, quiet: bool) -> None:
    outcome = await sim.start_play(story, seed=seed).wait()
    summary = summary_of(outcome)
    if not quiet:
        click.echo(summary.head())
    if not summary.passed:
        summary.explain()
        raise CommandFailed(f"{summary.name}: {summary.verdict}")


def _how_far(sim: AsyncSimulator) -> str:
    return "; ".join(
        f"{report.target}: {report.state.value}, {report.lag:,} to come"
        + (f" ({report.reason})" if report.reason else "")
        for report in sim.handlers.reports()
    )
