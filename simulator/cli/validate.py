"""`simulator validate`: check scripts without playing them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from simulator.cli import failures
from simulator.cli.specs import catalog_of, spec_option
from simulator.cli.terminal import safe_lines
from simulator.cli.wishes import RECORDS

if TYPE_CHECKING:
    from simulator.catalog import Catalog


@click.command(short_help="Check scripts without playing them.")
@click.argument(
    "files", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[FILE]..."
)
@spec_option
@click.option("--schema", is_flag=True, help="Print the JSON Schema of scripts, for editors.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing about files that are fine.")
@click.pass_context
def validate(
    ctx: click.Context, files: tuple[Path, ...], specs: Sequence[Path], schema: bool, quiet: bool
) -> None:
    """Check scripts, records (.jsonl), and the *.yaml files of directories.

    Each mistake is a line `file:line:column: message`; the exit status is 1 if there is any. A line
    with `warning:` is about what can be played and still looks like a slip.

    \b
    For completion and checks while typing, save the schema:
      simulator validate --schema > script.schema.json
    VS Code (with the YAML extension) and others that run yaml-language-server
    read it from the first line of a script:
      # yaml-language-server: $schema=script.schema.json
    JetBrains: Settings, Languages & Frameworks, Schemas and DTDs,
    JSON Schema Mappings: add the file and a pattern such as scenarios/*.yaml.
    """
    if schema:
        click.echo(_schema(), nl=False)
        return
    if not files:
        raise click.UsageError("name the files to check", ctx)
    found = list(dict.fromkeys(script for given in files for script in _scripts(given)))
    if not found:
        raise click.ClickException("there is no *.yaml file in " + ", ".join(map(str, files)))
    catalog = catalog_of(specs)
    bad = sum(not _check(script, catalog, quiet=quiet) for script in found)
    if bad:
        raise failures.CommandFailed(
            f"{bad} of {len(found)} files {'has' if bad == 1 else 'have'} mistakes"
            if len(found) > 1
            else f"{found[0]} has mistakes"
        )


def _scripts(given: Path) -> list[Path]:
    """The scripts that a name on the command line stands for."""
    if not given.is_dir():
        return [given]
    return sorted(path for ending in ("*.yaml", "*.yml") for path in given.rglob(ending))


def _check(path: Path, catalog: Catalog, *, quiet: bool) -> bool:
    if path.suffix == RECORDS:
        return _check_records(path, quiet=quiet)
    from simulator.scenario.parser import validate_file

    problems = validate_file(path, catalog)
    for problem in problems:
        click.echo(safe_lines(str(problem)))
    fine = all(problem.is_warning for problem in problems)
    if fine and not quiet:
        click.echo(f"{path}: {click.style('ok', fg='green')}, {_outline(path)}")
    return fine


def _check_records(path: Path, *, quiet: bool) -> bool:
    """Whether every line is a record; what breaks the specification may be one."""
    from simulator.recording import NotARecord, record_lines

    try:
        with path.open("rb") as lines:
            count = sum(1 for _ in record_lines.records(lines, str(path)))
    except NotARecord as error:
        click.echo(safe_lines(str(error)))
        return False
    if not quiet:
        said = f"{count:,} record{'' if count == 1 else 's'}"
        click.echo(f"{path}: {click.style('ok', fg='green')}, {said}")
    return True


def _outline(path: Path) -> str:
    from simulator.scenario.parser import load_script

    if path.name.startswith("_"):
        return "a fragment that scripts can include"
    script = load_script(path)
    parts = [
        (len(script.steps), "step"),
        (len(script.users), "user"),
        (len(script.expectations), "expectation"),
    ]
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in parts)


def _schema() -> str:
    from importlib.resources import files

    return (files("simulator.scenario") / "script.schema.json").read_text("utf-8")
