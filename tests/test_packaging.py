"""The wheel and the sdist: what is in them, and that they work in an empty environment."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}

pytestmark = pytest.mark.timeout(300)


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    # What the surrounding test run sets must not leak into an environment that is to be empty.
    environment = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment | {"PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def build(source: Path, out: Path, *kinds: str) -> None:
    finished = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, *kinds, source)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def wheel_in(directory: Path) -> Path:
    (wheel,) = directory.glob("*.whl")
    return wheel


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: archive.read(name) for name in archive.namelist() if ".dist-info/" not in name
        }


def files(directory: str, prefix: str) -> Iterator[tuple[str, bytes]]:
    """The files of a directory of the source tree, under the names they should have in a wheel."""
    for path in (ROOT / directory).rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(ROOT / directory).as_posix()
            yield f"{prefix}/{name}", path.read_bytes()


def test_wheel_has_all_that_belongs_in_it_and_nothing_else(tmp_path: Path) -> None:
    build(ROOT, tmp_path, "--wheel")
    expected = dict(files("simulator", "simulator"))
    expected |= files("scenarios", "simulator/scenario/library_files")
    expected |= files("proto/simulator", "simulator/proto_files/simulator")
    expected |= files("proto/accelbyte", "simulator/proto_files/accelbyte")
    found = contents(wheel_in(tmp_path))
    assert found.keys() == expected.keys()
    assert found == expected
    for name in (
        "simulator/py.typed",
        "simulator/catalog/documents/chat-events.yaml",
        "simulator/catalog/documents/chat-events.binpb",
        "simulator/scenario/script.schema.json",
        "simulator/scenario/library_files/rate_limited.yaml",
    ):
        assert name in found


def test_sdist_builds_the_same_wheel(tmp_path: Path) -> None:
    build(ROOT, tmp_path / "tree", "--wheel")
    build(ROOT, tmp_path / "sdist", "--sdist")
    (sdist,) = (tmp_path / "sdist").glob("*.tar.gz")
    unpacked = run(sys.executable, "-m", "tarfile", "--extract", sdist, tmp_path)
    assert unpacked.returncode == 0, unpacked.stderr
    source = tmp_path / sdist.name.removesuffix(".tar.gz")
    build(source, tmp_path / "again", "--wheel")
    assert contents(wheel_in(tmp_path / "again")) == contents(wheel_in(tmp_path / "tree"))
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "tests/conftest.py"):
        assert (source / name).is_file(), name


def test_wheel_works_in_an_empty_environment(tmp_path: Path) -> None:
    build(ROOT, tmp_path, "--wheel")
    venv.create(tmp_path / "env", with_pip=True)
    programs = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    installed = run(programs / "python", "-m", "pip", "install", "--quiet", wheel_in(tmp_path))
    if installed.returncode and not ON_CI:
        pytest.skip(f"the dependencies cannot be installed: {installed.stderr[-500:]}")
    assert installed.returncode == 0, installed.stderr

    demo = run(programs / "simulator", "demo", cwd=tmp_path)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "alice was rate-limited" in demo.stdout
    assert demo.stderr == ""

    scenarios = run(programs / "simulator", "scenarios", cwd=tmp_path)
    assert scenarios.returncode == 0, scenarios.stderr
    listed = {line.split()[0] for line in scenarios.stdout.splitlines() if line.strip()}
    stories = {path.stem for path in (ROOT / "scenarios").glob("[!_]*.yaml")}
    assert stories <= listed

    for story in ("rate_limited", "party_chat", "unicode_texts"):  # fragments and corpora too
        played = run(programs / "simulator", "play", story, cwd=tmp_path)
        assert played.returncode == 0, played.stdout + played.stderr
