"""The options of `simulator deliver` that say how events are delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from simulator.cli import options
from simulator.cli.options import F

if TYPE_CHECKING:
    from simulator.handlers import Chaos, DeliverySettings

_CHAOS: Final = ("duplicate", "shuffle", "lose-first-answer")


class ChaosOption(click.ParamType):  # type: ignore[type-arg]
    """What is done on purpose: words separated by commas, and `delay=50ms`."""

    name = "WORD,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Chaos:
        """Return the chaos that the words ask for."""
        from simulator.handlers import Chaos, InvalidDeliverySetting
        from simulator.scenario.durations import parse_duration
        from simulator.scenario.errors import DurationError

        if isinstance(value, Chaos):
            return value
        wanted: dict[str, Any] = {}
        for word in str(value).split(","):
            name, _, given = word.strip().partition("=")
            if name == "delay":
                try:
                    wanted["delay_ms"] = parse_duration(given) // 1_000_000
                except DurationError as error:
                    self.fail(str(error), param, ctx)
            elif name in _CHAOS and not given:
                wanted[name.replace("-", "_")] = True
            else:
                self.fail(f"{word!r} is none of {', '.join(_CHAOS)}, delay=50ms", param, ctx)
        try:
            return Chaos(**wanted)
        except InvalidDeliverySetting as error:
            self.fail(str(error), param, ctx)


def delivery_options(command: F) -> F:
    """Add them; `settings_of` turns their values into settings."""
    for decorate in reversed(
        (
            click.option(
                "--group",
                metavar="NAME",
                help="The group whose offsets say how far it is; handlers.HOST:PORT otherwise.",
            ),
            click.option(
                "--topic",
                "topics",
                multiple=True,
                metavar="TOPIC",
                help="Deliver what is on this topic alone. May be repeated.",
            ),
            click.option(
                "--batch-size",
                type=click.IntRange(1),
                metavar="N",
                default=500,
                show_default=True,
                help="Events taken at once; up to 500 of them are in flight together.",
            ),
            click.option("--ordered", is_flag=True, help="One call at a time, in order."),
            click.option(
                "--attempts",
                type=click.IntRange(1),
                metavar="N",
                help="How often a batch is tried; without end unless given.",
            ),
            click.option(
                "--retry-event",
                "retry_batch",
                is_flag=True,
                flag_value=False,
                default=True,
                help="Send again only what failed, and not its whole batch.",
            ),
            click.option(
                "--deadline",
                type=click.FloatRange(0, min_open=True),
                metavar="SECONDS",
                default=10.0,
                show_default=True,
                help="Of each call.",
            ),
            click.option("--dead-letters", metavar="TOPIC", help="A topic for what is given up."),
            click.option(
                "--chaos",
                type=ChaosOption(),
                help="duplicate, shuffle, lose-first-answer, delay=50ms: makes apps show whether "
                "they are idempotent.",
            ),
        )
    ):
        command = decorate(command)
    return command


def target_option(command: F) -> F:
    """Add `--to`."""
    return click.option(
        "--to",
        "targets",
        type=options.Server(),
        multiple=True,
        required=True,
        help="Where the app listens; a port alone is one of this machine. May be repeated.",
    )(command)


def settings_of(*, deadline: float, chaos: Chaos | None, **others: Any) -> DeliverySettings:
    """The settings that the options ask for."""
    from simulator.handlers import Chaos, DeliverySettings

    return DeliverySettings(deadline_s=deadline, chaos=chaos or Chaos(), **others)
