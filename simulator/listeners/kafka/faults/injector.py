"""Applies the rules to requests: which one a request meets, and how it is answered then."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

from simulator.listeners.kafka.errors import ProtocolViolation
from simulator.listeners.kafka.faults.places import Place, keep, matcher, walk
from simulator.log import PartitionNotFound, TopicNotFound
from simulator.log.fault_rules import Fault, FaultRule, FaultRules
from simulator.log.kafka_names import api_name

if TYPE_CHECKING:
    from simulator.listeners.kafka.registry import Api, Request

PRODUCE, FETCH, METADATA, API_VERSIONS, DESCRIBE_TOPIC_PARTITIONS = 0, 1, 3, 18, 75
_OWN_ANSWERS: Final = frozenset({METADATA, API_VERSIONS, DESCRIBE_TOPIC_PARTITIONS})
"""Their answers say more than an error: who the brokers are, which versions there are."""


class Actions(Protocol):
    """What a rule can do to the cluster before the request is handled."""

    def stop_broker(self, node_id: int, restart_after_ms: int | None) -> None:
        """Stop a broker, and start it again after a while if one is given."""
        ...

    def move_leader(self, topic: str, partition: int, to: int | None) -> None:
        """Let a broker, or the next one, lead a partition."""
        ...

    def move_coordinator(self, place: Place, to: int | None) -> None:
        """Let a broker, or the next one, coordinate a group or a transactional id."""
        ...

    def expire_session(self, group: str, member_id: str | None) -> None:
        """End the session of a member, or of all members of the group."""
        ...

    def fence_producer(self, transactional_id: str) -> None:
        """Let the producer of a transactional id be out of date."""
        ...


class Outcome:
    """A fault that fires for a request."""

    __slots__ = ("_api", "_faults", "_full", "_request", "fault")

    def __init__(self, faults: Faults, fault: Fault, api: Api, request: Request, full: Any) -> None:
        self.fault = fault
        self._faults = faults
        self._api = api
        self._request = request
        self._full = full

    @property
    def rule(self) -> FaultRule:
        """What was asked for."""
        return self.fault.rule

    def act(self) -> None:
        """Do to the cluster what the rule says, before the request is handled."""
        rule, actions, request = self.rule, self._faults.actions, self._request
        if actions is None:
            return
        wanted = matcher(rule)
        places = [place for place, _ in walk(self._full, self._topic_name) if wanted(place)]
        if rule.expire_session:
            member_id = getattr(request.body, "member_id", None) or None
            for group in sorted({place.group for place in places if place.group}):
                actions.expire_session(group, member_id)
        if rule.fence_producer:
            for name in sorted({p.transactional_id for p in places if p.transactional_id}):
                actions.fence_producer(name)
        if rule.move_leader is not False:
            for place in places:
                if place.topic is not None and place.partition is not None:
                    with suppress(TopicNotFound, PartitionNotFound):
                        actions.move_leader(place.topic, place.partition, _target(rule.move_leader))
        if rule.move_coordinator is not False:
            for place in dict.fromkeys(Place(p.group, p.transactional_id) for p in places):
                if place != Place():
                    actions.move_coordinator(place, _target(rule.move_coordinator))
        if rule.stop_broker is not False:
            node_id = _target(rule.stop_broker) or request.node_id
            actions.stop_broker(node_id, rule.restart_after_ms)

    def answer(self, request: Request) -> Any:
        """Handle the request as the rule says: a handler in place of the API's own."""
        if self.rule.error is not None:
            return self._failed(self.rule.error)
        if self.rule.fence_producer and self._api.key == PRODUCE and not _transactional(request):
            return self._failed("INVALID_PRODUCER_EPOCH")
        response = self._api.handler(request)
        if self.rule.duplicate and self._api.key == PRODUCE:
            from simulator.listeners.kafka.faults.duplicates import copied

            self._api.handler(request._replace(body=copied(request.body)))
        return response

    def throttled(self, response: Any) -> Any:
        """The response, with the time for which the client is throttled."""
        if self.rule.throttle_ms is None or not any(
            field.name == "throttle_time" for field in fields(response)
        ):
            return response
        return replace(response, throttle_time=timedelta(milliseconds=self.rule.throttle_ms))

    def _failed(self, name: str) -> Any:
        from kio.schema.errors import ErrorCode

        from simulator.listeners.kafka.faults.answers import error_answer, merged, with_error

        code = ErrorCode[name.lower()]
        request, handler, topic_name = self._request, self._api.handler, self._topic_name
        if self._api.key in _OWN_ANSWERS:
            return then(
                handler(request),
                lambda answer: with_error(answer, code, self.rule.topic, topic_name),
            )
        if self._api.key == PRODUCE and request.body.acks == 0:
            raise ProtocolViolation(f"a fault answers {name}, and acks=0 has no answer")
        wanted = matcher(self.rule)
        matched = keep(self._full, wanted, topic_name)
        failed = error_answer(request.schema.response_class, matched, code)
        if self._api.key == FETCH:
            # Read what there is at once, so that the session of the client goes on.
            rest = replace(request.body, max_wait=timedelta(0))
        else:
            rest = keep(self._full, lambda place: not wanted(place), topic_name)
        if rest is None:
            return failed
        return then(
            handler(request._replace(body=rest)), lambda answer: merged(answer, failed, topic_name)
        )

    @property
    def _topic_name(self) -> Callable[[Any], str | None]:
        return self._request.cluster.topic_name


class Faults:
    """The faults of a cluster. Without rules a request costs one look at `rules`."""

    def __init__(self, chance: Callable[[], Callable[[], float]]) -> None:
        """`chance` begins a stream of numbers in [0, 1) from the simulator's seed."""
        self._chance = chance
        self.rules = FaultRules(chance())
        self.actions: Actions | None = None

    def reset(self) -> None:
        """Remove all rules, and begin chance anew."""
        self.rules = FaultRules(self._chance())

    def meet(self, api: Api, request: Request) -> Outcome | None:
        """The fault that fires for a request."""
        name = api_name(api.module)
        full = request.body
        if api.key == FETCH:
            from simulator.listeners.kafka.faults.fetches import in_full

            full = in_full(request)

        def matches(rule: FaultRule) -> bool:
            if rule.api is not None and rule.api != name:
                return False
            if rule.client_id is not None and rule.client_id != request.client_id:
                return False
            if rule.broker is not None and rule.broker != request.node_id:
                return False
            if not rule.about_places:
                return True
            if api.key == METADATA and not full.topics:  # all topics
                return rule.group is None and rule.transactional_id is None
            return keep(full, matcher(rule), request.cluster.topic_name) is not None

        fault = self.rules.fire(matches)
        return None if fault is None else Outcome(self, fault, api, request, full)


def then(result: Any, alter: Callable[[Any], Any]) -> Any:
    """What a handler returned, altered once it is there."""
    from simulator.listeners.kafka.registry import NO_RESPONSE, later

    if result is NO_RESPONSE:
        return result
    if not isinstance(result, Future):
        return alter(result)
    altered = later()

    def done(inner: Future[Any]) -> None:
        if altered.done():
            return
        if inner.cancelled():
            altered.cancel()
        elif (error := inner.exception()) is not None:
            altered.set_exception(error)
        else:
            try:
                altered.set_result(alter(inner.result()))
            except Exception as failure:  # nobody else would tell who waits
                altered.set_exception(failure)

    def given_up(outer: Future[Any]) -> None:
        if outer.cancelled():
            result.cancel()

    result.add_done_callback(done)
    altered.add_done_callback(given_up)
    return altered


def _transactional(request: Request) -> bool:
    return request.body.transactional_id is not None


def _target(value: int | bool) -> int | None:
    """A node id, or None for the next or the present one."""
    return None if value is True else int(value)
