"""The `simulator` command: finds its commands lazily, and turns every error into one line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from simulator.cli import failures, terminal

COMMANDS: Final = (
    "demo",
    "serve",
    "play",
    "record",
    "deliver",
    "tail",
    "produce",
    "validate",
    "scenarios",
    "catalog",
    "example",
    "topics",
    "groups",
)
"""In the order in which a newcomer meets them; `simulator.cli.<name>` has the command `<name>`."""


class CommandLine(click.Group):
    """A group whose commands are imported when they are needed, and which shows no traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"simulator.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name; a near miss is named in the error."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(failures.unknown("command", args[0], COMMANDS), ctx)
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; without any, what the newcomer needs is the help."""
        return super().parse_args(ctx, args or ["--help"])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that has gone away (`| head`) is no error."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except OSError as error:
            if not terminal.is_broken_pipe(error):
                raise
            terminal.abandon_stdout()
            return None

    def main(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        **extra: Any,
    ) -> NoReturn:
        """Run the command line and leave the process; every error is a line on stderr."""
        extra["standalone_mode"] = False
        try:
            result = super().main(args, prog_name or "simulator", **extra)
            status = result if isinstance(result, int) else 0
        except (Exception, KeyboardInterrupt) as error:
            status = failures.report(error)
        sys.exit(status)


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"simulator {version('chat-event-simulator')}")
        ctx.exit()


@click.group(
    name="simulator",
    cls=CommandLine,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with: simulator demo",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Simulate a Kafka cluster that carries chat events.

    Exit status: 0 done, 1 it failed or an expectation does not hold, 2 wrong usage, 130
    interrupted. SIMULATOR_DEBUG=1 shows the traceback of an error.
    """
    ctx.color = terminal.colour_setting()


def main() -> NoReturn:
    """Run the command line of this process."""
    terminal.replace_closed_streams()
    terminal.use_utf8()
    # gRPC's core logs what we report ourselves, for instance a port that is taken.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    failures.keep_tracebacks_away()
    cli.main()
