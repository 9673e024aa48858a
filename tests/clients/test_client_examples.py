"""The programs in `examples`, each built and run with its language's own tools."""

from __future__ import annotations

import json

import grpc
import pytest
from toolchains import Toolchain

from simulator.v1 import broker_pb2, broker_pb2_grpc

pytestmark = pytest.mark.timeout(600)


def expected_lines(target: str) -> list[str]:
    """What a client should have printed, read from the log without typed events."""
    request = broker_pb2.SubscribeRequest(topics=["chat", "personalChat"], stop_at_end=True)
    lines: list[str] = []
    with grpc.insecure_channel(target) as channel:
        for batch in broker_pb2_grpc.BrokerStub(channel).Subscribe(request):
            for record in batch.records:
                event = json.loads(record.json)
                lines.append(event["name"])
                if event["name"] == "userChatRateLimited":
                    hit = event["payload"]["userDisconnected"]
                    lines.append(f"  {hit['code']} {hit['reason']}")
    return lines


def check(printed: list[str], target: str) -> None:
    assert printed == expected_lines(target)
    assert printed.count("userConnected") == 3
    assert printed.count("  20007 too many requests") == 2


def test_python(toolchain: Toolchain, target: str) -> None:
    toolchain.run(
        "python",
        "python",
        "-m",
        "grpc_tools.protoc",
        "-I",
        "../../proto",
        "--python_out=.",
        "accelbyte/chat/chat/v1/chat.proto",
    )
    check(toolchain.run("python", "python", "client.py", target), target)


def test_go(toolchain: Toolchain, target: str) -> None:
    toolchain.need("go")
    toolchain.prepare("go", "go", "mod", "download")
    toolchain.run("go", "go", "generate")
    check(toolchain.run("go", "go", "run", ".", target), target)


def test_node(toolchain: Toolchain, target: str) -> None:
    toolchain.need("node", "npm")
    toolchain.prepare(
        "node", "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"
    )
    check(toolchain.run("node", "node", "client.js", target), target)


def test_java(toolchain: Toolchain, target: str) -> None:
    toolchain.need("java", "mvn")
    maven = ("mvn", "--batch-mode", "--no-transfer-progress", "--quiet")
    toolchain.prepare("java", *maven, "compile")
    check(toolchain.run("java", *maven, "exec:java", f"-Dexec.args={target}"), target)


def test_csharp(toolchain: Toolchain, target: str) -> None:
    toolchain.need("dotnet", on_ci=False)
    toolchain.prepare("csharp", "dotnet", "restore")
    check(toolchain.run("csharp", "dotnet", "run", "--", target), target)
