"""Apps that answer what they should not, come late, or take too much at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from handler_apps import PATIENCE_S, Call, HandlerApp
from ports import refusing_port
from raw_http2 import (
    DATA,
    EMPTY_MESSAGE,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    Answering,
    answering,
    begin,
    ending,
    fields,
    frame,
)

from simulator import AsyncSimulator
from simulator.handlers import Chaos, DeliverySettings, DeliveryState, HandlerError, NotDelivered
from simulator.handlers.at_once import IN_FLIGHT
from simulator.simulator import Settings

QUICK = {"backoff_s": 0.01, "max_backoff_s": 0.02}


@pytest.fixture
async def sim() -> AsyncIterator[AsyncSimulator]:
    async with AsyncSimulator(Settings(grpc_port=None, kafka_port=None)) as sim:
        yield sim


def publish(sim: AsyncSimulator, count: int = 1) -> list[str]:
    """Publish events of one type with ids of their own."""
    message = sim.catalog.find("userConnected")
    ids = [f"00000000-0000-4000-8000-{number:012}" for number in range(count)]
    for event_id in ids:
        sim.publish(message.channel, message.example | {"id": event_id})
    return ids


def well(stream: int) -> bytes:
    return begin(stream) + frame(DATA, 0, stream, EMPTY_MESSAGE) + ending(stream, grpc_status="0")


def no_grpc(stream: int) -> bytes:
    head = fields(status="503", content_type="text/html")
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, head)


ODD: dict[str, tuple[Answering, str]] = {
    # What the client makes of it: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md and
    # https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
    "a status that there is not": (
        lambda stream: begin(stream) + ending(stream, grpc_status="42"),
        "UNKNOWN",
    ),
    "OK, and no message": (
        lambda stream: begin(stream) + ending(stream, grpc_status="0"),
        "INTERNAL",
    ),
    "no status": (
        lambda stream: begin(stream) + frame(DATA, END_STREAM, stream, EMPTY_MESSAGE),
        "UNKNOWN",
    ),
    "503 of a proxy": (no_grpc, "UNAVAILABLE"),
    "the connection's end": (lambda stream: b"", "UNAVAILABLE"),
}


@pytest.mark.parametrize("odd", ODD)
async def test_odd_answers_are_failures_and_the_event_is_not_lost(
    sim: AsyncSimulator, odd: str
) -> None:
    answer, code = ODD[odd]
    answers = [answer, well]
    heard: list[str] = []
    async with answering(lambda stream: answers.pop(0)(stream)) as target:
        (event_id,) = publish(sim)
        sim.handlers.add(
            target,
            DeliverySettings(**QUICK),
            answered=lambda event_id, name, answer: heard.append(answer.code),
        )
        await sim.wait_delivered(event_id, PATIENCE_S)
        total = sim.handlers.report(target).total
        await sim.handlers.stop()
    assert heard == [code, "OK"]
    assert (total.sent, total.failed, total.handled) == (2, 1, 1)


async def test_an_app_may_take_seconds_for_its_first_answer(sim: AsyncSimulator) -> None:
    """Longer than it takes to try a connection again."""
    handshake = asyncio.Event()
    heard: list[str] = []
    async with answering(well, handshake) as target:
        (event_id,) = publish(sim)
        sim.handlers.add(target, answered=lambda *answer: heard.append(answer[2].code))
        asyncio.get_running_loop().call_later(1.0, handshake.set)
        await sim.wait_delivered(event_id, PATIENCE_S)
        await sim.handlers.stop()
    assert heard == ["OK"]


async def test_no_proxy_is_asked_for_an_app_of_this_machine(
    sim: AsyncSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with HandlerApp().served() as target:
        (event_id,) = publish(sim)
        sim.handlers.add(target, DeliverySettings(**QUICK))
        await sim.wait_delivered(event_id, PATIENCE_S)


async def test_an_app_that_comes_back_is_not_waited_for_any_longer(sim: AsyncSimulator) -> None:
    with refusing_port() as port:
        target = f"127.0.0.1:{port}"
        sim.handlers.add(target, DeliverySettings(backoff_s=3600, max_backoff_s=3600))
        (event_id,) = publish(sim)
        delivery = sim.handlers.deliveries[target]
        await delivery.wait_for(lambda: delivery.report().state is DeliveryState.BACKING_OFF)
    async with HandlerApp().served(port):
        await sim.wait_delivered(event_id, PATIENCE_S)


async def test_a_batch_for_an_app_that_is_not_there_is_one_call(sim: AsyncSimulator) -> None:
    with refusing_port() as port:
        publish(sim, 300)
        target = f"127.0.0.1:{port}"
        sim.handlers.add(target, DeliverySettings(attempts=3, retry_batch=False, **QUICK))
        await sim.handlers.wait_idle(PATIENCE_S)
        total = sim.handlers.report(target).total
    assert (total.sent, total.failed, total.given_up) == (3, 3, 300)


async def test_calls_at_once_are_bounded_whatever_the_batch(sim: AsyncSimulator) -> None:
    count, running, most = IN_FLIGHT + 60, 0, 0
    full = asyncio.Event()

    async def handle(call: Call) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == IN_FLIGHT:
            full.set()
        await full.wait()
        running -= 1
        return "OK"

    app = HandlerApp(handle)
    async with app.served() as target:
        publish(sim, count)
        sim.handlers.add(target, DeliverySettings(batch_size=10_000, deadline_s=PATIENCE_S))
        await sim.handlers.wait_idle(PATIENCE_S)
    total = sim.handlers.report(target).total
    assert (most, total.handled, total.failed) == (IN_FLIGHT, count, 0)


async def test_a_target_that_is_removed_goes_on_where_its_group_is(sim: AsyncSimulator) -> None:
    release = asyncio.Event()
    second = asyncio.Event()

    async def hang(call: Call) -> str:
        if call.number >= 4:
            second.set()
            await release.wait()
        return "OK"

    app, other = HandlerApp(hang), HandlerApp()
    async with app.served() as slow, other.served() as quick:
        ids = publish(sim, 10)
        settings = DeliverySettings(batch_size=4)
        sim.handlers.add(slow, settings)
        sim.handlers.add(quick, settings)
        await second.wait()
        await sim.handlers.wait_idle(PATIENCE_S, quick)  # it is not slowed
        waiting = asyncio.ensure_future(sim.handlers.wait_idle(3600, slow))
        one = asyncio.ensure_future(sim.wait_delivered(ids[-1], 3600))
        await asyncio.sleep(0)
        report = await sim.handlers.remove(slow)
        assert (report.state, report.lag) == (DeliveryState.STOPPED, 6)
        with pytest.raises(NotDelivered, match="6 to come, stopped"):
            await waiting
        with pytest.raises(NotDelivered, match="not sent; the delivery is stopped"):
            await one
        assert sim.log.groups.committed(report.group, "chat", 0) == 4
        release.set()
        app.calls.clear()
        sim.handlers.add(slow, settings)
        await sim.handlers.wait_idle(PATIENCE_S)
        seen = {sim.catalog.find("userConnected").from_proto(c.data)["id"] for c in app.calls}
    assert seen == set(ids[4:])


async def test_what_was_wrong_is_over_with_its_batch(sim: AsyncSimulator) -> None:
    """Also where more is to come, so that the delivery is not idle in between."""
    release = asyncio.Event()
    begun = asyncio.Event()

    async def handle(call: Call) -> str:
        if call.number == 2:
            begun.set()
            await release.wait()
        return "UNAVAILABLE" if call.number == 0 else "OK"

    async with HandlerApp(handle).served() as target:
        publish(sim, 2)
        sim.handlers.add(target, DeliverySettings(batch_size=1, **QUICK))
        await begun.wait()
        report = sim.handlers.report(target)
        assert (report.state, report.reason) == (DeliveryState.DELIVERING, "")
        release.set()
        await sim.handlers.wait_idle(PATIENCE_S)


async def test_a_group_is_that_of_one_target(sim: AsyncSimulator) -> None:
    sim.handlers.add("127.0.0.1:1", DeliverySettings(group="mine"))
    with pytest.raises(HandlerError, match=r"group mine is that of 127\.0\.0\.1:1"):
        sim.handlers.add("127.0.0.1:2", DeliverySettings(group="mine"))
    await sim.handlers.remove("127.0.0.1:1")
    sim.handlers.add("127.0.0.1:2", DeliverySettings(group="mine"))


async def test_dead_letters_are_not_delivered_again(sim: AsyncSimulator) -> None:
    with pytest.raises(HandlerError, match="dead letters cannot go to chat"):
        sim.handlers.add("127.0.0.1:1", DeliverySettings(dead_letters="chat"))
    other = DeliverySettings(topics=("personalChat",), dead_letters="chat")
    sim.handlers.add("127.0.0.1:1", other)


async def test_a_batch_in_another_order_is_whole(sim: AsyncSimulator) -> None:
    """Chaos, with a failure that makes it be sent again, in a third order."""
    ids = publish(sim, 60)
    app = HandlerApp(lambda call: "UNAVAILABLE" if call.number == 70 else "OK")
    async with app.served() as target:
        chaos = Chaos(duplicate=True, shuffle=True)
        sim.handlers.add(target, DeliverySettings(ordered=True, chaos=chaos, **QUICK))
        await sim.handlers.wait_idle(PATIENCE_S)
    message = sim.catalog.find("userConnected")
    sent = [message.from_proto(call.data)["id"] for call in app.calls]
    assert len(sent) == 71 + 120
    assert sorted(sent[71:]) == sorted(ids * 2)
    first = list(dict.fromkeys(sent[:71]))
    again = list(dict.fromkeys(sent[71:]))
    assert first != ids[: len(first)]
    assert again[: len(first)] != first
    assert sim.handlers.report(target).total.handled == 60
