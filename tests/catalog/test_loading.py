"""Catalogues from directories: what is found, what is told, and what the cache gives back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from simulator import AsyncSimulator
from simulator.catalog import Catalog, InvalidDocument
from simulator.catalog.loading import MAX_FILE_BYTES
from simulator.settings import InvalidSetting, Settings

PROTO = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/empty.proto";
message ItemBoughtData {{ string item = 1; int64 price = {number}; }}
message ItemBought {{
  string id = 1; string name = 2;
  message Payload {{ ItemBoughtData item_bought = 1 [json_name = "itemBought"]; }}
  Payload payload = 3;
}}
service ShopItemBoughtService {{ rpc OnMessage(ItemBought) returns (google.protobuf.Empty); }}
"""

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "payload": {
            "type": "object",
            "properties": {
                "itemBought": {
                    "type": "object",
                    "properties": {"item": {"type": "string"}, "price": {"type": "integer"}},
                }
            },
        },
    },
}

EVENT = {"id": "1", "name": "itemBought", "payload": {"itemBought": {"item": "hat", "price": 5}}}


def version_2(channel: str = "shop", event: str = "itemBought") -> dict[str, object]:
    message = {"messageId": event, "payload": SCHEMA}
    return {
        "asyncapi": "2.0.0",
        "info": {"title": "Shop", "version": "1"},
        "x-proto-package": "shop.v1",
        "channels": {channel: {"publish": {"message": message}}},
    }


def version_3(channel: str = "shop", event: str = "itemBought") -> dict[str, object]:
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Shop", "version": "1"},
        "x-proto-package": "shop.v1",
        "channels": {
            "anything": {
                "address": channel,
                "messages": {event: {"$ref": f"#/components/messages/{event}"}},
            }
        },
        "operations": {"send": {"action": "send", "channel": {"$ref": "#/channels/anything"}}},
        "components": {
            "messages": {
                event: {
                    "payload": {
                        "schemaFormat": "application/schema+json;version=draft-07",
                        "schema": SCHEMA,
                    }
                }
            }
        },
    }


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(document))
    return path


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Catalog]:
    def load(*paths: Path) -> Catalog:
        return Catalog.load(paths or (tmp_path / "specs",), cache=tmp_path / "cache")

    return load


@pytest.mark.parametrize("make", [version_2, version_3])
def test_a_document_and_its_proto_give_typed_events(
    tmp_path: Path, load: Callable[..., Catalog], make: Callable[[], object]
) -> None:
    write(tmp_path / "specs/shop/v1/shop.json", make())
    (tmp_path / "specs/shop/v1/shop.proto").write_text(PROTO.format(number=2))
    for _ in range(2):  # the second time from the cache
        catalog = load()
        assert catalog.problems == ()
        assert {"shop", "chat", "personalChat"} == set(catalog.channels)
        message = catalog.message("shop", "itemBought")
        assert message.service_name == "shop.v1.ShopItemBoughtService"
        assert message.from_proto(message.to_proto(EVENT)) == EVENT
        assert message.violations({"payload": {"itemBought": {"price": "5"}}})
        assert catalog.find("userConnected").is_valid(catalog.find("userConnected").example)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_changes_is_read_anew(tmp_path: Path, load: Callable[..., Catalog]) -> None:
    write(tmp_path / "specs/shop.json", version_2())
    proto = tmp_path / "specs/shop.proto"
    numbers = []
    for number in (2, 7):
        proto.write_text(PROTO.format(number=number))
        pool = load().pool
        numbers.append(pool.FindFieldByName("shop.v1.ItemBoughtData.price").number)
    assert numbers == [2, 7]


def test_a_cache_that_cannot_be_read_is_none(tmp_path: Path, load: Callable[..., Catalog]) -> None:
    write(tmp_path / "specs/shop.json", version_2())
    load()
    (entry,) = (tmp_path / "cache").iterdir()
    for garbage in (b"", b"{", b"[]", b'{"sources": [{"document": {}}], "problems": []}'):
        entry.write_bytes(garbage)
        assert "shop" in load().channels


def test_what_is_broken_is_told_and_the_rest_is_loaded(
    tmp_path: Path, load: Callable[..., Catalog]
) -> None:
    specs = tmp_path / "specs"
    write(specs / "good.json", version_2())
    write(specs / "channels.json", {"asyncapi": "2.0.0", "channels": 5})
    write(specs / "future.json", {"asyncapi": "9.0.0"})
    (specs / "broken.yaml").write_text("asyncapi: 2.0.0\nchannels: [")
    (specs / "latin.yaml").write_bytes(b"asyncapi: 2.0.0\ntitle: caf\xe9")
    (specs / "unrelated.yaml").write_text("name: about asyncapi: nothing")
    write(specs / "typed.json", version_2("other", "itemBought"))
    (specs / "typed.proto").write_text("syntax = 'proto3';\nmessage {")
    for _ in range(2):
        catalog = load()
        assert set(catalog.channels) == {"shop", "other", "chat", "personalChat"}
        told = "\n".join(catalog.problems)
        for name, reason in {
            "channels.json": "#/channels: a mapping is needed",
            "future.json": "found 9.0.0",
            "broken.yaml": r"line \d",
            "latin.yaml": "not UTF-8",
            "typed.proto": r":2:\d+",
        }.items():
            assert re.search(f"{re.escape(str(specs / name))}.*{reason}", told), name
        assert len(catalog.problems) == 5


def test_the_same_event_in_two_documents(tmp_path: Path, load: Callable[..., Catalog]) -> None:
    specs = tmp_path / "specs"
    write(specs / "a.json", version_2())
    write(specs / "b.json", version_2())
    assert load().problems == ()
    changed = version_2()
    changed["channels"]["shop"]["publish"]["message"]["payload"] = {"type": "object"}  # type: ignore[index]
    write(specs / "b.json", changed)
    (problem,) = load().problems
    assert str(specs / "b.json") in problem
    assert f"shop/itemBought is another event in {specs / 'a.json'}, which counts" in problem
    assert load().message("shop", "itemBought").violations({"payload": 5})


def test_a_document_of_the_chat_events_counts_before_the_built_in_one(
    tmp_path: Path, load: Callable[..., Catalog]
) -> None:
    write(tmp_path / "specs/chat.json", version_2("chat", "userConnected"))
    catalog = load()
    assert catalog.message("chat", "userConnected").fields.keys() >= {"payload.itemBought.item"}
    assert catalog.message("chat", "userDisconnected").payload_key == "userDisconnected"


def test_paths_without_documents(tmp_path: Path, load: Callable[..., Catalog]) -> None:
    with pytest.raises(InvalidDocument, match="there is no such file or directory"):
        load(tmp_path / "missing")
    with pytest.raises(InvalidDocument, match="there is no AsyncAPI document"):
        load(tmp_path)
    unrelated = write(tmp_path / "x.json", {"a": 1})
    with pytest.raises(InvalidDocument, match="not an AsyncAPI document") as refused:
        load(unrelated)
    assert str(refused.value).count(str(unrelated)) == 1
    large = tmp_path / "specs" / "large.yaml"
    large.parent.mkdir()
    with large.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(InvalidDocument, match="larger than"):
        load()


async def test_a_simulator_knows_the_events_of_its_specs(tmp_path: Path) -> None:
    spec = write(tmp_path / "shop.json", version_2())
    async with AsyncSimulator(Settings(specs=[spec], grpc_port=None, kafka_port=None)) as sim:
        sim.publish("shop", EVENT)
        assert [event.name for event in sim.events("shop")] == ["itemBought"]
    with pytest.raises(InvalidSetting, match="not both"):
        Settings(specs=[spec], catalog=Catalog.builtin())


def test_one_bad_part_leaves_the_rest_of_its_document(
    tmp_path: Path, load: Callable[..., Catalog]
) -> None:
    """Each of them is told with its file and its place, also from the cache."""

    def message(name: str, payload: object = None, **rest: object) -> dict[str, object]:
        return {"messageId": name, "payload": payload or {"type": "object"}, **rest}

    several = [
        message("pattern", {"properties": {"a": {"properties": {"b": {"pattern": "("}}}}}),
        message("type", {"properties": {"a": {"type": "strng"}}}),
        message("array", {"type": "array"}),
        message("avro", schemaFormat="application/vnd.apache.avro"),
        message("loop", {"$ref": "#/components/schemas/loop"}),
        {"$ref": "#/components/messages/nowhere"},
        message("fine"),
        message("fine", {"required": ["other"]}),
        message("after", {"$ref": "#/components/schemas/small"}),
    ]
    channels = {
        "good": {"publish": {"message": {"oneOf": several}}},
        "a/b": {"publish": {"message": message("slash")}},
        "nothing": None,
        "left": {"publish": {"message": message("only", {"type": "string"})}},
        "last": {"publish": {"message": message("last")}},
    }
    loop = {"properties": {"again": {"$ref": "#/components/schemas/loop"}}}
    components = {"schemas": {"loop": loop, "small": {"type": "object"}}, "messages": {}}
    path = tmp_path / "specs/shop.json"
    write(path, {"asyncapi": "2.6.0", "channels": channels, "components": components})
    for _ in range(2):
        catalog = load()
        assert set(catalog.channels["good"].messages) == {"fine", "after"}
        assert set(catalog.channels) == {"good", "last", "chat", "personalChat"}
        told = sorted(problem.removeprefix(f"{path}: ") for problem in catalog.problems)
        one_of = "#/channels/good/publish/message/oneOf"
        for line, (place, reason) in zip(
            told,
            [
                ("#/channels/a~1b", "no topic can be called 'a/b'"),
                (f"{one_of}/0/payload", "schema: properties.a.properties.b.pattern: "),
                (f"{one_of}/1/payload", "schema: properties.a.type: "),
                (f"{one_of}/2/payload", "this payload is array"),
                (f"{one_of}/3/schemaFormat", "is not supported"),
                (f"{one_of}/5", "there is no 'nowhere'"),
                ("#/channels/good/publish", "two different messages are named fine"),
                ("#/channels/left/publish/message/payload", "this payload is string"),
                ("#/channels/nothing", "a mapping is needed"),
                ("#/components/schemas/loop/properties/again", "recursive schemas"),
            ],
            strict=True,
        ):
            assert line.startswith(f"{place}: "), line
            assert reason in line
