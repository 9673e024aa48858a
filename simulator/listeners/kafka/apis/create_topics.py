"""CreateTopics, key 19, versions 2 to 7.

Behavior
- Each topic has its own result. TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION for an impossible
  name, INVALID_PARTITIONS, INVALID_REPLICATION_FACTOR (one broker holds one replica),
  INVALID_REPLICA_ASSIGNMENT, INVALID_CONFIG; INVALID_REQUEST for a name given twice, or a number
  beside an assignment. (`ReplicationControlManager.createTopics`.)
- -1 partitions or replicas mean the broker's default.
- `validate_only` answers the same and creates nothing.
- `retention.ms` and `retention.bytes` act, exact to the record. Settings that describe files and
  replicas mean nothing here and are taken; those that would change what clients see, but are not
  served, are refused.

Version notes
- 4 lets numbers be -1 (KIP-464); 5 is flexible and tells number, replicas and settings (KIP-525);
  7 tells the topic id (KIP-516).
"""

from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from kio.schema.errors import ErrorCode

from simulator.errors import SimulatorError
from simulator.listeners.kafka.limits import NODE_ID
from simulator.listeners.kafka.permissions import may_create
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.topic_settings import InvalidConfig, retention_of
from simulator.log import InvalidTopicName, Retention, TopicExists
from simulator.log.acls import Operation, ResourceType
from simulator.log.topic import MAX_PARTITIONS, check_topic_name


class _Refused(Exception):
    def __init__(self, code: ErrorCode, text: str) -> None:
        self.code = code
        super().__init__(text)


@api(19, "create_topics", (2, 7))
def create_topics(request: Request) -> Any:
    """Create topics."""
    named = Counter(topic.name for topic in request.body.topics)
    results = []
    done = set()
    for topic in request.body.topics:
        if topic.name in done:
            continue  # a name given twice has one result, as in Kafka
        done.add(topic.name)
        try:
            if named[topic.name] > 1:
                raise _Refused(ErrorCode.invalid_request, "Duplicate topic name.")
            if not may_create(request, topic.name):
                raise _Refused(ErrorCode.topic_authorization_failed, "Authorization failed.")
            partitions, retention = _checked(request, topic)
            topic_id = _created(request, topic.name, partitions, retention)
        except _Refused as refused:
            results.append(_result(request, topic.name, refused.code, str(refused)))
        else:
            results.append(_result(request, topic.name, ErrorCode.none, None, partitions, topic_id))
    return request.schema.response(topics=tuple(results))


def _created(request: Request, name: str, partitions: int, retention: Retention) -> UUID | None:
    if request.body.validate_only:
        return None
    try:
        created = request.cluster.control.create_topic(
            name, partitions=partitions, retention=retention
        )
    except SimulatorError as error:
        raise _Refused(ErrorCode.invalid_request, str(error)) from None
    return created.topic_id


def _result(
    request: Request,
    name: str,
    code: ErrorCode,
    text: str | None,
    partitions: int = -1,
    topic_id: UUID | None = None,
) -> Any:
    created = code is ErrorCode.none
    hidden: dict[str, Any] = {}
    if created and not request.allowed(Operation.DESCRIBE_CONFIGS, ResourceType.TOPIC, name):
        created, partitions = False, -1
        hidden = {"topic_config_error_code": ErrorCode.topic_authorization_failed}
    return request.schema.make(
        "CreatableTopicResult",
        name=name,
        topic_id=topic_id,
        error_code=code,
        error_message=text,
        num_partitions=partitions,
        replication_factor=1 if created else -1,
        configs=() if created else None,
        **hidden,
    )


def _checked(request: Request, topic: Any) -> tuple[int, Retention]:
    """The number of partitions and the retention of a topic that may be created."""
    try:
        check_topic_name(topic.name)
    except InvalidTopicName as error:
        raise _Refused(ErrorCode.invalid_topic_exception, str(error)) from None
    if request.cluster.log.has_topic(topic.name):
        raise _Refused(ErrorCode.topic_already_exists, str(TopicExists(topic.name)))
    try:
        retention = retention_of({config.name: config.value for config in topic.configs})
    except InvalidConfig as error:
        raise _Refused(ErrorCode.invalid_config, str(error)) from None
    return _partitions(request, topic), retention


def _partitions(request: Request, topic: Any) -> int:
    if topic.assignments:
        if topic.replication_factor != -1:
            raise _Refused(
                ErrorCode.invalid_request,
                "A manual partition assignment was specified, but replication factor was not set "
                "to -1.",
            )
        if topic.num_partitions != -1:
            raise _Refused(
                ErrorCode.invalid_request,
                "A manual partition assignment was specified, but numPartitions was not set to -1.",
            )
        indexes = sorted(found.partition_index for found in topic.assignments)
        if indexes != list(range(len(indexes))) or any(
            tuple(found.broker_ids) != (NODE_ID,) for found in topic.assignments
        ):
            raise _Refused(
                ErrorCode.invalid_replica_assignment,
                f"partitions must be numbered from 0 without gaps, each on broker {NODE_ID} alone",
            )
        return len(indexes)
    if topic.replication_factor < -1 or topic.replication_factor == 0:
        raise _Refused(
            ErrorCode.invalid_replication_factor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        )
    if topic.num_partitions < -1 or topic.num_partitions == 0:
        raise _Refused(
            ErrorCode.invalid_partitions,
            "Number of partitions was set to an invalid non-positive value.",
        )
    if topic.num_partitions > MAX_PARTITIONS:
        raise _Refused(
            ErrorCode.policy_violation, "Excessively large number of partitions per request."
        )
    if topic.replication_factor > 1:
        raise _Refused(
            ErrorCode.invalid_replication_factor,
            f"Unable to replicate the partition {topic.replication_factor} time(s): The target "
            f"replication factor of {topic.replication_factor} cannot be reached because only 1 "
            "broker(s) are registered.",
        )
    if topic.num_partitions == -1:
        return request.cluster.config.int("num.partitions")
    return int(topic.num_partitions)
