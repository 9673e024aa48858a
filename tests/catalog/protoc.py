"""Descriptor sets, and Python modules as users have them, made by protoc."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

import pytest

PROTO = Path(__file__).resolve().parents[2] / "proto"
CHAT = "accelbyte/chat/chat/v1/chat.proto"


def run(*arguments: str) -> None:
    """Run protoc; skips the test where grpcio-tools is not installed."""
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    assert protoc.main(["protoc", f"-I{well_known}", *arguments]) == 0


def descriptor_set(directory: Path, source: str) -> bytes:
    """The descriptor set, imports included, of one `.proto` text."""
    (directory / "test.proto").write_text(source, encoding="utf-8")
    out = directory / "test.binpb"
    run(f"-I{directory}", "--include_imports", f"--descriptor_set_out={out}", "test.proto")
    return out.read_bytes()


def chat_module(directory: Path) -> Path:
    """`chat_pb2.py` as a consumer of the events has it, in the package path of the `.proto`."""
    run(f"-I{PROTO}", f"--python_out={directory}", CHAT)
    return directory / CHAT.replace(".proto", "_pb2.py")
