"""Compiles the `.proto` files that lie beside documents; the compiler is that of grpcio-tools."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

NO_COMPILER: Final = (
    "protobuf forms are left out: the compiler is missing; pip install "
    "'chat-event-simulator[specs]' brings it"
)

_ERROR: Final = re.compile(r"^(?P<file>[^:\n]+\.proto)(?P<rest>:.*|: .*)$", re.MULTILINE)

_PATIENCE_S: Final = 60


class Compiled(NamedTuple):
    """The descriptors of each file that compiles, with all that it imports, and what does not."""

    sets: Mapping[Path, bytes]
    problems: Sequence[str]


def has_compiler() -> bool:
    """Whether `.proto` files can be compiled."""
    return find_spec("grpc_tools") is not None


def compile_protos(root: Path, files: Sequence[Path]) -> Compiled:
    """Compile files below `root`, which is where their imports are looked for, too.

    A file with an error is left out and told; the others compile.
    """
    if not files:
        return Compiled({}, ())
    if not has_compiler():
        return Compiled({}, (f"{root}: {NO_COMPILER}",))
    names = {file.relative_to(root).as_posix(): file for file in files}
    left = dict(names)
    problems: list[str] = []
    while left:
        data, errors = _run(root, sorted(left))
        if data is not None:
            return Compiled(_split(data, left), problems)
        broken = {match["file"] for match in _ERROR.finditer(errors)} & left.keys()
        if not broken:
            return Compiled({}, [*problems, f"{root}: {errors.strip()}"])
        for name in sorted(broken):
            del left[name]
            lines = [m["rest"] for m in _ERROR.finditer(errors) if m["file"] == name]
            problems.append(f"{names[name]}{lines[0].strip()}")
    return Compiled({}, problems)


def _run(root: Path, names: Sequence[str]) -> tuple[bytes | None, str]:
    """The descriptor set of all files, or the compiler's errors."""
    with tempfile.TemporaryDirectory() as directory:
        result = Path(directory) / "set.binpb"
        try:
            finished = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "grpc_tools.protoc",
                    f"--proto_path={root}",
                    "--include_imports",
                    f"--descriptor_set_out={result}",
                    *names,
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=_PATIENCE_S,
            )
        except subprocess.TimeoutExpired:
            return None, f"the compiler of protobuf has not ended within {_PATIENCE_S} s"
        if finished.returncode:
            return None, finished.stderr.replace(f"{root.as_posix()}/", "")
        return result.read_bytes(), ""


def _split(data: bytes, names: Mapping[str, Path]) -> dict[Path, bytes]:
    """The descriptor set of each file alone, with its imports."""
    from google.protobuf.descriptor_pb2 import FileDescriptorSet

    whole = FileDescriptorSet.FromString(data)
    by_name = {file.name: file for file in whole.file}

    def needed(name: str, found: dict[str, None]) -> dict[str, None]:
        for dependency in by_name[name].dependency:
            if dependency not in found:
                needed(dependency, found)
        found[name] = None
        return found

    sets = {}
    for name, path in names.items():
        own: FileDescriptorSet = FileDescriptorSet()
        own.file.extend(by_name[each] for each in needed(name, {}))
        sets[path] = own.SerializeToString(deterministic=True)
    return sets
