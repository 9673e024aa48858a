"""CreateTopics, key 19, versions 2 to 7.

Behavior
- Each topic has its own result. TOPIC_ALREADY_EXISTS; INVALID_TOPIC_EXCEPTION for an impossible
  name, or one that differs from a topic's only in dots for underscores; INVALID_CONFIG;
  INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR, INVALID_REPLICA_ASSIGNMENT, POLICY_VIOLATION for
  too many partitions; INVALID_REQUEST for a name given twice, or a number beside an assignment.
  (`ReplicationControlManager.createTopics`, which looks at names and settings first.)
- -1 partitions or replicas mean the broker's default.
- `validate_only` answers the same and creates nothing; the id is nobody's.

Version notes
- 4 lets numbers be -1 (KIP-464); 5 is flexible and tells number, replicas and settings (KIP-525);
  7 tells the topic id (KIP-516).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from kio.schema.errors import ErrorCode

from simulator.errors import SimulatorError
from simulator.listeners.kafka.configs import InvalidConfig
from simulator.listeners.kafka.errors import Refused
from simulator.listeners.kafka.permissions import may_create
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.replicas import (
    BadReplicas,
    check_assignment,
    check_replication,
)
from simulator.listeners.kafka.topic_names import Collisions, name_problem
from simulator.log import TooManyPartitions
from simulator.log.acls import Operation, ResourceType
from simulator.log.topic import MAX_PARTITIONS

_NOBODYS: Final = uuid5(NAMESPACE_URL, "topic:validated")
"""Told of a topic that is only checked; Kafka tells a random id then."""


class _Plan(NamedTuple):
    """A topic that may be created; `assignment` has the replicas of each partition, if given."""

    partitions: int
    replication: int
    assignment: Sequence[Sequence[int]]
    config: dict[str, str]


@api(19, "create_topics", (2, 7))
def create_topics(request: Request) -> Any:
    """Create topics."""
    named = Counter(topic.name for topic in request.body.topics)
    names = request.cluster.log.topic_names()
    known = Collisions(lambda: names)
    results = []
    for topic in {topic.name: topic for topic in request.body.topics}.values():
        try:
            if named[topic.name] > 1:
                raise Refused(ErrorCode.invalid_request, "Duplicate topic name.")
            if not may_create(request, topic.name):
                raise Refused(ErrorCode.topic_authorization_failed, "Authorization failed.")
            plan = _planned(request, topic, known)
            results.append(_created(request, topic.name, plan))
        except Refused as refused:
            results.append(_failed(request, topic.name, refused))
    return request.schema.response(topics=tuple(results))


def _planned(request: Request, topic: Any, known: Collisions) -> _Plan:
    """Check a topic that is to be; `known` are those from before the request."""
    cluster = request.cluster
    problem = name_problem(topic.name)
    if problem:
        raise Refused(ErrorCode.invalid_topic_exception, problem)
    if cluster.log.has_topic(topic.name):
        raise Refused(ErrorCode.topic_already_exists, f"Topic '{topic.name}' already exists.")
    other = known.of(topic.name)
    if other is not None:
        text = f"Topic '{topic.name}' collides with existing topic: {other}"
        raise Refused(ErrorCode.invalid_topic_exception, text)
    try:
        config = cluster.resources.topics.check({each.name: each.value for each in topic.configs})
    except InvalidConfig as error:
        raise Refused(ErrorCode.invalid_config, str(error)) from None
    if topic.assignments:
        assignment = _assignment(request, topic)
        return _Plan(len(assignment), len(assignment[0]), assignment, config)
    partitions, replication = _numbers(request, topic)
    return _Plan(partitions, replication, (), config)


def _assignment(request: Request, topic: Any) -> list[tuple[int, ...]]:
    for number, what in (
        (topic.replication_factor, "replication factor"),
        (topic.num_partitions, "numPartitions"),
    ):
        if number != -1:
            raise Refused(
                ErrorCode.invalid_request,
                f"A manual partition assignment was specified, but {what} was not set to -1.",
            )
    found: dict[int, tuple[int, ...]] = {}
    for each in topic.assignments:
        if each.partition_index in found:
            raise Refused(
                ErrorCode.invalid_replica_assignment,
                f"Found multiple manual partition assignments for partition {each.partition_index}",
            )
        found[each.partition_index] = tuple(each.broker_ids)
    if sorted(found) != list(range(len(found))):
        raise Refused(
            ErrorCode.invalid_replica_assignment,
            "partitions should be a consecutive 0-based integer sequence",
        )
    assignment = [found[index] for index in range(len(found))]
    try:
        for replicas in assignment:
            check_assignment(request, replicas)
    except BadReplicas as error:
        raise Refused(ErrorCode.invalid_replica_assignment, str(error)) from None
    return assignment


def _numbers(request: Request, topic: Any) -> tuple[int, int]:
    config = request.cluster.config
    replication, partitions = topic.replication_factor, topic.num_partitions
    if replication < -1 or replication == 0:
        raise Refused(
            ErrorCode.invalid_replication_factor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        )
    if partitions < -1 or partitions == 0:
        raise Refused(
            ErrorCode.invalid_partitions,
            "Number of partitions was set to an invalid non-positive value.",
        )
    if partitions > MAX_PARTITIONS:
        raise Refused(
            ErrorCode.policy_violation, "Excessively large number of partitions per request."
        )
    if replication == -1:
        replication = config.int("default.replication.factor")
    try:
        check_replication(request, replication)
    except BadReplicas as error:
        raise Refused(ErrorCode.invalid_replication_factor, str(error)) from None
    return config.int("num.partitions") if partitions == -1 else partitions, replication


def _created(request: Request, name: str, plan: _Plan) -> Any:
    cluster, topic_id = request.cluster, _NOBODYS
    if not request.body.validate_only:
        try:
            topic = cluster.control.create_topic(
                name, partitions=plan.partitions, config=plan.config
            )
        except TooManyPartitions as error:
            raise Refused(ErrorCode.policy_violation, str(error)) from None
        except SimulatorError as error:
            raise Refused(ErrorCode.invalid_request, str(error)) from None
        topic_id = topic.topic_id
        if plan.assignment:
            cluster.placement.assign_to(topic_id, plan.assignment)
        else:
            cluster.placement.assign(topic_id, plan.partitions, plan.replication)
    return _result(request, name, plan, topic_id)


def _result(request: Request, name: str, plan: _Plan, topic_id: UUID) -> Any:
    make = request.schema.make
    if not request.allowed(Operation.DESCRIBE_CONFIGS, ResourceType.TOPIC, name):
        return make(
            "CreatableTopicResult",
            name=name,
            topic_id=topic_id,
            error_code=ErrorCode.none,
            error_message=None,
            topic_config_error_code=ErrorCode.topic_authorization_failed,
            num_partitions=-1,
            replication_factor=-1,
            configs=None,
        )
    return make(
        "CreatableTopicResult",
        name=name,
        topic_id=topic_id,
        error_code=ErrorCode.none,
        error_message=None,
        num_partitions=plan.partitions,
        replication_factor=plan.replication,
        configs=tuple(
            make(
                "CreatableTopicConfigs",
                name=found.definition.name,
                value=plan.config.get(found.definition.name, found.value),
                read_only=False,
                config_source=found.source,
                is_sensitive=False,
            )
            for found in request.cluster.resources.topic_settings(plan.config, request.node_id)
        )
        if request.version >= 5
        else (),
    )


def _failed(request: Request, name: str, refused: Refused) -> Any:
    return request.schema.make(
        "CreatableTopicResult",
        name=name,
        topic_id=None,
        error_code=refused.code,
        error_message=refused.text,
        num_partitions=-1,
        replication_factor=-1,
        configs=(),
    )
