"""The event handler apps in `examples/handlers`: what they take, and delivery to each."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from toolchains import COLOUR, Toolchain

from simulator import Simulator
from simulator.handlers import Chaos, DeliverySettings
from simulator.handlers.compatibility import Fit

pytestmark = pytest.mark.timeout(600)

TAKEN = {"userConnected", "personalChatSent"}


class App:
    """A program that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.lines = process.stdout
        self.target = self.line().removeprefix("listening on ")

    def line(self) -> str:
        """The next line that it prints, without colours."""
        while line := self.lines.readline():
            if text := COLOUR.sub("", line).strip():
                return text
        raise AssertionError("the app has ended")


def prepare_python(toolchain: Toolchain) -> list[str]:
    protoc = ("python", "-m", "grpc_tools.protoc", "-I", "../../../proto")
    outputs = ("--python_out=.", "--grpc_python_out=.")
    toolchain.run("handlers/python", *protoc, *outputs, "accelbyte/chat/chat/v1/chat.proto")
    return ["python", "app.py", "0"]


def prepare_go(toolchain: Toolchain) -> list[str]:
    toolchain.need("go")
    toolchain.prepare("handlers/go", "go", "mod", "download")
    toolchain.run("handlers/go", "go", "generate")
    toolchain.run("handlers/go", "go", "build", "-o", "app.exe", ".")
    return [str(toolchain.examples / "handlers/go/app.exe"), "0"]


def prepare_java(toolchain: Toolchain) -> list[str]:
    toolchain.need("java", "mvn")
    maven = ["mvn", "--batch-mode", "--no-transfer-progress", "--quiet"]
    toolchain.prepare("handlers/java", *maven, "compile")
    return [*maven, "exec:java", "-Dexec.args=0"]


@contextmanager
def running(toolchain: Toolchain, language: str, command: list[str]) -> Iterator[App]:
    process = toolchain.start(f"handlers/{language}", *command)
    watchdog = threading.Timer(300, process.kill)
    watchdog.start()
    try:
        yield App(process)
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("language", "prepare"),
    [("python", prepare_python), ("go", prepare_go), ("java", prepare_java)],
)
def test_an_app_takes_what_is_delivered(
    toolchain: Toolchain, language: str, prepare: Callable[[Toolchain], list[str]]
) -> None:
    command = prepare(toolchain)
    with (
        running(toolchain, language, command) as app,
        Simulator(grpc_port=None, kafka_port=None) as sim,
    ):
        fits = {fit.event: fit.fit for fit in sim.handlers.check(app.target, timeout=60)}
        assert {event for event, fit in fits.items() if fit is Fit.COMPATIBLE} == TAKEN
        assert {fits[event] for event in fits.keys() - TAKEN} == {Fit.NOT_IMPLEMENTED}

        sim.play("rate_limited")
        chaos = Chaos(duplicate=True, shuffle=True)
        sim.handlers.add(app.target, DeliverySettings(deadline_s=60, chaos=chaos))
        sim.handlers.wait_idle(timeout=120)
        events = sim.events()
        expected = sorted(
            f"connected {event.user_id}"
            if event.name == "userConnected"
            else f"said {event.data['payload']}"
            for event in events
            if event.name in TAKEN
        )
        assert sorted(app.line() for _ in expected) == expected  # each once, though sent twice

        report = sim.handlers.report(app.target)
        assert report.total.handled == len(expected)
        assert report.total.unimplemented == len(events) - len(expected)
        assert (report.total.failed, report.total.duplicate) == (0, len(events))
