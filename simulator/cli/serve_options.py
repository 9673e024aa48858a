"""The options of `simulator serve` that say how the simulator is set up.

Each function adds the options of one subject; `settings_of` turns all their values into settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

import click

from simulator.cli import options
from simulator.cli.options import F
from simulator.cli.security_options import security_of
from simulator.cli.specs import spec_option, topic_options

if TYPE_CHECKING:
    from simulator.settings import Settings

GRPC_PORT: Final = 50051
KAFKA_PORT: Final = 9092

_LEAVE_OUT: Final = "leave the options of Kafka brokers out"


class Broker(click.ParamType):  # type: ignore[type-arg]
    """A Kafka broker: its id, its port and, if it has one, its rack."""

    name = "ID:PORT[:RACK]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return a KafkaBroker; whether id and port can be is for the settings to say."""
        from simulator.settings import KafkaBroker

        if isinstance(value, KafkaBroker):
            return value
        node_id, _, place = str(value).partition(":")
        port, _, rack = place.partition(":")
        if not (node_id.isdecimal() and port.isdecimal()):
            self.fail(f"{value!r} is no broker: write it like 1:9092 or 1:9092:rack-a", param, ctx)
        return KafkaBroker(int(node_id), int(port), rack or None)


def address_options(command: F) -> F:
    """Add `--host` and `--grpc-port`."""
    return _all(
        command,
        click.option(
            "--host", default="127.0.0.1", show_default=True, help="The address to listen on."
        ),
        click.option(
            "--grpc-port",
            type=click.IntRange(0, 65535),
            metavar="PORT",
            default=GRPC_PORT,
            show_default=True,
            help="The port of gRPC; 0 takes a free one.",
        ),
    )


def kafka_options(command: F) -> F:
    """Add `--kafka-port`, `--no-kafka`, `--brokers`, `--broker` and `--config`."""
    return _all(
        command,
        click.option(
            "--kafka-port",
            type=click.IntRange(0, 65535),
            metavar="PORT",
            default=KAFKA_PORT,
            show_default=True,
            help="The port of Kafka; 0 takes a free one.",
        ),
        click.option("--no-kafka", is_flag=True, help="Serve no Kafka."),
        click.option(
            "--brokers",
            type=click.IntRange(1, 100),
            metavar="N",
            default=1,
            show_default=True,
            help="How many Kafka brokers there are, at the Kafka port and those that follow it.",
        ),
        click.option(
            "--broker",
            "named_brokers",
            type=Broker(),
            multiple=True,
            help="One Kafka broker by id and port, such as 7:9092 or 7:9092:rack-a; for each one.",
        ),
        click.option(
            "--config",
            type=options.Pair(),
            multiple=True,
            help="A setting of the Kafka brokers by its own name, such as num.partitions=4. "
            "Repeatable.",
        ),
    )


def log_options(command: F) -> F:
    """Add `--log` and `--log-topic`."""
    return _all(
        command,
        click.option(
            "--log",
            metavar="kafka://HOST:PORT[,...]",
            help="Serve the topics of an existing Kafka cluster: what is published goes there, and "
            "what comes there is read. There is no Kafka port then, since the cluster has one.",
        ),
        click.option(
            "--log-topic",
            "log_topics",
            multiple=True,
            metavar="NAME",
            help="A topic of that cluster beside those of the catalogue. Repeatable.",
        ),
    )


def event_options(command: F) -> F:
    """Add what time it is, what chance brings, and which events are let through."""
    return _all(
        command,
        click.option(
            "--speed",
            type=options.Speed(),
            metavar="N|max",
            default="1",
            show_default=True,
            help="Seconds of the simulator's time per real second. With max, time is virtual: it "
            "moves only as stories play, and a run repeats to the byte.",
        ),
        click.option(
            "--seed",
            type=int,
            metavar="N",
            default=0,
            show_default=True,
            help="Of everything random.",
        ),
        click.option(
            "--start",
            type=options.Instant(),
            help="When the simulator's time begins, such as "
            "2026-01-31T18:00:00Z; else now, or a fixed time with --speed max.",
        ),
        spec_option,
        topic_options,
        click.option(
            "--record-key",
            metavar="PATH|none",
            default="id",
            show_default=True,
            help="The field of an event that its record is keyed by, unless a key is given.",
        ),
        click.option(
            "--extra-fields",
            is_flag=True,
            help="Events of stories have timestampUnixNano and unionNamespace, as some publishers "
            "write them.",
        ),
        click.option(
            "--deliver-to",
            "handlers",
            multiple=True,
            type=options.Server(),
            help="An event handler app to which events are delivered; see simulator deliver. May "
            "be repeated.",
        ),
        options.validate_option,
        click.option(
            "--kafka-validation",
            type=click.Choice(["reject", "mark", "off"]),
            default="reject",
            show_default=True,
            help="What becomes of records that Kafka's clients produce and that are no events of "
            "their topic.",
        ),
        click.option(
            "--max-bytes",
            type=options.Size(),
            default="1GiB",
            show_default=True,
            help="How much the topics may hold before they refuse more.",
        ),
    )


def settings_of(
    *,
    kafka_port: int,
    no_kafka: bool,
    brokers: int,
    named_brokers: tuple[Any, ...],
    config: tuple[tuple[str, str], ...],
    kafka_validation: Literal["reject", "mark", "off"],
    speed: float,
    record_key: str,
    log: str | None,
    log_topics: tuple[str, ...],
    **others: Any,
) -> Settings:
    """The settings that the options ask for; those of one name with a setting go in as they are."""
    from simulator.settings import Settings

    if named_brokers and (brokers != 1 or kafka_port != KAFKA_PORT or no_kafka):
        raise click.UsageError(
            "--broker says it all: leave --brokers, --kafka-port and --no-kafka out"
        )
    secured = {name: others.pop(name) for name in [*others] if name.startswith("kafka_")}
    if no_kafka and (brokers != 1 or kafka_port != KAFKA_PORT or config or any(secured.values())):
        raise click.UsageError("--no-kafka leaves Kafka out: leave its other options out, too")
    if log is None and log_topics:
        raise click.UsageError("--log-topic is for --log")
    if log is not None:
        if named_brokers or brokers != 1 or kafka_port != KAFKA_PORT or config:
            raise click.UsageError("--log has Kafka's clients go to that cluster: " + _LEAVE_OUT)
        if any(secured.values()):
            raise click.UsageError("--log has no Kafka logins of its own: " + _LEAVE_OUT)
        no_kafka = True
    return Settings(
        log=log,
        log_topics=log_topics,
        security=security_of(**secured),
        kafka_port=None if no_kafka else kafka_port,
        brokers=named_brokers or brokers,
        config=dict(config),
        kafka_validation=kafka_validation,
        speed=speed or None,
        record_key=None if record_key == "none" else record_key,
        **others,
    )


def _all(command: F, *decorators: Any) -> F:
    for decorate in reversed(decorators):
        command = decorate(command)
    return command
