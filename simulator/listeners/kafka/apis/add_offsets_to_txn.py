"""AddOffsetsToTxn, key 25, versions 0 to 4.

Behavior
- Adds the partition of `__consumer_offsets` that a group belongs to, like AddPartitionsToTxn, so
  that TxnOffsetCommit may follow. The group need not exist.
- INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED, CONCURRENT_TRANSACTIONS, INVALID_REQUEST for an
  empty transactional id, NOT_COORDINATOR.

Version notes
- 2 adds PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; 3 is flexible; 4 adds
  TRANSACTION_ABORTABLE. Clients of transaction version 2 do not ask (KIP-890).
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.cluster import TRANSACTION
from simulator.listeners.kafka.registry import Request, api
from simulator.log.acls import Operation, ResourceType
from simulator.log.pending_offsets import offsets_place
from simulator.log.transaction import Producer


@api(25, "add_offsets_to_txn", (0, 4))
def add_offsets_to_txn(request: Request) -> Any:
    """Add a group's offsets to a transaction."""
    body, cluster = request.body, request.cluster
    name = body.transactional_id
    if not request.allowed(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, name):
        return request.schema.response(error_code=ErrorCode.transactional_id_authorization_failed)
    if not request.allowed(Operation.READ, ResourceType.GROUP, body.group_id):
        return request.schema.response(error_code=ErrorCode.group_authorization_failed)
    if not cluster.coordinates(request.node_id, name, TRANSACTION):
        return request.schema.response(error_code=ErrorCode.not_coordinator)
    producer = Producer(body.producer_id, body.producer_epoch)
    error = ErrorCode(
        cluster.transactions.add(name, producer, [offsets_place(body.group_id)]).value
    )
    if error is ErrorCode.producer_fenced and request.version < 2:
        error = ErrorCode.invalid_producer_epoch
    return request.schema.response(error_code=error)
