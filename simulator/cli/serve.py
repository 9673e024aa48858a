"""`simulator serve`: a simulator for programs of any language."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

from simulator.cli import options
from simulator.cli.failures import CommandFailed
from simulator.cli.terminal import leave_line, program
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    import asyncio

    from simulator.scenario.player import Play
    from simulator.scenario.script import Script
    from simulator.simulator import AsyncSimulator, Settings


STOP_WITHIN_S: Final = 0.8
"""How long closing the doors may take before the process ends anyway."""


@click.command(short_help="Run a simulator for your programs.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--grpc-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=50051,
    show_default=True,
    help="The port of gRPC; 0 takes a free one.",
)
@click.option(
    "--ready-json",
    is_flag=True,
    help="Write one line of JSON with the addresses, once they accept connections, and no more.",
)
@click.option("--exit-with-stdin", is_flag=True, help="End when standard input is closed.")
@click.option(
    "--speed",
    type=options.Speed(),
    metavar="N|max",
    default="1",
    show_default=True,
    help="Seconds of the simulator's time per real second. With max, time is virtual: it moves "
    "only as stories play, and a run repeats to the byte.",
)
@click.option(
    "--seed", type=int, metavar="N", default=0, show_default=True, help="Of everything random."
)
@click.option(
    "--start",
    type=options.Instant(),
    help="When the simulator's time begins, such as "
    "2026-01-31T18:00:00Z; else now, or a fixed time with --speed max.",
)
@options.validate_option
@click.option(
    "--max-bytes",
    type=options.Size(),
    default="1GiB",
    show_default=True,
    help="How much the topics may hold before they refuse more.",
)
@click.option(
    "--config",
    type=options.Pair(),
    multiple=True,
    help="A setting of the Kafka brokers by its own name, such as num.partitions=4. Repeatable.",
)
@click.option("--play", "story", metavar="STORY", help="Play this story, by name or path.")
def serve(
    host: str,
    grpc_port: int,
    ready_json: bool,
    exit_with_stdin: bool,
    speed: float,
    seed: int,
    start: str | None,
    validate: bool,
    max_bytes: int,
    config: tuple[tuple[str, str], ...],
    story: str | None,
) -> None:
    """Run a simulator until Ctrl-C, SIGTERM or, if asked to, the end of standard input."""
    gc.disable()  # importing leaves no garbage, and looking for it costs a tenth of the start
    import asyncio

    from simulator.simulator import Settings

    settings = Settings(
        seed=seed,
        start=start,
        speed=speed or None,
        validate=validate,
        host=host,
        grpc_port=grpc_port,
        kafka_port=None,
        max_bytes=max_bytes,
        config=dict(config),
    )
    if not _is_loopback(host):
        click.secho(
            f"Warning: {host} may be reachable from other machines, and anybody who reaches it "
            "may use it",
            fg="yellow",
            err=True,
        )
    asyncio.run(_serve(settings, story, ready_json=ready_json, exit_with_stdin=exit_with_stdin))


async def _serve(
    settings: Settings, story: str | None, *, ready_json: bool, exit_with_stdin: bool
) -> None:
    import asyncio

    from simulator.simulator import AsyncSimulator

    stop = asyncio.Event()
    _stop_on_signals(stop)
    if exit_with_stdin:
        _stop_at_end_of_stdin(stop)
    sim = AsyncSimulator(settings)
    script = None if story is None else _load(sim, story)
    try:
        await sim.start()
    except SimulatorError:
        _check_host(settings.host)  # no other port would help
        raise
    try:
        if ready_json:
            _announce_to_programs(sim)
        else:
            _announce_to_people(sim)
        gc.freeze()
        gc.enable()
        watcher = None
        if script is not None:
            watcher = asyncio.create_task(_watch(sim.start_play(script), quiet=ready_json))
        await stop.wait()
        if watcher is not None:
            watcher.cancel()
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                await sim.stop()


def _check_host(host: str) -> None:
    """Raise CommandFailed if this machine can serve on no port of an address."""
    import socket

    advice = "choose another address with --host"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(address)
    except socket.gaierror as error:
        reason = f"the host is not known ({error.strerror})"
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "this is no address"
    else:
        return
    raise CommandFailed(f"cannot serve gRPC on {host}: {reason}; {advice}")


def _load(sim: AsyncSimulator, story: str) -> Script:
    """A script with mistakes should be reported before anybody relies on the server."""
    from simulator.scenario.parser import load_script

    return load_script(story, catalog=sim.catalog)


async def _watch(play: Play, *, quiet: bool) -> None:
    from simulator.cli.play import summary_of

    summary = summary_of(await play.wait())
    summary.explain()
    if not quiet:
        click.echo(summary.head())


def _announce_to_programs(sim: AsyncSimulator) -> None:
    import json

    click.echo(json.dumps({"grpc": sim.grpc_target, "pid": os.getpid()}))


def _announce_to_people(sim: AsyncSimulator) -> None:
    port = sim.grpc_target.rpartition(":")[2]
    server = "" if port == "50051" else f" --server {port}"
    click.echo(f"The simulator is ready: gRPC on {click.style(sim.grpc_target, bold=True)}")
    for what, command in (("watch", "tail"), ("play", "play rate_limited --server")):
        given = server.removeprefix(" --server") if command.endswith("--server") else server
        click.secho(f"  {what:<6} {program()} {command}{given}", dim=True)
    click.secho("  end    Ctrl-C", dim=True)


def _stop_on_signals(stop: asyncio.Event) -> None:
    """Ask for the end at the first signal; a second one ends the process the hard way.

    `loop.add_signal_handler` does not exist on Windows, `signal.signal` does everywhere.
    """
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    wanted = [signal.SIGINT, signal.SIGTERM]
    if sys.platform == "win32":
        wanted.append(signal.SIGBREAK)

    def handle(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        if number == signal.SIGINT:
            leave_line()
        loop.call_soon_threadsafe(stop.set)

    for number in wanted:
        signal.signal(number, handle)


def _stop_at_end_of_stdin(stop: asyncio.Event) -> None:
    """Watch standard input from a thread: event loops cannot wait for it on Windows.

    It is read by its descriptor, since a thread that waits inside `sys.stdin` would hold a lock
    that the interpreter needs when it exits.
    """
    import asyncio
    import threading

    loop = asyncio.get_running_loop()

    def watch() -> None:
        try:
            descriptor = sys.stdin.fileno()
            while os.read(descriptor, 4096):
                pass
        except (AttributeError, OSError, ValueError):
            pass  # no standard input is a closed one
        with suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="stdin-watch", daemon=True).start()


def _is_loopback(host: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
