"""`simulator serve`: a simulator for programs of any language."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from simulator.cli import serve_options
from simulator.cli.failures import CommandFailed
from simulator.cli.security_options import security_options
from simulator.cli.specs import warn_of_problems
from simulator.cli.terminal import leave_line, program
from simulator.cli.wishes import RECORDS, recorded_story
from simulator.errors import SimulatorError

if TYPE_CHECKING:
    import asyncio

    from simulator.scenario.player import Play
    from simulator.scenario.script import Script
    from simulator.simulator import AsyncSimulator, Settings


STOP_WITHIN_S: Final = 0.8
"""How long closing the doors may take before the process ends anyway."""


@click.command(short_help="Run a simulator for your programs.")
@serve_options.address_options
@serve_options.kafka_options
@serve_options.log_options
@security_options
@click.option(
    "--ready-json",
    is_flag=True,
    help="Write one line of JSON with the addresses, once they accept connections, and no more.",
)
@click.option("--exit-with-stdin", is_flag=True, help="End when standard input is closed.")
@serve_options.event_options
@click.option(
    "--play",
    "story",
    metavar="STORY",
    help="Play this story, by name or path, or records (.jsonl).",
)
def serve(
    host: str, ready_json: bool, exit_with_stdin: bool, story: str | None, **given: Any
) -> None:
    """Run a simulator until Ctrl-C, SIGTERM or, if asked to, the end of standard input."""
    gc.disable()  # importing leaves no garbage, and looking for it costs a tenth of the start
    import asyncio

    settings = serve_options.settings_of(host=host, **given)
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
    warn_of_problems(sim.catalog)
    script, topics = (None, ()) if story is None else _load(sim, story)
    try:
        await sim.start()
    except SimulatorError:
        _check_host(settings.host)  # no other port would help
        raise
    try:
        for topic in topics:
            sim.create_topic(topic)
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


def _load(sim: AsyncSimulator, story: str) -> tuple[Script, Sequence[str]]:
    """The story, and the topics that it needs beside those of the catalogue.

    A script with mistakes should be reported before anybody relies on the server.
    """
    if story.endswith(RECORDS):
        return recorded_story(story, sim.catalog)
    from simulator.scenario.parser import load_script

    return load_script(story, catalog=sim.catalog), ()


async def _watch(play: Play, *, quiet: bool) -> None:
    from simulator.cli.play import summary_of

    summary = summary_of(await play.wait())
    summary.explain()
    if not quiet:
        click.echo(summary.head())


def _announce_to_programs(sim: AsyncSimulator) -> None:
    import json

    settings = sim.settings
    has_kafka = settings.log is not None or settings.kafka_port is not None
    kafka = {"kafka": sim.bootstrap_servers} if has_kafka else {}
    click.echo(json.dumps({"grpc": sim.grpc_target, **kafka, "pid": os.getpid()}))


def _announce_to_people(sim: AsyncSimulator) -> None:
    port = sim.grpc_target.rpartition(":")[2]
    server = "" if port == str(serve_options.GRPC_PORT) else f" --server {port}"
    doors = f"gRPC on {click.style(sim.grpc_target, bold=True)}"
    if sim.settings.log is not None:
        doors += f", on the Kafka cluster at {click.style(sim.bootstrap_servers, bold=True)}"
    elif sim.settings.kafka_port is not None:
        doors += f", Kafka on {click.style(sim.bootstrap_servers, bold=True)}"
    click.echo(f"The simulator is ready: {doors}")
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
