"""Generates what the package ships from the `.proto` sources in this directory.

    pip install "chat-event-simulator[proto]"
    python proto/generate.py            # writes
    python proto/generate.py --check    # writes nothing; exit status 1 and a list when stale

Out come `simulator/v1/` (Python code of the project's own services) and, as package data of the
catalogue, the descriptor set of the chat events. The chat events get no generated Python module:
a user's own `chat_pb2` in the same process would clash with it.

`simulator/v1/SOURCES` records a digest of every source and every output, so that a test can tell
stale code without a protobuf compiler.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.resources
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path

PROTO = Path(__file__).resolve().parent
ROOT = PROTO.parent
TOOLS = {"grpcio-tools": "1.74.0", "mypy-protobuf": "3.6.0"}

SERVICES = "simulator/v1"
EVENTS = "accelbyte/chat/chat/v1/chat.proto"
DESCRIPTOR_SET = "simulator/catalog/documents/chat-events.binpb"
MANIFEST = "simulator/v1/SOURCES"
INIT = '"""Code generated from proto/simulator/v1 by proto/generate.py. Do not edit."""\n'


def digest(content: bytes) -> str:
    """The digest that the manifest records: SHA-256 with line ends as on Unix."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def sources() -> list[Path]:
    """Every `.proto` file, in a fixed order."""
    return sorted(PROTO.rglob("*.proto"), key=lambda path: path.relative_to(PROTO).as_posix())


def source_digests() -> dict[str, str]:
    """Digest of every source, by its path from the root of the project."""
    return {path.relative_to(ROOT).as_posix(): digest(path.read_bytes()) for path in sources()}


def read_manifest() -> dict[str, str]:
    """The manifest as committed: path from the root -> digest."""
    lines = (ROOT / MANIFEST).read_text(encoding="utf-8").splitlines()
    return {path: value for value, path in (line.split("  ", 1) for line in lines)}


def generate() -> dict[str, bytes]:
    """All outputs, by path from the root of the project. Needs the tools in `TOOLS`, exactly."""
    for tool, wanted in TOOLS.items():
        try:
            found = importlib.metadata.version(tool)
        except importlib.metadata.PackageNotFoundError:
            found = "none"
        if found != wanted:
            raise SystemExit(f"{tool} {wanted} is needed, found {found}: pip install '.[proto]'")
    outputs = {f"{SERVICES}/__init__.py": INIT.encode()}
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory)
        services = [path.relative_to(PROTO).as_posix() for path in sources()]
        compile_protos(
            f"--python_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_out={out}",
            f"--mypy_grpc_out={out}",
            *(name for name in services if name.startswith(SERVICES)),
        )
        for path in out.rglob("*_pb2*"):
            outputs[path.relative_to(out).as_posix()] = path.read_bytes()
        events = out / "events.binpb"
        compile_protos("--include_imports", f"--descriptor_set_out={events}", EVENTS)
        outputs[DESCRIPTOR_SET] = events.read_bytes()
    digests = {name: digest(content) for name, content in outputs.items()} | source_digests()
    lines = [f"{value}  {name}\n" for name, value in sorted(digests.items())]
    outputs[MANIFEST] = "".join(lines).encode()
    return outputs


def compile_protos(*arguments: str) -> None:
    """Runs protoc on files of this directory; SystemExit with its status when it fails."""
    from grpc_tools import protoc  # type: ignore[import-untyped]

    well_known = importlib.resources.files("grpc_tools") / "_proto"
    plugins = [
        f"--plugin={name}={shutil.which(name, path=sysconfig.get_path('scripts'))}"
        for name in ("protoc-gen-mypy", "protoc-gen-mypy_grpc")
    ]
    status = protoc.main(["protoc", f"-I{PROTO}", f"-I{well_known}", *plugins, *arguments])
    if status:
        raise SystemExit(status)


def main() -> int:
    """Writes the outputs, or with `--check` compares them; returns the exit status."""
    outputs = generate()
    committed = {
        path.relative_to(ROOT).as_posix() for path in (ROOT / SERVICES).glob("*") if path.is_file()
    }
    obsolete = sorted(committed - outputs.keys())
    changed = sorted(
        name
        for name, content in outputs.items()
        if not (ROOT / name).exists() or digest((ROOT / name).read_bytes()) != digest(content)
    )
    if "--check" in sys.argv[1:]:
        for name in changed + obsolete:
            print(f"{name} is stale: run python proto/generate.py", file=sys.stderr)
        return 1 if changed or obsolete else 0
    for name in changed:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_bytes(outputs[name])
    for name in obsolete:
        (ROOT / name).unlink()
    print(f"{len(outputs)} files, {len(changed)} changed, {len(obsolete)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
