"""Requests that wait at a coordinator are refused when it moves, each once at most."""

from __future__ import annotations

import asyncio

from simulator.listeners.kafka.held_requests import HeldRequests
from simulator.log.placement import CoordinatorKind, Node, Placement

GROUP = CoordinatorKind.GROUP


def held(requests: HeldRequests, placement: Placement, name: str) -> asyncio.Future[str]:
    """The answer of a request about a group, held where its coordinator is."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    requests.add(answer, GROUP, name, placement.coordinator(GROUP, name), lambda: "refused")
    return answer


async def test_who_waits_at_a_coordinator_that_moves_is_refused() -> None:
    requests, placement = HeldRequests(), Placement([Node(1), Node(2)], 1)
    moved, stays, answered = (held(requests, placement, name) for name in "abc")
    for name in "ac":
        placement.move_coordinator(GROUP, name, 3 - placement.coordinator(GROUP, name))
    answered.set_result("answered")  # and nobody has been told yet
    requests.refuse_moved(placement)
    assert (moved.result(), answered.result(), stays.done()) == ("refused", "answered", False)


async def test_answers_are_let_go() -> None:
    requests, placement = HeldRequests(), Placement([Node(1)], 1)
    for name in "ab":
        held(requests, placement, name).set_result("answered")
    held(requests, placement, "c").cancel()
    held(requests, placement, "d")
    await asyncio.sleep(0)
    assert len(requests) == 1
