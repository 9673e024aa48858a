"""Is the generated code that is committed made from the `.proto` files that are committed?"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from google.protobuf import descriptor_pb2

from simulator.catalog import Catalog

ROOT = Path(__file__).resolve().parents[1]
STALE = "run `python proto/generate.py`"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "proto" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_sources_are_those_that_the_code_was_generated_from(generate):
    manifest = generate.read_manifest()
    recorded = {path: value for path, value in manifest.items() if path.endswith(".proto")}
    assert generate.source_digests() == recorded, STALE


def test_outputs_are_as_they_were_generated(generate):
    manifest = generate.read_manifest()
    outputs = {path: value for path, value in manifest.items() if not path.endswith(".proto")}
    found = {
        path: generate.digest((ROOT / path).read_bytes())
        for path in outputs
        if (ROOT / path).is_file()
    }
    assert found == outputs, STALE
    package = ROOT / generate.SERVICES
    present = {path.relative_to(ROOT).as_posix() for path in package.glob("*.py*")}
    assert present <= outputs.keys(), STALE


@pytest.mark.parametrize("name", ["broker", "chat", "handlers", "kafka", "record", "scenarios"])
def test_modules_hold_what_protoc_reads_from_the_sources(generate, tmp_path, name):
    """Whatever version of protoc is at hand: the descriptors are the same."""
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    out = tmp_path / "set.binpb"
    generate.compile_protos(f"--descriptor_set_out={out}", f"simulator/v1/{name}.proto")
    (compiled,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    module = importlib.import_module(f"simulator.v1.{name}_pb2")
    found = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
    assert without_json_names(found) == without_json_names(compiled), STALE


def test_the_descriptor_set_holds_what_protoc_reads_from_the_chat_events(generate, tmp_path):
    pytest.importorskip("grpc_tools", reason="grpcio-tools is not installed")
    out = tmp_path / "set.binpb"
    generate.compile_protos(f"--descriptor_set_out={out}", generate.EVENTS)
    (compiled,) = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    assert Catalog.builtin().descriptor_set.file[-1] == compiled, STALE
    assert not any(
        file.HasField("source_code_info") for file in Catalog.builtin().descriptor_set.file
    )


def test_generated_modules_import_by_their_full_names(generate):
    for path in (ROOT / generate.SERVICES).glob("*_grpc.py"):
        text = path.read_text(encoding="utf-8")
        assert "\nimport " not in text.replace("\nimport grpc\n", "\n").replace(
            "\nimport warnings\n", "\n"
        ), f"{path.name} imports a module of its own package by a bare name"


def without_json_names(
    file: descriptor_pb2.FileDescriptorProto,
) -> descriptor_pb2.FileDescriptorProto:
    """Generated modules leave out json names that protoc derives; descriptor sets hold them."""
    messages = list(file.message_type)
    while messages:
        message = messages.pop()
        messages += message.nested_type
        for field in message.field:
            field.ClearField("json_name")
    return file
