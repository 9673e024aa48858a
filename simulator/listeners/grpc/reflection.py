"""Server reflection (https://grpc.io/docs/guides/reflection/), in both versions of its protocol.

Clients such as grpcurl ask here for the project's services and for the events of the catalogue,
so that they can show what is inside an `Any`. The descriptors come from a pool of their own: the
process's default pool stays free of chat events, which a user's own generated code may define.
"""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from simulator.v1 import broker_pb2, chat_pb2, handlers_pb2, kafka_pb2, scenarios_pb2

ALPHA_PACKAGE = "grpc.reflection.v1alpha"
PACKAGE = "grpc.reflection.v1"
SERVICES = (f"{ALPHA_PACKAGE}.ServerReflection", f"{PACKAGE}.ServerReflection")


def reflection_handlers(
    service_names: Iterable[str], events: descriptor_pb2.FileDescriptorSet
) -> list[grpc.GenericRpcHandler]:
    """Return handlers that describe the named services, themselves, and the catalogue's events."""
    servicer = reflection.aio.ReflectionServicer([*service_names, *SERVICES], pool=_pool(events))
    # Both versions have the same messages: https://github.com/grpc/grpc-proto, grpc/reflection.
    method = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    return [
        grpc.method_handlers_generic_handler(service, {"ServerReflectionInfo": method})
        for service in SERVICES
    ]


def _pool(events: descriptor_pb2.FileDescriptorSet) -> descriptor_pool.DescriptorPool:
    """Merge the project's own files and the catalogue's into one new pool."""
    files: dict[str, descriptor_pb2.FileDescriptorProto] = {}
    for module in (
        broker_pb2,
        chat_pb2,
        kafka_pb2,
        handlers_pb2,
        scenarios_pb2,
        health_pb2,
        reflection_pb2,
        error_details_pb2,
    ):
        _collect(module.DESCRIPTOR, files)
    stable = _stable_reflection(files[reflection_pb2.DESCRIPTOR.name])
    files[stable.name] = stable
    for file in events.file:
        files.setdefault(file.name, file)
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(name: str) -> None:
        if name not in added:
            added.add(name)
            for dependency in files[name].dependency:
                add(dependency)
            pool.AddSerializedFile(files[name].SerializeToString())

    for name in files:
        add(name)
    return pool


def _collect(file: FileDescriptor, files: dict[str, descriptor_pb2.FileDescriptorProto]) -> None:
    if file.name not in files:
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        files[file.name] = proto
        for dependency in file.dependencies:
            _collect(dependency, files)


def _stable_reflection(
    alpha: descriptor_pb2.FileDescriptorProto,
) -> descriptor_pb2.FileDescriptorProto:
    """Return the descriptor of reflection v1: that of v1alpha in another package."""
    stable = descriptor_pb2.FileDescriptorProto.FromString(alpha.SerializeToString())
    stable.name = "grpc/reflection/v1/reflection.proto"
    stable.package = PACKAGE
    types = [
        *(field for message in stable.message_type for field in message.field),
        *(method for service in stable.service for method in service.method),
    ]
    for entry in types:
        for attribute in ("type_name", "input_type", "output_type"):
            name = getattr(entry, attribute, "")
            if name.startswith(f".{ALPHA_PACKAGE}."):
                setattr(entry, attribute, name.replace(ALPHA_PACKAGE, PACKAGE, 1))
    return stable
