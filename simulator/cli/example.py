"""`simulator example`: legal events, made by chance from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from simulator.cli.specs import catalog_of, message_of, spec_option


@click.command(short_help="Make up legal events.")
@click.argument("event")
@spec_option
@click.option("--seed", type=int, default=0, show_default=True, help="Of everything random.")
@click.option(
    "--count", type=click.IntRange(1), default=1, show_default=True, help="How many events."
)
def example(event: str, specs: Sequence[Path], seed: int, count: int) -> None:
    """Write legal events of the type EVENT (or TOPIC/EVENT), one line of JSON each.

    The values follow the schema and come from the seed: the same seed gives the same events.

    \b
      simulator example personalChatSent --count 3 | simulator produce personalChat --file -
    """
    import orjson

    from simulator.catalog.generation import generated_event
    from simulator.scenario.randomness import Randomness

    message = message_of(catalog_of(specs), event)
    chance = Randomness(seed).fork(f"example/{message.channel}/{message.name}")
    for _ in range(count):
        click.echo(orjson.dumps(generated_event(message, chance)))
