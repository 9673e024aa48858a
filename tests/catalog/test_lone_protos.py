"""Services in `.proto` files that no document stands beside: used where they fit, else told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from simulator.catalog import Catalog
from simulator.catalog.lint import irregularities

Load = Callable[[], Catalog]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load() -> Catalog:
        return Catalog.load([tmp_path / "specs"], cache=tmp_path / "cache")

    return load


def document(path: Path, *events: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    messages = [
        {"messageId": event, "payload": {"properties": {"item": {"type": "string"}}}}
        for event in events
    ]
    channels = {"shop": {"publish": {"message": {"oneOf": messages}}}}
    content = {"asyncapi": "2.0.0", "x-proto-package": "shop.v1", "channels": channels}
    path.write_bytes(orjson.dumps(content))


def proto(path: Path, *events: str, imports: str = "", item: str = "string item = 1;") -> None:
    """One message and one service for each event, of the package that the documents name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ['syntax = "proto3";', "package shop.v1;", 'import "google/protobuf/empty.proto";']
    lines += [f'import "{imports}";'] if imports else []
    for event in events:
        name = event[0].upper() + event[1:]
        lines.append(f"message {name} {{ {item} }}")
        lines.append(f"service Shop{name}Service {{")
        lines.append(f"  rpc OnMessage({name}) returns (google.protobuf.Empty);\n}}")
    path.write_text("\n".join(lines))


def test_a_document_without_a_proto_finds_its_services(tmp_path: Path, load: Load) -> None:
    specs = tmp_path / "specs"
    document(specs / "shop/v1/shop.json", "bought", "sold")
    for item in ("string item = 1;", "string item = 7;"):
        proto(specs / "hand/written.proto", "bought", "sold", item=item)
        for _ in range(2):  # the second time from the cache
            catalog = load()
            assert irregularities(catalog)[0].startswith("chat/userChatRateLimited")
            bought = catalog.find("bought")
            assert bought.has_service
            assert f"item = {bought.descriptor.fields_by_name['item'].number};" in item
            assert bought.from_proto(bought.to_proto({"item": "hat"})) == {"item": "hat"}


def test_what_the_own_proto_lacks_is_found_elsewhere(tmp_path: Path, load: Load) -> None:
    specs = tmp_path / "specs"
    document(specs / "shop/v1/shop.json", "bought", "sold")
    proto(specs / "shop/v1/shop.proto", "bought")
    proto(specs / "extra.proto", "sold", imports="shop/v1/shop.proto")
    catalog = load()
    assert catalog.problems == ()
    for name in ("bought", "sold"):
        message = catalog.find(name)
        assert message.has_service
        assert message.from_proto(message.to_proto({"item": "hat"})) == {"item": "hat"}
    assert catalog.pool.FindServiceByName("shop.v1.ShopSoldService")


def test_a_service_without_an_event_is_pointed_at(tmp_path: Path, load: Load) -> None:
    specs = tmp_path / "specs"
    document(specs / "shop/v1/shop.json", "bought")
    proto(specs / "shop/v1/shop.proto", "bought")
    proto(specs / "shop/v1/internal.proto", "stolen")
    for _ in range(2):
        catalog = load()
        assert catalog.problems == ()  # which every command would tell
        assert irregularities(catalog)[0] == (
            f"{specs / 'shop/v1/internal.proto'}: no document has an event for the service "
            "shop.v1.ShopStolenService"
        )
        assert catalog.with_topic_prefix("dev.").notes == catalog.notes


def test_a_broken_one_is_told_and_one_without_services_is_not_read(
    tmp_path: Path, load: Load
) -> None:
    specs = tmp_path / "specs"
    document(specs / "shop.json", "bought")
    (specs / "broken.proto").write_text("service X { rpc OnMessage(Y) returns (Z); }\nmessage {")
    (specs / "unrelated.proto").write_text("this is no protobuf")
    (problem,) = load().problems
    assert problem.startswith(f"{specs / 'broken.proto'}:")
    assert load().find("bought").is_valid({"item": "hat"})
