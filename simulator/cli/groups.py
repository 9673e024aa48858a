"""`simulator groups`: who reads in which group, and how far each has come."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from simulator.cli import options

if TYPE_CHECKING:
    from simulator.v1.broker_pb2 import GroupDescription, GroupMember


@click.command(short_help="List the groups of a running simulator.")
@click.argument("names", nargs=-1, metavar="[GROUP]...")
@options.server_option
@click.option("--json", "as_json", is_flag=True, help="Write the list as JSON.")
def groups(names: tuple[str, ...], server: str, as_json: bool) -> None:
    """List groups, of Kafka's clients and of gRPC subscribers: members, offsets and lag."""
    from simulator.cli.client import Client

    with Client(server) as client:
        described = client.groups(*names)
    if as_json:
        click.echo(json.dumps([_as_json(group) for group in described], indent=2))
        return
    missing = set(names) - {group.group for group in described}
    if missing:
        raise click.ClickException(f"there is no group {', '.join(sorted(missing))}")
    for line in _lines(described):
        click.echo(line)


def _lines(described: list[GroupDescription]) -> Iterator[str]:
    if not described:
        yield "no groups"
    for group in described:
        lag = sum(offset.lag for offset in group.offsets)
        members = len(group.members)
        yield click.style(
            f"{group.group}  {group.state}, {group.kind}, "
            f"{members} member{'' if members == 1 else 's'}, lag {lag}",
            bold=True,
        )
        for member in group.members:
            static = f" ({member.instance_id})" if member.HasField("instance_id") else ""
            yield f"  {member.member_id}{static} of {member.client_id}: {_reads(member)}"
        for offset in group.offsets:
            note = f"  {json.dumps(offset.metadata)}" if offset.metadata else ""
            place = f"{offset.topic}[{offset.partition}]"
            yield f"  {place} at offset {offset.offset}, lag {offset.lag}{note}"


def _reads(member: GroupMember) -> str:
    places = [f"{place.topic}[{place.partition}]" for place in member.assignment]
    return ", ".join(places) or "nothing"


def _as_json(group: GroupDescription) -> dict[str, object]:
    return {
        "group": group.group,
        "kind": group.kind,
        "state": group.state,
        "members": [
            {
                "member_id": member.member_id,
                "client_id": member.client_id,
                "instance_id": member.instance_id if member.HasField("instance_id") else None,
                "assignment": [[place.topic, place.partition] for place in member.assignment],
            }
            for member in group.members
        ],
        "offsets": [
            {
                "topic": offset.topic,
                "partition": offset.partition,
                "offset": offset.offset,
                "lag": offset.lag,
                "metadata": offset.metadata,
            }
            for offset in group.offsets
        ],
    }
