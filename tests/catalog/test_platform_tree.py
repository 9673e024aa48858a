"""A tree as large and irregular as the platform's, and the `.proto` files that others import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from benchmarks.platform_tree import (
    CHANNELS,
    DOTTED_CHANNEL,
    EVENTS,
    ODD_CLASS,
    TWICE,
    write_tree,
)
from simulator.catalog import Catalog
from simulator.catalog.generation import generated_event
from simulator.catalog.lint import irregularities
from simulator.scenario.randomness import Randomness

BUILTIN_CHANNELS, BUILTIN_EVENTS = 2, 4


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("platform")
    write_tree(root / "specs")
    return root


@pytest.fixture(scope="module")
def catalog(tree: Path) -> Catalog:
    return Catalog.load([tree / "specs"], cache=tree / "cache")


def test_every_event_is_there_with_its_service(catalog: Catalog) -> None:
    assert catalog.problems == ()
    assert len(catalog.channels) == CHANNELS + BUILTIN_CHANNELS
    assert len(catalog.messages) == EVENTS + BUILTIN_EVENTS
    assert [message for message in catalog.messages if not message.has_service] == []


def test_what_is_cached_is_the_same(tree: Path, catalog: Catalog) -> None:
    again = Catalog.load([tree / "specs"], cache=tree / "cache")
    for first, second in zip(catalog.messages, again.messages, strict=True):
        assert (first.channel, first.name) == (second.channel, second.name)
        assert first.schema == second.schema
        assert first.service_name == second.service_name
        assert first.descriptor.full_name == second.descriptor.full_name


def test_names_that_follow_no_rule(catalog: Catalog) -> None:
    dotted = catalog.message(DOTTED_CHANNEL, "groupCreated")
    assert dotted.service_name.rpartition(".")[2] == "Group1GroupCreatedGroupCreatedService"
    event, class_name = ODD_CLASS
    odd = catalog.find(event)
    assert odd.proto_name.rpartition(".")[2] == class_name
    assert odd.service_name.rpartition(".")[2].endswith("Happened56Service")


def test_an_event_of_two_documents_is_pointed_at(catalog: Catalog) -> None:
    channel, event = TWICE
    (line,) = (line for line in irregularities(catalog) if f"{channel}/{event}" in line)
    assert line.endswith(", too")
    assert line.count(".yaml") == 2


def test_made_events_survive_protobuf(catalog: Catalog) -> None:
    chance = Randomness(3)
    for message in catalog.messages:
        event = generated_event(message, chance)
        assert message.violations(event) == []
        again = message.from_proto(message.to_proto(event))
        assert message.violations(again) == []
        assert message.to_proto(again) == message.to_proto(event)


# .proto files that others import


def shop(folder: Path, imported: str) -> Path:
    """A document with an event `bought`, and a `.proto` that imports another."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "asyncapi": "2.0.0",
        "x-proto-package": "shop",
        "channels": {"shop": {"publish": {"message": {"messageId": "bought"}}}},
    }
    (folder / "shop.proto").write_text(
        f'syntax = "proto3";\npackage shop;\nimport "{imported}";\n'
        "message Bought { common.Price price = 1; }\n"
    )
    path = folder / "shop.json"
    path.write_bytes(orjson.dumps(document))
    return path


def common(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'syntax = "proto3";\npackage common;\nmessage Price {{ int64 amount = {number}; }}\n'
    )


@pytest.mark.parametrize(
    ("place", "imported", "given"),
    [
        ("specs/common/v1/common.proto", "common/v1/common.proto", "specs"),
        ("specs/common/v1/common.proto", "common/v1/common.proto", "specs/shop/v1/shop.json"),
        ("specs/common/v1/common.proto", "common/v1/common.proto", "specs/shop"),
        ("specs/shop/v1/common.proto", "common.proto", "specs"),
    ],
    ids=["tree", "file", "subtree", "beside"],
)
def test_a_proto_without_a_document_is_found_and_read_anew_when_it_changes(
    tmp_path: Path, place: str, imported: str, given: str
) -> None:
    shop(tmp_path / "specs/shop/v1", imported)
    for number in (1, 9):
        common(tmp_path / place, number)
        for _ in range(2):  # the second time from the cache
            catalog = Catalog.load([tmp_path / given], cache=tmp_path / "cache")
            assert catalog.problems == ()
            price = catalog.find("bought").descriptor.fields_by_name["price"]
            assert price.message_type.fields_by_name["amount"].number == number


def test_an_import_that_is_nowhere_is_told(tmp_path: Path) -> None:
    path = shop(tmp_path / "specs/shop/v1", "common/v1/common.proto")
    catalog = Catalog.load([tmp_path / "specs"], cache=tmp_path / "cache")
    assert any(str(path.with_suffix(".proto")) in problem for problem in catalog.problems)
    assert catalog.find("bought").violations({}) == []


def test_paths_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop(tmp_path / "specs/shop/v1", "common/v1/common.proto")
    common(tmp_path / "specs/common/v1/common.proto", 5)
    monkeypatch.chdir(tmp_path / "specs")
    for given in (".", "shop", "shop/v1/shop.json"):
        catalog = Catalog.load([given], cache=tmp_path / "cache")
        assert catalog.problems == ()
        assert catalog.find("bought").has_descriptor


def test_without_the_compiler_the_rest_is_loaded_and_not_kept(
    tmp_path: Path, tree: Path, catalog: Catalog
) -> None:
    """A cache that was filled without the compiler does not stand in for one with it."""
    shop(tmp_path / "specs", "common.proto")
    common(tmp_path / "specs/common.proto", 5)
    program = (
        "import sys; sys.modules['grpc_tools'] = None\n"
        "from importlib.machinery import PathFinder\n"
        "class Blind(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, *given):\n"
        "        return None if name == 'grpc_tools' else super().find_spec(name, *given)\n"
        "del sys.modules['grpc_tools']\n"
        "sys.meta_path[:] = [Blind if each is PathFinder else each for each in sys.meta_path]\n"
        "from pathlib import Path\n"
        "from simulator.catalog import Catalog\n"
        "catalog = Catalog.load([Path(sys.argv[1])], cache=Path(sys.argv[2]))\n"
        "print(catalog.problems, catalog.find('bought').has_descriptor)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "specs"), str(tmp_path / "cache")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the compiler is missing" in finished.stdout
    assert finished.stdout.endswith("False\n")
    catalog = Catalog.load([tmp_path / "specs"], cache=tmp_path / "cache")
    assert catalog.problems == ()
    assert catalog.find("bought").has_descriptor
