"""InitProducerId, key 22, versions 0 to 5.

Behavior
- A producer without a transactional id gets a new id with epoch 0, whatever it had before.
- A transactional id keeps its producer id and gets the next epoch, so that whoever had the one
  before is fenced; where no epoch is left it gets a new id. An open transaction is aborted first,
  and CONCURRENT_TRANSACTIONS asks the client to come again.
- A producer that names its id and epoch (KIP-360) gets the next epoch if it is not fenced, and the
  same answer when it asks twice; PRODUCER_FENCED otherwise. INVALID_REQUEST for only one of both.
  So a producer whose transaction has timed out may go on, as long as no other begins (KIP-588).
- INVALID_TRANSACTION_TIMEOUT for 0 and less, and for more than `transaction.max.timeout.ms`;
  INVALID_REQUEST for an empty transactional id; NOT_COORDINATOR.

Version notes
- 2 is flexible; 3 lets a producer ask for a new epoch (KIP-360); 4 adds PRODUCER_FENCED, which is
  INVALID_PRODUCER_EPOCH before; 5 adds TRANSACTION_ABORTABLE (KIP-890); 6 is for two-phase commits
  (KIP-939), which Kafka does not tell clients of yet.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.cluster import TRANSACTION
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.transaction import NO_PRODUCER, Producer

MILLISECOND = 0.001


@api(22, "init_producer_id", (0, 5))
def init_producer_id(request: Request) -> Any:
    """Give an id and an epoch."""
    error, producer = _init(request)
    if error is ErrorCode.producer_fenced and request.version < 4:
        error = ErrorCode.invalid_producer_epoch
    return request.schema.response(
        error_code=error, producer_id=producer.producer_id, producer_epoch=producer.epoch
    )


def _init(request: Request) -> tuple[ErrorCode, Producer]:
    body, cluster = request.body, request.cluster
    name = body.transactional_id
    given = NO_PRODUCER
    if request.version >= 3:
        given = Producer(body.producer_id, body.producer_epoch)
    halved = (given.producer_id == NO_PRODUCER.producer_id) != (given.epoch == NO_PRODUCER.epoch)
    if name is None:
        if not (
            request.allowed(Operation.IDEMPOTENT_WRITE, ResourceType.CLUSTER)
            or request.allowed_some(Operation.WRITE, ResourceType.TOPIC)
        ):
            return ErrorCode.cluster_authorization_failed, NO_PRODUCER
        if halved:
            return ErrorCode.invalid_request, NO_PRODUCER
        return ErrorCode.none, Producer(cluster.new_producer_id(), 0)
    if not request.allowed(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, name):
        return ErrorCode.transactional_id_authorization_failed, NO_PRODUCER
    if not cluster.coordinates(request.node_id, name, TRANSACTION):
        return ErrorCode.not_coordinator, NO_PRODUCER
    if halved:
        return ErrorCode.invalid_request, NO_PRODUCER
    timeout_ms = round(body.transaction_timeout.total_seconds() / MILLISECOND)
    expected = None if given == NO_PRODUCER else given
    outcome = cluster.transactions.init(name, timeout_ms, expected)
    return ErrorCode(outcome.error.value), outcome.producer
