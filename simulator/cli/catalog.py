"""`simulator catalog`: which topics and events there are, and what an event looks like."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simulator.cli.failures import CommandFailed
from simulator.cli.specs import catalog_of, message_of, spec_option
from simulator.cli.terminal import safe, safe_lines

if TYPE_CHECKING:
    from simulator.catalog import Catalog, MessageType


@click.command(short_help="List topics and events, or show one event.")
@click.argument("event", required=False)
@spec_option
@click.option("--lint", is_flag=True, help="Point at irregularities; the exit status is 1 for any.")
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
def catalog(event: str | None, specs: Sequence[Path], lint: bool, as_json: bool) -> None:
    """List the topics and events that are known, or show the fields of EVENT (or TOPIC/EVENT)."""
    if lint:
        from simulator.catalog import Catalog

        _lint(Catalog.load(specs) if specs else Catalog.builtin(), as_json=as_json)
        return
    known = catalog_of(specs)
    if event is not None:
        _show(message_of(known, event), as_json=as_json)
    else:
        _list(known, as_json=as_json)


def _summary(message: MessageType) -> dict[str, Any]:
    return {
        "topic": message.channel,
        "event": message.name,
        "message": message.proto_name,
        "service": message.service_name,
        "description": message.description,
    }


def _list(known: Catalog, *, as_json: bool) -> None:
    if as_json:
        listed = {
            "title": known.title,
            "topics": list(known.channels),
            "events": [_summary(message) for message in known.messages],
            "problems": list(known.problems),
        }
        click.echo(json.dumps(listed, indent=2))
        return
    width = max((len(message.name) for message in known.messages), default=0)
    for channel in known.channels.values():
        click.echo(click.style(safe(channel.name), bold=True))
        for message in channel.messages.values():
            click.echo(f"  {safe(message.name).ljust(width)}  {safe(message.service_name)}")


def _show(message: MessageType, *, as_json: bool) -> None:
    if as_json:
        shown = _summary(message) | {
            "fields": [field._asdict() for field in message.fields.values()],
            "example": message.example,
        }
        click.echo(json.dumps(shown, indent=2))
        return
    click.echo(f"{click.style(safe(message.name), bold=True)} on {safe(message.channel)}")
    if message.description:
        click.echo(f"  {safe(message.description)}")
    click.echo(f"  service  {safe(message.service_name)}")
    click.echo(f"  message  {safe(message.proto_name)}\n")
    rows = [
        (safe(field.path), f"{field.type} {field.format}".strip(), safe(field.description))
        for field in message.fields.values()
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    for path, kind, description in rows:
        line = f"  {path.ljust(widths[0])}  {kind.ljust(widths[1])}  {description}"
        click.echo(line.rstrip())
    click.echo(f"\n{safe_lines(json.dumps(message.example, indent=2, ensure_ascii=False))}")


def _lint(known: Catalog, *, as_json: bool) -> None:
    from simulator.catalog.lint import irregularities

    found = irregularities(known)
    if as_json:
        click.echo(json.dumps({"irregularities": found}, indent=2))
    else:
        for line in found:
            click.echo(safe_lines(line))
    if found:
        number = len(found)
        raise CommandFailed(f"{number} irregularit{'y' if number == 1 else 'ies'}")
    if not as_json:
        click.echo("nothing irregular")
