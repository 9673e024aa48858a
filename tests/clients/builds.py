"""Building the programs of other languages once: for all tests, workers and runs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock
from toolchains import ON_CI, unavailable

PROGRAMS = Path(__file__).parent
"""Where each language has a directory of programs."""


def cache() -> Path:
    """Where builds are kept, outside the tree."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "chat-event-simulator" / "test-clients"


def need(*tools: str) -> None:
    """Skip the test where a tool is missing; on CI that is a failure."""
    for tool in tools:
        if shutil.which(tool) is None:
            unavailable(f"{tool} not found", fail=ON_CI)


_unavailable: dict[str, str] = {}
"""What could not be fetched in this run, and why: it is not tried for every test again."""


def built(
    language: str, version: Sequence[str], fetch: Sequence[str], build: Sequence[str] = ()
) -> Path:
    """A directory with the programs of a language, built.

    `version` is the command that tells the tools' version: others build anew. Where what `fetch`
    fetches cannot be had the test is skipped, but not on CI.
    """
    if language in _unavailable:
        unavailable(_unavailable[language], fail=ON_CI)
    source = PROGRAMS / language
    target = cache() / f"{language}-{_digest(source, version)}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if not (target / ".built").exists():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target)
            fetched = _run(fetch, target)
            if fetched.returncode:
                _unavailable[language] = _told(fetch, fetched)
                unavailable(_unavailable[language], fail=ON_CI)
            if build:
                made = _run(build, target)
                assert made.returncode == 0, _told(build, made)
            (target / ".built").touch()
    return target


def _digest(source: Path, version: Sequence[str]) -> str:
    told = _run(version, source)  # Java tells its version on the standard error
    digest = hashlib.sha256((told.stdout + told.stderr).encode())
    for file in sorted(source.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(source)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _run(command: Sequence[str], where: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=where,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=540,
    )


def _told(command: Sequence[str], finished: subprocess.CompletedProcess[str]) -> str:
    return f"{' '.join(command)} failed:\n{(finished.stdout + finished.stderr)[-2000:]}"
