"""Requests that wait at a coordinator, to be refused once it is another broker."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from typing import Any, NamedTuple

from simulator.log.placement import CoordinatorKind, Placement


class _Held(NamedTuple):
    kind: CoordinatorKind
    key: str
    node_id: int
    refusal: Callable[[], Any]


class HeldRequests:
    """Futures of answers, each with its coordinator."""

    def __init__(self) -> None:
        self._held: dict[Future[Any], _Held] = {}

    def __len__(self) -> int:
        """Requests that wait."""
        return len(self._held)

    def add(
        self,
        answer: Future[Any],
        kind: CoordinatorKind,
        key: str,
        node_id: int,
        refusal: Callable[[], Any],
    ) -> None:
        """Watch an answer until it is there; `refusal` makes the one to give otherwise."""
        self._held[answer] = _Held(kind, key, node_id, refusal)
        answer.add_done_callback(lambda done: self._held.pop(done, None))

    def refuse_moved(self, placement: Placement) -> None:
        """Refuse those whose coordinator is another broker by now."""
        for answer, held in list(self._held.items()):
            if not answer.done() and placement.coordinator(held.kind, held.key) != held.node_id:
                answer.set_result(held.refusal())
