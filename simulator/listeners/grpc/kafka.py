"""`simulator.v1.Kafka`: faults and observation of the Kafka brokers, over gRPC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from google.protobuf.message import Message

from simulator.errors import SimulatorError
from simulator.listeners.grpc.errors import FieldError, NoKafka, WaitOver
from simulator.listeners.grpc.requests import Checks
from simulator.log.fault_rules import FaultRule
from simulator.log.placement import PartitionPlace
from simulator.v1 import kafka_pb2

DEFAULT_TIMEOUT_MS: Final = 5000
MAX_TIMEOUT_MS: Final = 3_600_000
DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 2000

_ANY_BROKER: Final = -1
_NODES: Final = ("stop_broker", "move_leader", "move_coordinator")
_DROPS: Final = {
    kafka_pb2.FaultRule.DROP_UNSPECIFIED: None,
    kafka_pb2.FaultRule.DROP_BEFORE: "before",
    kafka_pb2.FaultRule.DROP_AFTER: "after",
}


class Fault(Protocol):
    """A fault in force."""

    @property
    def id(self) -> int:
        """Its number."""
        ...

    @property
    def rule(self) -> FaultRule:
        """What it matches and does."""
        ...

    @property
    def fired(self) -> int:
        """How often it fired."""
        ...

    @property
    def seen(self) -> int:
        """How often it matched."""
        ...


class KafkaBrokers(Protocol):
    """The brokers, as the composition root has them; every call raises without a listener."""

    def add_rule(self, rule: FaultRule) -> Fault:
        """Put a rule into force."""
        ...

    def faults(self) -> list[Any]:
        """All faults."""
        ...

    def find_fault(self, fault_id: int) -> Fault:
        """One fault."""
        ...

    def remove_fault(self, fault_id: int) -> None:
        """Remove a fault."""
        ...

    def clear_faults(self) -> None:
        """Remove all faults."""
        ...

    @property
    def requests(self) -> Callable[..., list[Any]]:
        """The latest requests that meet some conditions."""
        ...

    @property
    def wait_for_request(self) -> Callable[..., Awaitable[Any]]:
        """The first request that meets some conditions, in `timeout` s; raises TimeoutError."""
        ...

    async def wait_for_commit(
        self, group: str, topic: str, partition: int, offset: int | None, *, timeout: float
    ) -> int:
        """The committed offset; raises TimeoutError."""
        ...

    def brokers(self) -> list[Any]:
        """The brokers."""
        ...

    async def stop_broker(self, node_id: int) -> None:
        """Stop a broker."""
        ...

    async def start_broker(self, node_id: int) -> None:
        """Start a broker."""
        ...

    def move_leader(self, topic: str, partition: int, *, to: int) -> PartitionPlace:
        """Move a leader."""
        ...

    def move_coordinator(
        self, *, to: int, group: str | None = None, transactional_id: str | None = None
    ) -> None:
        """Move a coordinator."""
        ...

    def expire_session(self, group: str, member_id: str | None = None) -> None:
        """End the session of a member, or of all."""
        ...

    def fence_producer(self, transactional_id: str) -> None:
        """Let a producer be out of date."""
        ...


class KafkaServicer:
    """One method for each of the service."""

    def __init__(self, brokers: KafkaBrokers | None) -> None:
        """Without brokers every call fails."""
        self._maybe = brokers

    @property
    def _brokers(self) -> KafkaBrokers:
        if self._maybe is None:
            raise NoKafka
        return self._maybe

    # Faults

    async def add_fault(self, request: kafka_pb2.AddFaultRequest) -> kafka_pb2.AddFaultResponse:
        """Put a rule into force."""
        brokers = self._brokers
        try:
            fault = brokers.add_rule(_rule(request.rule))
        except SimulatorError as error:
            raise FieldError("rule", error) from None
        return kafka_pb2.AddFaultResponse(fault=_fault(fault))

    async def list_faults(
        self, request: kafka_pb2.ListFaultsRequest
    ) -> kafka_pb2.ListFaultsResponse:
        """Tell the rules in force."""
        return kafka_pb2.ListFaultsResponse(faults=map(_fault, self._brokers.faults()))

    async def remove_fault(
        self, request: kafka_pb2.RemoveFaultRequest
    ) -> kafka_pb2.RemoveFaultResponse:
        """Remove one or all, and tell how often they fired."""
        which = request.WhichOneof("which")
        checks = Checks()
        checks.require(
            which == "id" or request.all, "which", "is missing; give `id`, or `all` as true"
        )
        checks.done()
        if which == "all":
            removed = self._brokers.faults()
            self._brokers.clear_faults()
        else:
            try:
                removed = [self._brokers.find_fault(request.id)]
            except SimulatorError as error:
                raise FieldError("id", error) from None
            self._brokers.remove_fault(request.id)
        return kafka_pb2.RemoveFaultResponse(faults=map(_fault, removed))

    # Observation

    async def list_requests(
        self, request: kafka_pb2.ListRequestsRequest
    ) -> kafka_pb2.ListRequestsResponse:
        """Tell the latest requests."""
        checks = Checks()
        checks.not_negative(request.limit, "limit")
        checks.require(request.limit <= MAX_LIMIT, "limit", f"is over {MAX_LIMIT}")
        checks.done()
        brokers = self._brokers
        try:
            found = brokers.requests(**_given(request.conditions))
        except SimulatorError as error:
            raise FieldError("conditions", error) from None
        latest = found[-(request.limit or DEFAULT_LIMIT) :]
        return kafka_pb2.ListRequestsResponse(
            requests=(_request(each, request.details) for each in latest)
        )

    async def wait_for_request(
        self, request: kafka_pb2.WaitForRequestRequest
    ) -> kafka_pb2.WaitForRequestResponse:
        """Answer once there is such a request."""
        timeout = _timeout(request.timeout_ms)
        brokers = self._brokers
        try:
            found = await brokers.wait_for_request(timeout=timeout, **_given(request.conditions))
        except TimeoutError as error:
            raise WaitOver(str(error)) from None
        except SimulatorError as error:
            raise FieldError("conditions", error) from None
        return kafka_pb2.WaitForRequestResponse(request=_request(found, request.details))

    async def wait_for_commit(
        self, request: kafka_pb2.WaitForCommitRequest
    ) -> kafka_pb2.WaitForCommitResponse:
        """Answer once the group has committed the offset."""
        checks = Checks()
        checks.name(request.group, "group", "the name of a group")
        checks.name(request.topic, "topic", "the name of a topic")
        checks.not_negative(request.partition, "partition")
        checks.done()
        try:
            offset = await self._brokers.wait_for_commit(
                request.group,
                request.topic,
                request.partition,
                request.offset if request.HasField("offset") else None,
                timeout=_timeout(request.timeout_ms),
            )
        except TimeoutError as error:
            raise WaitOver(str(error)) from None
        return kafka_pb2.WaitForCommitResponse(offset=offset)

    # Brokers

    async def describe_brokers(
        self, request: kafka_pb2.DescribeBrokersRequest
    ) -> kafka_pb2.DescribeBrokersResponse:
        """Tell the brokers."""
        return kafka_pb2.DescribeBrokersResponse(
            brokers=(
                kafka_pb2.BrokerInfo(
                    node_id=each.node_id,
                    address=each.address,
                    rack=each.rack,
                    running=each.running,
                    controller=each.controller,
                )
                for each in self._brokers.brokers()
            )
        )

    async def stop_broker(
        self, request: kafka_pb2.StopBrokerRequest
    ) -> kafka_pb2.StopBrokerResponse:
        """Stop a broker."""
        await self._brokers.stop_broker(request.node_id)
        return kafka_pb2.StopBrokerResponse()

    async def start_broker(
        self, request: kafka_pb2.StartBrokerRequest
    ) -> kafka_pb2.StartBrokerResponse:
        """Start a broker."""
        await self._brokers.start_broker(request.node_id)
        return kafka_pb2.StartBrokerResponse()

    async def move_leader(
        self, request: kafka_pb2.MoveLeaderRequest
    ) -> kafka_pb2.MoveLeaderResponse:
        """Move the leader of a partition."""
        place = self._brokers.move_leader(request.topic, request.partition, to=request.to)
        return kafka_pb2.MoveLeaderResponse(leader=place.leader, leader_epoch=place.leader_epoch)

    async def move_coordinator(
        self, request: kafka_pb2.MoveCoordinatorRequest
    ) -> kafka_pb2.MoveCoordinatorResponse:
        """Move a coordinator."""
        key = request.WhichOneof("key")
        checks = Checks()
        checks.require(key, "key", "is missing; give `group` or `transactional_id`")
        checks.done()
        self._brokers.move_coordinator(
            to=request.to,
            group=request.group if key == "group" else None,
            transactional_id=request.transactional_id if key == "transactional_id" else None,
        )
        return kafka_pb2.MoveCoordinatorResponse()

    async def expire_session(
        self, request: kafka_pb2.ExpireSessionRequest
    ) -> kafka_pb2.ExpireSessionResponse:
        """End a session, or all of a group."""
        checks = Checks()
        checks.name(request.group, "group", "the name of a group")
        checks.done()
        self._brokers.expire_session(request.group, request.member_id or None)
        return kafka_pb2.ExpireSessionResponse()

    async def fence_producer(
        self, request: kafka_pb2.FenceProducerRequest
    ) -> kafka_pb2.FenceProducerResponse:
        """Let a producer be out of date."""
        checks = Checks()
        checks.name(request.transactional_id, "transactional_id", "a transactional id")
        checks.done()
        self._brokers.fence_producer(request.transactional_id)
        return kafka_pb2.FenceProducerResponse()


def _timeout(milliseconds: int) -> float:
    checks = Checks()
    checks.not_negative(milliseconds, "timeout_ms")
    checks.require(milliseconds <= MAX_TIMEOUT_MS, "timeout_ms", f"is over {MAX_TIMEOUT_MS}")
    checks.done()
    return (milliseconds or DEFAULT_TIMEOUT_MS) / 1000


def _given(message: Message) -> dict[str, Any]:
    """The fields of a message that are set, by name."""
    return {field.name: value for field, value in message.ListFields()}


def _rule(message: kafka_pb2.FaultRule) -> FaultRule:
    given = _given(message)
    given["drop"] = _DROPS.get(given.pop("drop", kafka_pb2.FaultRule.DROP_UNSPECIFIED))
    for name in _NODES:
        if given.get(name) == _ANY_BROKER:
            given[name] = True
    return FaultRule(**given)


def _fault(fault: Fault) -> kafka_pb2.Fault:
    rule = fault.rule
    given = {
        name: value
        for field in kafka_pb2.FaultRule.DESCRIPTOR.fields
        if (value := getattr(rule, name := field.name)) is not None and value is not False
    }
    for name in _NODES:
        if given.get(name) is True:
            given[name] = _ANY_BROKER
    if rule.drop is not None:
        given["drop"] = f"DROP_{rule.drop.upper()}"
    return kafka_pb2.Fault(
        id=fault.id, rule=kafka_pb2.FaultRule(**given), fired=fault.fired, seen=fault.seen
    )


def _request(request: Any, details: bool) -> kafka_pb2.KafkaRequest:
    message = kafka_pb2.KafkaRequest(
        number=request.number,
        api=request.api,
        version=request.version,
        client_id=request.client_id,
        client_host=request.client_host,
        broker=request.broker,
        duration_ms=request.duration * 1000,
        answered=request.answered,
        group=request.group,
        transactional_id=request.transactional_id,
        partitions=(
            kafka_pb2.RequestedPartition(
                topic=each.topic,
                partition=each.partition,
                group=each.group,
                offset=each.offset,
                result=each.result,
                high_watermark=each.high_watermark,
                size=each.size,
                records=each.records,
                error=each.error,
            )
            for each in request.partitions
        ),
        errors=request.errors,
        fault=request.fault,
    )
    message.time.FromMicroseconds(int(request.time * 1_000_000))
    if details:
        message.request.update(request.request)
        message.response.update(request.response)
    return message
