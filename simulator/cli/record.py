"""`simulator record`: turn what happened on a cluster into a story."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from simulator.cli import failures
from simulator.cli.specs import catalog_of, spec_option, topic_options
from simulator.cli.terminal import Progress, warn
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    from simulator.catalog import Catalog
    from simulator.log import Record
    from simulator.recording import Pace
    from simulator.recording.sources import Until

KEY_VARIABLE: Final = "SIMULATOR_RECORD_KEY"


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A duration such as 2s or 1m30s."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return nanoseconds."""
        from simulator.scenario.durations import parse_duration
        from simulator.scenario.errors import DurationError

        if isinstance(value, int):
            return value
        try:
            return parse_duration(str(value))
        except DurationError as error:
            self.fail(str(error), param, ctx)


class Factor(click.ParamType):  # type: ignore[type-arg]
    """How many times faster, such as 10x."""

    name = "Nx"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Fraction:
        """Return a number above 0."""
        match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)x?", str(value).strip(), re.ASCII)
        if match is None or not Fraction(match[1]):
            self.fail(f"{value!r} is no factor: write it like 10x", param, ctx)
        return Fraction(match[1])


@click.command(short_help="Turn what happened on a cluster into a story.")
@click.option(
    "--from",
    "source",
    required=True,
    metavar="kafka://HOST:PORT[,...]|grpc://HOST:PORT",
    help="A Kafka cluster, or a running simulator.",
)
@click.option(
    "--topics",
    required=True,
    multiple=True,
    metavar="TOPIC[,...]",
    help="What to record.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write: a script (.yaml), or a line for each record (.jsonl).",
)
@click.option(
    "--since",
    type=click.Choice(["earliest", "latest"]),
    default="earliest",
    show_default=True,
    help="Begin with the first record that is there, or with what comes from now on.",
)
@click.option("--until-idle", type=Duration(), help="End when nothing has come for that long.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N records.")
@click.option("--for", "duration", type=Duration(), help="End after that time.")
@click.option(
    "--key",
    envvar=KEY_VARIABLE,
    metavar="SECRET",
    help="Replaces values alike in all recordings with this key; otherwise every recording has a "
    f"key of its own. Better given as {KEY_VARIABLE}: others can see a command line.",
)
@click.option("--keep-ids", is_flag=True, help="Leave ids as they are.")
@click.option("--keep-texts", is_flag=True, help="Leave texts as they are.")
@click.option(
    "--keep",
    multiple=True,
    metavar="PATH",
    help="Leave a field as it is, such as payload.*.language, or headers.NAME.",
)
@click.option("--compress", type=Factor(), default="1x", help="Make all waits shorter.")
@spec_option
@topic_options
@click.option("--longest-gap", type=Duration(), help="Make no wait longer than that.")
@click.pass_context
def record(
    ctx: click.Context,
    source: str,
    topics: Sequence[str],
    output: Path,
    since: str,
    until_idle: int | None,
    count: int | None,
    duration: int | None,
    key: str | None,
    keep_ids: bool,
    keep_texts: bool,
    keep: Sequence[str],
    compress: Fraction,
    longest_gap: int | None,
    specs: Sequence[Path],
    topic_prefix: str,
    topic_separator: str,
) -> None:
    """Record topics as a story without the people in it.

    Ids, texts, addresses and dates are replaced, the same ones always by the same; `simulator play`
    plays the story in the same order and with the same waits. The recording ends at what is the end
    of the topics now, unless an option says otherwise; Ctrl-C ends it early.

    \b
      simulator record --from kafka://localhost:9092 --topics chat,personalChat -o evening.yaml
      simulator play evening.yaml
    """
    if output.suffix not in (".yaml", ".yml", ".jsonl"):
        raise click.UsageError(f"{output}: the ending says what to write: .yaml or .jsonl", ctx)
    if key is not None and keep_ids and _was_typed(ctx, "key"):
        raise click.UsageError("--key replaces ids, --keep-ids does not: give one of them", ctx)
    if since == "latest" and until_idle is count is duration is None:
        raise click.UsageError("--since latest needs --until-idle, --count or --for", ctx)
    from simulator.recording import Pace, Pseudonyms
    from simulator.recording.sources import Until

    names = [name for text in topics for name in text.split(",") if name]
    if not names:
        raise click.UsageError("--topics names no topic", ctx)
    if key == "":
        raise click.UsageError("--key is empty, and everybody could guess it", ctx)
    until = Until(_seconds(until_idle), count, _seconds(duration))
    records = _read(source, names, until, latest=since == "latest")
    if not records:
        raise failures.CommandFailed(f"{', '.join(names)}: there was nothing to record")
    prefix = topic_prefix and topic_prefix + topic_separator
    catalog = catalog_of(specs).with_topic_prefix(prefix)
    pseudonyms = Pseudonyms(
        secrets.token_bytes(32) if key is None else key.encode("utf-8", "surrogateescape"),
        catalog,
        keep_ids=keep_ids,
        keep_texts=keep_texts,
        keep=keep,
    )
    anonymous = [pseudonyms.record(record) for record in records]
    needed = [("--spec", str(spec)) for spec in specs]
    if topic_prefix:
        needed += [("--topic-prefix", topic_prefix), ("--topic-separator", topic_separator)]
    _write(output, anonymous, catalog, Pace(compress, longest_gap), needed)


def _was_typed(ctx: click.Context, parameter: str) -> bool:
    return ctx.get_parameter_source(parameter) is click.core.ParameterSource.COMMANDLINE


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


def _read(source: str, topics: Sequence[str], until: Until, *, latest: bool) -> list[Record]:
    from simulator.recording import in_order
    from simulator.recording.sources import open_source, recorded

    found: list[Record] = []
    with (
        open_source(source, topics, latest=latest, follow=until.follows) as opened,
        Progress() as progress,
    ):
        try:
            for records in recorded(opened, until):
                found.extend(records)
                progress.update(lambda: f"{len(found):,} records")
            if until.records is None or len(found) < until.records:
                progress.clear()
                for text in opened.left_out():
                    warn(text)
        except (KeyboardInterrupt, SimulatorError) as error:
            if not found:
                raise
            if isinstance(error, SimulatorError):
                warn(f"the recording ends here: {error}")
    return in_order(found)


def _write(
    output: Path,
    records: Sequence[Record],
    catalog: Catalog,
    pace: Pace,
    needed: Sequence[tuple[str, str]],
) -> None:
    """Write the file, and say how it is played: `needed` are options that it takes for that."""
    from simulator.recording import actors, happenings, precision_of, recording, script_text

    precision = precision_of(records)
    happened = happenings(records, precision, pace)
    if output.suffix == ".jsonl":
        _write_lines(output, happened, precision, needed)
        return
    story = recording(happened, catalog)
    people = actors(happened)
    text = script_text(story, people, "recorded", _description(story.steps, people))
    problem = _problem(text, output, catalog)
    if problem is not None:
        output = output.with_suffix(".jsonl")
        warn(f"no script ({problem}): written to {output}, which can be played as well")
        _write_lines(output, happened, precision, needed)
        return
    output.write_text(text, "utf-8")
    for what, number in story.left_out.items():
        warn(f"a story cannot say all of it: {_counted(number, 'record')} {what}")
    topics = [("--topic", topic) for topic in story.topics]
    _tell(output, len(story.steps), [*needed, *topics])


def _description(steps: Sequence[object], people: dict[str, str]) -> str:
    return f"{_counted(len(steps), 'record')} of {_counted(len(people), 'user')}."


def _problem(text: str, output: Path, catalog: Catalog) -> str | None:
    """Why a script cannot be played: it may be too long, or a topic looks like a slip."""
    from simulator.scenario.errors import ScriptError
    from simulator.scenario.parser import parse_script

    try:
        parse_script(text, file=str(output), catalog=catalog)
    except ScriptError as error:
        return str(error).partition("\n")[0].partition(": ")[2]
    return None


def _write_lines(
    output: Path, happened: Sequence[Any], precision: Any, needed: Sequence[tuple[str, str]]
) -> None:
    from simulator.recording import record_lines

    with output.open("wb") as file:
        for one in record_lines.moved(happened, precision):
            file.write(record_lines.line(one) + b"\n")
    _tell(output, len(happened), needed)


def _tell(output: Path, number: int, needed: Sequence[tuple[str, str]]) -> None:
    options = "".join(f" {option} {shlex.quote(value)}" for option, value in needed)
    click.echo(f"{_counted(number, 'record')} written; play them: simulator play {output}{options}")


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
