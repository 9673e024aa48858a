"""A simulator, as a program of its own or here, and what clients need around it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka_clients import Program, ProgramClient
from kafka_libraries import ALSO, LIBRARIES
from toolchains import Toolchain, read_ready_line

from simulator import Simulator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def target() -> Iterator[str]:
    """The address of a running simulator."""
    program = shutil.which("simulator", path=sysconfig.get_path("scripts"))
    assert program is not None, "the program `simulator` is not installed beside this Python"
    ports = ("--grpc-port", "0", "--no-kafka")
    command = [program, "serve", "--ready-json", *ports, "--exit-with-stdin"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield read_ready_line(process.stdout)
        finally:
            process.stdin.close()
            assert process.wait(60) == 0


@pytest.fixture
def toolchain(tmp_path: Path) -> Toolchain:
    """Copies of `examples` and `proto` to build in, with this Python first on the path."""
    for name in ("examples", "proto"):
        shutil.copytree(ROOT / name, tmp_path / name)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return Toolchain(tmp_path / "examples", os.environ | {"PATH": path})


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(kafka_port=0) as sim:
        yield sim


@pytest.fixture(scope="session")
def programs() -> Iterator[dict[str, Program]]:
    """The programs that run, by the library's name; each serves many tests."""
    running: dict[str, Program] = {}
    yield running
    for program in running.values():
        program.close()


@pytest.fixture
def client_of(
    sim: Simulator, programs: dict[str, Program]
) -> Iterator[Callable[[str], ProgramClient]]:
    """Gives the library of a name, at work on the simulator."""
    made: list[ProgramClient] = []

    def client_of(name: str) -> ProgramClient:
        library = (LIBRARIES | ALSO)[name]
        if name in programs and not programs[name].alive:
            programs.pop(name).close()
        if name not in programs:
            programs[name] = library.start()
        client = ProgramClient(programs[name], sim.bootstrap_servers, library.lacks)
        made.append(client)
        return client

    yield client_of
    for client in made:
        client.close()


@pytest.fixture(params=LIBRARIES)
def client(
    client_of: Callable[[str], ProgramClient], request: pytest.FixtureRequest
) -> ProgramClient:
    """Each library in turn, at work on the simulator."""
    return client_of(request.param)
