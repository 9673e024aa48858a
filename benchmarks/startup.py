"""From nothing to the first answer: the import, the in-process simulator, the program."""

from __future__ import annotations

import time

from benchmarks.fresh import figure
from benchmarks.rows import Row
from benchmarks.serving import served

IMPORT = """
import time
began = time.perf_counter()
import simulator
simulator.Simulator
print((time.perf_counter() - began) * 1000)
"""

FIRST_CALL = """
import time
import grpc
from simulator import Simulator
from simulator.v1 import broker_pb2, broker_pb2_grpc
with Simulator():
    pass
began = time.perf_counter()
with Simulator() as sim:
    with grpc.insecure_channel(sim.grpc_target) as channel:
        broker_pb2_grpc.BrokerStub(channel).DescribeTopics(broker_pb2.DescribeTopicsRequest())
        elapsed = time.perf_counter() - began
print(elapsed * 1000)
"""

FIRST_CALL_COLD = FIRST_CALL.replace("with Simulator():\n    pass\n", "")


def run(quick: bool) -> list[Row]:
    """Milliseconds, each sample in a process of its own."""
    runs = 3 if quick else 15
    return [
        Row.at_most(150, "import simulator", [figure(IMPORT) for _ in range(runs)], "ms"),
        Row.at_most(
            20,
            "Simulator() until its first gRPC call is answered",
            [figure(FIRST_CALL) for _ in range(runs)],
            "ms",
        ),
        Row.at_most(
            None,
            "the same, the first simulator of the process",
            [figure(FIRST_CALL_COLD) for _ in range(runs)],
            "ms",
        ),
        Row.at_most(
            400, "simulator serve until it is ready", [serve_ready() for _ in range(runs)], "ms"
        ),
    ]


def serve_ready() -> float:
    """Milliseconds from starting the program to the line that says it accepts connections."""
    began = time.perf_counter()
    with served():
        return (time.perf_counter() - began) * 1000
