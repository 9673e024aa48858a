"""The generated code is the one that the `.proto` sources give."""

from __future__ import annotations

import importlib.metadata
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
GENERATE = ROOT / "proto" / "generate.py"


@pytest.fixture(scope="module")
def generator() -> dict[str, Any]:
    return runpy.run_path(str(GENERATE))


def test_no_source_has_changed_since_the_code_was_generated(generator: dict[str, Any]) -> None:
    manifest = generator["read_manifest"]()
    recorded = {name: digest for name, digest in manifest.items() if name.endswith(".proto")}
    assert generator["source_digests"]() == recorded, "stale: run python proto/generate.py"


def test_generated_files_are_as_they_were_generated(generator: dict[str, Any]) -> None:
    manifest = generator["read_manifest"]()
    digest = generator["digest"]
    generated = {name: value for name, value in manifest.items() if not name.endswith(".proto")}
    assert {name: digest((ROOT / name).read_bytes()) for name in generated} == generated


def test_nothing_lies_beside_the_generated_code(generator: dict[str, Any]) -> None:
    manifest = generator["read_manifest"]()
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "simulator" / "v1").iterdir()
        if path.is_file()
    }
    assert files - {generator["MANIFEST"]} <= manifest.keys()


def test_generating_again_changes_nothing(generator: dict[str, Any]) -> None:
    for tool, wanted in generator["TOOLS"].items():
        try:
            found = importlib.metadata.version(tool)
        except importlib.metadata.PackageNotFoundError:
            found = "none"
        if found != wanted:
            pytest.skip(f"needs {tool} {wanted}, found {found}; the digests above hold all the same")
    finished = subprocess.run(
        [sys.executable, str(GENERATE), "--check"], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
