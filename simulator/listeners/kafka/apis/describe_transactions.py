"""DescribeTransactions, key 65, version 0.

Behavior
- Tells what the coordinator keeps of transactional ids (KIP-664): producer, state, timeout, when
  the transaction began (-1 before the first one), and its partitions, those of
  `__consumer_offsets` among them.
- TRANSACTIONAL_ID_NOT_FOUND, INVALID_REQUEST for an empty id, NOT_COORDINATOR.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.cluster import TRANSACTION
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.transaction import Transaction

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@api(65, "describe_transactions", (0, 0))
def describe_transactions(request: Request) -> Any:
    """Describe transactions."""
    return request.schema.response(
        transaction_states=tuple(
            _described(request, name) for name in dict.fromkeys(request.body.transactional_ids)
        )
    )


def _described(request: Request, name: str) -> Any:
    cluster = request.cluster
    if not name:
        return _state(request, name, ErrorCode.invalid_request)
    if not request.allowed(Operation.DESCRIBE, ResourceType.TRANSACTIONAL_ID, name):
        return _state(request, name, ErrorCode.transactional_id_authorization_failed)
    if not cluster.coordinates(request.node_id, name, TRANSACTION):
        return _state(request, name, ErrorCode.not_coordinator)
    found = cluster.transactions.find(name)
    if found is None:
        return _state(request, name, ErrorCode.transactional_id_not_found)
    return _state(request, name, ErrorCode.none, found)


def _state(request: Request, name: str, error: ErrorCode, found: Transaction | None = None) -> Any:
    topics: dict[str, list[int]] = {}
    for topic, partition in sorted(() if found is None else found.partitions):
        if request.allowed(Operation.DESCRIBE, ResourceType.TOPIC, topic):
            topics.setdefault(topic, []).append(partition)
    began = 0 if found is None else request.cluster.transactions.began_at(found)
    return request.schema.make(
        "TransactionState",
        error_code=error,
        transactional_id=name,
        transaction_state="" if found is None else found.state.value,
        transaction_timeout=timedelta(milliseconds=0 if found is None else found.timeout_ms),
        transaction_start_time=_EPOCH + timedelta(milliseconds=began),
        producer_id=0 if found is None else found.producer_id,
        producer_epoch=0 if found is None else found.epoch,
        topics=tuple(
            request.schema.make("TopicData", topic=topic, partitions=tuple(partitions))
            for topic, partitions in topics.items()
        ),
    )
