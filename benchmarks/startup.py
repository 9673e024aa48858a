"""From nothing to the first answer: the import, the in-process simulator, the program."""

from __future__ import annotations

import time

from benchmarks.fresh import figures
from benchmarks.rows import Row
from benchmarks.serving import served

IMPORT = """
import time
began = time.perf_counter()
{statement}
print((time.perf_counter() - began) * 1000)
"""

READY = """
import time
import grpc
from simulator import Simulator
from simulator.v1 import broker_pb2, broker_pb2_grpc
{before}
began = time.perf_counter()
with Simulator() as sim:
    ready = time.perf_counter()
    with grpc.insecure_channel(sim.grpc_target) as channel:
        broker_pb2_grpc.BrokerStub(channel).DescribeTopics(broker_pb2.DescribeTopicsRequest())
        answered = time.perf_counter()
print(({until} - began) * 1000)
"""

ONE_BEFORE = "with Simulator(): pass"


def run(quick: bool) -> list[Row]:
    """Milliseconds, each sample in a process of its own."""
    runs = 3 if quick else 15

    def ready(until: str, before: str = "") -> list[float]:
        return figures(READY.format(until=until, before=before), runs)

    serve = [serve_ready() for _ in range(runs + 1)][1:]
    bare = figures(IMPORT.format(statement="import simulator"), runs)
    imported = figures(IMPORT.format(statement="from simulator import Simulator"), runs)
    return [
        Row.at_most(None, "import simulator", bare, "ms"),
        Row.at_most(150, "from simulator import Simulator", imported, "ms"),
        Row.at_most(20, "Simulator() ready for its first gRPC call", ready("ready"), "ms"),
        Row.at_most(20, "  the next one of the process", ready("ready", ONE_BEFORE), "ms"),
        Row.at_most(None, "  until that call is answered", ready("answered", ONE_BEFORE), "ms"),
        Row.at_most(400, "simulator serve until it is ready", serve, "ms"),
    ]


def serve_ready() -> float:
    """Milliseconds from starting the program to the line that says it accepts connections."""
    began = time.perf_counter()
    with served():
        return (time.perf_counter() - began) * 1000
