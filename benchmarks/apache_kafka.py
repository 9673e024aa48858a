"""A real Apache Kafka, for a comparison: one KRaft node on loopback, started and ended here.

with ApacheKafka() as kafka:
    print(kafka.version, kafka.bootstrap_servers)

Java 17 runs it, Maven fetches its jars from Maven Central the first time; they stay in the user's
cache directory. What the node writes is in a temporary directory.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self
from uuid import uuid4

POM = Path(__file__).with_suffix(".xml")
NODE_ID = 1
HEAP = ("-Xmx512m", "-XX:+UseSerialGC")
QUICK_START = ("-XX:TieredStopAtLevel=1", "-Xshare:auto")
_PR_SET_PDEATHSIG = 1
_ATTEMPTS = 3  # a port that was free may be taken before Kafka binds it

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": str(NODE_ID),
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
}


class Unavailable(Exception):
    """Java or Maven is missing or too old, or the jars cannot be had; says which."""


class ApacheKafka:
    """One node, broker and controller in one; `config` has broker settings by Kafka's names.

    The settings are Kafka's defaults but for replication by one, and no wait before the first
    rebalance. `jvm` are options of the virtual machine: the default starts quickly, which costs
    throughput; give `HEAP` alone for measurements. Entering may raise Unavailable.
    """

    def __init__(
        self, config: Mapping[str, str] | None = None, *, jvm: tuple[str, ...] = HEAP + QUICK_START
    ) -> None:
        self.bootstrap_servers = ""
        self.version = _version()
        self._config = dict(config or {})
        self._jvm = jvm
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process of the node."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    def __enter__(self) -> Self:
        jars = fetch_jars()
        with ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kafka-")))
            stack.callback(self._end)
            for attempt in range(_ATTEMPTS):
                if self._started(jars, directory / str(attempt)):
                    self._stack = stack.pop_all()
                    return self
            log = (directory / str(_ATTEMPTS - 1) / "log").read_text(errors="replace")
            raise RuntimeError(f"Apache Kafka {self.version} does not start:\n{log[-4000:]}")

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _started(self, jars: Path, directory: Path) -> bool:
        """Whether the node came up; it is formatted first."""
        directory.mkdir()
        port, controller_port = _free_ports(2)
        properties = directory / "server.properties"
        settings = _SETTINGS | {
            "log.dirs": str(directory / "data"),
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
            "controller.quorum.voters": f"{NODE_ID}@127.0.0.1:{controller_port}",
        }
        lines = [f"{name}={value}\n" for name, value in (settings | self._config).items()]
        properties.write_text("".join(lines))
        java = shutil.which("java")
        assert java is not None
        base = [java, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{jars}/*"]
        cluster_id = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        formatting = ["format", "-t", cluster_id, "-c", str(properties)]
        with (directory / "log").open("wb") as log:
            formatted = subprocess.run(
                [*base, *QUICK_START, "kafka.tools.StorageTool", *formatting],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
            )
            if formatted.returncode:
                _check_java((directory / "log").read_text(errors="replace"))
                return False
            self._process = subprocess.Popen(
                [*base[:1], *self._jvm, *base[1:], "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # an interrupt of the caller is for the caller to handle
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        self.bootstrap_servers = f"127.0.0.1:{port}"
        if self._answers(port):
            return True
        self._end()
        return False

    def _answers(self, port: int, patience: float = 90) -> bool:
        """Wait until the node answers a request; False where it ended."""
        assert self._process is not None
        end = time.monotonic() + patience
        while self._process.poll() is None and time.monotonic() < end:
            if _api_versions(port):
                return True
            time.sleep(0.02)
        return False

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()  # nothing of it is kept, so it need not put things in order
            self._process.wait()
            self._process = None


def fetch_jars() -> Path:
    """The directory of the jars, in the user's cache; Maven fills it the first time."""
    if shutil.which("java") is None:
        raise Unavailable("java not found; Apache Kafka needs Java 17 or newer")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    content = hashlib.sha256(POM.read_bytes()).hexdigest()[:16]
    jars = cache / "chat-event-simulator" / f"apache-kafka-{content}"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("mvn not found; Maven fetches the jars of Apache Kafka")
    jars.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jars.parent) as temporary:
        fresh = Path(temporary) / "jars"
        quietly = ("--batch-mode", "--no-transfer-progress", "--quiet")
        goal = ("dependency:copy-dependencies", f"-DoutputDirectory={fresh}")
        finished = subprocess.run(
            [maven, *quietly, "--file", str(POM), *goal],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if finished.returncode:
            text = (finished.stdout + finished.stderr)[-2000:]
            raise Unavailable(f"Maven could not fetch the jars of Apache Kafka:\n{text}")
        with suppress(OSError):  # another process was quicker
            fresh.rename(jars)
    return jars


def _end_with_parent() -> None:
    """Have Linux end this process when the one that started it is gone, however that ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _version() -> str:
    found = re.search(r"<artifactId>kafka_[^<]*</artifactId>\s*<version>([^<]+)<", POM.read_text())
    assert found is not None, f"{POM} names no version of Kafka"
    return found[1]


def _check_java(output: str) -> None:
    if "UnsupportedClassVersionError" in output:
        raise Unavailable("this java is too old; Apache Kafka needs Java 17 or newer")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _api_versions(port: int) -> bool:
    """Whether a broker answers ApiVersions there."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) > 0
    except OSError:
        return False


if __name__ == "__main__":
    print(fetch_jars())
