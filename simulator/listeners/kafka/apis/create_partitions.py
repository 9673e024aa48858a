"""CreatePartitions, key 37, versions 0 to 3.

Behavior
- `count` is the number of partitions in all. INVALID_PARTITIONS unless it is more than there are;
  UNKNOWN_TOPIC_OR_PARTITION; INVALID_REPLICA_ASSIGNMENT; POLICY_VIOLATION for too many;
  INVALID_REQUEST for a topic named twice. (`ReplicationControlManager.createPartitions`.)
- `validate_only` answers the same and adds nothing.

Version notes
- 2 is flexible; 3 may be throttled (KIP-599).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.errors import Refused
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.replicas import BadReplicas, check_assignment
from simulator.log import TooManyPartitions
from simulator.log.acls import Operation, ResourceType
from simulator.log.topic import MAX_PARTITIONS


@api(37, "create_partitions", (0, 3))
def create_partitions(request: Request) -> Any:
    """Add partitions to topics."""
    named = Counter(topic.name for topic in request.body.topics)
    results = []
    for topic in {topic.name: topic for topic in request.body.topics}.values():
        code, text = ErrorCode.none, None
        try:
            if named[topic.name] > 1:
                raise Refused(ErrorCode.invalid_request, "Duplicate topic name.")
            _grow(request, topic)
        except Refused as refused:
            code, text = refused.code, refused.text
        results.append(
            request.schema.make(
                "CreatePartitionsTopicResult",
                name=topic.name,
                error_code=code,
                error_message=text,
            )
        )
    return request.schema.response(results=tuple(results))


def _grow(request: Request, topic: Any) -> None:
    cluster = request.cluster
    if not request.allowed(Operation.ALTER, ResourceType.TOPIC, topic.name):
        raise Refused(ErrorCode.topic_authorization_failed)
    if not cluster.log.has_topic(topic.name):
        raise Refused(ErrorCode.unknown_topic_or_partition)
    places = cluster.places(topic.name)
    before = len(places)
    more = topic.count - before
    if more == 0:
        text = f"Topic already has {before} partition(s)."
        raise Refused(ErrorCode.invalid_partitions, text)
    if more < 0:
        raise Refused(
            ErrorCode.invalid_partitions,
            f"The topic {topic.name} currently has {before} partition(s); {topic.count} would not "
            "be an increase.",
        )
    if topic.count > MAX_PARTITIONS:
        raise Refused(
            ErrorCode.policy_violation,
            "Excessively large number of additional partitions per request.",
        )
    assignment = None
    if topic.assignments is not None:
        assignment = [tuple(each.broker_ids) for each in topic.assignments]
        _check(request, assignment, more)
    if request.body.validate_only:
        return
    topic_id = cluster.log.shape(topic.name)[0]
    try:
        cluster.control.add_partitions(topic.name, topic.count)
    except TooManyPartitions as error:
        raise Refused(ErrorCode.policy_violation, str(error)) from None
    if assignment is None:
        cluster.placement.assign(topic_id, topic.count, len(places[0].replicas))
    else:
        cluster.placement.assign_to(topic_id, assignment)


def _check(request: Request, assignment: list[tuple[int, ...]], more: int) -> None:
    wrong = ErrorCode.invalid_replica_assignment
    if len(assignment) != more:
        raise Refused(
            wrong,
            f"Attempted to add {more} additional partition(s), but only {len(assignment)} "
            "assignment(s) were specified.",
        )
    try:
        for replicas in assignment:
            check_assignment(request, replicas)
    except BadReplicas as error:
        raise Refused(wrong, str(error)) from None
