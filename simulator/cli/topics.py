"""`simulator topics`: what a running simulator holds, and changes to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from simulator.cli import options

if TYPE_CHECKING:
    from simulator.v1.broker_pb2 import TopicDescription


@click.group(
    invoke_without_command=True,
    short_help="List the topics of a running simulator, or change them.",
)
@options.server_option
@click.option("--json", "as_json", is_flag=True, help="Write the list as JSON.")
@click.pass_context
def topics(ctx: click.Context, server: str, as_json: bool) -> None:
    """List the topics of a running simulator, or change them."""
    ctx.obj = server
    if ctx.invoked_subcommand is not None:
        return
    from simulator.cli.client import Client

    with Client(server) as client:
        described = client.topics()
    if as_json:
        click.echo(json.dumps([_as_json(topic) for topic in described], indent=2))
    else:
        _show(described)


_here = click.option(
    "--server", type=options.Server(), help="As for topics; it may stand here as well."
)


@topics.command()
@click.argument("name")
@_here
@click.option("--partitions", type=click.IntRange(1), metavar="N", default=1, show_default=True)
@click.option("--max-age", metavar="DURATION", help="Delete records that are older, such as 1h.")
@click.option("--max-bytes", type=options.Size(), help="Keep this much in each partition.")
@click.option(
    "--max-records", type=click.IntRange(1), metavar="N", help="Keep this many in each partition."
)
@click.pass_obj
def create(
    otherwise: str,
    name: str,
    server: str | None,
    partitions: int,
    max_age: str | None,
    max_bytes: int | None,
    max_records: int | None,
) -> None:
    """Create a topic; one that is not in the catalogue takes anything."""
    from simulator.cli.client import Client
    from simulator.scenario.durations import parse_duration
    from simulator.v1.broker_pb2 import CreateTopicRequest, Retention

    age_ns = None if max_age is None else parse_duration(max_age)
    request = CreateTopicRequest(
        topic=name,
        partitions=partitions,
        retention=Retention(
            max_age_ms=None if age_ns is None else age_ns // 1_000_000,
            max_bytes=max_bytes,
            max_records=max_records,
        ),
    )
    with Client(server or otherwise) as client:
        topic = client.create_topic(request)
    count = len(topic.partitions)
    click.echo(f"created {topic.topic} with {count} partition{'' if count == 1 else 's'}")


@topics.command()
@click.argument("name")
@_here
@click.pass_obj
def delete(otherwise: str, name: str, server: str | None) -> None:
    """Delete a topic and its records."""
    from simulator.cli.client import Client

    with Client(server or otherwise) as client:
        client.delete_topic(name)
    click.echo(f"deleted {name}")


@topics.command()
@click.argument("name")
@click.argument("offset", type=click.IntRange(0))
@click.option(
    "--partition", type=click.IntRange(0), metavar="N", help="Only this one, instead of all."
)
@_here
@click.pass_obj
def trim(otherwise: str, name: str, offset: int, partition: int | None, server: str | None) -> None:
    """Delete the records before OFFSET."""
    from simulator.cli.client import Client
    from simulator.v1.record_pb2 import TopicPartitionOffset

    with Client(server or otherwise) as client:
        (topic,) = client.topics(name)
        chosen = [
            number.partition
            for number in topic.partitions
            if partition is None or number.partition == partition
        ] or [partition or 0]
        starts = client.delete_records(
            TopicPartitionOffset(topic=name, partition=number, offset=offset) for number in chosen
        )
    for start in starts:
        click.echo(f"{start.topic}[{start.partition}] starts at offset {start.offset}")


def _show(described: list[TopicDescription]) -> None:
    rows = [("TOPIC", "PARTITION", "OFFSETS", "BYTES", "EVENTS")]
    for topic in described:
        for partition in topic.partitions:
            first = partition.partition == 0
            rows.append(
                (
                    topic.topic if first else "",
                    str(partition.partition),
                    f"{partition.start_offset}..{partition.end_offset}",
                    f"{partition.bytes:,}",
                    (", ".join(topic.events) or "anything") if first else "",
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for number, (name, partition_text, offsets, size, events) in enumerate(rows):
        line = "  ".join(
            (
                name.ljust(widths[0]),
                partition_text.rjust(widths[1]),
                offsets.rjust(widths[2]),
                size.rjust(widths[3]),
                events,
            )
        ).rstrip()
        click.echo(click.style(line, dim=True) if number == 0 else line)


def _as_json(topic: TopicDescription) -> dict[str, object]:
    return {
        "topic": topic.topic,
        "partitions": [
            {
                "partition": partition.partition,
                "start_offset": partition.start_offset,
                "end_offset": partition.end_offset,
                "bytes": partition.bytes,
            }
            for partition in topic.partitions
        ],
        "events": list(topic.events),
    }
