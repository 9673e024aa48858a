"""Requests to a coordinator that another broker is, or becomes while they wait: NOT_COORDINATOR."""

from __future__ import annotations

from asyncio import Future
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, Final

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.faults.answers import MESSAGE, error_answer, merged
from simulator.listeners.kafka.faults.injector import then
from simulator.listeners.kafka.faults.places import Place, keep, walk
from simulator.listeners.kafka.registry import Api, Handler, Request
from simulator.log.placement import CoordinatorKind

GROUP, TRANSACTION = CoordinatorKind.GROUP, CoordinatorKind.TRANSACTION

_KINDS: Final = {
    **dict.fromkeys((8, 9, 11, 12, 13, 14, 15, 28, 42, 47, 68, 69), GROUP),
    **dict.fromkeys((22, 24, 25, 26, 65), TRANSACTION),
}
"""Which APIs are for a coordinator, by their keys."""

_LISTS: Final = {
    16: (GROUP, "groups", "group_id"),
    66: (TRANSACTION, "transaction_states", "transactional_id"),
}
"""Which list what a coordinator has: the list, and the field that names what is in it."""

_TEXT: Final = "This is not the correct coordinator."


@cache
def coordinated(api: Api) -> Api:
    """The API as one of several brokers serves it."""
    if api.key in _KINDS:
        return api._replace(handler=_by_coordinator(api.handler, _KINDS[api.key]))
    if api.key in _LISTS:
        return api._replace(handler=_own_only(api.handler, *_LISTS[api.key]))
    return api


def _by_coordinator(handler: Handler, kind: CoordinatorKind) -> Handler:
    """Refuse what another broker coordinates, and go on with the rest of the request."""

    def handle(request: Request) -> Any:
        cluster, node_id, topic_name = request.cluster, request.node_id, request.cluster.topic_name

        def here(place: Place) -> bool:
            key = _key(place, kind)
            return not key or cluster.coordinates(node_id, key, kind)

        places = [place for place, _ in walk(request.body, topic_name)]
        elsewhere = [place for place in places if not here(place)]
        if not elsewhere:
            keys = {key for place in places if (key := _key(place, kind))}
            return _held(request, kind, keys, handler(request))
        moved = keep(request.body, lambda place: not here(place), topic_name)
        failed = _refusal(request, moved)
        rest = keep(request.body, here, topic_name)
        if rest is None:
            return failed
        answer = handler(request._replace(body=rest))
        return then(answer, lambda found: merged(found, failed, topic_name))

    return handle


def _own_only(handler: Handler, kind: CoordinatorKind, name: str, key: str) -> Handler:
    """List only what this broker coordinates."""

    def handle(request: Request) -> Any:
        def own(answer: Any) -> Any:
            mine = tuple(
                item
                for item in getattr(answer, name)
                if request.cluster.coordinates(request.node_id, getattr(item, key), kind)
            )
            return replace(answer, **{name: mine})

        return then(handler(request), own)

    return handle


def _held(request: Request, kind: CoordinatorKind, keys: set[str], answer: Any) -> Any:
    """Have an answer that waits refused when the coordinator moves."""
    if isinstance(answer, Future) and len(keys) == 1:
        (key,) = keys
        request.cluster.held.add(
            answer, kind, key, request.node_id, lambda: _refusal(request, request.body)
        )
    return answer


def _key(place: Place, kind: CoordinatorKind) -> str | None:
    return place.group if kind is GROUP else place.transactional_id


def _refusal(request: Request, body: Any) -> Any:
    return _worded(error_answer(request.schema.response_class, body, ErrorCode.not_coordinator))


def _worded(answer: Any) -> Any:
    """The same with Kafka's words beside the error."""
    values: dict[str, Any] = {}
    for field in fields(answer):
        value = getattr(answer, field.name)
        if value == MESSAGE:
            values[field.name] = _TEXT
        elif isinstance(value, tuple) and value and is_dataclass(value[0]):
            values[field.name] = tuple(map(_worded, value))
    return replace(answer, **values) if values else answer
