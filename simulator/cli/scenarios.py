"""`simulator scenarios`: the stories that come with the simulator."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from simulator.cli import terminal

if TYPE_CHECKING:
    from simulator.scenario.library import Story


@click.command(short_help="List the stories, or print one.")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write the list as JSON.")
def scenarios(name: str | None, as_json: bool) -> None:
    """List the stories of the library, or print the script of one.

    \b
    To start a story of your own from one of them:
      simulator scenarios rate_limited > mine.yaml
      simulator play mine.yaml
    """
    from simulator.scenario import library

    if name is not None:
        click.echo(library.find(name).path.read_text("utf-8"), nl=False)
        return
    stories = library.stories()
    if as_json:
        listed = [{"name": story.name, "description": story.description} for story in stories]
        click.echo(json.dumps(listed, indent=2, ensure_ascii=False))
    else:
        _show(stories)


def _show(stories: list[Story]) -> None:
    import textwrap

    column = max(len(story.name) for story in stories)
    on_terminal = terminal.is_terminal(sys.stdout)
    for story in stories:
        name = click.style(story.name.ljust(column), fg="cyan")
        room = terminal.width() - column - 2 if on_terminal else 10_000
        description = textwrap.wrap(story.description, max(room, 20)) or [""]
        indent = "\n" + " " * (column + 2)
        click.echo(f"{name}  {indent.join(description)}")
    if on_terminal:
        click.secho("\nplay one: simulator play rate_limited", dim=True)
