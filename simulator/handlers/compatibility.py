"""Whether an app can take the events: asked by reflection before any is sent.

Field numbers and types are what decides whether bytes are understood
(https://protobuf.dev/programming-guides/proto3/#updating): an app that was generated from an older
file may lack a field, which it ignores, or have another field under its number, which it misreads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from simulator.catalog import Catalog, CatalogError, MessageType
from simulator.errors import SimulatorError
from simulator.loopback import past_proxies

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor
    from google.protobuf.descriptor_pb2 import FileDescriptorProto


class ReflectionUnavailable(SimulatorError):
    """The app cannot be asked; the text says why."""


class Fit(Enum):
    """What becomes of an event at an app."""

    COMPATIBLE = "compatible"
    LACKS_FIELDS = "lacks fields"
    INCOMPATIBLE = "incompatible"
    NOT_IMPLEMENTED = "not implemented"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EventFit:
    """One event: its topic, name and service, how it fits, and the fields that differ."""

    topic: str
    event: str
    service: str
    fit: Fit
    differences: tuple[str, ...] = ()


async def check_app(target: str, catalog: Catalog, timeout: float = 5.0) -> list[EventFit]:
    """How every event of the catalogue fits an app; raises ReflectionUnavailable."""
    from google.protobuf.message import DecodeError

    async with grpc.aio.insecure_channel(target, options=past_proxies(target)) as channel:
        try:
            async with asyncio.timeout(timeout):
                offered, files = await _offered(channel, catalog)
            pool = _pool(files)
        except TimeoutError:
            raise ReflectionUnavailable(f"{target} did not answer within {timeout:g} s") from None
        except grpc.aio.AioRpcError as error:
            raise ReflectionUnavailable(_why(target, error)) from None
        except DecodeError:
            text = f"{target} answers its reflection with bytes that are no message"
            raise ReflectionUnavailable(text) from None
        except (TypeError, RecursionError) as error:
            text = f"{target} describes its services with files that do not fit together: {error}"
            raise ReflectionUnavailable(text) from None
    return [_fit(message, pool, offered) for message in catalog.messages]


def _why(target: str, error: grpc.aio.AioRpcError) -> str:
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return f"{target} does not offer server reflection, so it cannot be asked what it takes"
    return f"{target} cannot be asked: {error.code().name}: {error.details()}"


async def _offered(
    channel: grpc.aio.Channel, catalog: Catalog
) -> tuple[set[str], dict[str, FileDescriptorProto]]:
    """The catalogue's services that an app has, with their files and all that these import."""
    try:
        return await _asked(channel, catalog, "v1")
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            raise
    return await _asked(channel, catalog, "v1alpha")


async def _asked(
    channel: grpc.aio.Channel, catalog: Catalog, version: str
) -> tuple[set[str], dict[str, FileDescriptorProto]]:
    """The same, asked in one version of the protocol; their messages are the same.

    Each question is a call of its own that is sent whole: a write to a stream that the app has
    refused meanwhile would hide the reason.
    """
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    from grpc_reflection.v1alpha import reflection_pb2

    request: Any = reflection_pb2.ServerReflectionRequest
    answer_type: Any = reflection_pb2.ServerReflectionResponse
    call: Any = channel.unary_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=request.SerializeToString,
    )

    async def ask(**question: str) -> Any:
        asked = call(request(**question))
        answer = await asked.read()
        if answer is grpc.aio.EOF:
            raise ReflectionUnavailable("the app ends calls of its reflection without an answer")
        # To its end: what comes of a call that is left alone may find the event loop closed.
        while await asked.read() is not grpc.aio.EOF:
            pass
        return answer_type.FromString(answer)

    listed = await ask(list_services="")
    if listed.HasField("error_response"):
        refused = listed.error_response.error_message
        raise ReflectionUnavailable(f"the app does not list its services: {refused}")
    offered = {service.name for service in listed.list_services_response.service}
    offered &= {message.service_name for message in catalog.messages}
    files: dict[str, FileDescriptorProto] = {}

    def take(answer: Any) -> list[str]:
        imports = []
        for data in answer.file_descriptor_response.file_descriptor_proto:
            file = FileDescriptorProto.FromString(data)
            files[file.name] = file
            imports += list(file.dependency)
        return imports

    wanted: list[str] = []
    for service in sorted(offered):
        wanted += take(await ask(file_containing_symbol=service))
    while wanted:
        name = wanted.pop()
        if name not in files:
            wanted += take(await ask(file_by_filename=name))
    return offered, files


def _pool(files: dict[str, FileDescriptorProto]) -> Any:
    """A pool of the app's files, each behind those that it imports."""
    from google.protobuf.descriptor_pool import DescriptorPool

    pool = DescriptorPool()
    added: set[str] = set()

    def add(name: str) -> None:
        if name in added or name not in files:
            return
        added.add(name)
        for dependency in files[name].dependency:
            add(dependency)
        pool.Add(files[name])

    for name in files:
        add(name)
    return pool


def _fit(message: MessageType, pool: Any, offered: set[str]) -> EventFit:
    def found(fit: Fit, differences: tuple[str, ...] = ()) -> EventFit:
        return EventFit(message.topic, message.name, message.service_name, fit, differences)

    if message.service_name not in offered:
        return found(Fit.NOT_IMPLEMENTED)
    try:
        service = pool.FindServiceByName(message.service_name)
    except KeyError:
        return found(Fit.UNKNOWN, ("the app does not describe the service",))
    method = service.methods_by_name.get("OnMessage")
    if method is None:
        return found(Fit.INCOMPATIBLE, ("the service has no method OnMessage",))
    try:
        ours = message.descriptor
    except CatalogError as error:
        return found(Fit.UNKNOWN, (str(error),))
    wrong: list[str] = []
    missing: list[str] = []
    for fatal, text in _differences(ours, method.input_type, "", set()):
        (wrong if fatal else missing).append(text)
    if wrong:
        return found(Fit.INCOMPATIBLE, tuple(wrong + missing))
    return found(Fit.LACKS_FIELDS if missing else Fit.COMPATIBLE, tuple(missing))


def _differences(
    ours: Descriptor, theirs: Descriptor, path: str, seen: set[str]
) -> Iterator[tuple[bool, str]]:
    """What differs, and whether it is misread rather than ignored."""
    if ours.full_name in seen:
        return
    seen = seen | {ours.full_name}
    for field in ours.fields:
        place = f"{path}{field.name}"
        other = theirs.fields_by_number.get(field.number)
        if other is None:
            yield False, f"{place} (number {field.number}) is not known to the app"
        elif other.name != field.name:
            yield True, f"{place} (number {field.number}) is {other.name} in the app"
        elif _kind(field) != _kind(other):
            yield True, f"{place} is {_kind(field)}, and {_kind(other)} in the app"
        elif field.message_type is not None and other.message_type is not None:
            yield from _differences(field.message_type, other.message_type, f"{place}.", seen)


def _kind(field: FieldDescriptor) -> str:
    """A field's type as a `.proto` file writes it."""
    from google.protobuf.descriptor_pb2 import FieldDescriptorProto

    kinds = FieldDescriptorProto.DESCRIPTOR.enum_types_by_name["Type"].values_by_number
    name = kinds[field.type].name.removeprefix("TYPE_").lower()
    return f"repeated {name}" if field.is_repeated else name
