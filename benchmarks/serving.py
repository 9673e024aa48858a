"""The simulator as a program of its own, for measurements from outside."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from benchmarks.fresh import environment


def command(*options: str) -> list[str]:
    """The installed program, serving on a free port until its standard input closes."""
    program = shutil.which("simulator", path=sysconfig.get_path("scripts"))
    if program is None:
        raise SystemExit(
            "the program `simulator` is not installed beside this Python: pip install -e ."
        )
    return [program, "serve", "--ready-json", "--grpc-port", "0", "--exit-with-stdin", *options]


class Served(NamedTuple):
    """A program that serves: its process, and the addresses of its doors by their names."""

    pid: int
    doors: dict[str, str]


@contextmanager
def serving(*options: str) -> Iterator[Served]:
    """Starts the program and ends it."""
    with subprocess.Popen(
        command(*options),
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Served(process.pid, json.loads(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait(10)


@contextmanager
def served(*options: str) -> Iterator[str]:
    """Starts the program without its Kafka door; gives the address of its gRPC listener."""
    with serving("--no-kafka", *options) as program:
        yield program.doors["grpc"]
