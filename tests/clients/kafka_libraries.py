"""The Kafka client libraries that are tested: how each is run, and what it cannot do."""

from __future__ import annotations

import importlib.util
import os
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


LIBRARIES: dict[str, Library] = {
    "confluent-kafka": Library(python("confluent_kafka", "confluent_kafka_program.py")),
    "aiokafka": Library(
        python("aiokafka", "aiokafka_program.py"), {"delete_group": "no such call in its admin"}
    ),
    "kafka-python": Library(python("kafka", "kafka_python_program.py")),
    "franz-go": Library(go("franz")),
    "sarama": Library(go("sarama")),
}
