"""Handlers of this process: servicers of generated code, and functions."""

from __future__ import annotations

import asyncio
import importlib.resources
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from handler_apps import PATIENCE_S

from simulator import Simulator
from simulator.catalog import UnknownEvent
from simulator.handlers import Chaos, DeliverySettings, HandlerError, NoHandler, NotDelivered
from simulator.handlers.daemon_threads import MAX_THREADS

PROTO = """
syntax = "proto3";
package hosted.v1;
import "google/protobuf/empty.proto";
message Other { string id = 2; }
service ChatUserConnectedService { rpc OnMessage(Other) returns (google.protobuf.Empty); }
service ChatUserDisconnectedService { rpc OnMessage(Other) returns (google.protobuf.Empty); }
"""
"""As the published file has them, but for the package and most fields: another file of the same
package could not be loaded into one process beside a user's own."""

QUICK = DeliverySettings(backoff_s=0.01, max_backoff_s=0.02)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """What grpcio-tools generates, with the package that the catalogue calls."""
    protoc = pytest.importorskip("grpc_tools.protoc", reason="grpcio-tools is not installed")
    folder = tmp_path_factory.mktemp("generated")
    (folder / "hosted_events.proto").write_text(PROTO)
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    arguments = [f"-I{folder}", f"-I{well_known}", f"--python_out={folder}"]
    assert protoc.main(["", *arguments, f"--grpc_python_out={folder}", "hosted_events.proto"]) == 0
    grpc_file = folder / "hosted_events_pb2_grpc.py"
    text = grpc_file.read_text().replace("hosted.v1.", "accelbyte.chat.chat.v1.")
    grpc_file.write_text(text)
    sys.path.insert(0, str(folder))
    import hosted_events_pb2_grpc  # type: ignore[import-not-found]

    yield hosted_events_pb2_grpc
    sys.path.remove(str(folder))
    for name in ("hosted_events_pb2", "hosted_events_pb2_grpc"):
        del sys.modules[name]


def connect(sim: Simulator, user: str = "alice") -> str:
    sim.chat.connect(user)
    event_id = sim.events()[-1].id
    assert event_id is not None
    return event_id


def test_a_servicer(generated: ModuleType, simulator: Simulator, event_handler: Any) -> None:
    class Handler(generated.ChatUserConnectedServiceServicer):  # type: ignore[misc]
        def __init__(self) -> None:
            self.ids: list[str] = []

        def OnMessage(self, request: Any, context: Any) -> Any:  # noqa: N802
            from google.protobuf.empty_pb2 import Empty

            self.ids.append(request.id)
            return Empty()

    handler = Handler()
    hosted = event_handler(handler)
    event_id = connect(simulator)
    simulator.chat.disconnect("alice")
    report = hosted.wait(PATIENCE_S)
    assert handler.ids == [event_id]
    assert report.events["userConnected"].handled == 1
    assert report.events["userDisconnected"].unimplemented == 1


def test_an_asynchronous_servicer_of_two_services(
    generated: ModuleType, simulator: Simulator, event_handler: Any
) -> None:
    class Handler(
        generated.ChatUserConnectedServiceServicer,  # type: ignore[misc]
        generated.ChatUserDisconnectedServiceServicer,  # type: ignore[misc]
    ):
        ids: tuple[str, ...] = ()

        async def OnMessage(self, request: Any, context: Any) -> Any:  # noqa: N802
            from google.protobuf.empty_pb2 import Empty

            await asyncio.sleep(0)
            self.ids += (request.id,)
            return Empty()

    handler = Handler()
    hosted = event_handler(handler)
    connect(simulator)
    simulator.chat.disconnect("alice")
    hosted.wait(PATIENCE_S)
    assert sorted(handler.ids) == sorted(event.id or "" for event in simulator.events())


def test_functions_synchronous_and_not(simulator: Simulator, event_handler: Any) -> None:
    connected: list[Any] = []
    left: list[tuple[Any, str]] = []

    async def on_disconnected(message: Any, context: Any) -> None:
        left.append((message.payload.user_disconnected, dict(context.invocation_metadata())["x"]))

    settings = DeliverySettings(metadata={"x": "y"})
    hosted = event_handler(
        userConnected=connected.append, userDisconnected=on_disconnected, settings=settings
    )
    event_id = connect(simulator)
    simulator.chat.disconnect("alice", reason="bye", code=4000)
    hosted.wait(PATIENCE_S)
    assert [message.id for message in connected] == [event_id]
    ((reason, metadata),) = left
    assert (reason.reason, reason.code, metadata) == ("bye", 4000, "y")


def test_a_handler_may_call_the_simulator(simulator: Simulator, event_handler: Any) -> None:
    def greet(message: Any) -> None:
        simulator.chat.send("bot", "welcome", to="alice")

    async def greet_again(message: Any) -> None:
        simulator.chat.disconnect("alice")

    simulator.chat.connect("bot")
    event_handler(userConnected=greet, personalChatSent=greet_again)
    connect(simulator)
    simulator.wait_for("chat", name="userDisconnected", user="alice", timeout=PATIENCE_S)


def test_one_that_raises_is_called_again(
    simulator: Simulator, event_handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def handle(message: Any) -> None:
        calls.append(threading.current_thread().name)
        if len(calls) < 3:
            raise ValueError("not yet")

    hosted = event_handler(userConnected=handle, settings=QUICK)
    connect(simulator)
    assert hosted.wait(PATIENCE_S).total.failed == 2
    assert len(calls) == 3
    assert threading.current_thread().name not in calls
    assert "not yet" in caplog.text
    caplog.clear()


def test_what_never_works_is_told(
    simulator: Simulator, event_handler: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tried_again = threading.Event()
    tries: list[Any] = []

    def handle(message: Any) -> None:
        tries.append(message)
        if len(tries) > 1:
            tried_again.set()
        raise ValueError("never")

    hosted = event_handler(userConnected=handle, settings=QUICK)
    event_id = connect(simulator)
    assert tried_again.wait(PATIENCE_S)
    with pytest.raises(NotDelivered, match=r"UNKNOWN.*never"):
        hosted.wait(timeout=0.3)
    with pytest.raises(NotDelivered, match=r"UNKNOWN.*never"):
        simulator.wait_delivered(event_id, timeout=0.1)
    hosted.close()
    caplog.clear()


def test_is_it_idempotent(simulator: Simulator, event_handler: Any) -> None:
    seen: list[str] = []

    def handle(message: Any) -> None:
        seen.append(message.id)

    chaos = Chaos(duplicate=True)
    hosted = event_handler(userConnected=handle, settings=DeliverySettings(chaos=chaos))
    event_id = connect(simulator)
    assert hosted.wait(PATIENCE_S).total.duplicate == 1
    assert seen == [event_id, event_id]


def test_closing(simulator: Simulator) -> None:
    with simulator.handlers.host(userConnected=print) as hosted:
        target = hosted.target
        assert [report.target for report in simulator.handlers.reports()] == [target]
    assert simulator.handlers.reports() == []
    assert hosted.report.target == target
    with pytest.raises(HandlerError, match="is closed"):
        hosted.wait(PATIENCE_S)
    hosted.close()


def test_what_is_no_handler(simulator: Simulator, event_handler: Any) -> None:
    with pytest.raises(NoHandler, match="object is no servicer"):
        event_handler(object())
    with pytest.raises(NoHandler, match="nothing to host"):
        event_handler()
    with pytest.raises(UnknownEvent, match="did you mean userConnected"):
        event_handler(userConected=print)
    assert simulator.handlers.reports() == []


def test_handlers_may_be_closed_after_their_simulator() -> None:
    with Simulator(grpc_port=None, kafka_port=None) as sim:
        first = sim.handlers.host(userConnected=print)
        second = sim.handlers.host(userConnected=print)
        sim.handlers.remove(first.target)
        first.close()
    second.close()
    second.close()
    assert not [each for each in threading.enumerate() if each.name == "event-handler"]


HANGING = """
import threading
from simulator import Simulator
from simulator.handlers import DeliverySettings
called = threading.Event()
def hang(message):
    called.set()
    threading.Event().wait()
with Simulator(grpc_port=None, kafka_port=None) as sim:
    with sim.handlers.host(userConnected=hang):
        sim.chat.connect("alice")
        assert called.wait(60)
"""


def test_a_handler_that_never_returns_does_not_keep_its_process_alive() -> None:
    subprocess.run([sys.executable, "-c", HANGING], check=True, timeout=PATIENCE_S)


def test_more_handlers_than_threads_take_their_turn(
    simulator: Simulator, event_handler: Any
) -> None:
    threads: set[str] = set()

    def handle(message: Any) -> None:
        threads.add(threading.current_thread().name)

    hosted = event_handler(userConnected=handle)
    users = [f"user-{number}" for number in range(5 * MAX_THREADS)]
    for user in users:
        simulator.chat.connect(user)
    assert hosted.wait(PATIENCE_S).total.handled == len(users)
    assert 1 <= len(threads) <= MAX_THREADS
