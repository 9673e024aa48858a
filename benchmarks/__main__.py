"""Runs the benchmarks and prints one table.

    python -m benchmarks [--quick] [--only NAME]... [--json]

Each module in `MODULES` has `run(quick: bool) -> list[Row]` and is run in a fresh process. Timings
never make this fail; a benchmark that breaks does (exit status 1).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.rows import Row, table

MODULES = (
    *("startup", "back_in_time", "crowd", "latency", "grpc_subscribe", "bare_stream", "kafka"),
    "catalogue",
    "deliver",
)
VERSIONS = (
    "chat-event-simulator",
    "grpcio",
    "protobuf",
    "orjson",
    "jsonschema-rs",
    "kio",
    "confluent-kafka",
)
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Runs what was asked for; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few and small runs: a smoke test")
    parser.add_argument("--only", action="append", choices=MODULES, help="may be repeated")
    parser.add_argument("--json", action="store_true", help="print rows as JSON")
    parser.add_argument("--in-process", choices=MODULES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_process:
        print(json.dumps([asdict(row) for row in run_here(options.in_process, options.quick)]))
        return 0
    rows: list[Row] = []
    broken: list[str] = []
    for name in options.only or MODULES:
        began = time.perf_counter()
        measured = run_apart(name, quick=options.quick)
        note(f"{name}: {time.perf_counter() - began:.1f} s")
        if measured is None:
            broken.append(name)
        else:
            rows += measured
    if options.json:
        print(json.dumps({"machine": machine(), "rows": [asdict(row) for row in rows]}, indent=2))
    else:
        print(f"{machine()}\n\n{table(rows)}")
    if broken:
        print(f"\nbroken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def run_here(name: str, quick: bool) -> list[Row]:
    """Runs one module in this process."""
    rows: list[Row] = importlib.import_module(f"benchmarks.{name}").run(quick)
    return rows


def run_apart(name: str, *, quick: bool) -> list[Row] | None:
    """Runs one module in a fresh process; None, with its output on stderr, where it breaks."""
    command = [sys.executable, "-m", "benchmarks", "--in-process", name]
    finished = subprocess.run(
        command + (["--quick"] if quick else []),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if finished.returncode:
        note(f"{name} ended with status {finished.returncode}")
        return None
    return [Row(**row) for row in json.loads(finished.stdout.splitlines()[-1])]


def machine() -> str:
    """What was measured on what."""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    python = f"{platform.python_implementation()} {platform.python_version()}"
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    return f"{system}, {python}\n{versions}"


def note(text: str) -> None:
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
