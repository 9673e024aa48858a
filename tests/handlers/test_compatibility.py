"""Whether an app can take the events, as its reflection says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha import reflection, reflection_pb2
from handler_apps import PATIENCE_S, HandlerApp
from ports import refusing_port

from simulator.catalog import Catalog
from simulator.handlers.compatibility import Fit, ReflectionUnavailable, check_app

CATALOG = Catalog.builtin()
PACKAGE = "accelbyte.chat.chat.v1"
SENT = f"{PACKAGE}.PersonalChatPersonalChatSentService"
CONNECTED = f"{PACKAGE}.ChatUserConnectedService"

Change = Callable[[dict[str, DescriptorProto]], None]


@asynccontextmanager
async def app_with(change: Change = lambda messages: None, *services: str) -> AsyncIterator[str]:
    """An app that was generated from a changed file."""
    files = FileDescriptorSet.FromString(CATALOG.descriptor_set.SerializeToString())
    pool = DescriptorPool()
    for file in files.file:
        if file.package == PACKAGE:
            change({message.name: message for message in file.message_type})
        pool.Add(file)
    server = grpc.aio.server()
    reflection.enable_server_reflection(
        [*(services or (SENT,)), reflection.SERVICE_NAME], server, pool
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def fit_of(event: str, change: Change = lambda messages: None) -> tuple[Fit, tuple[str, ...]]:
    async with app_with(change) as target:
        found = {each.event: each for each in await check_app(target, CATALOG, PATIENCE_S)}
    return found[event].fit, found[event].differences


async def test_services_that_are_there_and_those_that_are_not() -> None:
    async with app_with(lambda messages: None, SENT, CONNECTED) as target:
        found = {each.event: each.fit for each in await check_app(target, CATALOG, PATIENCE_S)}
    assert found == {
        "personalChatSent": Fit.COMPATIBLE,
        "userConnected": Fit.COMPATIBLE,
        "userDisconnected": Fit.NOT_IMPLEMENTED,
        "userChatRateLimited": Fit.NOT_IMPLEMENTED,
    }


def field(message: DescriptorProto, name: str) -> FieldDescriptorProto:
    return next(each for each in message.field if each.name == name)


async def test_a_field_that_the_app_lacks_is_only_ignored() -> None:
    def drop(messages: dict[str, DescriptorProto]) -> None:
        payload = messages["ChatPayload"]
        payload.field.remove(field(payload, "target_members"))

    fit, differences = await fit_of("personalChatSent", drop)
    assert fit is Fit.LACKS_FIELDS
    (text,) = differences
    assert "target_members (number 6) is not known to the app" in text


async def test_numbers_that_are_other_fields_would_be_misread() -> None:
    def swap(messages: dict[str, DescriptorProto]) -> None:
        payload = messages["ChatPayload"]
        field(payload, "sender_id").number, field(payload, "target_id").number = 3, 2

    fit, differences = await fit_of("personalChatSent", swap)
    assert fit is Fit.INCOMPATIBLE
    assert any("sender_id (number 2) is target_id in the app" in text for text in differences)


@pytest.mark.parametrize("repeated", [False, True])
async def test_another_type_would_be_misread(repeated: bool) -> None:
    def change(messages: dict[str, DescriptorProto]) -> None:
        wanted = field(messages["ChatPayload"], "message_id")
        if repeated:
            wanted.label = FieldDescriptorProto.LABEL_REPEATED
        else:
            wanted.type = FieldDescriptorProto.TYPE_INT64

    fit, differences = await fit_of("personalChatSent", change)
    assert fit is Fit.INCOMPATIBLE
    kind = "repeated string" if repeated else "int64"
    assert any(f"message_id is string, and {kind} in the app" in text for text in differences)


async def test_an_app_without_reflection() -> None:
    async with HandlerApp().served() as target:
        with pytest.raises(ReflectionUnavailable, match="does not offer server reflection"):
            await check_app(target, CATALOG, PATIENCE_S)


async def test_an_app_that_is_not_there() -> None:
    with refusing_port() as port, pytest.raises(ReflectionUnavailable, match="UNAVAILABLE"):
        await check_app(f"127.0.0.1:{port}", CATALOG, PATIENCE_S)


async def test_no_call_is_left_when_the_check_is_over() -> None:
    """What gRPC brought for a call that was left once found the event loop closed."""
    asked: list[str] = []
    ended: list[str] = []

    async def answers(requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            kind = request.WhichOneof("message_request")
            asked.append(kind)
            yield reflection_pb2.ServerReflectionResponse(
                list_services_response=reflection_pb2.ListServiceResponse()
            )
            await asyncio.sleep(0.05)  # it has more to do
            ended.append(kind)

    method = grpc.stream_stream_rpc_method_handler(
        answers,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server = grpc.aio.server()
    service = "grpc.reflection.v1.ServerReflection"
    handlers = {"ServerReflectionInfo": method}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        await check_app(f"127.0.0.1:{port}", CATALOG, PATIENCE_S)
        assert asked == ended == ["list_services"]
    finally:
        await server.stop(0)


Answers = dict[str, Any]
"""By the kind of the question, what reflection answers: a message, or bytes."""


@asynccontextmanager
async def reflecting(answers: Answers) -> AsyncIterator[str]:
    """An app whose reflection answers what it is told to."""

    async def info(requests: Any, context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            answer = answers[request.WhichOneof("message_request")]
            yield answer if isinstance(answer, bytes) else answer.SerializeToString()

    method = grpc.stream_stream_rpc_method_handler(
        info, reflection_pb2.ServerReflectionRequest.FromString
    )
    server = grpc.aio.server()
    handlers = {"ServerReflectionInfo": method}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("grpc.reflection.v1.ServerReflection", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


ANSWER = reflection_pb2.ServerReflectionResponse
LISTED = ANSWER(
    list_services_response=reflection_pb2.ListServiceResponse(
        service=[reflection_pb2.ServiceResponse(name=SENT)]
    )
)
REFUSED = ANSWER(error_response=reflection_pb2.ErrorResponse(error_message="not today"))


def file_answer(*files: bytes) -> Any:
    return ANSWER(
        file_descriptor_response=reflection_pb2.FileDescriptorResponse(file_descriptor_proto=files)
    )


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ({"list_services": b"\xff\xff"}, "bytes that are no message"),
        ({"list_services": REFUSED}, "does not list its services: not today"),
        (
            {"list_services": LISTED, "file_containing_symbol": file_answer(b"\xff\xff")},
            "bytes that are no message",
        ),
        (
            {
                "list_services": LISTED,
                "file_containing_symbol": file_answer(
                    FileDescriptorProto(name="a.proto", dependency=["b.proto"]).SerializeToString()
                ),
                "file_by_filename": REFUSED,
            },
            "files that do not fit together",
        ),
    ],
)
async def test_reflection_that_answers_garbage(answers: Answers, told: str) -> None:
    async with reflecting(answers) as target:
        with pytest.raises(ReflectionUnavailable, match=told):
            await check_app(target, CATALOG, PATIENCE_S)


async def test_a_service_that_is_listed_and_not_described() -> None:
    async with reflecting({"list_services": LISTED, "file_containing_symbol": REFUSED}) as target:
        found = {each.event: each for each in await check_app(target, CATALOG, PATIENCE_S)}
    assert found["personalChatSent"].fit is Fit.UNKNOWN
    assert found["personalChatSent"].differences == ("the app does not describe the service",)
