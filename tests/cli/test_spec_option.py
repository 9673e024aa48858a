"""`--spec`: commands know the events of documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import run, served

DOCUMENT = """
asyncapi: 2.0.0
x-proto-package: shop.v1
channels:
  shop:
    publish:
      message:
        $ref: "#/components/messages/itemBought"
  counter:
    publish:
      message:
        $ref: "#/components/messages/bare"
components:
  messages:
    itemBought:
      payload:
        type: object
        properties:
          id: {type: string}
          name: {type: string}
          userId: {type: string}
          payload:
            type: object
            properties:
              itemBought:
                type: object
                properties:
                  item: {type: string, enum: [hat, sword]}
                  price: {type: integer, minimum: 1}
    bare:
      payload:
        type: object
        additionalProperties: false
        required: [kind]
        properties:
          kind: {type: string, enum: [plain]}
"""

PROTO = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/empty.proto";
message ItemBoughtData { string item = 1; int64 price = 2; }
message ItemBoughtPayload { ItemBoughtData item_bought = 1 [json_name = "itemBought"]; }
message ItemBought {
  ItemBoughtPayload payload = 1;
  string id = 2;
  string name = 3;
  string user_id = 4 [json_name = "userId"];
}
service ShopItemBoughtService { rpc OnMessage(ItemBought) returns (google.protobuf.Empty); }
"""

STORY = """
name: shopping
users: {alice: {}}
steps:
  - produce: {event: itemBought, user: alice, set: {payload.itemBought.price: 7}}
  - produce: {event: bare}
expect:
  - count: {event: itemBought, where: {payload.itemBought.price: 7}, is: 1}
  - count: {topic: counter, is: 1}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "specs").mkdir()
    (folder / "specs/shop.yaml").write_text(DOCUMENT)
    (folder / "specs/shop.proto").write_text(PROTO)
    (folder / "shopping.yaml").write_text(STORY)
    (folder / "misspelt.yaml").write_text(STORY.replace("event: bare", "event: itemBougth"))
    return folder


@pytest.fixture(scope="module")
def server(shop: Path) -> Iterator[str]:
    with served("--spec", str(shop / "specs")) as (_, address):
        yield address


def test_scripts_are_checked_against_the_documents(shop: Path) -> None:
    story, spec = str(shop / "shopping.yaml"), str(shop / "specs")
    done = run("validate", story, "--spec", spec)
    assert (done.returncode, done.stderr) == (0, "")
    assert "unknown event 'itemBought'" in run("validate", story).stdout
    done = run("validate", str(shop / "misspelt.yaml"), "--spec", spec)
    assert done.returncode == 1
    assert "unknown event 'itemBougth' (did you mean 'itemBought'?)" in done.stdout


def test_stories_play_events_of_documents(shop: Path) -> None:
    story, spec = str(shop / "shopping.yaml"), str(shop / "specs")
    done = run("play", story, "--json", env={"SIMULATOR_SPEC": spec})
    assert done.returncode == 0, done.stderr
    events = {line["topic"]: line["event"] for line in map(json.loads, done.stdout.splitlines())}
    assert events["shop"]["payload"]["itemBought"] == {"item": "hat", "price": 7}
    assert events["counter"] == {"kind": "plain"}


def test_a_server_plays_and_takes_events_of_its_documents(shop: Path, server: str) -> None:
    spec = ("--spec", str(shop / "specs"))
    done = run("play", str(shop / "shopping.yaml"), "--server", server, *spec)
    assert done.returncode == 0, done.stderr
    change = ("--set", "payload.itemBought.item=sword", "--user", "alice")
    done = run("produce", "shop", "itemBought", *change, *spec, "--server", server)
    assert done.stdout == "shop[0]@1\n", done.stderr
    done = run("produce", "counter", "bare", *spec, "--server", server)
    assert done.stdout == "counter[0]@1\n", done.stderr
    done = run(
        *("produce", "shop", "itemBought", "--set", "payload.itemBought.item=boat"),
        *(*spec, "--server", server),
    )
    assert done.returncode == 1
    assert "payload.itemBought.item" in done.stderr
    typed = run("tail", "shop", "--end", "--typed", "--json", *spec, "--server", server)
    events = [json.loads(line) for line in typed.stdout.splitlines()]
    assert events[1]["typed"]["@type"] == "type.googleapis.com/shop.v1.ItemBought"
    assert events[1]["typed"]["payload"]["itemBought"]["item"] == "sword"


@pytest.fixture(scope="module")
def prefixed(shop: Path) -> Iterator[str]:
    with served("--spec", str(shop / "specs"), "--topic-prefix", "dev") as (_, address):
        yield address


def test_a_server_says_which_events_it_knows(shop: Path, prefixed: str) -> None:
    """Without --spec, and with documents of its own that the command line never sees."""
    change = ("--set", "payload.itemBought.item=sword", "--user", "alice")
    done = run("produce", "dev.shop", "itemBought", *change, "--server", prefixed)
    assert (done.stdout, done.stderr) == ("dev.shop[0]@0\n", "")
    done = run("produce", "dev.counter", "bare", "--server", prefixed)
    assert (done.stdout, done.stderr) == ("dev.counter[0]@0\n", "")
    done = run("produce", "dev.chat", "userConnected", "--user", "alice", "--server", prefixed)
    assert (done.stdout, done.stderr) == ("dev.chat[0]@0\n", "")
    tailed = run("tail", "--end", "--typed", "--json", "--server", prefixed)
    events = {(line := json.loads(text))["topic"]: line for text in tailed.stdout.splitlines()}
    bought = events["dev.shop"]
    assert bought["typed"]["@type"] == "type.googleapis.com/shop.v1.ItemBought"
    assert bought["typed"]["payload"]["itemBought"]["item"] == "sword"
    assert bought["typed"]["userId"] == bought["event"]["userId"]
    assert events["dev.chat"]["typed"]["name"] == "userConnected"
    assert "typed" not in events["dev.counter"]  # it has no message


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["dev.shop", "itemBougth"], "there is no event itemBougth; did you mean itemBought?"),
        (["dev.shop", "userConnected"], "belongs to topic dev.chat"),
        (["dev.shp", "itemBought"], "did you mean 'dev.shop'?"),
        (["dev.shop", "itemBought", "--set", "payload.itemBought.item=boat"], "itemBought.item"),
    ],
)
def test_what_a_server_does_not_know(prefixed: str, arguments: list[str], text: str) -> None:
    done = run("produce", *arguments, "--server", prefixed)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unchecked_event_may_go_elsewhere(prefixed: str) -> None:
    done = run("produce", "dev.personalChat", "itemBought", "--no-validate", "--server", prefixed)
    assert (done.stdout, done.stderr) == ("dev.personalChat[0]@0\n", "")


def test_what_cannot_be_loaded_is_a_warning_everywhere(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(DOCUMENT)
    (tmp_path / "broken.yaml").write_text("asyncapi: 2.0.0\nchannels: 1\n")
    done = run("validate", str(shop / "shopping.yaml"), "--spec", str(tmp_path))
    assert done.returncode == 0
    assert done.stderr.startswith("Warning: ")
    assert "broken.yaml" in done.stderr
