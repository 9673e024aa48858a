"""`$ref`s to other files: what they give, what is told, and when it is read anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from simulator.catalog import Catalog, InvalidDocument

Load = Callable[..., Catalog]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(path: Path = tmp_path / "specs") -> Catalog:
        return Catalog.load([path], cache=tmp_path / "cache")

    return load


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
    return path


def document(**channels: Any) -> dict[str, Any]:
    published = {name: {"publish": {"message": node}} for name, node in channels.items()}
    return {"asyncapi": "2.6.0", "channels": published}


def payload(name: str, reference: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"value": {"$ref": reference}}, "required": ["value"]}
    return {"messageId": name, "payload": schema}


def test_messages_and_schemas_of_other_files(tmp_path: Path, load: Load) -> None:
    """From file to file, each path from the file that it stands in; local ones stay local."""
    specs = tmp_path / "specs"
    write(
        specs / "shop/v1/shop.yaml",
        b"asyncapi: 2.6.0\nchannels:\n  shop:\n    publish:\n      message:\n"
        b"        oneOf:\n"
        b"          - $ref: ../../common/messages.json#/messages/itemBought\n"
        b"          - {messageId: whole, payload: {$ref: './whole%20schema.json'}}\n",
    )
    write(
        specs / "common/messages.json",
        {
            "messages": {"itemBought": {"payload": {"$ref": "#/schemas/item"}}},
            "schemas": {"item": {"properties": {"color": {"$ref": "deep/colors.yaml#/color"}}}},
        },
    )
    colors = specs / "common/deep/colors.yaml"
    write(specs / "shop/v1/whole schema.json", {"properties": {"n": {"type": "integer"}}})
    for color in ("red", "green"):
        write(colors, f"color: {{$ref: '#/all/0'}}\nall: [{{enum: [{color}]}}]\n".encode())
        for _ in range(2):  # the second time from the cache
            catalog = load()
            assert catalog.problems == ()
            bought = catalog.message("shop", "itemBought")
            assert bought.violations({"color": color}) == []
            assert bought.violations({"color": "blue"})
            assert catalog.message("shop", "whole").violations({"n": "x"})


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("nowhere.yaml#/a", "there is no such file"),
        ("https://example.com/a.yaml#/a", "only files are followed"),
        ("../../outside.yaml#/a", "it lies outside of"),
        ("broken.yaml#/a", "line 2, column 1"),
        ("binary.yaml#/a", "utf-8"),
        ("good.yaml#/thng", "there is no 'thng'; did you mean thing?"),
        ("loop.yaml#/a", "recursive schemas are not supported"),
        (".", "there is no such file"),
    ],
)
def test_what_cannot_be_followed_is_told_and_the_rest_is_there(
    tmp_path: Path, load: Load, reference: str, reason: str
) -> None:
    specs = tmp_path / "specs"
    write(tmp_path / "outside.yaml", {"a": {}})
    write(specs / "shop/broken.yaml", b"a: [\n")
    write(specs / "shop/binary.yaml", b"a: \xff")
    write(specs / "shop/good.yaml", {"thing": {"type": "integer"}})
    write(specs / "shop/loop.yaml", {"a": {"properties": {"b": {"$ref": "loop.yaml#/a"}}}})
    bad, good = payload("bad", reference), payload("good", "good.yaml#/thing")
    path = write(specs / "shop/shop.json", document(first=bad, second=good))
    for _ in range(2):
        catalog = load()
        (problem,) = catalog.problems
        assert problem.startswith(f"{path}: ")
        assert reason in problem
        assert set(catalog.channels) == {"second", "chat", "personalChat"}
        assert catalog.find("good").violations({"value": "x"})


def test_a_file_that_is_named_may_refer_to_what_lies_beside_it(tmp_path: Path, load: Load) -> None:
    write(tmp_path / "specs/common.json", {"a": {"type": "integer"}})
    shop = document(near=payload("near", "near.json"), far=payload("far", "../common.json#/a"))
    path = write(tmp_path / "specs/shop/shop.json", shop)
    write(path.parent / "near.json", {"type": "boolean"})
    catalog = load(path)
    assert catalog.find("near").example == {"value": True}
    (problem,) = catalog.problems
    assert "give a directory that has both" in problem
    assert load().problems == ()


def test_a_document_without_a_place_refers_to_no_file() -> None:
    text = orjson.dumps(document(near=payload("near", "near.json#/a"))).decode()
    with pytest.raises(InvalidDocument, match="only references inside the document"):
        Catalog.from_text(text, "shop.json")
