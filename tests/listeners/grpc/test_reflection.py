"""A foreign client: it knows the address and learns everything else by reflection."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import grpc
import orjson
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_rooms import ALICE, Server, event

from simulator.v1 import broker_pb2

OWN_SERVICES = {
    f"simulator.v1.{name}" for name in ("Broker", "Scenarios", "Chat", "Kafka", "Handlers")
}


class Foreign:
    """Reflection in one version of its protocol, and calls built from what it tells."""

    def __init__(self, channel: grpc.aio.Channel, version: str) -> None:
        self.channel = channel
        self.pool = descriptor_pool.DescriptorPool()
        self._known: set[str] = set()
        # Both versions have the same messages; only the name of the service differs.
        self._ask = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString,
        )

    async def ask(self, **question: Any) -> Any:
        async def questions() -> Any:
            yield reflection_pb2.ServerReflectionRequest(**question)

        (answer,) = [answer async for answer in self._ask(questions())]
        return answer

    async def services(self) -> set[str]:
        answer = await self.ask(list_services="")
        return {service.name for service in answer.list_services_response.service}

    async def learn(self, symbol: str) -> None:
        """Take the file with a symbol, and all it depends on, into the client's pool."""
        answer = await self.ask(file_containing_symbol=symbol)
        files = {}
        for data in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            files[file.name] = file
        assert files, answer

        def add(name: str) -> None:
            if name not in self._known:
                self._known.add(name)
                for dependency in files[name].dependency:
                    add(dependency)
                self.pool.Add(files[name])

        for name in files:
            add(name)

    async def call(self, method_name: str, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Call a method by name with a request as JSON; all answers as JSON."""
        service_name, _, name = method_name.rpartition(".")
        await self.learn(service_name)
        method = self.pool.FindServiceByName(service_name).methods_by_name[name]
        message = json_format.ParseDict(
            request, GetMessageClass(method.input_type)(), descriptor_pool=self.pool
        )
        call = self.channel.unary_stream(f"/{service_name}/{name}")(message.SerializeToString())
        answers = [GetMessageClass(method.output_type).FromString(data) async for data in call]
        return [json_format.MessageToDict(answer, descriptor_pool=self.pool) for answer in answers]


@pytest.fixture(params=["v1", "v1alpha"])
async def foreign(server: Server, request: pytest.FixtureRequest) -> Any:
    async with grpc.aio.insecure_channel(server.target) as channel:
        yield Foreign(channel, request.param)


async def test_services_are_listed(foreign: Foreign) -> None:
    assert await foreign.services() >= OWN_SERVICES | {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }


async def test_everything_that_is_listed_can_be_described(foreign: Foreign) -> None:
    for service in await foreign.services():
        await foreign.learn(service)
        assert foreign.pool.FindServiceByName(service).methods


@pytest.mark.parametrize(
    "symbol",
    [
        "accelbyte.chat.chat.v1.UserConnected",
        "accelbyte.chat.chat.v1.PersonalChatPersonalChatSentService",
        "simulator.v1.SubscribeResponse",
        "simulator.v1.Filter",
        "google.rpc.BadRequest",
        "google.protobuf.Any",
    ],
)
async def test_symbols_are_resolved(foreign: Foreign, symbol: str) -> None:
    await foreign.learn(symbol)
    assert foreign.pool.FindFileContainingSymbol(symbol)


async def test_an_unknown_symbol_is_not_found(foreign: Foreign) -> None:
    answer = await foreign.ask(file_containing_symbol="no.Such")
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_a_client_that_knows_nothing_publishes_and_reads_typed_events(
    server: Server, foreign: Foreign
) -> None:
    sent = event("userDisconnected")
    sent["payload"]["userDisconnected"] = {"reason": "bye", "code": 4000, "forced": True}
    (published,) = await foreign.call(
        "simulator.v1.Broker.Publish",
        {"records": [{"topic": "chat", "json": orjson.dumps(sent).decode()}]},
    )
    assert published == {"offsets": [{"topic": "chat"}]}
    await foreign.learn("accelbyte.chat.chat.v1.UserDisconnected")
    (response,) = await foreign.call(
        "simulator.v1.Broker.Subscribe", {"topics": ["chat"], "typed": True, "stopAtEnd": True}
    )
    (record,) = response["records"]
    assert orjson.loads(record["json"]) == sent
    typed = record["event"]
    assert typed["@type"].endswith("accelbyte.chat.chat.v1.UserDisconnected")
    assert typed["userId"] == ALICE
    assert typed["payload"]["userDisconnected"] == {
        "reason": "bye",
        "code": "4000",  # an int64 in protobuf's JSON
        "forced": True,
    }


async def test_a_client_that_knows_nothing_publishes_a_typed_event(
    server: Server, foreign: Foreign
) -> None:
    await foreign.learn("accelbyte.chat.chat.v1.UserConnected")
    typed = {
        "@type": "type.googleapis.com/accelbyte.chat.chat.v1.UserConnected",
        "id": "e-1",
        "name": "userConnected",
        "timestamp": "2026-01-01T00:00:00Z",
        "payload": {"userConnected": {"device": "phone"}},
    }
    await foreign.call(
        "simulator.v1.Broker.Publish", {"records": [{"topic": "chat", "event": typed}]}
    )
    (read,) = await server.read("chat")
    assert orjson.loads(read.json)["payload"] == {"userConnected": {"device": "phone"}}
    assert read.key == b"e-1"


async def test_the_standard_stub_works_too(server: Server) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(server.channel)
    request = reflection_pb2.ServerReflectionRequest(file_by_filename="simulator/v1/broker.proto")
    (answer,) = [answer async for answer in stub.ServerReflectionInfo(iter([request]))]
    names = {
        descriptor_pb2.FileDescriptorProto.FromString(data).name
        for data in answer.file_descriptor_response.file_descriptor_proto
    }
    assert broker_pb2.DESCRIPTOR.name in names


def test_serving_registers_no_chat_events_in_the_default_pool() -> None:
    """Run in a process of its own: here, another test may have imported a user's stubs."""
    code = (
        "from google.protobuf import descriptor_pool\n"
        "from simulator import Simulator\n"
        "with Simulator() as simulator:\n"
        "    simulator.play('first_connect')\n"
        "try:\n"
        "    descriptor_pool.Default().FindFileByName('accelbyte/chat/chat/v1/chat.proto')\n"
        "except KeyError:\n"
        "    print('not there')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "not there\n"
