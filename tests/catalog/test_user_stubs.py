"""A consumer's own generated chat_pb2 in the same process as the catalogue."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest
from google.protobuf import descriptor_pool
from protoc import chat_module
from spec_events import EVENTS, example

from simulator.catalog import Catalog

CATALOG = Catalog.builtin()


@pytest.fixture(scope="module")
def chat_pb2(tmp_path_factory) -> ModuleType:
    """Imported once: it registers its messages in the process's default pool, for good."""
    for message in CATALOG.messages:
        message.to_proto(message.example)
    path = chat_module(tmp_path_factory.mktemp("stubs"))
    spec = importlib.util.spec_from_file_location("user_side_chat_pb2", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def user_class(module: ModuleType, name: str) -> type:
    return getattr(module, CATALOG.find(name).proto_name.rpartition(".")[2])


def test_the_catalogue_registers_nothing_in_the_default_pool():
    """Run in a process of its own: here, another test may have imported user stubs."""
    import subprocess

    code = (
        "from google.protobuf import descriptor_pool\n"
        "from simulator.catalog import Catalog\n"
        "for message in Catalog.builtin().messages:\n"
        "    message.to_proto(message.example)\n"
        "try:\n"
        "    descriptor_pool.Default().FindFileByName('accelbyte/chat/chat/v1/chat.proto')\n"
        "except KeyError:\n"
        "    print('not there')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "not there\n"


@pytest.mark.parametrize("name", EVENTS)
def test_bytes_go_both_ways(chat_pb2, name):
    message = CATALOG.find(name)
    event = example(name, version=1)
    theirs = user_class(chat_pb2, name).FromString(message.to_proto(event).SerializeToString())
    assert theirs.id == "string"
    assert theirs.name == name
    assert theirs.parent_namespace == "string"
    assert theirs.HasField("payload")
    assert message.from_proto(theirs.SerializeToString()) == event
    assert message.from_proto(theirs) == event
    assert type(theirs).DESCRIPTOR is not message.to_proto(event).DESCRIPTOR
    pool = descriptor_pool.Default()
    assert pool.FindMessageTypeByName(message.proto_name) is type(theirs).DESCRIPTOR


def test_what_a_consumer_reads(chat_pb2):
    event = example("userChatRateLimited", version=7)
    event["payload"]["userDisconnected"] = {"reason": "slow down", "code": 20007, "forced": False}
    data = CATALOG.find("userChatRateLimited").to_proto(event).SerializeToString()
    read = chat_pb2.UserChatRateLimitedPayload.FromString(data)
    assert read.payload.user_disconnected == chat_pb2.UserPayloadDisconnected(
        reason="slow down", code=20007
    )
    assert read.version == 7


def test_what_a_producer_writes(chat_pb2):
    written = chat_pb2.PersonalChatSent(
        payload=chat_pb2.PersonalChatSentPayloadData(
            personal_chat_sent=chat_pb2.ChatPayload(payload="hi", target_members=["ann", "bob"])
        ),
        id="i",
        name="personalChatSent",
    )
    event = CATALOG.find("personalChatSent").from_proto(written)
    assert event == {
        "payload": {
            "personalChatSent": {
                "payload": "hi",
                "target_type": "",
                "target_members": ["ann", "bob"],
            }
        },
        "id": "i",
        "name": "personalChatSent",
    }
    assert CATALOG.check("personalChat", event).name == "personalChatSent"
