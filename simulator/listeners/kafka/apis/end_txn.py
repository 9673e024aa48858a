"""EndTxn, key 26, versions 0 to 5.

Behavior
- Commits or aborts the transaction: markers are written to all its partitions, and its offsets
  become those of the groups, before the answer is given. The same request again is no error.
- INVALID_TXN_STATE where there is nothing to end, or it has ended the other way;
  INVALID_PRODUCER_ID_MAPPING, PRODUCER_FENCED; CONCURRENT_TRANSACTIONS while markers wait for a
  partition's leader; INVALID_REQUEST for an empty transactional id; NOT_COORDINATOR.

Version notes
- 2 adds PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; 3 is flexible; 4 adds
  TRANSACTION_ABORTABLE; 5 is transaction version 2 (KIP-890): the answer names the epoch, or at the
  end of all epochs the new id, of the next transaction, and an abort without one is no error.
"""

from __future__ import annotations

from typing import Any

from kio.schema.errors import ErrorCode

from simulator.listeners.kafka.cluster import TRANSACTION
from simulator.listeners.kafka.registry import Request, api
from simulator.listeners.kafka.transactions import FIRST_BUMPING_END
from simulator.log import Marker
from simulator.log.acls import Operation, ResourceType
from simulator.log.transaction import NO_PRODUCER, Producer


@api(26, "end_txn", (0, 5))
def end_txn(request: Request) -> Any:
    """End a transaction."""
    body, cluster = request.body, request.cluster
    producer = NO_PRODUCER
    name = body.transactional_id
    if not request.allowed(Operation.WRITE, ResourceType.TRANSACTIONAL_ID, name):
        error = ErrorCode.transactional_id_authorization_failed
    elif not cluster.coordinates(request.node_id, name, TRANSACTION):
        error = ErrorCode.not_coordinator
    else:
        outcome = cluster.transactions.end(
            name,
            Producer(body.producer_id, body.producer_epoch),
            Marker.COMMIT if body.committed else Marker.ABORT,
            bumps_epochs=request.version >= FIRST_BUMPING_END,
        )
        error, producer = ErrorCode(outcome.error.value), outcome.producer
    if error is ErrorCode.producer_fenced and request.version < 2:
        error = ErrorCode.invalid_producer_epoch
    return request.schema.response(
        error_code=error, producer_id=producer.producer_id, producer_epoch=producer.epoch
    )
