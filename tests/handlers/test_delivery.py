"""Events arrive at event handler apps: at least once, whatever the app does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from handler_apps import PATIENCE_S, Call, HandlerApp
from ports import refusing_port

from simulator import AsyncSimulator
from simulator.handlers import (
    Chaos,
    Delivery,
    DeliverySettings,
    DeliveryState,
    HandlerError,
    InvalidDeliverySetting,
    NotDelivered,
)
from simulator.handlers.at_once import TOGETHER
from simulator.simulator import Settings

CONNECTED = "ChatUserConnectedService"
QUICK = {"backoff_s": 0.01, "max_backoff_s": 0.02}


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(grpc_port=None, kafka_port=None)) as sim:
        yield sim


def publish(sim: AsyncSimulator, count: int = 1, name: str = "userConnected") -> list[str]:
    """Publish events of a type with ids of their own."""
    message = sim.catalog.find(name)
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(count)]
    for event_id in ids:
        sim.publish(message.channel, message.example | {"id": event_id})
    return ids


def ids_of(sim: AsyncSimulator, calls: list[Call]) -> list[str]:
    messages = {m.service_name.rpartition(".")[2]: m for m in sim.catalog.messages}
    return [messages[call.service].from_proto(call.data)["id"] for call in calls]


async def backing_off(delivery: Delivery) -> None:
    """Return when a batch has failed, and is about to be sent again."""
    async with asyncio.timeout(PATIENCE_S):
        await delivery.wait_for(lambda: delivery.report().state is DeliveryState.BACKING_OFF)


async def test_every_event_of_a_story_arrives_in_its_typed_form(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    async with app.served() as target:
        sim.handlers.add(target)
        await sim.play("rate_limited")
        await sim.handlers.wait_idle(PATIENCE_S)
    story = sim.events()
    assert sorted(ids_of(sim, app.calls)) == sorted(event.id for event in story)
    assert {call.service for call in app.calls} == {
        "ChatUserConnectedService",
        "ChatUserDisconnectedService",
        "ChatUserChatRateLimitedService",
        "PersonalChatPersonalChatSentService",
    }
    (report,) = sim.handlers.reports()
    assert (report.state, report.lag) == (DeliveryState.IDLE, 0)
    assert report.total.sent == report.total.handled == len(story)


async def test_calls_carry_the_trace_of_their_event(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    message = sim.catalog.find("userConnected")
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(metadata={"x-installation": "dev"}))
        trace = "0af7651916cd43dd8448eb211c80319c"
        sim.publish("chat", message.example | {"traceId": trace})
        await sim.handlers.wait_idle(PATIENCE_S)
    metadata = app.calls[0].metadata
    assert metadata["x-b3-traceid"] == trace
    version, trace_id, span, flags = metadata["traceparent"].split("-")
    assert (version, trace_id, flags) == ("00", trace, "01")
    assert span == metadata["x-b3-spanid"]
    assert len(span) == 16
    assert metadata["x-installation"] == "dev"


async def test_how_far_it_is_is_the_offset_of_its_group(sim: AsyncSimulator) -> None:
    publish(sim, 3)
    app = HandlerApp()
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(group="mine"))
        await sim.handlers.wait_idle(PATIENCE_S)
        assert sim.log.groups.committed("mine", "chat", 0) == 3
        await sim.handlers.remove(target)
        publish(sim, 2)
        sim.handlers.add(target, DeliverySettings(group="mine"))
        await sim.handlers.wait_idle(PATIENCE_S)
    assert len(app.calls) == 5


async def test_a_failure_sends_its_whole_batch_again(sim: AsyncSimulator) -> None:
    ids = publish(sim, 4)
    app = HandlerApp(lambda call: "UNAVAILABLE" if call.number == 2 else "OK")
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(**QUICK))
        await sim.handlers.wait_idle(PATIENCE_S)
    assert sorted(ids_of(sim, app.calls)) == sorted(ids * 2)
    counted = sim.handlers.reports()[0].events["userConnected"]
    assert (counted.sent, counted.handled, counted.failed) == (8, 4, 1)
    assert (counted.retried, counted.duplicate) == (4, 3)


async def test_or_only_what_failed(sim: AsyncSimulator) -> None:
    publish(sim, 4)
    app = HandlerApp(lambda call: "UNKNOWN" if call.number == 2 else "OK")
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(retry_batch=False, **QUICK))
        await sim.handlers.wait_idle(PATIENCE_S)
    assert len(app.calls) == 5
    assert sim.handlers.reports()[0].total.duplicate == 0


@pytest.mark.parametrize(
    "code", ["UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL", "UNKNOWN", "CANCELLED"]
)
async def test_codes_that_are_tried_again(sim: AsyncSimulator, code: str) -> None:
    app = HandlerApp(lambda call: code if call.number < 3 else "OK")
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(**QUICK))
        (event_id,) = publish(sim)
        await sim.wait_delivered(event_id, PATIENCE_S)
    assert len(app.calls) == 4


async def test_other_codes_are_final_and_go_to_the_dead_letters(sim: AsyncSimulator) -> None:
    app = HandlerApp(lambda call: "INVALID_ARGUMENT")
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(dead_letters="chat.dlq"))
        (event_id,) = publish(sim)
        with pytest.raises(NotDelivered, match="given up"):
            await sim.wait_delivered(event_id, PATIENCE_S)
        await sim.handlers.wait_idle(PATIENCE_S)
    assert len(app.calls) == 1
    assert sim.handlers.report(target).standing == (
        "idle (userConnected was given up: INVALID_ARGUMENT: INVALID_ARGUMENT from the app)"
    )
    (dead,) = sim.log.read("chat.dlq", 0, 0, max_records=9)
    assert dead.value == sim.log.read("chat", 0, 0, max_records=1)[0].value
    assert dict(dead.headers) == {
        "source": b"chat-0@0",
        "reason": b"INVALID_ARGUMENT: INVALID_ARGUMENT from the app",
    }


async def test_attempts_may_be_bounded(sim: AsyncSimulator) -> None:
    app = HandlerApp(lambda call: "UNAVAILABLE")
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(attempts=3, dead_letters="dead", **QUICK))
        publish(sim)
        await sim.handlers.wait_idle(PATIENCE_S)
    assert len(app.calls) == 3
    assert sim.handlers.reports()[0].total.given_up == 1
    assert sim.log.bounds("dead", 0) == (0, 1)


async def test_what_the_app_does_not_implement_is_counted_and_not_tried_again(
    sim: AsyncSimulator,
) -> None:
    app = HandlerApp(lambda call: "OK" if call.service == CONNECTED else "UNIMPLEMENTED")
    async with app.served() as target:
        sim.handlers.add(target)
        (event_id,) = publish(sim, name="personalChatSent")
        with pytest.raises(NotDelivered, match="unimplemented"):
            await sim.wait_delivered(event_id, PATIENCE_S)
        await sim.handlers.wait_idle(PATIENCE_S)
    assert len(app.calls) == 1
    assert sim.handlers.reports()[0].events["personalChatSent"].unimplemented == 1


async def test_an_app_that_comes_later_gets_everything(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    with refusing_port() as port:
        delivery = sim.handlers.add(f"127.0.0.1:{port}", DeliverySettings(**QUICK))
        ids = publish(sim, 5)
        await backing_off(delivery)
        assert "UNAVAILABLE" in delivery.report().reason
    async with app.served(port):
        await sim.handlers.wait_idle(PATIENCE_S)
    assert set(ids_of(sim, app.calls)) == set(ids)


async def test_an_app_that_hangs_is_given_its_deadline(sim: AsyncSimulator) -> None:
    release = asyncio.Event()

    async def hang(call: Call) -> str:
        await release.wait()
        return "OK"

    app = HandlerApp(hang)
    async with app.served() as target:
        delivery = sim.handlers.add(target, DeliverySettings(deadline_s=0.2, **QUICK))
        (event_id,) = publish(sim)
        await backing_off(delivery)
        assert "DEADLINE_EXCEEDED" in delivery.report().reason
        release.set()
        await sim.wait_delivered(event_id, PATIENCE_S)
    assert sim.handlers.reports()[0].events["userConnected"].failed >= 1


async def test_an_app_that_stops_in_the_middle_of_a_call_gets_the_event_again(
    sim: AsyncSimulator,
) -> None:
    begun = asyncio.Event()

    async def hang(call: Call) -> str:
        begun.set()
        await asyncio.Event().wait()
        return "OK"

    async with HandlerApp(hang).served() as target:
        sim.handlers.add(target, DeliverySettings(**QUICK))
        (event_id,) = publish(sim)
        await begun.wait()
    async with HandlerApp().served(int(target.rpartition(":")[2])):
        await sim.wait_delivered(event_id, PATIENCE_S)
    assert sim.handlers.reports()[0].total.given_up == 0


async def test_garbage_as_an_answer_is_a_failure(sim: AsyncSimulator) -> None:
    app = HandlerApp(answer=b"\xff\xff\xff")
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(attempts=2, **QUICK))
        publish(sim)
        await sim.handlers.wait_idle(PATIENCE_S)
    counted = sim.handlers.reports()[0].total
    assert (counted.failed, counted.given_up, counted.handled) == (2, 1, 0)


async def test_something_that_is_not_grpc(sim: AsyncSimulator) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    other = HandlerApp()
    async with server, other.served() as target:
        bad = sim.handlers.add(f"127.0.0.1:{port}", DeliverySettings(**QUICK))
        good = sim.handlers.add(target)
        (event_id,) = publish(sim)
        await asyncio.wait_for(good.wait_for(lambda: good.idle and bool(other.calls)), PATIENCE_S)
        await backing_off(bad)
        with pytest.raises(NotDelivered, match="UNAVAILABLE"):
            await sim.wait_delivered(event_id, timeout=0.5)
        await sim.handlers.stop()
    assert ids_of(sim, other.calls) == [event_id]


async def test_all_events_of_a_batch_are_with_the_app_at_once(sim: AsyncSimulator) -> None:
    """Also where they are more than are made ready at once, and some of them cannot be read."""
    count = 3 * TOGETHER
    all_there = asyncio.Event()

    async def handle(call: Call) -> str:
        if call.number == count - 1:
            all_there.set()
        await all_there.wait()
        return "UNAVAILABLE" if call.number == count - 1 else "OK"

    ids = publish(sim, count)
    sim.publish("chat", b"not json", validate=False)
    app = HandlerApp(handle)
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(**QUICK))
        await sim.handlers.wait_idle(30)
    assert sorted(ids_of(sim, app.calls)) == sorted(ids * 2)
    total = sim.handlers.reports()[0].total
    assert (total.handled, total.failed, total.retried) == (count, 1, count)
    assert total.unreadable == 1


async def test_in_order_means_one_at_a_time(sim: AsyncSimulator) -> None:
    running = 0

    async def handle(call: Call) -> str:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        return "UNAVAILABLE" if call.number == 3 else "OK"

    ids = publish(sim, 6)
    app = HandlerApp(handle)
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(ordered=True, retry_batch=False, **QUICK))
        await sim.handlers.wait_idle(PATIENCE_S)
    assert ids_of(sim, app.calls) == [*ids[:4], *ids[3:]]


async def test_chaos_sends_twice_in_another_order_and_loses_answers(sim: AsyncSimulator) -> None:
    ids = publish(sim, 20)
    orders = []
    for _ in range(2):
        app = HandlerApp()
        chaos = Chaos(duplicate=True, shuffle=True, lose_first_answer=True)
        async with app.served() as target:
            settings = DeliverySettings(group=target, ordered=True, chaos=chaos, **QUICK)
            sim.handlers.add(target, settings)
            await sim.handlers.wait_idle(PATIENCE_S)
        report = (await sim.handlers.remove(target)).total
        assert report.handled == 20
        assert report.sent == report.handled + report.duplicate + report.failed
        assert report.duplicate >= 20
        assert set(ids_of(sim, app.calls)) == set(ids)
        orders.append(ids_of(sim, app.calls))
    assert orders[0][:20] != ids


async def test_what_cannot_be_read_is_set_aside(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(dead_letters="dead"))
        sim.publish("chat", b"not json", validate=False)
        (event_id,) = publish(sim)
        await sim.wait_delivered(event_id, PATIENCE_S)
        await sim.handlers.wait_idle(PATIENCE_S)
    assert sim.handlers.reports()[0].total.unreadable == 1
    (dead,) = sim.log.read("dead", 0, 0, max_records=9)
    assert dead.value == b"not json"


async def test_a_group_that_begins_at_the_end(sim: AsyncSimulator) -> None:
    publish(sim, 3)
    app = HandlerApp()
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(start="latest"))
        await sim.handlers.wait_idle(PATIENCE_S)
        publish(sim, 1)
        await sim.handlers.wait_idle(PATIENCE_S)
    assert len(app.calls) == 1


async def test_a_topic_that_comes_about_later_is_new_from_its_first_event(
    sim: AsyncSimulator,
) -> None:
    app = HandlerApp()
    async with app.served() as target:
        sim.handlers.add(target, DeliverySettings(start="latest"))
        await sim.handlers.wait_idle(PATIENCE_S)
        sim.delete_topic("chat")
        sim.create_topic("chat")
        ids = publish(sim, 3)
        await sim.wait_delivered(ids[-1], PATIENCE_S)
        await sim.handlers.wait_idle(PATIENCE_S)
    assert sorted(ids_of(sim, app.calls)) == ids


async def test_what_the_log_has_lost_before_its_turn_is_told(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    with refusing_port() as port:
        target = f"127.0.0.1:{port}"
        ids = publish(sim, 30)
        sim.handlers.add(target, DeliverySettings(batch_size=10, **QUICK))
        delivery = sim.handlers.deliveries[target]
        await delivery.wait_for(lambda: delivery.report().state is DeliveryState.BACKING_OFF)
        sim.log.delete_records("chat", 0, 25)
    async with app.served(port):
        await sim.handlers.wait_idle(PATIENCE_S)
    assert set(ids_of(sim, app.calls)) == {*ids[:10], *ids[25:]}
    told = "idle (records removed from the log before their turn: 15)"
    assert sim.handlers.report(target).standing == told


async def test_reset_and_deleted_topics_do_not_stop_it(sim: AsyncSimulator) -> None:
    app = HandlerApp()
    async with app.served() as target:
        sim.handlers.add(target)
        publish(sim, 2)
        await sim.handlers.wait_idle(PATIENCE_S)
        sim.reset()
        assert sim.handlers.reports()[0].total.sent == 0
        publish(sim, 1)
        await sim.handlers.wait_idle(PATIENCE_S)
        sim.delete_topic("chat")
        sim.create_topic("chat", partitions=2)
        publish(sim, 3)
        await sim.handlers.wait_idle(PATIENCE_S)
    assert len(app.calls) == 6


async def test_waiting_for_nobody(sim: AsyncSimulator) -> None:
    with pytest.raises(NotDelivered, match="add one first"):
        await sim.wait_delivered("x")


@pytest.mark.parametrize("target", ["localhost", "127.0.0.1:0", "host:99999", "a b:1", ":1", ""])
async def test_targets_that_cannot_be(sim: AsyncSimulator, target: str) -> None:
    with pytest.raises(HandlerError, match="host:port"):
        sim.handlers.add(target)


async def test_targets_are_added_once_and_removed_by_name(sim: AsyncSimulator) -> None:
    sim.handlers.add("127.0.0.1:6565")
    with pytest.raises(HandlerError, match="already"):
        sim.handlers.add("127.0.0.1:6565")
    with pytest.raises(HandlerError, match=r"did you mean 127\.0\.0\.1:6565"):
        await sim.handlers.remove("127.0.0.1:6566")
    with pytest.raises(HandlerError, match="did you mean chat"):
        sim.handlers.add("127.0.0.1:1", DeliverySettings(topics=("chats",)))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("group", ""),
        ("dead_letters", "no topic"),
        ("start", "middle"),
        ("batch_size", 0),
        ("attempts", 0),
        ("backoff_s", 0.0),
        ("deadline_s", 0.0),
        ("retried_codes", frozenset({"UNAVAILABEL"})),
        ("retried_codes", frozenset({"UNIMPLEMENTED"})),
        ("metadata", {"X-Upper": "1"}),
        ("metadata", {"grpc-timeout": "1"}),
        ("metadata", {"x-data-bin": "1"}),
        ("metadata", {"x-ok": "two\nlines"}),
    ],
)
def test_settings_that_cannot_be(setting: str, value: Any) -> None:
    with pytest.raises(InvalidDeliverySetting, match=setting):
        DeliverySettings(**{setting: value})


async def test_an_event_is_known_to_be_handled_before_its_batch_is(sim: AsyncSimulator) -> None:
    release = asyncio.Event()

    async def handle(call: Call) -> str:
        if call.service != CONNECTED:
            await release.wait()
        return "OK"

    async with HandlerApp(handle).served() as target:
        (event_id,) = publish(sim)
        late = sim.catalog.find("personalChatSent")
        sim.publish(late.channel, late.example)
        sim.handlers.add(target)
        await sim.wait_delivered(event_id, PATIENCE_S)
        assert sim.handlers.reports()[0].state is DeliveryState.DELIVERING
        release.set()
        await sim.handlers.wait_idle(PATIENCE_S)


async def test_a_reset_ends_what_is_tried_again(sim: AsyncSimulator) -> None:
    failing = True
    app = HandlerApp(lambda call: "UNAVAILABLE" if failing else "OK")
    async with app.served() as target:
        delivery = sim.handlers.add(target, DeliverySettings(backoff_s=600, max_backoff_s=600))
        publish(sim, 3)
        await backing_off(delivery)
        sim.reset()
        failing = False
        app.calls.clear()
        ids = publish(sim, 1)
        await sim.handlers.wait_idle(PATIENCE_S)
    assert ids_of(sim, app.calls) == ids


async def test_what_cannot_be_read_is_told_to_who_waits_for_it(sim: AsyncSimulator) -> None:
    async with HandlerApp().served() as target:
        sim.handlers.add(target)
        sim.publish("chat", {"id": "x", "name": "userLeft"}, validate=False)
        with pytest.raises(NotDelivered, match=r"x was not handled.*\n.*unreadable"):
            await sim.wait_delivered("x", PATIENCE_S)


async def test_dead_letters_that_find_no_room_stop_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = Settings(grpc_port=None, kafka_port=None, max_bytes=1 << 20)
    async with AsyncSimulator(settings) as sim, HandlerApp(lambda _: "NOT_FOUND").served() as app:
        large = sim.catalog.find("userConnected").example | {"namespace": "x" * 600_000}
        sim.publish("chat", large)
        sim.handlers.add(app, DeliverySettings(dead_letters="dead"))
        await sim.handlers.wait_idle(PATIENCE_S)
        assert sim.handlers.reports()[0].total.given_up == 1
        assert sim.log.bounds("dead", 0) == (0, 0)
    assert "chat-0@0 cannot go to dead" in caplog.text
