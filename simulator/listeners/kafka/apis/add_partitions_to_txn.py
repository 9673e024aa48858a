"""AddPartitionsToTxn, key 24, versions 0 to 5.

Behavior
- Adds partitions to the transaction of a producer; the first ones begin it. Adding one again does
  nothing.
- Where a partition does not exist it is UNKNOWN_TOPIC_OR_PARTITION, and all others of the
  transaction are OPERATION_NOT_ATTEMPTED.
- INVALID_PRODUCER_ID_MAPPING for another producer id or an unknown transactional id,
  PRODUCER_FENCED for another epoch, CONCURRENT_TRANSACTIONS while the transaction before ends,
  NOT_COORDINATOR: each for all partitions.

Version notes
- 2 adds PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; 3 is flexible; 4 is for brokers,
  takes several transactions, and may only verify that partitions were added
  (TRANSACTION_ABORTABLE, KIP-890); 5 is the same. Clients of transaction version 2 do not ask at
  all: Produce adds partitions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.cluster import TRANSACTION
from simulator.listeners.kafka.permissions import partition_refusal
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.transaction import Place, Producer

_Errors = dict[Place, ErrorCode]


@api(24, "add_partitions_to_txn", (0, 5))
def add_partitions_to_txn(request: Request) -> Any:
    """Add partitions to transactions."""
    body, make = request.body, request.schema.make
    if request.version < 4:
        producer = Producer(body.v3_and_below_producer_id, body.v3_and_below_producer_epoch)
        topics = body.v3_and_below_topics
        errors = _add(request, body.v3_and_below_transactional_id, producer, topics)
        results = _results(request, topics, errors)
        return request.schema.response(results_by_topic_v3_and_below=results)
    if not request.allowed(Operation.CLUSTER_ACTION, ResourceType.CLUSTER):
        return request.schema.response(
            error_code=ErrorCode.cluster_authorization_failed, results_by_transaction=()
        )
    return request.schema.response(
        error_code=ErrorCode.none,
        results_by_transaction=tuple(
            make(
                "AddPartitionsToTxnResult",
                transactional_id=each.transactional_id,
                topic_results=_results(request, each.topics, _added_or_verified(request, each)),
            )
            for each in body.transactions
        ),
    )


def _added_or_verified(request: Request, wanted: Any) -> _Errors:
    name, producer = wanted.transactional_id, Producer(wanted.producer_id, wanted.producer_epoch)
    if not wanted.verify_only:
        return _add(request, name, producer, wanted.topics)

    def verify(places: Sequence[Place]) -> _Errors:
        transactions = request.cluster.transactions
        return {
            place: ErrorCode(transactions.verify(name, producer, place).value) for place in places
        }

    return _checked(request, name, wanted.topics, verify)


def _add(request: Request, name: str, producer: Producer, topics: Any) -> _Errors:
    def add(places: Sequence[Place]) -> _Errors:
        error = ErrorCode(request.cluster.transactions.add(name, producer, places).value)
        if error is ErrorCode.producer_fenced and request.version < 2:
            error = ErrorCode.invalid_producer_epoch
        return dict.fromkeys(places, error)

    return _checked(request, name, topics, add)


def _checked(
    request: Request, name: str, topics: Any, act: Callable[[Sequence[Place]], _Errors]
) -> _Errors:
    """What `act` says of the partitions, unless some do not exist or another broker coordinates."""
    places = [(topic.name, partition) for topic in topics for partition in topic.partitions]
    if not request.allowed(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, name):
        return dict.fromkeys(places, ErrorCode.transactional_id_authorization_failed)
    if not request.cluster.coordinates(request.node_id, name, TRANSACTION):
        return dict.fromkeys(places, ErrorCode.not_coordinator)
    problems = {place: partition_refusal(request, Operation.WRITE, *place) for place in places}
    if any(code is not ErrorCode.none for code in problems.values()):
        skipped = ErrorCode.operation_not_attempted
        return {
            place: skipped if code is ErrorCode.none else code for place, code in problems.items()
        }
    return act(places)


def _results(request: Request, topics: Any, errors: _Errors) -> tuple[Any, ...]:
    make = request.schema.make
    return tuple(
        make(
            "AddPartitionsToTxnTopicResult",
            name=topic.name,
            results_by_partition=tuple(
                make(
                    "AddPartitionsToTxnPartitionResult",
                    partition_index=partition,
                    partition_error_code=errors[topic.name, partition],
                )
                for partition in topic.partitions
            ),
        )
        for topic in topics
    )
