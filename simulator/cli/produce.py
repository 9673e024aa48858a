"""`simulator produce`: put records into a topic of a running simulator."""

from __future__ import annotations

import os
import re
import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from simulator.cli import failures, options
from simulator.cli.specs import catalog_of, spec_option
from simulator.cli.terminal import Progress, warn

if TYPE_CHECKING:
    from simulator.cli.client import Client
    from simulator.cli.wanted_event import WantedEvent
    from simulator.v1.broker_pb2 import PublishRecord, PublishRequest

_CHUNK: Final = 1 << 16


@click.command(short_help="Put events into a running simulator.")
@click.argument("topic", required=False)
@click.argument("event", required=False)
@click.option(
    "--set",
    "changes",
    type=options.Assignment(),
    multiple=True,
    help="Change a field of the event, as in payload.userDisconnected.code=4000; the value is JSON "
    "where it can be read as such, else text.",
)
@click.option("--remove", "removals", multiple=True, metavar="PATH", help="Leave a field out.")
@click.option(
    "--user",
    metavar="USER",
    help="The acting user, by id; a name stands for the id that a story with seed 0 gives it.",
)
@click.option("--json", "text", metavar="JSON", help="Produce this instead of a named event.")
@click.option(
    "--file",
    type=click.File("rb"),
    help="Produce the lines of a file, a record each; - is standard input. Without TOPIC they are "
    "what simulator record and tail --json write, with topic, key, headers and time.",
)
@click.option("--key", help="Instead of the id of the event.")
@click.option("--header", "headers", type=options.Pair(), multiple=True, help="Add a header.")
@click.option(
    "--partition", type=click.IntRange(0), metavar="N", help="Instead of what the key decides."
)
@spec_option
@options.validate_option
@options.server_option
@click.pass_context
def produce(
    ctx: click.Context,
    topic: str | None,
    event: str | None,
    changes: Sequence[tuple[str, Any]],
    removals: Sequence[str],
    user: str | None,
    text: str | None,
    file: IO[bytes] | None,
    key: str | None,
    headers: Sequence[tuple[str, str]],
    partition: int | None,
    specs: Sequence[Path],
    validate: bool,
    server: str,
) -> None:
    """Put records into a topic of a running simulator, and say where they are.

    EVENT is one that the simulator knows, or of --spec: its example with a fresh envelope, which
    the options change. Without it, --json or --file gives the value.

    \b
      simulator produce chat userConnected --user alice
      simulator produce chat userDisconnected --set payload.userDisconnected.code=4000
      simulator produce notes --json '{"any": "thing"}'
    """
    if sum(source is not None for source in (event, text, file)) != 1:
        raise click.UsageError("name an EVENT, or give --json or --file, one of them", ctx)
    if event is None and (changes or removals or user):
        raise click.UsageError("--set, --remove and --user change a named EVENT", ctx)
    if topic is None and (file is None or key is not None or headers or partition is not None):
        raise click.UsageError("name a TOPIC, or give records with --file and nothing else", ctx)
    from simulator.cli.client import Client
    from simulator.cli.wanted_event import of_catalog, of_server
    from simulator.v1.broker_pb2 import PublishRecord, PublishRequest
    from simulator.v1.record_pb2 import Header

    pattern = PublishRecord(
        topic=topic or "",
        partition=partition,
        key=None if key is None else key.encode(),
        headers=[Header(name=name, value=value.encode()) for name, value in headers],
    )
    with Client(server) as client:
        if file is not None:
            _stream(client, file, pattern, validate=validate)
            return
        if event is not None:
            wanted = (
                of_catalog(catalog_of(specs), pattern.topic, event, validate=validate)
                if specs
                else of_server(client, pattern.topic, event)
            )
            text = _json(wanted, changes, removals, user)
        pattern.json = text or ""
        answer = client.publish(PublishRequest(records=[pattern], no_validate=not validate))
    _warn([re.sub(r"^records\[0\]: ", "", warning) for warning in answer.warnings])
    for place in answer.offsets:
        click.echo(f"{place.topic}[{place.partition}]@{place.offset}")


def _json(
    wanted: WantedEvent,
    changes: Sequence[tuple[str, Any]],
    removals: Sequence[str],
    user: str | None,
) -> str:
    """The event with a fresh envelope and the changes, as the script step `produce` makes it."""
    import json
    import time
    import uuid

    from simulator.scenario.engine.paths import remove_path, set_path
    from simulator.scenario.envelope import Envelopes, EventStyle, stamper
    from simulator.scenario.identity import derived_id, is_uuid

    user_id = user if user is None or is_uuid(user) else derived_id(0, "user", user)
    stamp, _ = stamper("milliseconds")(time.time_ns())
    event = wanted.example
    if wanted.has_envelope:
        event = Envelopes(EventStyle()).renew(
            event,
            wanted.name,
            str(uuid.uuid4()),
            stamp,
            user_id,
            uuid.uuid4().hex,
            None if user_id is None else str(uuid.uuid4()),
        )
    for path, value in changes:
        set_path(event, path, value)
    for path in removals:
        remove_path(event, path)
    return json.dumps(event, ensure_ascii=False)


def _stream(client: Client, file: IO[bytes], pattern: PublishRecord, *, validate: bool) -> None:
    """Send each line as a request of its own, so that an error can name the line."""
    from simulator.cli.client import ServerError
    from simulator.recording import NotARecord

    lines = array("Q")
    name = getattr(file, "name", "<stdin>")
    wrong: list[NotARecord] = []

    def requests() -> Iterator[PublishRequest]:
        from simulator.v1.broker_pb2 import PublishRequest

        for number, line in enumerate(_lines(file), start=1):
            if line.strip():
                request = PublishRequest(records=[pattern], no_validate=not validate)
                if pattern.topic:
                    request.records[0].raw = line.removesuffix(b"\r")
                else:
                    try:
                        request.records[0].CopyFrom(_recorded(line, name, number))
                    except NotARecord as error:
                        wrong.append(error)  # gRPC would not pass it on
                        return
                lines.append(number)
                progress.update(lambda: f"{len(lines):,} records sent")
                yield request

    with Progress() as progress:
        try:
            answer = client.publish_stream(requests())
        except ServerError as error:
            raise failures.CommandFailed(_at_line(str(error), name, lines)) from None
    _warn([_at_line(warning, name, lines) for warning in answer.warnings])
    if wrong:
        before = f"{answer.accepted:,} record{'' if answer.accepted == 1 else 's'}"
        raise failures.CommandFailed(f"{wrong[0]} (the lines before it were produced: {before})")
    click.echo(f"{answer.accepted:,} record{'' if answer.accepted == 1 else 's'} produced")


def _recorded(line: bytes, file: str, number: int) -> PublishRecord:
    """Read a line that has a whole record; its key decides where it goes. Raises NotARecord."""
    from simulator.cli.client import publish_record
    from simulator.recording import record_lines

    record = record_lines.record(line, file, number)
    return publish_record(record, record.topic)


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Read lines, without their ends, by the descriptor of the file.

    gRPC asks for them in a thread of its own. One that waits inside `sys.stdin` holds a lock that
    the interpreter needs when it exits.
    """
    try:
        descriptor = file.fileno()
    except OSError:  # not a file of the operating system
        yield from file.read().split(b"\n")
        return
    rest = b""
    while chunk := os.read(descriptor, _CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    yield rest


def _at_line(text: str, file: str, lines: Sequence[int]) -> str:
    """Say the line of a file instead of the number of a request."""
    match = re.match(r"requests\[(\d+)\][.:] ?(?:records\[0\](?:\.\w+)?: )?", text)
    if match is None or int(match[1]) >= len(lines):
        return text
    text = re.sub(
        r" \((\d+ records?) of the requests before it (?:was|were) accepted\)$",
        r" (the lines before it were produced: \1)",
        text[match.end() :],
    )
    return f"{file}:{lines[int(match[1])]}: {text}"


def _warn(warnings: Sequence[str]) -> None:
    for warning in warnings:
        warn(warning)
    sys.stderr.flush()
