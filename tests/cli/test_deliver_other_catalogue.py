"""`simulator deliver --spec` with an app that was generated from the `.proto` of a document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_line import environment, run

DOCUMENT = """
asyncapi: 2.0.0
x-proto-package: shop.v1
channels:
  shop:
    publish:
      message:
        oneOf:
          - $ref: "#/components/messages/itemBought"
          - $ref: "#/components/messages/itemReturned"
components:
  messages:
    itemBought: {payload: {$ref: "#/components/schemas/itemBought"}}
    itemReturned: {payload: {$ref: "#/components/schemas/itemReturned"}}
  schemas:
    itemBought:
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
              properties: {item: {type: string}, price: {type: integer}}
    itemReturned:
      type: object
      properties:
        id: {type: string}
        name: {type: string}
        payload:
          type: object
          properties:
            itemReturned: {type: object, properties: {item: {type: string}}}
"""

PROTO = """
syntax = "proto3";
package shop.v1;
import "google/protobuf/empty.proto";
message Item { string item = 1; int64 price = 2; }
message ItemBoughtData { Item item_bought = 1 [json_name = "itemBought"]; }
message ItemBought {
  ItemBoughtData payload = 1;
  string id = 2;
  string name = 3;
  string user_id = 4 [json_name = "userId"];
}
message ItemReturnedData { Item item_returned = 1 [json_name = "itemReturned"]; }
message ItemReturned {
  ItemReturnedData payload = 1;
  string id = 2;
  string name = 3;
}
service ShopItemBoughtService { rpc OnMessage(ItemBought) returns (google.protobuf.Empty); }
service ShopItemReturnedService { rpc OnMessage(ItemReturned) returns (google.protobuf.Empty); }
"""

STORY = """
name: shopping
users: {alice: {}}
steps:
  - produce: {event: itemBought, user: alice, set: {payload.itemBought.item: hat}}
  - produce: {event: itemBought, user: alice, set: {payload.itemBought.price: 12}}
  - produce: {event: itemReturned}
expect:
  - count: {topic: shop, is: 3}
"""

APP = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from grpc_reflection.v1alpha import reflection
import shop_pb2, shop_pb2_grpc

class Shop(shop_pb2_grpc.ShopItemBoughtServiceServicer):
    def OnMessage(self, request, context):
        assert isinstance(request, shop_pb2.ItemBought)
        print(json.dumps(MessageToDict(request)), flush=True)
        return Empty()

server = grpc.server(ThreadPoolExecutor(1))
shop_pb2_grpc.add_ShopItemBoughtServiceServicer_to_server(Shop(), server)
reflection.enable_server_reflection(
    ["shop.v1.ShopItemBoughtService", reflection.SERVICE_NAME], server
)
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
server.stop(None).wait()
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "specs").mkdir()
    (folder / "specs/shop.yaml").write_text(DOCUMENT)
    (folder / "specs/shop.proto").write_text(PROTO)
    (folder / "story.yaml").write_text(STORY)
    return folder


def generated(folder: Path, proto: str) -> Path:
    """Compile a `.proto` and put the app beside its code, as a template of the platform does."""
    folder.mkdir()
    (folder / "shop.proto").write_text(proto)
    (folder / "app.py").write_text(APP)
    into = [f"-I{folder}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    command = [sys.executable, "-m", "grpc_tools.protoc", *into, "shop.proto"]
    subprocess.run(command, check=True, timeout=60)
    return folder


class Heard(list[dict[str, Any]]):
    """What the app has been told; complete when it has ended."""


@contextmanager
def hosted(app: Path) -> Iterator[tuple[str, Heard]]:
    """Run the app in a process of its own; gives its address."""
    heard = Heard()
    with subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=app,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}", heard
            out, _ = process.communicate("", timeout=60)
            heard += map(json.loads, out.splitlines())
        finally:
            process.kill()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generated(tmp_path_factory.mktemp("app") / "shop", PROTO)


@pytest.mark.parametrize("prefix", [(), ("--topic-prefix", "dev")], ids=["plain", "prefix"])
def test_a_story_of_a_document_reaches_a_generated_app(
    shop: Path, app: Path, prefix: tuple[str, ...]
) -> None:
    with hosted(app) as (target, heard):
        done = run(
            *("deliver", str(shop / "story.yaml"), "--to", target, "--ordered", "--json"),
            *("--spec", str(shop / "specs"), *prefix),
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert [event["name"] for event in heard] == ["itemBought", "itemBought"]
    first, second = (event["payload"]["itemBought"] for event in heard)
    assert (first["item"], second["price"]) == ("hat", "12")
    assert heard[0]["userId"] == heard[1]["userId"]
    (report,) = json.loads(done.stdout)
    assert report["group"] == f"{'dev.' if prefix else ''}handlers.{target}"
    assert report["events"]["itemBought"]["handled"] == 2
    assert report["events"]["itemReturned"]["unimplemented"] == 1


def test_check_knows_the_events_of_the_document(shop: Path, app: Path) -> None:
    options = ("--spec", str(shop / "specs"), "--topic-prefix", "dev", "--topic-separator", "-")
    with hosted(app) as (target, _):
        done = run("deliver", "--to", target, "--check", "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    rows = {row["event"]: row for row in json.loads(done.stdout)[target]}
    assert rows["itemBought"] == {
        "topic": "dev-shop",
        "event": "itemBought",
        "service": "shop.v1.ShopItemBoughtService",
        "fit": "compatible",
        "differences": [],
    }
    assert rows["itemReturned"]["fit"] == rows["userConnected"]["fit"] == "not implemented"


def test_check_names_the_field_that_an_older_app_misreads(shop: Path, tmp_path: Path) -> None:
    older = generated(
        tmp_path / "older", PROTO.replace("item = 1; int64 price", "item = 1; bool price")
    )
    with hosted(older) as (target, _):
        done = run("deliver", "--to", target, "--check", "--spec", str(shop / "specs"))
    assert done.returncode == 1
    assert "payload.item_bought.price is int64, and bool in the app" in done.stdout
    assert done.stderr == "Error: the app would misread itemBought\n"


def test_check_idempotent_plays_stories_of_the_document(shop: Path, app: Path) -> None:
    with hosted(app) as (target, heard):
        done = run(
            *("deliver", str(shop / "story.yaml"), "--to", target, "--check-idempotent"),
            *("--spec", str(shop / "specs"), "--topic-prefix", "dev"),
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(heard) == 2 + 4  # once, and each twice


def test_the_prefix_of_a_running_simulator_is_its_own(shop: Path) -> None:
    for story in ([], [str(shop / "story.yaml"), "--server"]):
        done = run("deliver", *story, "--to", "127.0.0.1:1", "--topic-prefix", "dev")
        assert done.returncode == 2
        assert "--topic-prefix is a setting of the server" in done.stderr
