"""`simulator tail`: follow topics of a running simulator."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from simulator.cli import options, terminal
from simulator.cli.specs import catalog_of, spec_option

if TYPE_CHECKING:
    from google.protobuf.descriptor_pool import DescriptorPool

    from simulator.cli.client import Client
    from simulator.v1 import broker_pb2, record_pb2

Show: TypeAlias = "Callable[[Sequence[record_pb2.Record]], None]"
"""Writes the records of a response."""


class From(click.ParamType):  # type: ignore[type-arg]
    """Where reading starts."""

    name = "earliest|latest|TIME|OFFSET|-N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | int:
        """Return `earliest`, `latest`, a time, or an offset, which is negative from the end."""
        text = str(value).strip()
        if text in ("earliest", "latest"):
            return text
        try:
            return int(text)
        except ValueError:
            return options.Instant().convert(text, param, ctx)


@click.command(short_help="Follow topics of a running simulator.")
@click.argument("topics", nargs=-1, metavar="[TOPIC]...")
@options.server_option
@spec_option
@click.option(
    "--from",
    "start",
    type=From(),
    metavar="START",
    default="earliest",
    show_default=True,
    help="The first record to show: earliest, latest, the first at or after a time such as "
    "2026-01-31T18:00:00Z, an offset (with one TOPIC), or -N for the last N of each partition.",
)
@click.option("--name", "names", multiple=True, metavar="EVENT", help="Only events of this name.")
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="USER",
    help="Only events of this acting user, by id or name.",
)
@click.option(
    "--namespace",
    "namespaces",
    multiple=True,
    metavar="NAME",
    help="Only events of this namespace.",
)
@click.option(
    "--where",
    type=options.Assignment(),
    multiple=True,
    help="Only events with this value, as in payload.userDisconnected.code=4000.",
)
@click.option("--max", "maximum", type=click.IntRange(1), metavar="N", help="End after N records.")
@click.option("--end", is_flag=True, help="End at what is the end of the topics now.")
@click.option("--group", metavar="NAME", help="Go on behind what this group has been shown.")
@click.option(
    "--typed",
    is_flag=True,
    help="Ask for the typed protobuf event, too; the simulator, or --spec, says what is in it.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one line of JSON for each record.")
@click.pass_context
def tail(
    ctx: click.Context,
    topics: tuple[str, ...],
    server: str,
    specs: Sequence[Path],
    start: str | int,
    names: Sequence[str],
    users: Sequence[str],
    namespaces: Sequence[str],
    where: Sequence[tuple[str, Any]],
    maximum: int | None,
    end: bool,
    group: str | None,
    typed: bool,
    as_json: bool,
) -> None:
    """Follow topics of a running simulator (all that exist, unless some are named).

    Several values of one option are alternatives; different options must all fit, and so must
    every --where. Ctrl-C ends it, with status 0.
    """
    if isinstance(start, int) and start >= 0 and len(topics) != 1:
        raise click.UsageError("an offset counts in one topic: name it", ctx)
    from simulator.cli.client import Client
    from simulator.cli.server_names import ids_of
    from simulator.v1 import broker_pb2, record_pb2

    given = catalog_of(specs) if typed and as_json and specs else None
    with Client(server) as client:
        described = client.topics(*topics)
        if not described:
            raise click.ClickException(f"the simulator at {server} has no topics")
        request = broker_pb2.SubscribeRequest(
            topics=[topic.topic for topic in described],
            filter=record_pb2.Filter(
                names=names,
                user_ids=[each for user in users for each in ids_of(client, user)],
                namespaces=namespaces,
                fields=[_field(path, value) for path, value in where],
            ),
            max_records=maximum or 0,
            stop_at_end=end,
            group=group or "",
            typed=typed,
        )
        getattr(request, "from").CopyFrom(_position(start, described))
        if terminal.is_terminal(sys.stdout) and not as_json and not end:
            listed = ", ".join(request.topics)
            click.secho(f"following {listed} at {server}; Ctrl-C ends it", dim=True, err=True)
        pool = None
        if typed and as_json:
            from simulator.cli.typed import pool_of_server

            pool = pool_of_server(client) if given is None else given.pool
        try:
            _follow(client, request, described, _json_lines(pool) if as_json else None)
        except KeyboardInterrupt:
            terminal.leave_line()  # the usual way to end it


def _follow(
    client: Client,
    request: broker_pb2.SubscribeRequest,
    topics: Iterable[broker_pb2.TopicDescription],
    show: Show | None,
) -> None:
    subscription = client.subscribe(request)
    terminal.when_reader_leaves(subscription.cancel)
    show = show or _word_lines(client, topics)
    for response in subscription:
        _tell(response)
        if response.records:
            with client.answers():  # what is typed may have to be asked for
                show(response.records)
            if request.group:
                client.acknowledge(request.group, _last(response.records))


def _json_lines(pool: DescriptorPool | None) -> Show:
    """Return a function that writes records for programs."""
    from simulator.cli.client import record_of
    from simulator.cli.records import json_line
    from simulator.cli.typed import as_json

    def line(record: record_pb2.Record) -> str:
        typed = as_json(record.event, pool) if pool and record.HasField("event") else None
        return json_line(record_of(record), typed)

    def show(records: Sequence[record_pb2.Record]) -> None:
        sys.stdout.write("".join(f"{line(record)}\n" for record in records))
        sys.stdout.flush()

    return show


def _word_lines(client: Client, topics: Iterable[broker_pb2.TopicDescription]) -> Show:
    """Return a function that writes records for people."""
    from simulator.cli.client import record_of
    from simulator.cli.records import RecordLines
    from simulator.cli.server_names import ServerNames

    names = ServerNames(client)
    lines = RecordLines(
        names.people,
        on_terminal=terminal.is_terminal(sys.stdout),
        several_partitions=[topic.topic for topic in topics if len(topic.partitions) > 1],
    )

    def line(record: record_pb2.Record) -> str:
        note = record.event.TypeName() if record.HasField("event") else ""
        return lines.render(record_of(record), note)

    def show(records: Sequence[record_pb2.Record]) -> None:
        names.meet(records)
        click.echo("\n".join(map(line, records)))

    return show


def _tell(response: broker_pb2.SubscribeResponse) -> None:
    """Say what is missing from the records, beside them."""
    if response.rewound:
        click.secho("the log was reset or restored; what comes next is new", dim=True, err=True)
    for gap in response.gaps:
        click.secho(
            f"{gap.topic}[{gap.partition}]: offsets {gap.first_offset} to {gap.last_offset} were "
            "deleted before they could be read",
            fg="yellow",
            err=True,
        )


def _last(records: Iterable[record_pb2.Record]) -> list[record_pb2.TopicPartitionOffset]:
    from simulator.v1.record_pb2 import TopicPartitionOffset

    last = {(record.topic, record.partition): record.offset for record in records}
    return [
        TopicPartitionOffset(topic=topic, partition=partition, offset=offset)
        for (topic, partition), offset in last.items()
    ]


def _position(
    start: str | int, topics: Iterable[broker_pb2.TopicDescription]
) -> record_pb2.StartPosition:
    from google.protobuf.empty_pb2 import Empty
    from google.protobuf.timestamp_pb2 import Timestamp

    from simulator.scenario.durations import parse_instant
    from simulator.v1.record_pb2 import StartPosition, TopicPartitionOffset

    if start == "earliest":
        return StartPosition(earliest=Empty())
    if start == "latest":
        return StartPosition(latest=Empty())
    if isinstance(start, str):
        timestamp = Timestamp()
        timestamp.FromNanoseconds(parse_instant(start))
        return StartPosition(timestamp=timestamp)
    return StartPosition(
        offsets=StartPosition.Offsets(
            offsets=[
                TopicPartitionOffset(
                    topic=topic.topic,
                    partition=partition.partition,
                    offset=start
                    if start >= 0
                    else max(partition.start_offset, partition.end_offset + start),
                )
                for topic in topics
                for partition in topic.partitions
            ]
        )
    )


def _field(path: str, value: Any) -> record_pb2.FieldEquals:
    from google.protobuf.json_format import ParseDict
    from google.protobuf.struct_pb2 import Value

    from simulator.v1.record_pb2 import FieldEquals

    return FieldEquals(path=path, value=ParseDict(value, Value()))
