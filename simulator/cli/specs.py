"""`--spec`: the documents whose events a command knows beside the Chat Events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from simulator.cli.options import F
from simulator.cli.terminal import safe_lines

if TYPE_CHECKING:
    from simulator.catalog import Catalog, MessageType

VARIABLE: Final = "SIMULATOR_SPEC"


def spec_option(command: F) -> F:
    """Add `--spec`."""
    return click.option(
        "--spec",
        "specs",
        multiple=True,
        type=click.Path(exists=True, path_type=Path),
        metavar="PATH",
        envvar=VARIABLE,
        show_envvar=True,
        help="An AsyncAPI document, or a directory of them, whose events are known beside the "
        "Chat Events. May be repeated.",
    )(command)


def topic_options(command: F) -> F:
    """Add `--topic-prefix` and `--topic-separator`."""
    command = click.option(
        "--topic-separator",
        metavar="TEXT",
        default=".",
        show_default=True,
        help="What stands between the prefix and a topic.",
    )(command)
    return click.option(
        "--topic-prefix",
        metavar="TEXT",
        default="",
        help="What topics of the catalogue begin with on every door: with dev, chat is dev.chat.",
    )(command)


def catalog_of(specs: Sequence[Path]) -> Catalog:
    """The Chat Events, with the events of the documents; what cannot be loaded is a warning."""
    from simulator.catalog import Catalog

    if not specs:
        return Catalog.builtin()
    catalog = Catalog.load(specs)
    warn_of_problems(catalog)
    return catalog


def warn_of_problems(catalog: Catalog) -> None:
    """Say on standard error what could not be loaded."""
    for problem in catalog.problems:
        click.secho(f"Warning: {safe_lines(problem)}", fg="yellow", err=True)


def message_of(catalog: Catalog, name: str) -> MessageType:
    """An event by its name, or as TOPIC/EVENT where topics share it."""
    topic, slash, event = name.rpartition("/")
    return catalog.message(topic, event) if slash else catalog.find(name)
