"""ElectLeaders, key 43, versions 0 to 2.

Behavior
- A preferred election makes the first replica the leader; ELECTION_NOT_NEEDED where it is, and
  PREFERRED_LEADER_NOT_AVAILABLE where it is stopped or not in sync.
- An unclean one gives a partition without a leader any replica that runs; ELECTION_NOT_NEEDED where
  there is a leader, ELIGIBLE_LEADERS_NOT_AVAILABLE where no replica runs.
- UNKNOWN_TOPIC_OR_PARTITION. Null asks for all partitions, and those that need nothing are left out
  of the answer. Another type of election is INVALID_REQUEST.

Version notes
- 1 adds the type (KIP-460), before which all were preferred ones; 2 is flexible.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.cluster import Cluster
from simulator.listeners.kafka.permissions import CLUSTER_REFUSED
from simulator.listeners.kafka.registry import Request, api
from simulator.log import PartitionNotFound, TopicNotFound
from simulator.log.acls import Operation, ResourceType
from simulator.log.placement import NO_LEADER

PREFERRED, UNCLEAN = 0, 1

NOT_NEEDED = (
    ErrorCode.election_not_needed,
    "Leader election not needed for topic partition.",
)
Answer = tuple[ErrorCode, str | None]


@api(43, "elect_leaders", (0, 2))
def elect_leaders(request: Request) -> Any:
    """Elect leaders."""
    cluster, body = request.cluster, request.body
    kind = body.election_type if request.version >= 1 else PREFERRED
    if body.topic_partitions is None:
        asked = {info.name: range(len(info.partitions)) for info in cluster.log.topics()}
    else:
        asked = {topic.topic: topic.partitions for topic in body.topic_partitions}
    if not request.allowed(Operation.ALTER, ResourceType.CLUSTER):
        failed: Answer = (ErrorCode.cluster_authorization_failed, CLUSTER_REFUSED)
        named = {} if body.topic_partitions is None else asked
        refused = {topic: dict.fromkeys(numbers, failed) for topic, numbers in named.items()}
        return _response(request, ErrorCode.cluster_authorization_failed, refused)
    if asked and kind not in (PREFERRED, UNCLEAN):
        answer: Answer = (ErrorCode.invalid_request, f"Unknown election type {kind}")
        refused = {topic: dict.fromkeys(numbers, answer) for topic, numbers in asked.items()}
        return _response(request, ErrorCode.invalid_request, refused)
    results = {
        topic: {number: _elected(cluster, topic, number, kind) for number in numbers}
        for topic, numbers in asked.items()
    }
    if body.topic_partitions is None:
        results = {
            topic: needed
            for topic, answers in results.items()
            if (needed := {number: a for number, a in answers.items() if a != NOT_NEEDED})
        }
    return _response(request, ErrorCode.none, results)


def _elected(cluster: Cluster, topic: str, number: int, kind: int) -> Answer:
    try:
        place = cluster.place(topic, number)
    except TopicNotFound:
        return ErrorCode.unknown_topic_or_partition, f"No such topic as {topic}"
    except PartitionNotFound:
        return ErrorCode.unknown_topic_or_partition, f"No such partition as {topic}-{number}"
    if kind == UNCLEAN:
        if place.leader != NO_LEADER:
            return NOT_NEEDED
        if not cluster.elect_unclean(topic, number):
            text = "Eligible topic partition leaders are not available."
            return ErrorCode.eligible_leaders_not_available, text
        return ErrorCode.none, None
    if place.leader == place.preferred:
        return NOT_NEEDED
    if not cluster.elect_preferred(topic, number):
        return ErrorCode.preferred_leader_not_available, "The preferred leader was not available."
    return ErrorCode.none, None


def _response(request: Request, code: ErrorCode, results: dict[str, dict[int, Answer]]) -> Any:
    make = request.schema.make
    return request.schema.response(
        error_code=code,
        replica_election_results=tuple(
            make(
                "ReplicaElectionResult",
                topic=topic,
                partition_result=tuple(
                    make(
                        "PartitionResult",
                        partition_id=number,
                        error_code=error,
                        error_message=text,
                    )
                    for number, (error, text) in answers.items()
                ),
            )
            for topic, answers in results.items()
        ),
    )
