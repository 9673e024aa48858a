"""The examples of docs/handlers.md run, with generated code as its readers have it."""

from __future__ import annotations

import importlib.resources
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "handlers.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
CHAT = "accelbyte/chat/chat/v1/chat.proto"


def test_examples_run(pytester: pytest.Pytester) -> None:
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    paths = [f"-I{ROOT / 'proto'}", f"-I{well_known}"]
    outputs = [f"--python_out={pytester.path}", f"--grpc_python_out={pytester.path}"]
    assert protoc.main(["", *paths, *outputs, CHAT]) == 0
    for number, code in enumerate(BLOCKS):
        if "def test_" not in code:
            code = "def test_example():\n" + textwrap.indent(code, "    ")
        pytester.makepyfile(**{f"test_example_{number}": code})
    result = pytester.runpytest_subprocess(
        "-p", "no:randomly", "-p", "no:asyncio", "-o", "pythonpath=."
    )
    result.assert_outcomes(passed=len(BLOCKS))


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 5


def test_every_setting_is_named() -> None:
    from dataclasses import fields

    from simulator.handlers import Chaos, DeliverySettings, EventReport

    named = [field.name for kind in (DeliverySettings, Chaos) for field in fields(kind)]
    named += [field.name for field in fields(EventReport) if not field.name.endswith("_ms")]
    assert [name for name in named if f"`{name}`" not in PAGE] == []
